"""ResNeXt (Xie et al., CVPR 2017, arXiv:1611.05431), Table 1: ResNet whose 3x3 convolutions are split into groups."""

from __future__ import annotations

from functools import partial

from torch import nn

from netcost.zoo.catalogue import architecture, published
from netcost.zoo.resnet import BOTTLENECK_WIDTHS, MODEL_ZOO, TIMM, Bottleneck, ResNet

PAPER = "Aggregated residual transformations for deep neural networks (Xie et al., CVPR 2017, arXiv:1611.05431)"
SOURCE = f"params: {MODEL_ZOO}; mult-adds: {TIMM}"

unit_32x4d = partial(Bottleneck, groups=32, group_width=4)
"""A cardinality of 32 and, in the first stage, 4 channels per path; it strides in its 3x3, like the next two."""

unit_64x4d = partial(Bottleneck, groups=64, group_width=4)
"""Twice the paths of 32x4d."""


@architecture(
    published(params=25_028_904, mult_adds=4.26e9, source=SOURCE), title="ResNeXt-50 (32x4d)", paper=PAPER, year=2016
)
def resnext50_32x4d(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """ResNet-50 with 32 groups of 4, 8, 16 and 32 channels."""
    return ResNet(unit_32x4d, (3, 4, 6, 3), BOTTLENECK_WIDTHS, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=44_177_704, mult_adds=8.01e9, source=SOURCE), title="ResNeXt-101 (32x4d)", paper=PAPER, year=2016
)
def resnext101_32x4d(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """ResNet-101 with 32 groups of 4, 8, 16 and 32 channels."""
    return ResNet(unit_32x4d, (3, 4, 23, 3), BOTTLENECK_WIDTHS, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=83_455_272, mult_adds=15.52e9, source=SOURCE), title="ResNeXt-101 (64x4d)", paper=PAPER, year=2016
)
def resnext101_64x4d(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """ResNet-101 with 64 groups of 4, 8, 16 and 32 channels."""
    return ResNet(unit_64x4d, (3, 4, 23, 3), BOTTLENECK_WIDTHS, num_classes=num_classes, in_channels=in_channels)
