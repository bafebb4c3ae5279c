"""ShuffleNet (Zhang et al., CVPR 2018, arXiv:1707.01083), Table 1, at the widths of its Tables 2 and 5.

A width s scales the stages' channels. Details that the paper leaves open follow from its printed costs: the first
convolution, of 24 channels, is scaled at 0.25, 0.5 and 2 and not at 1.5; and where a group's channels would not be
whole, the width is rounded to the nearest multiple of the groups. The authors' repository (megvii-model/
ShuffleNet-Series), which has g = 3 and g = 8 alone, agrees: 12 and 16 channels at 0.5x, 24 at 1x and 1.5x, 48 at 2x.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from netcost.text.errors import TargetError
from netcost.zoo.blocks import ConvNorm, checked_width
from netcost.zoo.catalogue import architecture, published

PAPER = (
    "ShuffleNet: an extremely efficient convolutional neural network for mobile devices (Zhang et al., CVPR 2018, "
    "arXiv:1707.01083)"
)

STAGE2_CHANNELS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
"""Output channels of stage 2 by number of groups (Table 1); stages 3 and 4 double them."""

STEM_CHANNELS = 24
"""Channels of the first convolution at width 1."""


def nearest_multiple(channels: int, groups: int) -> int:
    """Return the multiple of `groups` nearest to `channels`, halves up.

    >>> nearest_multiple(100 // 4, 2), nearest_multiple(136 // 4, 4), nearest_multiple(12, 8)
    (26, 36, 16)
    """
    return max(1, (channels + groups // 2) // groups) * groups


def stem_channels(width: float, groups: int) -> int:
    """Return the channels of the first convolution; the groups must divide the input that stage 2 passes on."""
    scale = 1.0 if 1 < width < 2 else width
    return nearest_multiple(round(scale * STEM_CHANNELS), groups)


class ChannelShuffle(nn.Module):
    """Deals the channels of each group out over all groups: a copy, without arithmetic (Figure 1)."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        batch, channels, height, width = x.shape
        grouped = x.view(batch, self.groups, channels // self.groups, height, width)
        return grouped.transpose(1, 2).reshape(batch, channels, height, width)


class ShuffleUnitV1(nn.Module):
    """A bottleneck of grouped 1x1 convolutions with a shuffle between them (Figure 2 b and c).

    At stride 2 the input, average-pooled, is concatenated instead of added, so the convolutions make only the
    channels that it lacks.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        out_channels: channels of the output (N, out_channels, H/stride, W/stride).
        stride: 1 or 2.
        groups: number of groups of both 1x1 convolutions and of the shuffle.
        first_groups: number of groups of the first 1x1 convolution, if it differs.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, groups: int, first_groups: int | None = None
    ) -> None:
        super().__init__()
        hidden = nearest_multiple(out_channels // 4, groups)
        made = out_channels if stride == 1 else out_channels - in_channels
        self.residual = nn.Sequential(
            ConvNorm(in_channels, hidden, groups=first_groups or groups),
            ChannelShuffle(groups),
            ConvNorm(hidden, hidden, 3, stride=stride, groups=hidden, activation=None),
            ConvNorm(hidden, made, groups=groups, activation=None),
        )
        self.pool = None if stride == 1 else nn.AvgPool2d(3, stride=2, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H/stride, W/stride)."""
        made: Tensor = self.residual(x)
        joined = x + made if self.pool is None else torch.cat((self.pool(x), made), dim=1)
        activated: Tensor = self.relu(joined)
        return activated


def stage_v1(in_channels: int, out_channels: int, repeats: int, groups: int, first_groups: int) -> nn.Sequential:
    """Return a unit with stride 2, whose first layer may have its own groups, and `repeats - 1` units with stride 1."""
    first = ShuffleUnitV1(in_channels, out_channels, 2, groups, first_groups)
    return nn.Sequential(first, *(ShuffleUnitV1(out_channels, out_channels, 1, groups) for _ in range(repeats - 1)))


class ShuffleNetV1(nn.Sequential):
    """A 3x3 convolution, a pooling and three stages of 4, 8 and 4 units.

    Args:
        groups: number of groups of the 1x1 convolutions; Table 1 has 1, 2, 3, 4 and 8.
        width: multiplier of the stages' channels.
        stem: channels of the first convolution, a multiple of `groups`; None for those that fit the printed costs.
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, H, W).
    """

    def __init__(
        self, groups: int, *, width: float = 1.0, stem: int | None = None, num_classes: int = 1000, in_channels: int = 3
    ) -> None:
        if groups not in STAGE2_CHANNELS:
            raise TargetError(f"groups is {groups!r}; Table 1 of the paper has {', '.join(map(str, STAGE2_CHANNELS))}")
        channels = nearest_multiple(round(checked_width(width) * STAGE2_CHANNELS[groups]), groups)
        stem = stem_channels(width, groups) if stem is None else stem
        if stem % groups or not 0 < stem < channels:
            raise TargetError(
                f"stem is {stem!r}; expected a multiple of the {groups} groups, less than stage 2's {channels} channels"
            )
        super().__init__()
        self.conv1 = ConvNorm(in_channels, stem, 3, stride=2)  # (N, stem, H/2, W/2)
        self.pool1 = nn.MaxPool2d(3, stride=2, padding=1)
        # The stem has too few channels for the first layer of stage 2 to be grouped (section 3.3).
        self.stage2 = stage_v1(stem, channels, 4, groups, first_groups=1)  # (N, channels, H/8, W/8)
        self.stage3 = stage_v1(channels, 2 * channels, 8, groups, first_groups=groups)
        self.stage4 = stage_v1(2 * channels, 4 * channels, 4, groups, first_groups=groups)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(4 * channels, num_classes)


class PublishedFigures(NamedTuple):
    """Published figures of one combination of groups and width."""

    groups: int
    width: float
    params: float | None = None
    mult_adds: float | None = None
    source: str = "neither arXiv:1707.01083 nor the authors' repository has this combination"
    why: str = ""


MODEL_ZOO = "params: osmr/imgclsmob gluon/README.md (commit c1a844dde061)"
MODEL_ZOO_2018 = "params: osmr/imgclsmob gluon/README.md (commit 017fe2cdad24)"
V2_TABLE_4 = "params: MobileNetV2 (arXiv:1801.04381) Table 4"
AUTHORS = "megvii-model/ShuffleNet-Series ShuffleNetV1/README.md"
AUTHORS_PARAMS = f"params: {AUTHORS}"
TABLE_1 = "mult-adds: arXiv:1707.01083 Table 1, without the classifier"
TABLE_2 = "mult-adds: arXiv:1707.01083 Table 2, the same for every g"
TABLE_5 = "mult-adds: arXiv:1707.01083 Table 5"

QUARTER = "a quarter of the first convolution's 24 channels is 6; with the 12 of 0.5x (stem=12) the layers come to 13 M"
QUARTER_OF_4_GROUPS = (
    "a quarter of the first convolution's 24 channels is 6, which four groups do not divide, so it has 8; with the 12 "
    "of 0.5x (stem=12) the layers come to 13 M"
)
QUARTER_OF_8_GROUPS = (
    "a quarter of the first convolution's 24 channels is 6, which eight groups do not divide, so it has 8; 13 M lies "
    "between that and the 15.7 M of 16 channels"
)
HALF_ROUNDED = (
    "the 38 M fit 12 channels after the first convolution, and then 180 that eight groups do not divide; the authors' "
    "repository has 16 channels and prints 40 M"
)

VARIANTS = (
    PublishedFigures(1, 0.25, 209_746, 13e6, f"{MODEL_ZOO_2018}; {TABLE_2}", QUARTER),
    PublishedFigures(2, 0.25, None, 13e6, TABLE_2, QUARTER),
    PublishedFigures(3, 0.25, 305_902, 13e6, f"{MODEL_ZOO}; {TABLE_2}", QUARTER),
    PublishedFigures(4, 0.25, None, 13e6, TABLE_2, QUARTER_OF_4_GROUPS),
    PublishedFigures(8, 0.25, None, 13e6, TABLE_2, QUARTER_OF_8_GROUPS),
    PublishedFigures(1, 0.5, 534_484, 38e6, f"{MODEL_ZOO_2018}; {TABLE_2}"),
    PublishedFigures(2, 0.5, None, 38e6, TABLE_2),
    PublishedFigures(3, 0.5, 718_324, 38e6, f"{MODEL_ZOO}; {TABLE_2}"),
    PublishedFigures(4, 0.5, None, 38e6, TABLE_5),
    PublishedFigures(8, 0.5, 1.0e6, 38e6, f"{AUTHORS_PARAMS}; {TABLE_2}", HALF_ROUNDED),
    PublishedFigures(1, 1.0, 1_531_936, 143e6, f"{MODEL_ZOO}; {TABLE_1}"),
    PublishedFigures(2, 1.0, 1_733_848, 140e6, f"{MODEL_ZOO}; {TABLE_1}"),
    PublishedFigures(3, 1.0, 1_865_728, 137e6, f"{MODEL_ZOO}; {TABLE_1}"),
    PublishedFigures(4, 1.0, 1_968_344, 133e6, f"{MODEL_ZOO}; {TABLE_1}"),
    PublishedFigures(8, 1.0, 2_434_768, 137e6, f"{MODEL_ZOO}; {TABLE_1}"),
    PublishedFigures(1, 1.5),
    PublishedFigures(2, 1.5),
    PublishedFigures(3, 1.5, 3.4e6, 292e6, f"{V2_TABLE_4}; {TABLE_5}"),
    PublishedFigures(4, 1.5),
    PublishedFigures(8, 1.5, 4.3e6, 290e6, AUTHORS),
    PublishedFigures(1, 2.0),
    PublishedFigures(2, 2.0),
    PublishedFigures(3, 2.0, 5.4e6, 524e6, f"{V2_TABLE_4}; {TABLE_5}"),
    PublishedFigures(4, 2.0),
    PublishedFigures(8, 2.0, 6.5e6, 522e6, AUTHORS),
)


def register(figures: PublishedFigures) -> None:
    """Register one combination, as `shufflenet_v1_g3_x0_5` for three groups at half width."""

    def build(
        width: float = figures.width, stem: int | None = None, num_classes: int = 1000, in_channels: int = 3
    ) -> nn.Module:
        return ShuffleNetV1(figures.groups, width=width, stem=stem, num_classes=num_classes, in_channels=in_channels)

    build.__name__ = f"shufflenet_v1_g{figures.groups}_x{figures.width}".replace(".", "_")
    architecture(
        published(figures.params, figures.mult_adds, source=figures.source, why=figures.why),
        title=f"ShuffleNet {figures.width:g}x (g = {figures.groups})",
        paper=PAPER,
        year=2017,
    )(build)


for variant in VARIANTS:
    register(variant)
