"""DenseNet (Huang et al., CVPR 2017, arXiv:1608.06993), Table 1: the form with bottlenecks and compression (BC).

Every layer reads the maps of all layers before it, x_l = H([x_0, ..., x_(l-1)]) (equation 2). The code joins them
in the same way: one concatenation per layer, of all maps so far. A concatenation copies, so memory access within a
block grows with the square of the number of layers. The block's input is read to its end, so a dense block is one
building block.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from netcost.text.errors import TargetError
from netcost.zoo.blocks import ConvNorm
from netcost.zoo.catalogue import architecture, published

PAPER = "Densely connected convolutional networks (Huang et al., CVPR 2017, arXiv:1608.06993)"
SOURCE = (
    "params: osmr/imgclsmob gluon/README.md (commit c1a844dde061); mult-adds: huggingface/pytorch-image-models "
    "results/benchmark-infer-amp-nchw-pt240-cu124-rtx4090.csv (commit aa4b5850c154)"
)


class NormConv(nn.Sequential):
    """Batch norm, ReLU and a convolution without bias, in this order (section 3, composite function).

    Args:
        in_channels: channels of the input (N, C, H, W).
        out_channels: channels of the output (N, O, H, W).
        kernel: side of the square kernel, odd.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 1) -> None:
        super().__init__(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False),
        )


class DenseLayer(nn.Sequential):
    """A 1x1 convolution that bounds the width and a 3x3 that makes `growth_rate` new maps.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        growth_rate: channels of the output (N, growth_rate, H, W).
        bottleneck: channels between the two convolutions / growth_rate.
    """

    def __init__(self, in_channels: int, growth_rate: int, bottleneck: int = 4) -> None:
        super().__init__()
        self.reduce = NormConv(in_channels, bottleneck * growth_rate)
        self.grow = NormConv(bottleneck * growth_rate, growth_rate, 3)


class DenseBlock(nn.Sequential):
    """Layers, each of which reads the concatenation of the block's input and all outputs before its own.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        repeats: layers; the output is (N, in_channels + repeats * growth_rate, H, W).
        growth_rate: channels that each layer adds.
        bottleneck: see `DenseLayer`.
    """

    def __init__(self, in_channels: int, repeats: int, growth_rate: int = 32, bottleneck: int = 4) -> None:
        widths = [in_channels + before * growth_rate for before in range(repeats)]
        super().__init__(*(DenseLayer(width, growth_rate, bottleneck) for width in widths))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, in_channels + repeats * growth_rate, H, W)."""
        maps = [x]
        for layer in self:
            maps.append(layer(x))
            x = torch.cat(maps, dim=1)
        return x


class Transition(nn.Sequential):
    """Transition between two blocks: a 1x1 convolution to fewer channels and a 2x2 mean (section 3, pooling layers).

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        out_channels: channels of the output (N, out_channels, H/2, W/2).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = NormConv(in_channels, out_channels)
        self.pool = nn.AvgPool2d(2)


class DenseNet(nn.Sequential):
    """A 7x7 convolution and four dense blocks with transitions between them.

    Args:
        repeats: layers in each block.
        growth_rate: channels that each layer adds (k); the first convolution has 2k.
        bottleneck: channels between a layer's two convolutions / k.
        compression: channels after a transition / before it (theta).
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, H, W).
    """

    def __init__(
        self,
        repeats: Sequence[int],
        growth_rate: int = 32,
        *,
        bottleneck: int = 4,
        compression: float = 0.5,
        num_classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        channels = 2 * checked_growth_rate(growth_rate)
        self.conv1 = ConvNorm(in_channels, channels, 7, stride=2)  # (N, 2k, H/2, W/2)
        self.pool1 = nn.MaxPool2d(3, stride=2, padding=1)
        for index, count in enumerate(repeats, start=1):
            self.add_module(f"block{index}", DenseBlock(channels, count, growth_rate, bottleneck))
            channels += count * growth_rate
            if index < len(repeats):
                compressed = int(compression * channels)
                self.add_module(f"transition{index}", Transition(channels, compressed))
                channels = compressed
        self.norm = nn.BatchNorm2d(channels)  # (N, channels, H/32, W/32)
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, num_classes)


def checked_growth_rate(growth_rate: int) -> int:
    """Return the growth rate.

    Raises:
        TargetError: the rate is not a whole number of channels.
    """
    if not isinstance(growth_rate, int) or growth_rate < 1:
        raise TargetError(f"growth_rate is {growth_rate!r}; expected a whole number of channels, like 32")
    return growth_rate


@architecture(
    published(params=7_978_856, mult_adds=2.87e9, source=SOURCE), title="DenseNet-121 (k = 32)", paper=PAPER, year=2016
)
def densenet121(growth_rate: int = 32, num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Blocks of 6, 12, 24 and 16 layers."""
    return DenseNet((6, 12, 24, 16), growth_rate, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=28_681_000, mult_adds=7.79e9, source=SOURCE), title="DenseNet-161 (k = 48)", paper=PAPER, year=2016
)
def densenet161(growth_rate: int = 48, num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Blocks of 6, 12, 36 and 24 layers, wider than the others'."""
    return DenseNet((6, 12, 36, 24), growth_rate, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=14_149_480, mult_adds=3.40e9, source=SOURCE), title="DenseNet-169 (k = 32)", paper=PAPER, year=2016
)
def densenet169(growth_rate: int = 32, num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Blocks of 6, 12, 32 and 32 layers."""
    return DenseNet((6, 12, 32, 32), growth_rate, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=20_013_928, mult_adds=4.34e9, source=SOURCE), title="DenseNet-201 (k = 32)", paper=PAPER, year=2016
)
def densenet201(growth_rate: int = 32, num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Blocks of 6, 12, 48 and 32 layers."""
    return DenseNet((6, 12, 48, 32), growth_rate, num_classes=num_classes, in_channels=in_channels)


@architecture(
    # What timm once listed as densenet264, with 72.69 M parameters and 12.95 G mult-adds, has k = 48.
    published(params=33_337_704, source="params: ChanLumerico/lucid documentation, densenet_264"),
    title="DenseNet-264 (k = 32)",
    paper=PAPER,
    year=2016,
)
def densenet264(growth_rate: int = 32, num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Blocks of 6, 12, 64 and 48 layers: 265 layers with weights in all, one more than the name says."""
    return DenseNet((6, 12, 64, 48), growth_rate, num_classes=num_classes, in_channels=in_channels)
