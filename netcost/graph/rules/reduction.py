"""Sums, means and other reductions; a mean over space is a pooling."""

from __future__ import annotations

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op
from netcost.graph.rules.registry import access, rule


def spatial_dimensions(rank: int) -> tuple[frozenset[int], ...]:
    """Dimensions of space by rank, channels first and channels last: (N, C, H, W) and (N, H, W, C)."""
    if rank == 3:
        return (frozenset({1}),)  # tokens of (N, L, C); (N, C, L) looks like a norm over channels
    if rank in (4, 5):
        return (frozenset(range(2, rank)), frozenset(range(1, rank - 1)))
    return ()


def mean_kind(op: Op) -> Kind:
    """A mean (or maximum) over all of space, or over the tokens of a sequence, is a pooling."""
    rank = len(op.inputs[0].shape)
    dim = op.arguments.get("dim")
    if dim is None:
        return Kind.REDUCTION
    dims = frozenset(index % rank for index in ([dim] if isinstance(dim, int) else dim)) if rank else frozenset()
    return Kind.POOLING if dims in spatial_dimensions(rank) else Kind.REDUCTION


@rule("aten.mean", "aten.amax", kind=mean_kind)
def mean(op: Op) -> Cost:
    """One addition (or comparison) an element read."""
    return access(op, flops=op.inputs[0].numel)


@rule(
    "aten.sum",
    "aten.nansum",
    "aten.amin",
    "aten.max",
    "aten.min",
    "aten.prod",
    "aten.argmax",
    "aten.argmin",
    "aten.all",
    "aten.any",
    "aten.cumsum",
    "aten.cumprod",
    "aten.count_nonzero",
    "aten.trace",
    kind=Kind.REDUCTION,
)
def fold(op: Op) -> Cost:
    """One operation an element read."""
    return access(op, flops=op.inputs[0].numel)


@rule("aten.logsumexp", kind=Kind.REDUCTION)
def logsumexp(op: Op) -> Cost:
    """Compare, subtract, exponentiate, add an element read, and a logarithm an output."""
    return access(op, flops=4 * op.inputs[0].numel + op.outputs[0].numel)


@rule("aten.linalg_vector_norm", "aten.norm", "aten.linalg_norm", kind=Kind.REDUCTION)
def vector_norm(op: Op) -> Cost:
    """Square and add an element read, and a root an output."""
    return access(op, flops=2 * op.inputs[0].numel + op.outputs[0].numel)


@rule("aten.var", "aten.std", "aten.var_mean", "aten.std_mean", kind=Kind.REDUCTION)
def variance(op: Op) -> Cost:
    """Mean (1), centre, square and sum (3) an element read; a division (and a root) an output."""
    return access(op, flops=4 * op.inputs[0].numel + 2 * op.outputs[0].numel)


@rule("aten.topk", "aten.sort", "aten.argsort", "aten.msort", "aten.kthvalue", "aten.median", kind=Kind.REDUCTION)
def order(op: Op) -> Cost:
    """n log2 n comparisons along the sorted dimension, rounded up."""
    rank = len(op.inputs[0].shape)
    length = op.inputs[0].shape[op.arguments.get("dim", -1) % rank] if rank else 1
    return access(op, flops=op.inputs[0].numel * max(1, (length - 1).bit_length()))
