"""Operators of the backward direction, which a forward pass runs where it asks for gradients (force fields)."""

from __future__ import annotations

from math import prod

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op, aten
from netcost.graph.rules.conv import convolution_kind, is_transposed
from netcost.graph.rules.registry import access, rule

STEPS = {
    "threshold_backward": 2,  # compare, multiply
    "hardtanh_backward": 3,
    "leaky_relu_backward": 3,
    "sigmoid_backward": 3,  # y (1 - y) g
    "tanh_backward": 3,  # (1 - y y) g
    "elu_backward": 3,
    "softplus_backward": 4,  # exp, add, divide, multiply
    "hardswish_backward": 5,
    "hardsigmoid_backward": 3,
    "silu_backward": 8,  # sigmoid (4), subtract, multiply, add, multiply; and by the gradient
    "gelu_backward": 11,  # erf and exp of the density, their products and sum
    "log_sigmoid_backward": 5,
    "_softmax_backward_data": 4,  # multiply, add up, subtract, multiply
    "_log_softmax_backward_data": 4,  # add up, exp, multiply, subtract
    "native_dropout_backward": 2,
    "native_layer_norm_backward": 14,  # two sums of products, normalise, three terms, and scale
    "native_group_norm_backward": 14,
    "native_batch_norm_backward": 14,
    "mse_loss_backward": 3,
    "smooth_l1_loss_backward": 4,
    "nll_loss_backward": 1,
    "binary_cross_entropy_backward": 5,
    "avg_pool2d_backward": 1,
    "max_pool2d_with_indices_backward": 1,
    "_adaptive_avg_pool2d_backward": 1,
}


@rule(*aten(" ".join(STEPS)), kind=Kind.OTHER)
def backward(op: Op) -> Cost:
    """Count the steps per element of the gradient that comes in or goes out, whichever has more of them."""
    elements = max(tensor.numel for tensor in (op.inputs[0], *op.outputs))
    return access(op, flops=STEPS[op.name.removeprefix("aten.")] * elements)


@rule("aten.embedding_dense_backward", kind=Kind.OTHER)
def embedding_backward(op: Op) -> Cost:
    """Add a row of the gradient per index."""
    return access(op, flops=op.inputs[0].numel)


def _backward_kind(op: Op) -> Kind:
    """Return the kind of the convolution whose gradient this is."""
    return convolution_kind(op._replace(inputs=op.inputs[1:]))


@rule("aten.convolution_backward", kind=_backward_kind)
def convolution_backward(op: Op) -> Cost:
    """Count as many multiply-adds as the convolution for the input's gradient, and as many for the weight's.

    `output_mask` says which are asked for; the bias takes a sum.
    """
    gradient, x, weight = op.inputs[:3]
    once = (x if is_transposed(op) else gradient).numel * prod(weight.shape[1:])
    of_input, of_weight, of_bias = op.arguments["output_mask"]
    return access(op, mult_adds=(of_input + of_weight) * once, flops=of_bias * gradient.numel)


@rule(
    *aten("_scaled_dot_product_flash_attention_for_cpu_backward _scaled_dot_product_flash_attention_backward"),
    *aten("_scaled_dot_product_efficient_attention_backward"),
    kind=Kind.ATTENTION,
)
def attention_backward(op: Op) -> Cost:
    """Count five products of the size of a score matrix: the scores again, and those for dV, dP, dQ and dK."""
    gradient, query, key = op.inputs[:3]
    scores = prod(gradient.shape[:-1]) * key.shape[-2]
    return access(op, mult_adds=scores * (3 * query.shape[-1] + 2 * gradient.shape[-1]), flops=10 * scores)
