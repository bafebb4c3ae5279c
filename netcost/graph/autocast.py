"""Element types as a device runs them: as they were traced, all in half precision, or as torch's autocast casts them.

Autocast on CUDA runs convolutions and products in half precision, functions that need range or digits in single
precision, and everything else in the widest type of its operands.

Reference: "CUDA Ops that can autocast to float16 / float32" in torch's documentation, docs/source/amp.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from netcost.graph.graph import CONSTANT, MODEL_INPUT, Graph, Op, aten

PRECISIONS = ("traced", "half", "amp")
"""Types as traced; all floating-point types in half precision; or as autocast casts them."""

BYTES = {"float16": 2, "bfloat16": 2, "float32": 4}
"""The types that autocast changes, and bytes per element."""

_LOWERED_ON_ALL = """
    conv1d conv2d conv3d convolution conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d linear matmul mm bmm
    addmm addbmm baddbmm linalg_vecdot scaled_dot_product_attention
"""
LOWERED = {
    "cpu": frozenset(aten(_LOWERED_ON_ALL)),
    "cuda": frozenset(aten(f"{_LOWERED_ON_ALL} mv addmv addr einsum prelu chain_matmul linalg_multi_dot")),
}
"""Operators that autocast runs in half precision, by device.

Reference: AT_FORALL_LOWER_PRECISION_FP in torch's aten/src/ATen/autocast_mode.h, and the list for the CPU beside it.
"""

RAISED = {
    "cpu": frozenset(
        aten("avg_pool3d binary_cross_entropy grid_sampler prod cdist nll_loss nll_loss2d mse_loss l1_loss huber_loss")
        + aten("smooth_l1_loss kl_div multi_margin_loss cosine_embedding_loss trace cross_entropy_loss ctc_loss")
        + aten("binary_cross_entropy_with_logits hinge_embedding_loss poisson_nll_loss margin_ranking_loss max_pool3d")
        + aten("soft_margin_loss triplet_margin_loss multilabel_margin_loss adaptive_avg_pool3d reflection_pad1d")
        + aten("reflection_pad2d replication_pad1d replication_pad2d replication_pad3d")
    ),
    "cuda": frozenset(
        aten("acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan pow softplus layer_norm")
        + aten(
            "native_layer_norm group_norm nuclear_norm cosine_similarity poisson_nll_loss nll_loss nll_loss2d kl_div"
        )
        + aten("l1_loss smooth_l1_loss huber_loss mse_loss binary_cross_entropy_with_logits dist pdist cdist renorm")
        + aten("logsumexp prod softmax log_softmax cumprod cumsum linalg_vector_norm linalg_matrix_norm sum norm")
        + aten("margin_ranking_loss multilabel_margin_loss soft_margin_loss triplet_margin_loss multi_margin_loss")
        + aten("cosine_embedding_loss hinge_embedding_loss upsample_nearest1d upsample_nearest2d upsample_nearest3d")
        + aten("_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d")
        + aten("upsample_bilinear2d _upsample_bilinear2d_aa upsample_trilinear3d upsample_bicubic2d")
        + aten("_upsample_bicubic2d_aa")
    ),
}
"""Operators that autocast runs in single precision, by device.

Reference: AT_FORALL_FP32 and AT_FORALL_FP32_SET_OPT_DTYPE in the same file.
"""


@dataclass(frozen=True, slots=True)
class Types:
    """The element types of one operator as it runs.

    Args:
        given: the type of each operand before a cast.
        read: the type of each operand as the operator reads it.
        written: the type of its results.
    """

    given: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    written: str = ""


def types(graph: Graph, precision: str = "traced") -> list[Types]:
    """Return the types of each operator of a graph; a view has the type of what it views."""
    found: list[Types] = []
    for op in graph.ops:
        given = tuple(_given(op, index, found, precision) for index in range(len(op.inputs)))
        read = tuple(_read(op, dtype, precision) for dtype in given)
        found.append(Types(given, read, _written(op, read, precision)))
    return found


def itemsize(dtype: str, traced: int) -> int:
    """Return the bytes per element of a type, which for one that autocast leaves alone are as traced."""
    return BYTES.get(dtype, traced)


def _given(op: Op, index: int, found: list[Types], precision: str) -> str:
    traced, source = op.inputs[index].dtype, op.sources[index] if op.sources else CONSTANT
    if traced not in BYTES or precision == "traced":
        return traced
    if precision == "half":
        return "float16"
    earlier = found[source].written if source not in (MODEL_INPUT, CONSTANT) else traced
    return earlier if earlier in BYTES else traced


def _read(op: Op, dtype: str, precision: str) -> str:
    if precision != "amp" or dtype not in BYTES:
        return dtype
    name = op.name.removesuffix("_")
    return "float16" if name in LOWERED["cuda"] else "float32" if name in RAISED["cuda"] else dtype


def _written(op: Op, read: tuple[str, ...], precision: str) -> str:
    """Return the type of the results: of an in-place operator and a batch norm that of the first operand."""
    traced = op.outputs[0].dtype if op.outputs else ""
    if traced not in BYTES or precision == "traced":
        return traced
    name = op.name.removesuffix("_")
    if precision == "half" or name in LOWERED["cuda"]:
        return "float16"
    operands = [(tensor, dtype) for tensor, dtype in zip(op.inputs, read, strict=True) if dtype in BYTES]
    if name in RAISED["cuda"] or not operands:
        return "float32"
    if op.name != name or name == "aten.batch_norm":
        return operands[0][1]
    full = [dtype for tensor, dtype in operands if tensor.elements > 1] or [dtype for _, dtype in operands]
    return "float32" if "float32" in full else "float16"
