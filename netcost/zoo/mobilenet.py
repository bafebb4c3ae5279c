"""MobileNet (Howard et al. 2017, arXiv:1704.04861), Table 1, and MobileNet V2 (Sandler et al., CVPR 2018,
arXiv:1801.04381), Table 2.
"""

from __future__ import annotations

from torch import Tensor, nn

from netcost.zoo.blocks import ConvNorm, checked_width
from netcost.zoo.catalogue import architecture, published

# Output channels and stride of each depthwise separable pair (V1, Table 1). The table prints stride 2 for the
# last pair as well, but there the map stays 7x7 and only stride 1 gives the printed 569M.
V1_PAIRS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))

# Expansion t, output channels c, repeats n, first stride s (V2, Table 2).
V2_ROWS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class DepthwiseSeparable(nn.Sequential):
    """A 3x3 depthwise and a 1x1 convolution, each with batch norm and ReLU (V1, Figure 3)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.depthwise = ConvNorm(in_channels, in_channels, 3, stride=stride, groups=in_channels)
        self.pointwise = ConvNorm(in_channels, out_channels)


class MobileNetV1(nn.Sequential):
    """A 3x3 convolution and 13 depthwise separable pairs.

    Args:
        width: multiplier alpha of every layer's channels (section 3.3).
        num_classes: of the output (N, num_classes).
        in_channels: of the input (N, in_channels, H, W).
    """

    def __init__(self, width: float = 1.0, num_classes: int = 1000, in_channels: int = 3) -> None:
        super().__init__()
        width = checked_width(width)
        channels = [max(1, round(width * base)) for base in (32, *(base for base, _ in V1_PAIRS))]
        strides = [stride for _, stride in V1_PAIRS]
        self.conv1 = ConvNorm(in_channels, channels[0], 3, stride=2)  # (N, 32 width, H/2, W/2)
        self.pairs = nn.Sequential(*map(DepthwiseSeparable, channels, channels[1:], strides))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels[-1], num_classes)


def multiple_of_8(channels: float) -> int:
    """The multiple of 8 nearest to `channels`, one step up where that would cut more than a tenth.

    Vector units work on whole groups of lanes, so a remainder costs as much as a full group; and the published
    counts of widths other than 1.0 come out only with this rounding.

    Reference: tensorflow/models research/slim/nets/mobilenet/README.md holds those counts.

    >>> multiple_of_8(0.75 * 24), multiple_of_8(0.35 * 32), multiple_of_8(1.4 * 96)
    (24, 16, 136)
    """
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


class InvertedResidual(nn.Module):
    """A 1x1 expansion, a 3x3 depthwise convolution and a linear 1x1 projection, added to the input where shapes allow.

    Args:
        in_channels: of the input (N, in_channels, H, W).
        out_channels: of the output (N, out_channels, H/stride, W/stride).
        stride: of the depthwise convolution.
        expansion: hidden channels / input channels; at 1 there is no expansion layer.

    Reference: V2, section 3.3 and Table 1.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = expansion * in_channels
        self.residual = nn.Sequential()
        if expansion != 1:
            self.residual.append(ConvNorm(in_channels, hidden, activation=nn.ReLU6))
        self.residual.append(ConvNorm(hidden, hidden, 3, stride=stride, groups=hidden, activation=nn.ReLU6))
        self.residual.append(ConvNorm(hidden, out_channels, activation=None))
        self.has_shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H/stride, W/stride)."""
        projected: Tensor = self.residual(x)
        return x + projected if self.has_shortcut else projected


def inverted_residuals(in_channels: int, width: float) -> nn.Sequential:
    """The 17 units of V2's Table 2; only the first of each row strides."""
    units = nn.Sequential()
    for expansion, base, repeats, stride in V2_ROWS:
        out_channels = multiple_of_8(width * base)
        for at in range(repeats):
            units.append(InvertedResidual(in_channels, out_channels, stride if at == 0 else 1, expansion))
            in_channels = out_channels
    return units


class MobileNetV2(nn.Sequential):
    """A 3x3 convolution, 17 inverted residuals and a wide 1x1 convolution before the classifier.

    Args:
        width: multiplier of every layer's channels; below 1 the last convolution keeps its 1280 (section 4).
        num_classes: of the output (N, num_classes).
        in_channels: of the input (N, in_channels, H, W).
    """

    def __init__(self, width: float = 1.0, num_classes: int = 1000, in_channels: int = 3) -> None:
        super().__init__()
        first = multiple_of_8(32 * checked_width(width))
        last = multiple_of_8(1280 * max(1.0, width))
        self.conv1 = ConvNorm(in_channels, first, 3, stride=2, activation=nn.ReLU6)  # (N, 32 width, H/2, W/2)
        self.bottlenecks = inverted_residuals(first, width)  # (N, 320 width, H/32, W/32)
        self.conv2 = ConvNorm(multiple_of_8(width * V2_ROWS[-1][1]), last, activation=nn.ReLU6)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(last, num_classes)


@architecture(
    published(params=4.2e6, mult_adds=569e6, source="arXiv:1704.04861 Table 6"),
    title="MobileNet",
    paper="MobileNets: efficient convolutional neural networks for mobile vision applications (Howard et al., "
    "arXiv:1704.04861)",
    year=2017,
)
def mobilenet_v1(width: float = 1.0, num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """MobileNet at any width multiplier."""
    return MobileNetV1(width, num_classes, in_channels)


@architecture(
    published(
        params=3.4e6,
        mult_adds=300e6,
        source="arXiv:1801.04381 Table 4",
        why="weights alone are 3,469,760 (the authors' slim repository lists 3.47 M); batch norm and the classifier's "
        "bias add 35,112",
    ),
    title="MobileNet V2",
    paper="MobileNetV2: inverted residuals and linear bottlenecks (Sandler et al., CVPR 2018, arXiv:1801.04381)",
    year=2018,
)
def mobilenet_v2(width: float = 1.0, num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """MobileNet V2 at any width multiplier."""
    return MobileNetV2(width, num_classes, in_channels)
