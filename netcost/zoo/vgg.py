"""VGG (Simonyan and Zisserman, ICLR 2015, arXiv:1409.1556), Table 1."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from netcost.zoo.blocks import ConvReLU, LinearReLU
from netcost.zoo.catalogue import architecture, published

WIDTHS = (64, 128, 256, 512, 512)
"""Channels of the five stages, the same in every configuration (Table 1)."""


def conv_norm_relu(in_channels: int, out_channels: int, kernel: int) -> nn.Module:
    """A convolution that keeps its bias although batch norm follows, as the published `_bn` counts have it."""
    layer = ConvReLU(in_channels, out_channels, kernel)
    layer.insert(1, nn.BatchNorm2d(out_channels))
    return layer


class VGG(nn.Sequential):
    """Five stages of 3x3 convolutions, each closed by a 2x2 pooling, and three fully connected layers.

    Args:
        repeats: convolutions in each stage: (2, 2, 3, 3, 3) is configuration D.
        batch_norm: whether batch norm follows each convolution.
        num_classes: of the output (N, num_classes).
        in_channels: of the input (N, in_channels, 224, 224).
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
    published(
        params=138e6,
        mult_adds=15.47e9,
        source="params: arXiv:1409.1556 Table 2; mult-adds: SENet (arXiv:1709.01507) Table 2",
    ),
    title="VGG-16",
    paper="Very deep convolutional networks for large-scale image recognition (Simonyan and Zisserman, ICLR 2015, "
    "arXiv:1409.1556)",
    year=2014,
)
def vgg16(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Configuration D: 13 convolutions, 3 fully connected layers."""
    return VGG((2, 2, 3, 3, 3), num_classes=num_classes, in_channels=in_channels)
