"""Inception v4 (Szegedy et al., AAAI 2017, arXiv:1602.07261), Figures 3 to 9 and Table 1, as it was released.

As in the released network, average pooling leaves out the zeros around the map. So is the order of 1xn and nx1 in the
longer branches of Inception-B and Inception-C, which changes no count.
"""

from __future__ import annotations

from torch import nn

from netcost.zoo.blocks import Branches, Conv
from netcost.zoo.catalogue import architecture, published
from netcost.zoo.inception_v3 import (
    FactorizedReduction,
    GridReduction,
    InceptionA,
    InceptionB,
    InceptionC,
    convs,
    max_pool,
)


def stem(in_channels: int = 3) -> nn.Sequential:
    """Return the stem, (N, in_channels, 299, 299) to (N, 384, 35, 35), three times through branches (Figure 3)."""
    v = 0  # no padding: what the figure marks with a V
    return nn.Sequential(
        convs(in_channels, Conv(32, 3, 2, v), Conv(32, 3, 1, v), Conv(64, 3)),  # (N, 64, 147, 147)
        Branches(branch_pool=max_pool(), branch_3x3=convs(64, Conv(96, 3, 2, v))),  # (N, 160, 73, 73)
        Branches(
            branch_3x3=convs(160, Conv(64), Conv(96, 3, 1, v)),
            branch_7x7=convs(160, Conv(64), Conv(64, (1, 7)), Conv(64, (7, 1)), Conv(96, 3, 1, v)),
        ),  # (N, 192, 71, 71)
        Branches(branch_3x3=convs(192, Conv(192, 3, 2, v)), branch_pool=max_pool()),
    )


def inception_a() -> InceptionA:
    """Return Inception-A, (N, 384, 35, 35) to the same shape (Figure 4)."""
    return InceptionA(384, 96, (64, 96), (64, 96, 96), 96, kernel=3)


def inception_b() -> InceptionB:
    """Return Inception-B, (N, 1024, 17, 17) to the same shape (Figure 5)."""
    return InceptionB(1024, 384, (192, 224, 256), (192, 192, 224, 224, 256), 128)


def inception_c() -> InceptionC:
    """Return Inception-C, (N, 1536, 8, 8) to the same shape (Figure 6)."""
    return InceptionC(1536, 256, (Conv(384),), (Conv(384), Conv(448, (3, 1)), Conv(512, (1, 3))), 256, 256)


class InceptionV4(nn.Sequential):
    """Inception v4; its children are the boxes of Figure 9.

    Args:
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, H, W).
    """

    def __init__(self, num_classes: int = 1000, in_channels: int = 3) -> None:
        super().__init__()
        self.stem = stem(in_channels)  # (N, 384, 35, 35)
        self.inception_a = nn.Sequential(*(inception_a() for _ in range(4)))
        self.reduction_a = GridReduction(384, 384, (192, 224, 256))
        self.inception_b = nn.Sequential(*(inception_b() for _ in range(7)))  # (N, 1024, 17, 17)
        self.reduction_b = FactorizedReduction(1024, (192, 192), (256, 256, 320, 320))
        self.inception_c = nn.Sequential(*(inception_c() for _ in range(3)))  # (N, 1536, 8, 8)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.2)
        self.linear = nn.Linear(1536, num_classes)


@architecture(
    published(
        params=42_679_816,
        mult_adds=12_304.93e6,
        source="osmr/imgclsmob gluon/README.md (commit c1a844dde061); the paper prints no counts",
    ),
    title="Inception v4",
    paper="Inception-v4, Inception-ResNet and the impact of residual connections on learning (Szegedy et al., AAAI "
    "2017, arXiv:1602.07261)",
    year=2016,
    input_shape=(1, 3, 299, 299),
)
def inception_v4(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Inception v4: 4, 7 and 3 modules on the three grids."""
    return InceptionV4(num_classes, in_channels)
