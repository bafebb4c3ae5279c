"""Convolutions. Reference: ShuffleNet V2 (arXiv:1807.11164), section 2, G1 and G2."""

from __future__ import annotations

from math import prod, sqrt

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op, aten
from netcost.graph.rules.registry import access, rule

TRANSPOSED = aten("conv_transpose1d conv_transpose2d conv_transpose3d")


def is_transposed(op: Op) -> bool:
    """True for a transposed convolution."""
    return op.name in TRANSPOSED or bool(op.arguments.get("transposed", False))


def convolution_kind(op: Op) -> Kind:
    """Tell 1x1, depthwise (one input channel per group, several groups) and other convolutions apart."""
    weight = op.inputs[1]  # (O, C/g, *K), transposed (C, O/g, *K)
    channels = op.inputs[0].shape[-len(weight.shape[2:]) - 1]
    if op.arguments.get("groups", 1) == channels > 1:
        return Kind.DEPTHWISE_CONVOLUTION
    return Kind.POINTWISE_CONVOLUTION if prod(weight.shape[2:]) == 1 else Kind.CONVOLUTION


def least_pointwise_access(mult_adds: int, positions: int) -> float:
    """Bound the memory access (elements) of a 1x1 convolution of B mult-adds on h·w positions: 2·sqrt(hwB) + B/(hw).

    The bound is reached with as many channels in as out, without a bias.

    Reference: ShuffleNet V2 (arXiv:1807.11164), section 2, G1, equation 2.
    """
    return 2 * sqrt(positions * mult_adds) + mult_adds / positions


@rule(
    *aten("convolution _convolution conv1d conv2d conv3d"),
    *aten("convolution_overrideable mkldnn_convolution cudnn_convolution"),
    *TRANSPOSED,
    kind=convolution_kind,
)
def convolution(op: Op) -> Cost:
    """Count a grouped, dilated or transposed convolution; padding is multiplied like everything else.

    Each output element takes C/g * K multiply-adds. A transposed convolution is the adjoint, in which each input
    element meets O/g * K weights. The bias is added, not multiplied.
    """
    x, weight, output = op.inputs[0], op.inputs[1], op.outputs[0]  # (N, C, *S), (O, C/g, *K), (N, O, *S')
    positions = x.numel if is_transposed(op) else output.numel
    bias_adds = output.numel if len(op.inputs) > 2 else 0
    return access(op, mult_adds=positions * prod(weight.shape[1:]), flops=bias_adds, activations=output.numel)


@rule("torchvision.deform_conv2d", kind=Kind.CONVOLUTION)
def deformable_convolution(op: Op) -> Cost:
    """Count deformable convolution v1 and v2: the convolution and 8 FLOPs per sample (4 products, 3 sums, mask).

    Every input channel has one bilinear sample per kernel element and output position, even if groups of channels
    share their offsets.
    """
    x, weight, output = op.inputs[0], op.inputs[1], op.outputs[0]  # (N, C, H, W), (O, C/g, *K), (N, O, H', W')
    samples = output.numel // weight.shape[0] * x.shape[1] * prod(weight.shape[2:])
    return access(
        op,
        mult_adds=output.numel * prod(weight.shape[1:]),
        flops=8 * samples + output.numel,
        activations=output.numel,
    )
