"""Normalisation, softmax and dropout."""

from __future__ import annotations

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import BATCH_NORMS, Op, aten, uses_running_statistics
from netcost.graph.rules.registry import access, rule

STATISTICS_AND_SCALING = 6
"""FLOPs per element: mean (1), centre, square and sum (3), subtract and multiply by the inverse deviation (2)."""


def _affine(op: Op) -> int:
    """Count the FLOPs per element of the learnt scale and shift."""
    return ("weight" in op.roles) + ("bias" in op.roles)


@rule(*sorted(BATCH_NORMS), kind=Kind.NORMALISATION)
def batch_norm(op: Op) -> Cost:
    """Count one multiplication and one addition per element in eval; the statistics as well in training."""
    elements = op.outputs[0].numel
    steps = 2 if uses_running_statistics(op) else STATISTICS_AND_SCALING + _affine(op)
    return access(op, flops=steps * elements, written=elements)


@rule(
    *aten("layer_norm native_layer_norm group_norm native_group_norm instance_norm _batch_norm_with_update"),
    kind=Kind.NORMALISATION,
)
def statistics_norm(op: Op) -> Cost:
    """Count mean, variance and scaling of each element (6), then scale and shift if learnt (1 each)."""
    elements = op.outputs[0].numel
    return access(op, flops=(STATISTICS_AND_SCALING + _affine(op)) * elements, written=elements)


@rule("aten.rms_norm", "aten._fused_rms_norm", kind=Kind.NORMALISATION)
def rms_norm(op: Op) -> Cost:
    """Square, sum, multiply by the inverse root (3), then scale if learnt (1)."""
    elements = op.outputs[0].numel
    return access(op, flops=(3 + _affine(op)) * elements, written=elements)


@rule("aten._weight_norm", "aten._weight_norm_interface", kind=Kind.NORMALISATION)
def weight_norm(op: Op) -> Cost:
    """Square and sum (2), scale (1) per element of the weight."""
    return access(op, flops=3 * op.outputs[0].numel, written=op.outputs[0].numel)


@rule(*aten("softmax _softmax _safe_softmax log_softmax _log_softmax"), kind=Kind.SOFTMAX)
def softmax(op: Op) -> Cost:
    """Compare for the maximum, subtract, exponentiate, sum, divide (or subtract the logarithm): 5 per element."""
    return access(op, flops=5 * op.outputs[0].numel)


@rule(*aten("dropout feature_dropout alpha_dropout native_dropout"), kind=Kind.ELEMENTWISE)
def dropout(op: Op) -> Cost:
    """Draw and compare, mask, rescale in training: 3 per element. In eval torch returns the input itself."""
    return access(op, flops=3 * op.outputs[0].numel)
