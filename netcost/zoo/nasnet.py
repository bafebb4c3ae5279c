"""NASNet-A (Zoph et al., CVPR 2018, arXiv:1707.07012), Figures 2 and 4: cells found by a search.

Each cell reads the two before it, so that no operator cuts the network into blocks. N @ P names N normal cells in a
row and P channels before the classifier. Details that the figures leave open are as in the authors' release
(tensorflow/models research/slim/nets/nasnet): the stem, the fitting of maps, the cell that counts as "the one before"
after a reduction. TensorFlow pads even maps to the right and below; here the zeros are on all sides, at equal size and
cost. The auxiliary head for training is left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netcost.zoo.blocks import ConvNorm
from netcost.zoo.catalogue import architecture, published

PAPER = "Learning transferable architectures for scalable image recognition (Zoph et al., CVPR 2018, arXiv:1707.07012)"
SLIM = "tensorflow/models research/slim/nets/nasnet/README.md"

EPSILON = 1e-3
"""Constant that batch norm adds to the variance in both ImageNet forms."""


class Squeeze(nn.Sequential):
    """ReLU, 1x1 convolution and batch norm: fits the number of channels of a cell's input."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels, eps=EPSILON),
        )


class Halve(nn.Module):
    """Fits a map of twice the size: two strided 1x1 convolutions, one of which reads the odd pixels.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        out_channels: channels of the output (N, out_channels, H/2, W/2), rounded up.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.even = nn.Conv2d(in_channels, out_channels // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(in_channels, out_channels - out_channels // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(out_channels, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H/2, W/2), rounded up."""
        x = self.relu(x)
        shifted = F.pad(x, (-1, 1, -1, 1))  # up and left by a pixel, with zeros from below and from the right
        normed: Tensor = self.norm(torch.cat((self.even(x), self.odd(shifted)), dim=1))
        return normed


class Separable(nn.Sequential):
    """ReLU, k x k depthwise and 1x1 convolution and batch norm, all of it twice; the first strides.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        out_channels: channels of the output (N, out_channels, H/stride, W/stride).
        kernel: side of the square kernel, odd.
        stride: stride of the first depthwise convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        for inputs, step in ((in_channels, stride), (out_channels, 1)):
            self.append(nn.ReLU())
            self.append(nn.Conv2d(inputs, inputs, kernel, step, kernel // 2, groups=inputs, bias=False))
            self.append(nn.Conv2d(inputs, out_channels, 1, bias=False))
            self.append(nn.BatchNorm2d(out_channels, eps=EPSILON))


def average(stride: int = 1) -> nn.Module:
    """Return 3x3 average pooling, whose padding does not count."""
    return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)


class NormalCell(nn.Module):
    """Keeps the map: five sums of two, concatenated with the cell's earlier input (Figure 4, left).

    Args:
        channels: channels of the current input (N, channels, H, W).
        previous: channels of the earlier input, (N, previous, H, W).
        width: channels of each sum; the output is (N, 6 width, H, W).
        halve: True if the earlier input comes from before a reduction and has twice the size.
    """

    def __init__(self, channels: int, previous: int, width: int, *, halve: bool) -> None:
        super().__init__()
        self.fit = Halve(previous, width) if halve else Squeeze(previous, width)
        self.squeeze = Squeeze(channels, width)
        self.current_5x5 = Separable(width, width, 5)
        self.previous_3x3 = Separable(width, width, 3)
        self.previous_5x5 = Separable(width, width, 5)
        self.previous_3x3_again = Separable(width, width, 3)
        self.current_average = average()
        self.previous_average = average()
        self.current_3x3 = Separable(width, width, 3)

    def forward(self, current: Tensor, previous: Tensor) -> Tensor:
        """Map (N, channels, H, W) and the earlier map to (N, 6 width, H, W)."""
        previous, current = self.fit(previous), self.squeeze(current)
        sums = (
            self.current_5x5(current) + self.previous_3x3(previous),
            self.previous_5x5(previous) + self.previous_3x3_again(previous),
            self.current_average(current) + previous,
            self.previous_average(previous) + self.previous_average(previous),  # twice, as the search has found it
            self.current_3x3(current) + current,
        )
        return torch.cat((previous, *sums), dim=1)


class ReductionCell(nn.Module):
    """Halves the map: five sums of two, the first of which only feeds two others (Figure 4, right).

    Args:
        channels: channels of the current input (N, channels, H, W).
        previous: channels of the earlier input; None in the first cell, which reads the same map twice, once unfitted.
        width: channels of each sum; the output is (N, 4 width, H/2, W/2).
        halve: True if the earlier input comes from before a reduction and has twice the size.
    """

    def __init__(self, channels: int, previous: int | None, width: int, *, halve: bool = False) -> None:
        super().__init__()
        self.fit: nn.Module = nn.Identity()
        if previous is not None:
            self.fit = Halve(previous, width) if halve else Squeeze(previous, width)
        fitted = channels if previous is None else width
        self.squeeze = Squeeze(channels, width)
        self.current_5x5 = Separable(width, width, 5, stride=2)
        self.previous_7x7 = Separable(fitted, width, 7, stride=2)
        self.current_max = nn.MaxPool2d(3, stride=2, padding=1)
        self.previous_7x7_again = Separable(fitted, width, 7, stride=2)
        self.current_average = average(stride=2)
        self.previous_5x5 = Separable(fitted, width, 5, stride=2)
        self.first_average = average()
        self.first_3x3 = Separable(width, width, 3)

    def forward(self, current: Tensor, previous: Tensor) -> Tensor:
        """Map (N, channels, H, W) and the earlier map to (N, 4 width, H/2, W/2)."""
        previous, current = self.fit(previous), self.squeeze(current)
        first = self.current_5x5(current) + self.previous_7x7(previous)
        second = self.current_max(current) + self.previous_7x7_again(previous)
        third = self.current_average(current) + self.previous_5x5(previous)
        fourth = self.first_average(first) + second
        fifth = self.first_3x3(first) + self.current_max(current)
        return torch.cat((second, third, fourth, fifth), dim=1)


def normal_cells(repeats: int, channels: int, previous: int, width: int) -> nn.ModuleList:
    """`repeats` normal cells after a reduction; their first earlier input has twice the size."""
    cells = nn.ModuleList()
    for index in range(repeats):
        cells.append(NormalCell(channels, previous, width, halve=index == 0))
        channels, previous = 6 * width, channels
    return cells


class NASNetA(nn.Module):
    """A strided convolution, two reductions, and three rows of normal cells with reductions between them.

    Args:
        repeats: normal cells in a row, N; at least 2.
        width: channels of a sum in the first row. The rows after double it, so P is 24 widths.
        stem: channels of the first convolution.
        skip: True if the cell after a reduction reads, as its earlier input, the reduction's own earlier input.
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, H, W).
    """

    def __init__(
        self,
        repeats: int,
        width: int,
        *,
        stem: int,
        skip: bool = False,
        num_classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.skip = skip
        self.conv0 = ConvNorm(in_channels, stem, 3, stride=2, padding=0, eps=EPSILON, activation=None)
        self.stem0 = ReductionCell(stem, None, width // 4)  # (N, width, H/4, W/4)
        self.stem1 = ReductionCell(4 * (width // 4), stem, width // 2, halve=True)  # (N, 2 width, H/8, W/8)
        self.row1 = normal_cells(repeats, 4 * (width // 2), 4 * (width // 4), width)  # (N, 6 width, H/8, W/8)
        self.reduction1 = ReductionCell(6 * width, 6 * width, 2 * width)
        self.row2 = normal_cells(repeats, 8 * width, 6 * width, 2 * width)  # (N, 12 width, H/16, W/16)
        self.reduction2 = ReductionCell(12 * width, 12 * width, 4 * width)
        self.row3 = normal_cells(repeats, 16 * width, 12 * width, 4 * width)  # (N, 24 width, H/32, W/32)
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(24 * width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to logits (N, num_classes)."""
        current, previous = self.stem(images)
        for reduction, row in ((None, self.row1), (self.reduction1, self.row2), (self.reduction2, self.row3)):
            if reduction is not None:
                current, previous = reduction(current, previous), previous if self.skip else current
            for cell in row:
                current, previous = cell(current, previous), current
        logits: Tensor = self.fc(self.dropout(self.flatten(self.avgpool(self.relu(current)))))
        return logits

    def stem(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, in_channels, H, W) to the two maps of the first normal cell, an eighth and a quarter of the size."""
        x = self.conv0(images)
        earlier = self.stem0(x, x)
        return self.stem1(earlier, x), earlier


@architecture(
    published(params=5.3e6, mult_adds=564e6, source=f"arXiv:1707.07012; {SLIM}"),
    title="NASNet-A (4 @ 1056)",
    paper=PAPER,
    year=2017,
)
def nasnet_a_mobile(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Twelve normal cells, of up to 1056 channels."""
    return NASNetA(4, 44, stem=32, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=88.9e6, mult_adds=23.8e9, source=f"arXiv:1707.07012 Table 2; {SLIM}"),
    title="NASNet-A (6 @ 4032)",
    paper=PAPER,
    year=2017,
    input_shape=(1, 3, 331, 331),
)
def nasnet_a_large(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Eighteen normal cells, of up to 4032 channels."""
    return NASNetA(6, 168, stem=96, skip=True, num_classes=num_classes, in_channels=in_channels)
