"""ResNet (He et al., CVPR 2016, arXiv:1512.03385), Table 1, with projection shortcuts where the shape changes.

ResNeXt and SENet change the residual unit and keep the rest, so their files build on this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from netcost.zoo.blocks import ConvNorm
from netcost.zoo.catalogue import architecture, published

Unit = Callable[[int, int, int], nn.Module]
"""Makes a residual unit from its input channels, output channels and stride."""

PAPER = "Deep residual learning for image recognition (He et al., CVPR 2016, arXiv:1512.03385)"
MODEL_ZOO = "osmr/imgclsmob gluon/README.md (commit c1a844dde061)"
TIMM = "huggingface/pytorch-image-models results/benchmark-infer-amp-nchw-pt240-cu124-rtx4090.csv (commit aa4b5850c154)"


class Residual(nn.Module):
    """ReLU(residual(x) + shortcut(x)); the shortcut is a projection only where the shape changes (option B).

    Args:
        residual: from (N, in_channels, H, W) to (N, out_channels, H/stride, W/stride), without a last ReLU.
        in_channels: channels of the input.
        out_channels: channels of the output.
        stride: stride of the unit.
        projection: side of the projection's kernel; ResNet's is 1x1.
    """

    def __init__(
        self, residual: nn.Sequential, in_channels: int, out_channels: int, stride: int, *, projection: int = 1
    ) -> None:
        super().__init__()
        self.residual = residual
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = ConvNorm(in_channels, out_channels, projection, stride=stride, activation=None)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H/stride, W/stride)."""
        total: Tensor = self.residual(x)
        total += self.shortcut(x)  # in place: no third map of this size lives
        activated: Tensor = self.relu(total)
        return activated


class BasicUnit(Residual):
    """Two 3x3 convolutions: the unit of ResNet-18 and ResNet-34 (Figure 5, left)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        residual = nn.Sequential(
            ConvNorm(in_channels, out_channels, 3, stride=stride),
            ConvNorm(out_channels, out_channels, 3, activation=None),
        )
        super().__init__(residual, in_channels, out_channels, stride)


class Bottleneck(Residual):
    """1x1, 3x3 and 1x1 convolution, the 3x3 narrow: the unit of ResNet-50 and deeper (Figure 5, right).

    The 3x3 is a quarter as wide as the output. ResNeXt splits it into groups, and names its width in the first
    stage, whose output has 256 channels: 32x4d is 128 there and twice as wide in each following stage.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        out_channels: channels of the output (N, out_channels, H/stride, W/stride).
        stride: stride of the unit.
        stride_in_1x1: the paper strides in the first 1x1. Striding in the 3x3, as most networks do since, leaves
            that 1x1 at full resolution and costs 6 % more mult-adds in ResNet-50.
        groups: number of groups of the 3x3 convolution, which ResNeXt calls cardinality.
        group_width: channels of each group where the output has 256 channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        *,
        stride_in_1x1: bool = False,
        groups: int = 1,
        group_width: int = 64,
    ) -> None:
        width = groups * group_width * out_channels // 256
        first, second = (stride, 1) if stride_in_1x1 else (1, stride)
        residual = nn.Sequential(
            ConvNorm(in_channels, width, stride=first),
            ConvNorm(width, width, 3, stride=second, groups=groups),
            ConvNorm(width, out_channels, activation=None),
        )
        super().__init__(residual, in_channels, out_channels, stride)


def stage(unit: Unit, repeats: int, in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """Return `repeats` units; the first has the stride and changes the number of channels."""
    first = unit(in_channels, out_channels, stride)
    return nn.Sequential(first, *(unit(out_channels, out_channels, 1) for _ in range(repeats - 1)))


def first_convolution(in_channels: int, deep: Sequence[int] = ()) -> nn.Module:
    """Return the layer that halves the image: a 7x7 convolution to 64 channels, or 3x3 ones to those of `deep`."""
    if not deep:
        return ConvNorm(in_channels, 64, 7, stride=2)
    first = ConvNorm(in_channels, deep[0], 3, stride=2)
    return nn.Sequential(first, *(ConvNorm(before, after, 3) for before, after in pairwise(deep)))


class ResNet(nn.Sequential):
    """A 7x7 convolution, four stages of residual units under the names of Table 1, and a linear classifier.

    Args:
        unit: makes one residual unit.
        repeats: units in each of the four stages.
        widths: output channels of each of the four stages.
        deep_stem: channels of 3x3 convolutions in place of the 7x7; the first of them strides.
        ceil_pooling: pool as Caffe does, without zeros around the map and with the last window rounded up. Even
            maps keep the same output size, but the windows begin one pixel later.
        dropout: share of the classifier's inputs that training sets to zero; at 0 there is no such layer.
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, H, W).
    """

    def __init__(
        self,
        unit: Unit,
        repeats: Sequence[int],
        widths: Sequence[int],
        *,
        deep_stem: Sequence[int] = (),
        ceil_pooling: bool = False,
        dropout: float = 0.0,
        num_classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        stem = deep_stem[-1] if deep_stem else 64
        self.conv1 = first_convolution(in_channels, deep_stem)  # (N, stem, H/2, W/2)
        self.pool1 = nn.MaxPool2d(3, stride=2, padding=0 if ceil_pooling else 1, ceil_mode=ceil_pooling)
        self.conv2_x = stage(unit, repeats[0], stem, widths[0], stride=1)  # (N, widths[0], H/4, W/4)
        self.conv3_x = stage(unit, repeats[1], widths[0], widths[1], stride=2)
        self.conv4_x = stage(unit, repeats[2], widths[1], widths[2], stride=2)
        self.conv5_x = stage(unit, repeats[3], widths[2], widths[3], stride=2)  # (N, widths[3], H/32, W/32)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        if dropout:
            self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(widths[3], num_classes)


BASIC_WIDTHS = (64, 128, 256, 512)
BOTTLENECK_WIDTHS = (256, 512, 1024, 2048)

paper_bottleneck = partial(Bottleneck, stride_in_1x1=True)
"""The bottleneck as the paper has it."""


@architecture(
    published(
        params=11_689_512,
        mult_adds=1.8e9,
        source=f"params: {MODEL_ZOO}; mult-adds: arXiv:1512.03385 Table 1",
    ),
    title="ResNet-18",
    paper=PAPER,
    year=2015,
)
def resnet18(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Eight basic units."""
    return ResNet(BasicUnit, (2, 2, 2, 2), BASIC_WIDTHS, num_classes=num_classes, in_channels=in_channels)


@architecture(
    # The printed 3.6e9 fits shortcuts without weights (option A, 3.644e9); projections add 0.020e9.
    published(
        params=21_797_672,
        mult_adds=3.6e9,
        source=f"params: {MODEL_ZOO}; mult-adds: arXiv:1512.03385 Table 1",
    ),
    title="ResNet-34",
    paper=PAPER,
    year=2015,
)
def resnet34(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Sixteen basic units."""
    return ResNet(BasicUnit, (3, 4, 6, 3), BASIC_WIDTHS, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(
        params=25.56e6,
        mult_adds=4.11e9,
        source=f"{TIMM}; the 3.8e9 of arXiv:1512.03385 Table 1 is the layout with the stride in the 1x1",
    ),
    title="ResNet-50 (stride in the 3x3)",
    paper=PAPER,
    year=2015,
)
def resnet50(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Sixteen bottlenecks that stride in their 3x3 convolution."""
    return ResNet(Bottleneck, (3, 4, 6, 3), BOTTLENECK_WIDTHS, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(
        params=25_557_032,
        mult_adds=3.8e9,
        source=f"params: {MODEL_ZOO}; mult-adds: arXiv:1512.03385 Table 1",
    ),
    title="ResNet-50 (stride in the 1x1, the paper's)",
    paper=PAPER,
    year=2015,
)
def resnet50_stride1x1(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Sixteen bottlenecks that stride in their first 1x1 convolution."""
    return ResNet(paper_bottleneck, (3, 4, 6, 3), BOTTLENECK_WIDTHS, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(
        params=44.55e6,
        mult_adds=7.83e9,
        source=TIMM,
    ),
    title="ResNet-101 (stride in the 3x3)",
    paper=PAPER,
    year=2015,
)
def resnet101(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Thirty-three bottlenecks that stride in their 3x3 convolution."""
    return ResNet(Bottleneck, (3, 4, 23, 3), BOTTLENECK_WIDTHS, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(
        params=44_549_160,
        mult_adds=7.6e9,
        source=f"params: {MODEL_ZOO}; mult-adds: arXiv:1512.03385 Table 1",
    ),
    title="ResNet-101 (stride in the 1x1, the paper's)",
    paper=PAPER,
    year=2015,
)
def resnet101_stride1x1(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Thirty-three bottlenecks that stride in their first 1x1 convolution."""
    return ResNet(paper_bottleneck, (3, 4, 23, 3), BOTTLENECK_WIDTHS, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(
        params=60.19e6,
        mult_adds=11.56e9,
        source=TIMM,
    ),
    title="ResNet-152 (stride in the 3x3)",
    paper=PAPER,
    year=2015,
)
def resnet152(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Fifty bottlenecks that stride in their 3x3 convolution."""
    return ResNet(Bottleneck, (3, 8, 36, 3), BOTTLENECK_WIDTHS, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(
        params=60_192_808,
        mult_adds=11.3e9,
        source=f"params: {MODEL_ZOO}; mult-adds: arXiv:1512.03385 Table 1",
    ),
    title="ResNet-152 (stride in the 1x1, the paper's)",
    paper=PAPER,
    year=2015,
)
def resnet152_stride1x1(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Fifty bottlenecks that stride in their first 1x1 convolution."""
    return ResNet(paper_bottleneck, (3, 8, 36, 3), BOTTLENECK_WIDTHS, num_classes=num_classes, in_channels=in_channels)
