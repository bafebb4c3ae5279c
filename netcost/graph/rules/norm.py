"""Normalisation, softmax and dropout."""

from __future__ import annotations

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import BATCH_NORMS, Op, uses_running_statistics
from netcost.graph.rules.registry import access, rule

# Mean (1), centre and square and sum (3), subtract and multiply by the inverse deviation (2).
STATISTICS_AND_SCALING = 6


def _affine(op: Op) -> int:
    """FLOPs an element of the learnt scale and shift."""
    return sum(1 for role in ("weight", "bias") if role in op.roles)


@rule(*sorted(BATCH_NORMS), kind=Kind.NORMALISATION)
def batch_norm(op: Op) -> Cost:
    """In eval one multiplication and one addition an element; in training the statistics as well."""
    elements = op.outputs[0].numel
    weight = 2 if uses_running_statistics(op) else STATISTICS_AND_SCALING + _affine(op)
    return access(op, flops=weight * elements, written=elements)


@rule(
    "aten.layer_norm",
    "aten.native_layer_norm",
    "aten.group_norm",
    "aten.native_group_norm",
    "aten.instance_norm",
    kind=Kind.NORMALISATION,
)
def statistics_norm(op: Op) -> Cost:
    """Mean, variance and scaling of each element (6), then scale and shift where learnt (1 each)."""
    elements = op.outputs[0].numel
    return access(op, flops=(STATISTICS_AND_SCALING + _affine(op)) * elements, written=elements)


@rule("aten.rms_norm", "aten._fused_rms_norm", kind=Kind.NORMALISATION)
def rms_norm(op: Op) -> Cost:
    """Square, sum, multiply by the inverse root (3), then the scale where learnt (1)."""
    elements = op.outputs[0].numel
    return access(op, flops=(3 + _affine(op)) * elements, written=elements)


@rule("aten._weight_norm", "aten._weight_norm_interface", kind=Kind.NORMALISATION)
def weight_norm(op: Op) -> Cost:
    """Square and sum (2), scale (1) an element of the weight."""
    return access(op, flops=3 * op.outputs[0].numel, written=op.outputs[0].numel)


@rule("aten.softmax", "aten._softmax", "aten._safe_softmax", "aten.log_softmax", "aten._log_softmax", kind=Kind.SOFTMAX)
def softmax(op: Op) -> Cost:
    """Compare for the maximum, subtract, exponentiate, sum, divide (or subtract the logarithm): 5 an element."""
    return access(op, flops=5 * op.outputs[0].numel)


@rule("aten.dropout", "aten.feature_dropout", "aten.alpha_dropout", "aten.native_dropout", kind=Kind.ELEMENTWISE)
def dropout(op: Op) -> Cost:
    """In training: draw, compare, mask and rescale, 3 an element. In eval torch returns the input itself."""
    return access(op, flops=3 * op.outputs[0].numel)
