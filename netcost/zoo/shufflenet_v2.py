"""ShuffleNet V2 (Ma et al., ECCV 2018, arXiv:1807.11164), Table 5, and its large forms, Table 2 of the appendix."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from netcost.zoo.blocks import Conv, ConvNorm, chain
from netcost.zoo.catalogue import architecture, published
from netcost.zoo.senet import SqueezeExcitation
from netcost.zoo.shufflenet_v1 import ChannelShuffle

PAPER = (
    "ShuffleNet V2: practical guidelines for efficient CNN architecture design (Ma et al., ECCV 2018, arXiv:1807.11164)"
)
TABLE_5 = "arXiv:1807.11164 Table 5"
LARGE = "arXiv:1807.11164 Table 6 and appendix Table 2"


def branch_v2(
    in_channels: int, out_channels: int, stride: int, *, reduction: int | None = None, linear: bool = False
) -> nn.Sequential:
    """1x1, 3x3 depthwise and 1x1 convolution, all as wide as the output (G1) and without groups (G2).

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        out_channels: channels of the output (N, out_channels, H/stride, W/stride).
        stride: stride of the depthwise convolution.
        reduction: channels / hidden units of a squeeze-excitation at the end; None leaves it out.
        linear: True if the last convolution goes without ReLU, as before a residual addition.
    """
    branch = nn.Sequential(
        ConvNorm(in_channels, out_channels),
        ConvNorm(out_channels, out_channels, 3, stride=stride, groups=out_channels, activation=None),
        ConvNorm(out_channels, out_channels, activation=None if linear else nn.ReLU),
    )
    return branch if reduction is None else branch.append(SqueezeExcitation(out_channels, reduction))


class BasicUnitV2(nn.Module):
    """A unit that passes half of its channels unchanged and convolves the other half three times (Figure 3 c).

    Args:
        channels: channels of the input and the output (N, channels, H, W).
        reduction: reduction of a squeeze-excitation in the branch; None leaves it out.
        residual: True if the branch's input is added to its output, for very deep networks.
    """

    def __init__(self, channels: int, *, reduction: int | None = None, residual: bool = False) -> None:
        super().__init__()
        half = channels // 2
        self.branch = branch_v2(half, half, stride=1, reduction=reduction, linear=residual)
        self.relu = nn.ReLU(inplace=True) if residual else None
        self.shuffle = ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        kept, worked = x.chunk(2, dim=1)
        made: Tensor = self.branch(worked)
        if self.relu is not None:
            made += worked
            made = self.relu(made)
        shuffled: Tensor = self.shuffle(torch.cat((kept, made), dim=1))
        return shuffled


class DownsamplingUnitV2(nn.Module):
    """A unit whose two branches read all channels and halve the map; each makes half of the output (Figure 3 d).

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        out_channels: channels of the output (N, out_channels, H/stride, W/stride).
        stride: of both branches; 1 where only the number of channels changes.
        reduction: reduction of a squeeze-excitation in the working branch; None leaves it out.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 2, reduction: int | None = None) -> None:
        super().__init__()
        self.shortcut = nn.Sequential(
            ConvNorm(in_channels, in_channels, 3, stride=stride, groups=in_channels, activation=None),
            ConvNorm(in_channels, out_channels // 2),
        )
        self.branch = branch_v2(in_channels, out_channels // 2, stride, reduction=reduction)
        self.shuffle = ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H/stride, W/stride)."""
        shuffled: Tensor = self.shuffle(torch.cat((self.shortcut(x), self.branch(x)), dim=1))
        return shuffled


class ShuffleNetV2(nn.Sequential):
    """A 3x3 convolution, a pooling, three or four stages and a 1x1 convolution before the classifier.

    Args:
        widths: output channels of the stages. The last three halve the map; a fourth, before them, keeps it.
        repeats: units in each stage.
        stem: output channels of the first convolution, which strides, and of more where there are any.
        last: output channels of the 1x1 convolution.
        reduction: channels / hidden units of a squeeze-excitation in each unit; None leaves them out.
        residual: True if units at stride 1 add their branch's input to its output.
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, H, W).
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        repeats: Sequence[int] = (4, 8, 4),
        stem: Sequence[int] = (24,),
        last: int = 1024,
        reduction: int | None = None,
        residual: bool = False,
        num_classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.conv1 = chain(in_channels, Conv(stem[0], 3, 2), *(Conv(width, 3) for width in stem[1:]))
        self.pool1 = nn.MaxPool2d(3, stride=2, padding=1)  # (N, stem, H/4, W/4)
        channels = stem[-1]
        for stage, (width, count) in enumerate(zip(widths, repeats, strict=True)):
            stride = 2 if stage >= len(widths) - 3 else 1
            first = DownsamplingUnitV2(channels, width, stride=stride, reduction=reduction)
            rest = (BasicUnitV2(width, reduction=reduction, residual=residual) for _ in range(count - 1))
            self.add_module(f"stage{stage + 2}", nn.Sequential(first, *rest))
            channels = width
        self.add_module(f"conv{len(widths) + 2}", ConvNorm(channels, last))  # (N, last, H/32, W/32)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(last, num_classes)


@architecture(
    published(
        params=1.4e6,
        mult_adds=41e6,
        source=TABLE_5,
        why="the table rounds to two digits; torchvision's shufflenet_v2_x0_5 and the layers have 1,366,792",
    ),
    title="ShuffleNet V2 0.5x",
    paper=PAPER,
    year=2018,
)
def shufflenet_v2_x0_5(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """ShuffleNet V2 with stages of 48, 96 and 192 channels."""
    return ShuffleNetV2((48, 96, 192), num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=2.3e6, mult_adds=146e6, source=TABLE_5),
    title="ShuffleNet V2 1x",
    paper=PAPER,
    year=2018,
)
def shufflenet_v2_x1_0(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """ShuffleNet V2 with stages of 116, 232 and 464 channels."""
    return ShuffleNetV2((116, 232, 464), num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=3.5e6, mult_adds=299e6, source=TABLE_5),
    title="ShuffleNet V2 1.5x",
    paper=PAPER,
    year=2018,
)
def shufflenet_v2_x1_5(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """ShuffleNet V2 with stages of 176, 352 and 704 channels."""
    return ShuffleNetV2((176, 352, 704), num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=7.4e6, mult_adds=591e6, source=TABLE_5),
    title="ShuffleNet V2 2x",
    paper=PAPER,
    year=2018,
)
def shufflenet_v2_x2_0(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """ShuffleNet V2 with stages of 244, 488 and 976 channels."""
    return ShuffleNetV2((244, 488, 976), last=2048, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(mult_adds=2300e6, source=LARGE),
    title="ShuffleNet V2-50",
    paper=PAPER,
    year=2018,
)
def shufflenet_v2_50(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """ShuffleNet V2 in the four stages of ResNet-50."""
    return ShuffleNetV2(
        (244, 488, 976, 1952),
        repeats=(3, 4, 6, 3),
        stem=(64,),
        last=2048,
        num_classes=num_classes,
        in_channels=in_channels,
    )


@architecture(
    published(mult_adds=12.7e9, source=LARGE),
    title="SE-ShuffleNet V2-164 (with residual)",
    paper=PAPER,
    year=2018,
)
def se_shufflenet_v2_164(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """ShuffleNet V2 of 164 layers: a squeeze-excitation in every unit, a residual path in units that keep the map.

    A squeeze-excitation sees the half of the channels that its unit works on, and halves it; in a residual unit it
    comes before the addition, as in SENet, and the ReLU after. Neither choice is in the table. The ShuffleNetV2.Large
    of the authors' repository (megvii-model/ShuffleNet-Series), which reports the same error and 140.7 M parameters, is
    another layout, with 3x3 convolutions in eight groups.
    """
    return ShuffleNetV2(
        (340, 680, 1360, 2720),
        repeats=(10, 10, 23, 10),
        stem=(64, 64, 128),
        last=2048,
        reduction=2,
        residual=True,
        num_classes=num_classes,
        in_channels=in_channels,
    )
