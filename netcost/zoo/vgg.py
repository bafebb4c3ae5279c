"""VGG (Simonyan and Zisserman, ICLR 2015, arXiv:1409.1556), Table 1."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from netcost.zoo.blocks import ConvReLU, LinearReLU
from netcost.zoo.catalogue import architecture, published

PAPER = (
    "Very deep convolutional networks for large-scale image recognition (Simonyan and Zisserman, ICLR 2015, "
    "arXiv:1409.1556)"
)
PARAMS = "params: arXiv:1409.1556 Table 2"
MODEL_ZOO = "osmr/imgclsmob gluon/README.md (commit c1a844dde061)"
TORCHVISION = "pytorch/vision torchvision/models/vgg.py (num_params and _ops)"

WIDTHS = (64, 128, 256, 512, 512)
"""Channels of the five stages, the same in every configuration (Table 1)."""


def conv_norm_relu(in_channels: int, out_channels: int, kernel: int) -> nn.Module:
    """Return a convolution that keeps its bias although batch norm follows, as in the published `_bn` counts."""
    layer = ConvReLU(in_channels, out_channels, kernel)
    layer.insert(1, nn.BatchNorm2d(out_channels))
    return layer


class VGG(nn.Sequential):
    """Five stages of 3x3 convolutions, each closed by a 2x2 pooling, and three fully connected layers.

    Args:
        repeats: convolutions in each stage: (2, 2, 3, 3, 3) is configuration D.
        batch_norm: True if batch norm follows each convolution.
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, 224, 224).
    """

    def __init__(
        self, repeats: Sequence[int], *, batch_norm: bool = False, num_classes: int = 1000, in_channels: int = 3
    ) -> None:
        super().__init__()
        layer = conv_norm_relu if batch_norm else ConvReLU
        for stage, (count, width) in enumerate(zip(repeats, WIDTHS, strict=True), start=1):
            inputs = [in_channels] + [width] * (count - 1)
            self.add_module(f"conv{stage}", nn.Sequential(*(layer(channels, width, 3) for channels in inputs)))
            self.add_module(f"pool{stage}", nn.MaxPool2d(2))
            in_channels = width
        self.flatten = nn.Flatten()
        self.fc6 = LinearReLU(512 * 7 * 7, 4096)  # 224 halved by five poolings is 7
        self.fc7 = LinearReLU(4096, 4096)
        self.fc8 = nn.Linear(4096, num_classes)


@architecture(
    published(params=133e6, mult_adds=7_615.87e6, source=f"{PARAMS}; mult-adds: {MODEL_ZOO}"),
    title="VGG-11",
    paper=PAPER,
    year=2014,
)
def vgg11(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Configuration A: 8 convolutions, 3 fully connected layers."""
    return VGG((1, 1, 2, 2, 2), num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=133e6, mult_adds=11_317.65e6, source=f"{PARAMS}; mult-adds: {MODEL_ZOO}"),
    title="VGG-13",
    paper=PAPER,
    year=2014,
)
def vgg13(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Configuration B: 10 convolutions, 3 fully connected layers."""
    return VGG((2, 2, 2, 2, 2), num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=138e6, mult_adds=15.47e9, source=f"{PARAMS}; mult-adds: SENet (arXiv:1709.01507) Table 2"),
    title="VGG-16",
    paper=PAPER,
    year=2014,
)
def vgg16(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Configuration D: 13 convolutions, 3 fully connected layers."""
    return VGG((2, 2, 3, 3, 3), num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=144e6, mult_adds=19_642.55e6, source=f"{PARAMS}; mult-adds: {MODEL_ZOO}"),
    title="VGG-19",
    paper=PAPER,
    year=2014,
)
def vgg19(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Configuration E: 16 convolutions, 3 fully connected layers."""
    return VGG((2, 2, 4, 4, 4), num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=132_868_840, mult_adds=7.609e9, source=TORCHVISION),
    title="VGG-11 (batch norm)",
    paper=PAPER,
    year=2014,
)
def vgg11_bn(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Configuration A with batch norm."""
    return VGG((1, 1, 2, 2, 2), batch_norm=True, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=133_053_736, mult_adds=11.308e9, source=TORCHVISION),
    title="VGG-13 (batch norm)",
    paper=PAPER,
    year=2014,
)
def vgg13_bn(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Configuration B with batch norm."""
    return VGG((2, 2, 2, 2, 2), batch_norm=True, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=138_365_992, mult_adds=15.47e9, source=TORCHVISION),
    title="VGG-16 (batch norm)",
    paper=PAPER,
    year=2014,
)
def vgg16_bn(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Configuration D with batch norm."""
    return VGG((2, 2, 3, 3, 3), batch_norm=True, num_classes=num_classes, in_channels=in_channels)


@architecture(
    published(params=143_678_248, mult_adds=19.632e9, source=TORCHVISION),
    title="VGG-19 (batch norm)",
    paper=PAPER,
    year=2014,
)
def vgg19_bn(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Configuration E with batch norm."""
    return VGG((2, 2, 4, 4, 4), batch_norm=True, num_classes=num_classes, in_channels=in_channels)
