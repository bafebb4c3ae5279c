"""Linear layers and matrix products."""

from __future__ import annotations

from math import prod

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op, TensorSpec, aten
from netcost.graph.rules.registry import access, rule


def product_kind(op: Op) -> Kind:
    """Tell a linear layer, a product with a parameter, from a product of two activations."""
    return Kind.LINEAR if any(name is not None for name in op.parameters) else Kind.MATMUL


def _product(op: Op, inner: int, flops: int = 0) -> Cost:
    """Count a product whose outputs each sum `inner` terms."""
    written = op.outputs[0].numel
    return access(op, mult_adds=written * inner, flops=flops, activations=written)


def _sparse_product(op: Op, a: TensorSpec, b: TensorSpec, flops: int = 0) -> Cost | None:
    """Count one multiply-add per stored element and column (or row) of the other operand; None if both are dense."""
    if a.stored is None and b.stored is None:
        return None
    columns = b.shape[-1] if len(b.shape) > 1 else 1
    mult_adds = prod(a.shape[:-1]) * (b.stored or 0) if a.stored is None else a.stored * columns
    return access(op, mult_adds=mult_adds, flops=flops, activations=op.outputs[0].elements)


@rule("aten.linear", kind=Kind.LINEAR)
def linear(op: Op) -> Cost:
    """Multiply x (*, I) by weight (O, I) transposed, plus bias (O)."""
    return _product(op, op.inputs[1].shape[-1], op.outputs[0].numel if len(op.inputs) > 2 else 0)


@rule(
    *aten("matmul mm bmm mv dot vdot inner _int_mm _weight_int8pack_mm _weight_int4pack_mm"),
    *aten("_weight_int4pack_mm_for_cpu _weight_int4pack_mm_with_scales_and_zeros _dyn_quant_matmul_4bit"),
    kind=product_kind,
)
def matmul(op: Op) -> Cost:
    """Multiply (*, M, K) @ (*, K, N), batch dimensions broadcast: each output sums K terms.

    Packed weights of 8 or 4 bits, and their scales, are read at their own size. A sparse operand multiplies with the
    elements that it stores only.
    """
    return _sparse_product(op, op.inputs[0], op.inputs[1]) or _product(op, op.inputs[0].shape[-1])


@rule("aten.linalg_vecdot", kind=product_kind)
def vecdot(op: Op) -> Cost:
    """Multiply two tensors that broadcast, and sum along `dim` [default: the last]."""
    dim = op.arguments.get("dim", -1)
    ranks = max(len(tensor.shape) for tensor in op.inputs[:2])
    shapes = [(1,) * (ranks - len(tensor.shape)) + tensor.shape for tensor in op.inputs[:2]]
    return _product(op, max(shape[dim] for shape in shapes))


@rule("aten._scaled_mm", "aten._scaled_mm_v2", kind=product_kind)
def scaled_product(op: Op) -> Cost:
    """Multiply (M, K) @ (K, N) in 8 bits or fewer, and scale each output; add a bias (N) if there is one."""
    return _product(op, op.inputs[0].shape[-1], (1 + (op.operand("bias") is not None)) * op.outputs[0].numel)


@rule("aten._grouped_mm", "aten._scaled_grouped_mm", kind=product_kind)
def grouped_product(op: Op) -> Cost:
    """Multiply each group of rows of (M, K) by its own matrix of (G, K, N), as a mixture of experts does: M·K·N.

    All rows are counted, as where each is routed: shapes do not tell the ends of the groups. Both operands may have
    groups (G, M, K), or neither: then the K inner terms are shared out among G outputs (G, M, N).
    """
    a, b = op.inputs[:2]
    written = op.outputs[0].numel
    mult_adds = a.numel * b.shape[-1] if len(a.shape) == len(b.shape) == 2 else written * a.shape[-1]
    return access(op, mult_adds=mult_adds, flops=written * (op.operand("bias") is not None), activations=written)


@rule("aten.affine_grid_generator", kind=Kind.OTHER)
def affine_grid(op: Op) -> Cost:
    """Multiply theta (N, D, D + 1) by the homogeneous coordinates of each output position (N, *S, D)."""
    return access(op, mult_adds=op.outputs[0].numel * op.inputs[0].shape[-1])


@rule(*aten("addmm addmv baddbmm addbmm _sparse_addmm"), kind=product_kind)
def addmm(op: Op) -> Cost:
    """Add self to a (*, M, K) @ b (*, K, N), which may be sparse; `addbmm` sums over the batch as well."""
    sparse = _sparse_product(op, op.inputs[1], op.inputs[2], op.outputs[0].numel)
    if sparse is not None:
        return sparse
    batch = op.inputs[1].shape[0] if op.name == "aten.addbmm" else 1
    return _product(op, op.inputs[1].shape[-1] * batch, op.outputs[0].numel)


@rule("aten.bilinear", "aten._trilinear", kind=Kind.LINEAR)
def bilinear(op: Op) -> Cost:
    """Combine x1 (*, I), x2 (*, J), weight (O, I, J), plus bias (O): each output sums I products of a sum over J."""
    _, rows, columns = (op.operand("weight") or op.inputs[1]).shape
    bias_adds = op.outputs[0].numel if op.operand("bias") is not None else 0
    return _product(op, rows * (columns + 1), bias_adds)


@rule(*aten("cdist _cdist_forward _euclidean_dist _pdist_forward"), kind=Kind.OTHER)
def pairwise_distance(op: Op) -> Cost:
    """Compare (*, P, D) with (*, R, D), or rows of (P, D): subtract, square, add for each of D, and a root."""
    return access(op, flops=op.outputs[0].numel * (3 * op.inputs[0].shape[-1] + 1))


@rule("aten.linalg_cross", kind=Kind.OTHER)
def cross(op: Op) -> Cost:
    """Multiply vectors of 3: two products and a difference per output."""
    return access(op, flops=3 * op.outputs[0].numel)


@rule("aten.dist", kind=Kind.REDUCTION)
def distance(op: Op) -> Cost:
    """Subtract, square and add per element, and a root."""
    return access(op, flops=3 * max(tensor.numel for tensor in op.inputs) + 1)
