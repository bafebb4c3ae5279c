"""AlexNet as laid out for one device (Krizhevsky 2014, arXiv:1404.5997): 64-192-384-256-256 channels, no groups.

The widths and the padding of 2 in the first convolution are those of torchvision's `alexnet`. What is left out is
its pooling of the last 6x6 map to 6x6, which no paper has, which does nothing at 224x224 and which would count.
"""

from __future__ import annotations

from torch import nn

from netcost.zoo.blocks import ConvReLU, LinearReLU
from netcost.zoo.catalogue import architecture, published


class AlexNet(nn.Sequential):
    """Five convolutions and three fully connected layers.

    Args:
        num_classes: of the output (N, num_classes).
        in_channels: of the input (N, in_channels, 224, 224).
    """

    def __init__(self, num_classes: int = 1000, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = ConvReLU(in_channels, 64, 11, stride=4, padding=2)  # (N, 64, 55, 55)
        self.pool1 = nn.MaxPool2d(3, stride=2)
        self.conv2 = ConvReLU(64, 192, 5)  # (N, 192, 27, 27)
        self.pool2 = nn.MaxPool2d(3, stride=2)
        self.conv3 = ConvReLU(192, 384, 3)  # (N, 384, 13, 13)
        self.conv4 = ConvReLU(384, 256, 3)
        self.conv5 = ConvReLU(256, 256, 3)
        self.pool5 = nn.MaxPool2d(3, stride=2)  # (N, 256, 6, 6)
        self.flatten = nn.Flatten()
        self.fc6 = LinearReLU(256 * 6 * 6, 4096)
        self.fc7 = LinearReLU(4096, 4096)
        self.fc8 = nn.Linear(4096, num_classes)


@architecture(
    published(
        params=61_100_840, mult_adds=714.83e6, source="osmr/imgclsmob gluon/README.md, AlexNet-b (commit c1a844dde061)"
    ),
    title="AlexNet (2014, one device)",
    paper="One weird trick for parallelizing convolutional neural networks (Krizhevsky, arXiv:1404.5997)",
    year=2014,
)
def alexnet(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """AlexNet without groups and without local response normalisation."""
    return AlexNet(num_classes, in_channels)
