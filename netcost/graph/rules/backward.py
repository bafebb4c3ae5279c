"""Operators of the backward pass: of a training step, and of a forward pass that asks for gradients (force fields).

The arithmetic of convolutions, products and attention follows from the forward operator's multiply-adds M: each factor
that needs a gradient takes M again. Point-wise steps are counted in the formula of the derivative, as each line says.
"""

from __future__ import annotations

from math import prod

from netcost.graph.cost import Cost, Kind, total
from netcost.graph.graph import Op, TensorSpec, aten, extent
from netcost.graph.rules.conv import convolution_kind, is_transposed
from netcost.graph.rules.pooling import WIDTHS, window
from netcost.graph.rules.registry import access, rule

POINTWISE = {
    "threshold_backward": 1,  # a comparison that selects
    "hardtanh_backward": 2,  # two comparisons
    "leaky_relu_backward": 2,  # compare, multiply
    "hardshrink_backward": 2,  # two comparisons
    "softshrink_backward": 2,
    "rrelu_with_noise_backward": 1,  # multiply
    "sigmoid_backward": 3,  # g y (1 - y)
    "tanh_backward": 3,  # g (1 - y y)
    "hardsigmoid_backward": 3,  # two comparisons, multiply
    "elu_backward": 3,  # compare, exp, multiply
    "logit_backward": 4,  # g / (x (1 - x)), and a comparison
    "softplus_backward": 4,  # exp, add, divide, multiply
    "_prelu_kernel_backward": 4,  # compare, multiply; and the slope's: compare, multiply
    "hardswish_backward": 5,  # two comparisons, x / 3 + 1/2, multiply
    "log_sigmoid_backward": 5,  # negate, exp, add, divide, multiply
    "silu_backward": 9,  # sigmoid (4), 1 - s, multiply by x, add 1, multiply by s, multiply by g
    "glu_backward": 9,
    "gelu_backward": 11,  # the distribution: scale, erf, add, halve; the density: square, scale, exp, scale; and 3
    "mish_backward": 14,  # exp, add, log, tanh; sigmoid (4); 1 - t t, multiply twice, add, multiply by g
    "native_dropout_backward": 2,  # multiply by the mask and by the scale
    "mse_loss_backward": 3,  # subtract, two multiplications
    "smooth_l1_loss_backward": 4,
    "huber_loss_backward": 4,
    "soft_margin_loss_backward": 5,
    "binary_cross_entropy_backward": 6,  # (p - t) / (p (1 - p)), times g; and the mean
}


@rule(*aten(" ".join(POINTWISE)), kind=Kind.ELEMENTWISE)
def pointwise_backward(op: Op) -> Cost:
    """Count the steps per element of the gradient that goes out."""
    elements = max((tensor.numel for tensor in op.outputs), default=0)
    return access(op, flops=POINTWISE[op.name.removeprefix("aten.")] * elements)


@rule(*aten("_softmax_backward_data _log_softmax_backward_data"), kind=Kind.SOFTMAX)
def softmax_backward(op: Op) -> Cost:
    """Count 4 per element: y (g - sum(g y)) multiplies, adds, subtracts and multiplies.

    Of the logarithm it is g - exp(y) sum(g): exp, add, multiply, subtract.
    """
    return access(op, flops=4 * op.outputs[0].numel)


def _steps(op: Op, by_statistics: bool) -> int:
    """Count the FLOPs per element of a normalisation's gradients, those that `output_mask` asks for.

    With statistics of this pass, the normalised value takes 2 (subtract, multiply), the sum of its product with the
    gradient 2, the sum of the gradient 1, and the gradient of x 4: g - mean(g) - xhat mean(g xhat), times the
    deviation. These sums are the gradients of scale and shift. With stored statistics, as in eval, the gradient of x
    is one product, that of the scale 4 and that of the shift 1.
    """
    of_input, of_weight, of_bias = map(int, op.arguments.get("output_mask", (True, True, True)))
    if by_statistics:
        return 4 * max(of_input, of_weight) + max(of_input, of_bias) + 4 * of_input
    return of_input + 4 * of_weight + of_bias


@rule(*aten("native_batch_norm_backward cudnn_batch_norm_backward batch_norm_backward"), kind=Kind.NORMALISATION)
def batch_norm_backward(op: Op) -> Cost:
    """Count 9 FLOPs per element in training and 6 in eval, if all gradients are asked for."""
    trains = op.arguments.get("train", op.arguments.get("update", True))
    return access(op, flops=_steps(op, bool(trains)) * op.inputs[0].numel)


@rule(*aten("native_layer_norm_backward native_group_norm_backward _fused_rms_norm_backward"), kind=Kind.NORMALISATION)
def statistics_norm_backward(op: Op) -> Cost:
    """Count as batch norm in training, and 1 for the product of gradient and scale, which is no longer one per row."""
    is_scaled = op.operand("weight") is not None or op.operand("gamma") is not None
    return access(op, flops=(_steps(op, True) + is_scaled) * op.inputs[0].numel)


@rule(
    *aten("max_pool2d_with_indices_backward max_pool3d_with_indices_backward"),
    *aten("adaptive_max_pool2d_backward adaptive_max_pool3d_backward"),
    kind=Kind.POOLING,
)
def max_pool_backward(op: Op) -> Cost:
    """Read the gradient and the indices, add each gradient to one place (1 each), and write all of the result."""
    indices = op.operand("indices")
    read = op.inputs[:1] if indices is None else (op.inputs[0], indices)
    return access(op, flops=op.inputs[0].numel, read=read)


@rule(*aten("avg_pool2d_backward avg_pool3d_backward"), kind=Kind.POOLING)
def average_pool_backward(op: Op) -> Cost:
    """Divide each gradient and add it to each place of its window: area + 1. Of the input only the shape is used."""
    rank = int(op.name[op.name.index("pool") + 4])
    return access(op, flops=op.inputs[0].numel * (prod(window(op, rank)) + 1), read=op.inputs[:1])


@rule(*aten("_adaptive_avg_pool2d_backward _adaptive_avg_pool3d_backward"), kind=Kind.POOLING)
def adaptive_pool_backward(op: Op) -> Cost:
    """Count as average pooling with windows of ceil(in / out) on each side."""
    rank = int(op.name[op.name.index("pool") + 4])
    sides = zip(op.outputs[0].shape[-rank:], op.inputs[0].shape[-rank:], strict=True)
    area = prod(-(-wide // narrow) for wide, narrow in sides)
    return access(op, flops=op.inputs[0].numel * (area + 1), read=op.inputs[:1])


@rule(
    *aten("upsample_nearest1d_backward upsample_nearest2d_backward upsample_nearest3d_backward"),
    *aten("_upsample_nearest_exact1d_backward _upsample_nearest_exact2d_backward _upsample_nearest_exact3d_backward"),
    *aten("upsample_linear1d_backward upsample_bilinear2d_backward upsample_trilinear3d_backward"),
    *aten("upsample_bicubic2d_backward _upsample_bilinear2d_aa_backward _upsample_bicubic2d_aa_backward"),
    kind=Kind.OTHER,
)
def upsample_backward(op: Op) -> Cost:
    """Multiply each gradient by the weight of each tap and add it there: 2 per tap; nearest adds it once."""
    if "nearest" in op.name:
        return access(op, flops=op.inputs[0].numel)
    rank = len(op.outputs[0].shape) - 2
    width = next(width for name, width in WIDTHS.items() if name in op.name)
    return access(op, flops=2 * width**rank * op.inputs[0].numel)


@rule("aten.grid_sampler_2d_backward", "aten.grid_sampler_3d_backward", kind=Kind.OTHER)
def grid_sampler_backward(op: Op) -> Cost:
    """Count as linear interpolation, 2 per tap and gradient, for the input; and as many for the grid."""
    taps = 2 ** (len(op.inputs[0].shape) - 2)
    return access(op, flops=4 * taps * op.inputs[0].numel)


@rule("aten.embedding_dense_backward", kind=Kind.OTHER)
def embedding_backward(op: Op) -> Cost:
    """Write the whole table with zeros, and add a row of the gradient per index (1 per element)."""
    return access(op, flops=op.inputs[0].numel)


@rule(
    *aten("reflection_pad1d_backward reflection_pad2d_backward reflection_pad3d_backward"),
    *aten("replication_pad1d_backward replication_pad2d_backward replication_pad3d_backward"),
    kind=Kind.MOVEMENT,
)
def pad_backward(op: Op) -> Cost:
    """Add each gradient to the place that was repeated (1 each). Of the input only the shape is used."""
    return access(op, flops=op.inputs[0].numel, read=op.inputs[:1])


@rule(*aten("nll_loss_backward nll_loss2d_backward"), kind=Kind.OTHER)
def negative_log_likelihood_backward(op: Op) -> Cost:
    """Write all of the gradient, zeros and one value per target."""
    target = op.operand("target") or op.inputs[2]
    return access(op, flops=target.numel, read=(target,))


@rule(*aten("select_backward slice_backward diagonal_backward index_select_backward"), kind=Kind.MOVEMENT)
def slice_backward(op: Op) -> Cost:
    """Write zeros of the whole, then the gradient of the part into them."""
    gradient, whole = op.inputs[0], op.outputs[0]
    return access(op, read=(gradient,), written=whole.numel + gradient.numel)


def _kind(op: Op) -> Kind:
    """Return the kind of the convolution whose gradient this is."""
    return convolution_kind(op._replace(inputs=op.inputs[1:]))


def _gradient(op: Op, read: tuple[TensorSpec, ...], written: TensorSpec, mult_adds: int = 0, flops: int = 0) -> Cost:
    """Make the cost of one of several gradients that an operator computes, each with a kernel of its own."""
    return access(op, mult_adds=mult_adds, flops=flops, read=read, written=written.numel)


@rule("aten.convolution_backward", kind=_kind)
def convolution_backward(op: Op) -> Cost:
    """Count M multiply-adds for the gradient of the input, and M for that of the weight, if `output_mask` asks for it.

    M is what the forward pass took: a multiply-add x w of it appears once in either product, however grouped, dilated,
    strided or transposed. The bias adds each gradient once. Each reads its own operands: (gradient, weight),
    (gradient, input) and (gradient).
    """
    gradient, x, weight = op.inputs[:3]
    once = (x if is_transposed(op) else gradient).numel * prod(weight.shape[1:])
    of_input, of_weight, of_bias = op.arguments["output_mask"]
    bias = gradient._replace(shape=(weight.shape[0],), broadcast=1)
    costs = [
        *([_gradient(op, (gradient, weight), x, mult_adds=once)] if of_input else []),
        *([_gradient(op, (gradient, x), weight, mult_adds=once)] if of_weight else []),
        *([_gradient(op, (gradient,), bias, flops=gradient.numel)] if of_bias else []),
    ]
    return total(costs)


@rule("torchvision._deform_conv2d_backward", kind=Kind.CONVOLUTION)
def deformable_backward(op: Op) -> Cost:
    """Count two products as of any convolution, and 16 FLOPs per bilinear sample, for its value and its place."""
    gradient, x, weight = op.operand("grad") or op.inputs[0], op.operand("input"), op.operand("weight")
    if x is None or weight is None:
        return access(op)
    samples = gradient.numel // weight.shape[0] * x.shape[1] * prod(weight.shape[2:])
    return access(op, mult_adds=2 * gradient.numel * prod(weight.shape[1:]), flops=16 * samples + gradient.numel)


@rule(
    *aten("_scaled_dot_product_flash_attention_for_cpu_backward _scaled_dot_product_flash_attention_backward"),
    *aten("_scaled_dot_product_efficient_attention_backward _scaled_dot_product_cudnn_attention_backward"),
    *aten("_scaled_dot_product_fused_attention_overrideable_backward"),
    kind=Kind.ATTENTION,
)
def attention_backward(op: Op) -> Cost:
    """Count five products per score: the scores again (E), dV (V), dP (V), dQ (E) and dK (E), so 3E + 2V.

    Per score the scale, exp of the score less the saved sum, P (dP - delta) and the scale take 6 FLOPs; delta, the sum
    of gradient x output, 2 per element of the output. It reads query, key, value, output, gradient, the saved sums and
    the mask, and writes three gradients.
    """
    by_role = dict(zip(op.roles, op.inputs, strict=True))
    query, key, value, gradient = by_role["query"], by_role["key"], by_role["value"], op.inputs[0]
    read = [gradient, query, key, value]
    read += [by_role[role] for role in ("out", "logsumexp", "attn_mask", "attn_bias") if role in by_role]
    scores = prod(query.shape[:-1]) * key.shape[-2]
    return access(
        op,
        mult_adds=scores * (3 * query.shape[-1] + 2 * value.shape[-1]),
        flops=6 * scores + 2 * gradient.numel,
        read=read,
        written=extent(op.outputs[:3])[0],
    )
