"""Quantised operators: multiply-adds as ever, and bytes by the width of each operand.

The weights that torch packs stand among the inputs, in the roles "weight" and "bias".
"""

from __future__ import annotations

from math import prod

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op, TensorSpec
from netcost.graph.rules.conv import convolution_kind
from netcost.graph.rules.layout import move
from netcost.graph.rules.linear import matmul, product_kind
from netcost.graph.rules.norm import softmax, statistics_norm
from netcost.graph.rules.pointwise import MORE_STEPS, pointwise
from netcost.graph.rules.pooling import max_pool
from netcost.graph.rules.registry import access, rule

STEPS = {
    **{name: MORE_STEPS[name] for name in "hardswish leaky_relu sigmoid elu celu prelu clamp".split()},
    **dict.fromkeys("relu6 threshold dropout add mul add_scalar mul_scalar".split(), 1),
    **dict.fromkeys("add_relu mul_relu add_scalar_relu mul_scalar_relu".split(), 2),
}
"""FLOPs per output element of the operator alone: that it reads and writes narrow numbers is in the bytes."""

FUSED = {"relu": 1, "tanh": 1, "add": 1}
"""FLOPs per output element of what a layer does in the same kernel, by a word of its name."""

LSTM, GRU, RNN = 22, 16, 2
"""FLOPs per hidden unit and step beside the products: sums of both, sigmoids of 4 steps, tanh, products, sums."""


def quantized(names: str) -> list[str]:
    """Name quantised operators of torch."""
    return [f"quantized.{name}" for name in names.split()]


def _operands(op: Op, role: str) -> list[TensorSpec]:
    return [tensor for tensor, known in zip(op.inputs, op.roles, strict=True) if known == role]


def _layer(op: Op, positions: int, weight: TensorSpec) -> Cost:
    """Count a layer in which each position meets the inner elements of a weight."""
    output = op.outputs[0].numel
    words = op.name.split("_")
    steps = ("bias" in op.roles) + sum(FUSED.get(word, 0) for word in words) + ("leaky" in words)
    return access(op, mult_adds=positions * prod(weight.shape[1:]), flops=steps * output, activations=output)


@rule(
    *quantized("linear linear_relu linear_leaky_relu linear_tanh linear_dynamic linear_relu_dynamic"),
    *quantized("linear_dynamic_fp16 linear_relu_dynamic_fp16"),
    kind=Kind.LINEAR,
)
def quantised_linear(op: Op) -> Cost:
    """Multiply x (*, I) by a packed weight (O, I) transposed, plus bias (O); static or dynamic."""
    return _layer(op, op.outputs[0].numel, _operands(op, "weight")[0])


def _kind(op: Op) -> Kind:
    return convolution_kind(op._replace(inputs=(op.inputs[0], _operands(op, "weight")[0])))


_SUFFIXES = ("", "_relu", "_dynamic")


@rule(
    *(f"quantized.conv{rank}d{suffix}" for rank in (1, 2, 3) for suffix in _SUFFIXES),
    *(f"quantized.conv_transpose{rank}d{suffix}" for rank in (1, 2, 3) for suffix in _SUFFIXES),
    *quantized("conv2d_add conv2d_add_relu"),
    kind=_kind,
)
def quantised_convolution(op: Op) -> Cost:
    """Count a convolution, transposed or not, with a packed weight (O, C/g, *K), plus bias (O)."""
    positions = op.inputs[0] if "transpose" in op.name else op.outputs[0]
    return _layer(op, positions.numel, _operands(op, "weight")[0])


@rule(
    *("aten.quantized_lstm", "aten.quantized_gru"),
    *quantized("quantized_lstm_cell_dynamic quantized_gru_cell_dynamic"),
    *quantized("quantized_rnn_tanh_cell_dynamic quantized_rnn_relu_cell_dynamic"),
    kind=Kind.LINEAR,
)
def quantised_recurrent(op: Op) -> Cost:
    """Multiply each row of each step by both weights of each layer and direction, add biases and open the gates."""
    rows = prod(op.inputs[0].shape[:-1])
    weights, biases = _operands(op, "weight"), _operands(op, "bias")  # (gates * H, I), (gates * H, H), ...
    gates = LSTM if "lstm" in op.name else GRU if "gru" in op.name else RNN
    units = sum(weight.shape[1] for weight in weights[1::2])
    flops = rows * (sum(bias.numel for bias in biases) + gates * units)
    mult_adds = rows * sum(weight.numel for weight in weights)
    return access(op, mult_adds=mult_adds, flops=flops, activations=op.outputs[0].numel)


@rule(*quantized("embedding_byte embedding_4bit embedding_bag_byte embedding_bag_4bit"), kind=Kind.MOVEMENT)
def quantised_embedding(op: Op) -> Cost:
    """Read the rows that are looked up, and the indices; bags add their rows, of which each is scaled and shifted."""
    table, output = _operands(op, "weight")[0], op.outputs[0]
    indices = op.inputs[0]
    looked_up = table._replace(shape=(indices.numel, table.shape[-1]))
    others = [tensor for tensor, role in zip(op.inputs, op.roles, strict=True) if role != "weight"]
    steps = 2 + ("bag" in op.name)
    return access(op, flops=steps * indices.numel * output.shape[-1], read=(looked_up, *others))


for _name, _steps in STEPS.items():
    rule(f"quantized.{_name}", kind=Kind.ELEMENTWISE)(pointwise(_steps))
for _name in "batch_norm batch_norm1d batch_norm2d batch_norm3d".split():
    rule(f"quantized.{_name}", kind=Kind.NORMALISATION)(pointwise(2))
    rule(f"quantized.{_name}_relu", kind=Kind.NORMALISATION)(pointwise(3))
rule(*quantized("layer_norm group_norm instance_norm"), kind=Kind.NORMALISATION)(statistics_norm)
rule(*quantized("max_pool1d max_pool2d"), kind=Kind.POOLING)(max_pool)
rule("quantized.softmax", kind=Kind.SOFTMAX)(softmax)
rule("quantized.matmul", kind=product_kind)(matmul)
rule(*quantized("cat cat_relu"), kind=Kind.MOVEMENT)(move)
