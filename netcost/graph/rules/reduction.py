"""Sums, means and other reductions; a mean over space is a pooling."""

from __future__ import annotations

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op, aten
from netcost.graph.rules.registry import access, rule


def spatial_dimensions(rank: int) -> tuple[frozenset[int], ...]:
    """Return the spatial dimensions for channels first, (N, C, H, W), and channels last, (N, H, W, C)."""
    if rank == 3:
        return (frozenset({1}),)  # tokens of (N, L, C); (N, C, L) looks like a norm over channels
    if rank in (4, 5):
        return (frozenset(range(2, rank)), frozenset(range(1, rank - 1)))
    return ()


def mean_kind(op: Op) -> Kind:
    """Tell pooling, a mean (or maximum) over all of space or over the tokens of a sequence, from a reduction."""
    rank = len(op.inputs[0].shape)
    dim = op.arguments.get("dim")
    if dim is None or not rank:
        return Kind.REDUCTION
    dims = {index % rank for index in ([dim] if isinstance(dim, int) else dim)}
    return Kind.POOLING if dims in spatial_dimensions(rank) else Kind.REDUCTION


@rule("aten.mean", "aten.amax", kind=mean_kind)
def mean(op: Op) -> Cost:
    """Count one addition (or comparison) per element read."""
    return access(op, flops=op.inputs[0].numel)


def extremum_kind(op: Op) -> Kind:
    """Tell the larger of two tensors from the largest element of one: torch calls both `max`."""
    return Kind.ELEMENTWISE if "other" in op.roles else Kind.REDUCTION


@rule("aten.max", "aten.min", kind=extremum_kind)
def extremum(op: Op) -> Cost:
    """Count one comparison per element read, or per output where two tensors are compared."""
    return access(op, flops=op.outputs[0].numel if "other" in op.roles else op.inputs[0].numel)


@rule(
    *aten("sum nansum amin prod argmax argmin all any cumsum cumprod cummax cummin count_nonzero trace"),
    *aten("_cummax_helper _cummin_helper _is_all_true _is_any_true equal allclose hash_tensor segment_reduce"),
    kind=Kind.REDUCTION,
)
def fold(op: Op) -> Cost:
    """Count one FLOP per element read."""
    return access(op, flops=op.inputs[0].numel)


@rule("aten.aminmax", "aten._aminmax", "aten.histc", kind=Kind.REDUCTION)
def two_per_element(op: Op) -> Cost:
    """Count two comparisons per element read; for a histogram, the bin's subtraction and multiplication."""
    return access(op, flops=2 * op.inputs[0].numel)


@rule(*aten("logsumexp logcumsumexp"), kind=Kind.REDUCTION)
def logsumexp(op: Op) -> Cost:
    """Compare, subtract, exponentiate, add per element read, and a logarithm per output."""
    return access(op, flops=4 * op.inputs[0].numel + op.outputs[0].numel)


@rule("aten.linalg_vector_norm", "aten.norm", "aten.linalg_norm", kind=Kind.REDUCTION)
def vector_norm(op: Op) -> Cost:
    """Square and add per element read, and a root per output."""
    return access(op, flops=2 * op.inputs[0].numel + op.outputs[0].numel)


@rule(*aten("var std var_mean std_mean"), kind=Kind.REDUCTION)
def variance(op: Op) -> Cost:
    """Count mean (1), centre, square and sum (3) per element read; a division and a root per output."""
    return access(op, flops=4 * op.inputs[0].numel + 2 * op.outputs[0].numel)


@rule(*aten("topk sort argsort msort kthvalue median nanmedian mode"), kind=Kind.REDUCTION)
def order(op: Op) -> Cost:
    """Count n log2 n comparisons along the sorted dimension, rounded up."""
    rank = len(op.inputs[0].shape)
    length = op.inputs[0].shape[op.arguments.get("dim", -1) % rank] if rank else 1
    return access(op, flops=op.inputs[0].numel * max(1, (length - 1).bit_length()))
