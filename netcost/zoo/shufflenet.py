"""ShuffleNet (Zhang et al., CVPR 2018, arXiv:1707.01083), Table 1, and ShuffleNet V2 (Ma et al., ECCV 2018,
arXiv:1807.11164), Table 5.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from netcost.errors import TargetError
from netcost.zoo.blocks import ConvNorm, checked_width
from netcost.zoo.catalogue import architecture, published

STAGE2_CHANNELS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
"""Output channels of stage 2 by number of groups (V1, Table 1); stages 3 and 4 double them."""


class ChannelShuffle(nn.Module):
    """Deals the channels of each group out over all groups: a copy, without arithmetic (V1, Figure 1)."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        batch, channels, height, width = x.shape
        grouped = x.view(batch, self.groups, channels // self.groups, height, width)
        return grouped.transpose(1, 2).reshape(batch, channels, height, width)


class ShuffleUnitV1(nn.Module):
    """A bottleneck of grouped 1x1 convolutions with a shuffle between them (V1, Figure 2 b and c).

    At stride 2 the input, average-pooled, is concatenated instead of added, so the convolutions make only the
    channels that it lacks.

    Args:
        in_channels: of the input (N, in_channels, H, W).
        out_channels: of the output (N, out_channels, H/stride, W/stride).
        stride: 1 or 2.
        groups: of both 1x1 convolutions and of the shuffle.
        first_groups: of the first 1x1 convolution where it differs.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, groups: int, first_groups: int | None = None
    ) -> None:
        super().__init__()
        hidden = out_channels // 4
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
        """(N, in_channels, H, W) to (N, out_channels, H/stride, W/stride)."""
        made: Tensor = self.residual(x)
        joined = x + made if self.pool is None else torch.cat((self.pool(x), made), dim=1)
        activated: Tensor = self.relu(joined)
        return activated


def stage_v1(in_channels: int, out_channels: int, repeats: int, groups: int, first_groups: int) -> nn.Sequential:
    """A unit with stride 2, whose first layer may have its own groups, and `repeats - 1` units with stride 1."""
    first = ShuffleUnitV1(in_channels, out_channels, 2, groups, first_groups)
    return nn.Sequential(first, *(ShuffleUnitV1(out_channels, out_channels, 1, groups) for _ in range(repeats - 1)))


class ShuffleNetV1(nn.Sequential):
    """A 3x3 convolution, a pooling and three stages of 4, 8 and 4 units.

    Args:
        groups: of the 1x1 convolutions; Table 1 has 1, 2, 3, 4 and 8.
        width: multiplier of the stages' channels.
        stem: channels of the first convolution. The printed costs fit 12 at width 0.5, 24 at 1 and 1.5, 48 at 2.
        num_classes: of the output (N, num_classes).
        in_channels: of the input (N, in_channels, H, W).
    """

    def __init__(
        self, groups: int, *, width: float = 1.0, stem: int = 24, num_classes: int = 1000, in_channels: int = 3
    ) -> None:
        if groups not in STAGE2_CHANNELS:
            raise TargetError(f"groups is {groups!r}; Table 1 of the paper has {', '.join(map(str, STAGE2_CHANNELS))}")
        super().__init__()
        channels = round(checked_width(width) * STAGE2_CHANNELS[groups])
        self.conv1 = ConvNorm(in_channels, stem, 3, stride=2)  # (N, stem, H/2, W/2)
        self.pool1 = nn.MaxPool2d(3, stride=2, padding=1)
        # The stem has too few channels for the first layer of stage 2 to be grouped (section 3.3).
        self.stage2 = stage_v1(stem, channels, 4, groups, first_groups=1)  # (N, channels, H/8, W/8)
        self.stage3 = stage_v1(channels, 2 * channels, 8, groups, first_groups=groups)
        self.stage4 = stage_v1(2 * channels, 4 * channels, 4, groups, first_groups=groups)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(4 * channels, num_classes)


def branch_v2(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """1x1, 3x3 depthwise and 1x1 convolution, all as wide as the output (G1) and without groups (G2)."""
    return nn.Sequential(
        ConvNorm(in_channels, out_channels),
        ConvNorm(out_channels, out_channels, 3, stride=stride, groups=out_channels, activation=None),
        ConvNorm(out_channels, out_channels),
    )


class BasicUnitV2(nn.Module):
    """Half of the channels pass untouched, the other half through three convolutions (V2, Figure 3 c).

    Args:
        channels: of the input and the output (N, channels, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = branch_v2(channels // 2, channels // 2, stride=1)
        self.shuffle = ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        kept, worked = x.chunk(2, dim=1)
        shuffled: Tensor = self.shuffle(torch.cat((kept, self.branch(worked)), dim=1))
        return shuffled


class DownsamplingUnitV2(nn.Module):
    """Both branches see all channels and halve the map, each making half of the output (V2, Figure 3 d).

    Args:
        in_channels: of the input (N, in_channels, H, W).
        out_channels: of the output (N, out_channels, H/2, W/2).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.shortcut = nn.Sequential(
            ConvNorm(in_channels, in_channels, 3, stride=2, groups=in_channels, activation=None),
            ConvNorm(in_channels, out_channels // 2),
        )
        self.branch = branch_v2(in_channels, out_channels // 2, stride=2)
        self.shuffle = ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H/2, W/2)."""
        shuffled: Tensor = self.shuffle(torch.cat((self.shortcut(x), self.branch(x)), dim=1))
        return shuffled


def stage_v2(in_channels: int, out_channels: int, repeats: int) -> nn.Sequential:
    """A down-sampling unit and `repeats - 1` basic units."""
    first = DownsamplingUnitV2(in_channels, out_channels)
    return nn.Sequential(first, *(BasicUnitV2(out_channels) for _ in range(repeats - 1)))


class ShuffleNetV2(nn.Sequential):
    """A 3x3 convolution, a pooling, three stages and a 1x1 convolution before the classifier.

    Args:
        widths: output channels of conv1, stages 2 to 4 and conv5.
        repeats: units in stages 2 to 4.
        num_classes: of the output (N, num_classes).
        in_channels: of the input (N, in_channels, H, W).
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        repeats: Sequence[int] = (4, 8, 4),
        num_classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.conv1 = ConvNorm(in_channels, widths[0], 3, stride=2)  # (N, widths[0], H/2, W/2)
        self.pool1 = nn.MaxPool2d(3, stride=2, padding=1)
        self.stage2 = stage_v2(widths[0], widths[1], repeats[0])  # (N, widths[1], H/8, W/8)
        self.stage3 = stage_v2(widths[1], widths[2], repeats[1])
        self.stage4 = stage_v2(widths[2], widths[3], repeats[2])
        self.conv5 = ConvNorm(widths[3], widths[4])  # (N, widths[4], H/32, W/32)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(widths[4], num_classes)


@architecture(
    published(
        params=1_865_728,
        mult_adds=137e6,
        source="params: osmr/imgclsmob gluon/README.md (commit c1a844dde061); mult-adds: arXiv:1707.01083 Table 1, "
        "without the classifier",
    ),
    title="ShuffleNet 1x (g = 3)",
    paper="ShuffleNet: an extremely efficient convolutional neural network for mobile devices (Zhang et al., CVPR "
    "2018, arXiv:1707.01083)",
    year=2017,
)
def shufflenet_v1_g3_x1_0(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """ShuffleNet with three groups, stages of 240, 480 and 960 channels."""
    return ShuffleNetV1(3, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=2.3e6, mult_adds=146e6, source="arXiv:1807.11164 Table 5"),
    title="ShuffleNet V2 1x",
    paper="ShuffleNet V2: practical guidelines for efficient CNN architecture design (Ma et al., ECCV 2018, "
    "arXiv:1807.11164)",
    year=2018,
)
def shufflenet_v2_x1_0(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """ShuffleNet V2 with stages of 116, 232 and 464 channels."""
    return ShuffleNetV2((24, 116, 232, 464, 1024), num_classes=num_classes, in_channels=in_channels)
