"""Losses: the steps per element, and one addition more where they are reduced to a number."""

from __future__ import annotations

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op, aten
from netcost.graph.rules.registry import access, rule

STEPS = {
    "mse_loss": 2,  # subtract, square
    "l1_loss": 2,  # subtract, abs
    "smooth_l1_loss": 5,  # subtract, abs, compare; square and scale, or subtract
    "huber_loss": 5,
    "soft_margin_loss": 5,  # multiply, negate, exp, add, log
    "binary_cross_entropy": 8,  # log, multiply, two subtractions, log, multiply, add, negate
    "binary_cross_entropy_with_logits": 8,  # subtract, multiply, negate, exp, add, log, compare, add
    "multi_margin_loss": 3,  # subtract, add the margin, compare
    "multilabel_margin_loss_forward": 3,
}


@rule(*aten(" ".join(STEPS)), kind=Kind.REDUCTION)
def loss(op: Op) -> Cost:
    """Count the steps per element of the prediction, one per weight given, and one to add it up."""
    steps = STEPS[op.name.removeprefix("aten.")] + ("weight" in op.roles) + (op.arguments.get("reduction", 1) != 0)
    return access(op, flops=steps * op.inputs[0].numel, written=op.outputs[0].numel)


@rule(*aten("nll_loss nll_loss_forward nll_loss2d nll_loss2d_forward"), kind=Kind.REDUCTION)
def negative_log_likelihood(op: Op) -> Cost:
    """Look up one element per target, negate it, weight it if asked, and add it up."""
    target = op.inputs[1]
    steps = 1 + ("weight" in op.roles) + (op.arguments.get("reduction", 1) != 0)
    looked_up = op.inputs[0]._replace(shape=target.shape, broadcast=1)
    return access(op, flops=steps * target.numel, read=(looked_up, *op.inputs[1:]), written=op.outputs[0].numel)
