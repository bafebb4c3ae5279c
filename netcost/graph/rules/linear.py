"""Linear layers and matrix products."""

from __future__ import annotations

from math import prod

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op, aten
from netcost.graph.rules.registry import access, rule


def product_kind(op: Op) -> Kind:
    """Tell a linear layer, a product with a parameter, from a product of two activations."""
    return Kind.LINEAR if any(name is not None for name in op.parameters) else Kind.MATMUL


def _product(op: Op, inner: int, flops: int = 0) -> Cost:
    """Count a product whose outputs each sum `inner` terms."""
    written = op.outputs[0].numel
    return access(op, mult_adds=written * inner, flops=flops, activations=written)


@rule("aten.linear", kind=Kind.LINEAR)
def linear(op: Op) -> Cost:
    """Multiply x (*, I) by weight (O, I) transposed, plus bias (O)."""
    return _product(op, op.inputs[1].shape[-1], op.outputs[0].numel if len(op.inputs) > 2 else 0)


@rule(*aten("matmul mm bmm mv dot linalg_vecdot"), kind=product_kind)
def matmul(op: Op) -> Cost:
    """Multiply (*, M, K) @ (*, K, N), batch dimensions broadcast: each output sums K terms."""
    return _product(op, op.inputs[0].shape[-1])


@rule(*aten("addmm addmv baddbmm addbmm"), kind=product_kind)
def addmm(op: Op) -> Cost:
    """Add self to a (*, M, K) @ b (*, K, N); `addbmm` sums over the batch as well."""
    batch = op.inputs[1].shape[0] if op.name == "aten.addbmm" else 1
    return _product(op, op.inputs[1].shape[-1] * batch, op.outputs[0].numel)


@rule("aten.bilinear", "aten._trilinear", kind=Kind.LINEAR)
def bilinear(op: Op) -> Cost:
    """Combine x1 (*, I), x2 (*, J), weight (O, I, J), plus bias (O): each output sums I products of a sum over J."""
    _, rows, columns = (op.operand("weight") or op.inputs[1]).shape
    bias_adds = op.outputs[0].numel if op.operand("bias") is not None else 0
    return _product(op, rows * (columns + 1), bias_adds)


@rule("aten.outer", "aten.ger", kind=product_kind)
def outer(op: Op) -> Cost:
    """Multiply (M) x (N): one product per output."""
    return _product(op, 1)


@rule("aten.cdist", "aten._cdist_forward", "aten._euclidean_dist", kind=Kind.OTHER)
def pairwise_distance(op: Op) -> Cost:
    """Compare (*, P, D) with (*, R, D): subtract, square, add for each of D, and a root."""
    return access(op, flops=op.outputs[0].numel * (3 * op.inputs[0].shape[-1] + 1))


@rule("aten.linalg_inv_ex", "aten.linalg_inv", kind=Kind.OTHER)
def inverse(op: Op) -> Cost:
    """Invert (*, N, N) by LU: about 2 N³ FLOPs. Reference: Golub and Van Loan, Matrix Computations, section 3.2."""
    size = op.inputs[0].shape[-1]
    return access(op, flops=2 * prod(op.inputs[0].shape[:-2]) * size**3)
