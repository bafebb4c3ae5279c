"""MobileNet (Howard et al. 2017, arXiv:1704.04861), Table 1, and MobileNet V2 (Sandler et al., CVPR 2018,
arXiv:1801.04381), Table 2.
"""

from __future__ import annotations

from torch import Tensor, nn

from netcost.zoo.blocks import ConvNorm, checked_width
from netcost.zoo.catalogue import architecture, published

V1_PAPER = (
    "MobileNets: efficient convolutional neural networks for mobile vision applications (Howard et al., "
    "arXiv:1704.04861)"
)
V2_PAPER = "MobileNetV2: inverted residuals and linear bottlenecks (Sandler et al., CVPR 2018, arXiv:1801.04381)"
V1_WIDTHS = "arXiv:1704.04861 Table 6"
V2_WIDTHS = "tensorflow/models research/slim/nets/mobilenet/README.md, which counts weights alone"

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
    """Return a 3x3 depthwise and a 1x1 convolution, each with batch norm and ReLU (V1, Figure 3)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.depthwise = ConvNorm(in_channels, in_channels, 3, stride=stride, groups=in_channels)
        self.pointwise = ConvNorm(in_channels, out_channels)


class MobileNetV1(nn.Sequential):
    """A 3x3 convolution and 13 depthwise separable pairs.

    Args:
        width: multiplier alpha of every layer's channels (section 3.3).
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, H, W).
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
    """Return the multiple of 8 nearest to `channels`, one step up if that would cut more than a tenth.

    Vector units work on whole groups of lanes, so a remainder costs as much as a full group; and the published
    counts of widths other than 1.0 come out only with this rounding.

    Reference: tensorflow/models research/slim/nets/mobilenet/README.md holds those counts.

    >>> multiple_of_8(0.75 * 24), multiple_of_8(0.35 * 32), multiple_of_8(1.4 * 96)
    (24, 16, 136)
    """
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


class InvertedResidual(nn.Module):
    """A 1x1 expansion, a 3x3 depthwise convolution and a linear 1x1 projection, added to the input if the shapes agree.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        out_channels: channels of the output (N, out_channels, H/stride, W/stride).
        stride: stride of the depthwise convolution.
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
        """Map (N, in_channels, H, W) to (N, out_channels, H/stride, W/stride)."""
        projected: Tensor = self.residual(x)
        return x + projected if self.has_shortcut else projected


def inverted_residuals(in_channels: int, width: float) -> nn.Sequential:
    """Return the 17 units of V2's Table 2; only the first of each row has the row's stride."""
    units = nn.Sequential()
    for expansion, base, repeats, stride in V2_ROWS:
        out_channels = multiple_of_8(width * base)
        for index in range(repeats):
            units.append(InvertedResidual(in_channels, out_channels, stride if index == 0 else 1, expansion))
            in_channels = out_channels
    return units


class MobileNetV2(nn.Sequential):
    """A 3x3 convolution, 17 inverted residuals and a wide 1x1 convolution before the classifier.

    Args:
        width: multiplier of every layer's channels; below 1 the last convolution keeps its 1280 (section 4).
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, H, W).
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
    published(params=4.2e6, mult_adds=569e6, source=V1_WIDTHS),
    title="MobileNet",
    paper=V1_PAPER,
    year=2017,
)
def mobilenet_v1(width: float = 1.0, num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """MobileNet at any width multiplier."""
    return MobileNetV1(width, num_classes, in_channels)


@architecture(
    published(params=2.6e6, mult_adds=325e6, source=V1_WIDTHS),
    title="MobileNet (0.75)",
    paper=V1_PAPER,
    year=2017,
)
def mobilenet_v1_0_75(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """MobileNet with three quarters of the channels."""
    return MobileNetV1(0.75, num_classes, in_channels)


@architecture(
    published(
        params=1.3e6,
        mult_adds=149e6,
        source=V1_WIDTHS,
        why="the table rounds to two digits; the authors' slim repository lists 1.34 M, and the layers give 1,331,592",
    ),
    title="MobileNet (0.5)",
    paper=V1_PAPER,
    year=2017,
)
def mobilenet_v1_0_5(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """MobileNet with half of the channels."""
    return MobileNetV1(0.5, num_classes, in_channels)


@architecture(
    published(
        params=0.5e6,
        mult_adds=41e6,
        source=V1_WIDTHS,
        why="the table rounds to one digit; the authors' slim repository lists 0.47 M, and the layers give 470,072",
    ),
    title="MobileNet (0.25)",
    paper=V1_PAPER,
    year=2017,
)
def mobilenet_v1_0_25(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """MobileNet with a quarter of the channels."""
    return MobileNetV1(0.25, num_classes, in_channels)


@architecture(
    published(
        params=3.4e6,
        mult_adds=300e6,
        source="arXiv:1801.04381 Table 4",
        why="weights alone are 3,469,760 (the authors' slim repository lists 3.47 M); batch norm and the classifier's "
        "bias add 35,112",
    ),
    title="MobileNet V2",
    paper=V2_PAPER,
    year=2018,
)
def mobilenet_v2(width: float = 1.0, num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """MobileNet V2 at any width multiplier."""
    return MobileNetV2(width, num_classes, in_channels)


@architecture(
    published(
        params=6.9e6,
        mult_adds=585e6,
        source="arXiv:1801.04381 Table 4",
        why="the layers have 6,108,776 with batch norm and biases; the authors' slim repository lists 6.06 M weights",
    ),
    title="MobileNet V2 (1.4)",
    paper=V2_PAPER,
    year=2018,
)
def mobilenet_v2_1_4(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """MobileNet V2 with 1.4 times the channels."""
    return MobileNetV2(1.4, num_classes, in_channels)


@architecture(
    published(params=5.34e6, mult_adds=509e6, source=V2_WIDTHS),
    title="MobileNet V2 (1.3)",
    paper=V2_PAPER,
    year=2018,
)
def mobilenet_v2_1_3(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """MobileNet V2 with 1.3 times the channels."""
    return MobileNetV2(1.3, num_classes, in_channels)


@architecture(
    published(params=2.61e6, mult_adds=209e6, source=V2_WIDTHS),
    title="MobileNet V2 (0.75)",
    paper=V2_PAPER,
    year=2018,
)
def mobilenet_v2_0_75(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """MobileNet V2 with three quarters of the channels."""
    return MobileNetV2(0.75, num_classes, in_channels)


@architecture(
    published(params=1.95e6, mult_adds=97e6, source=V2_WIDTHS),
    title="MobileNet V2 (0.5)",
    paper=V2_PAPER,
    year=2018,
)
def mobilenet_v2_0_5(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """MobileNet V2 with half of the channels."""
    return MobileNetV2(0.5, num_classes, in_channels)


@architecture(
    published(params=1.66e6, mult_adds=59e6, source=V2_WIDTHS),
    title="MobileNet V2 (0.35)",
    paper=V2_PAPER,
    year=2018,
)
def mobilenet_v2_0_35(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """MobileNet V2 with about a third of the channels."""
    return MobileNetV2(0.35, num_classes, in_channels)
