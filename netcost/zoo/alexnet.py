"""AlexNet as in the paper (Krizhevsky et al., NIPS 2012), section 3.5, and as laid out for one device (Krizhevsky
2014, arXiv:1404.5997): 64-192-384-256-256 channels, no groups.

The paper's input of 224x224 fits its first convolution only with padding; 227x227 gives the printed 55x55 without.
In the form of 2014, the widths and the padding of 2 in the first convolution are those of torchvision's `alexnet`.
Its pooling of the last 6x6 map to 6x6 is left out: no paper has it, it does nothing at 224x224, yet it would count.
"""

from __future__ import annotations

from torch import nn

from netcost.zoo.blocks import ConvReLU, LinearReLU
from netcost.zoo.catalogue import architecture, published


class TwoDevices(nn.Sequential):
    """A convolution of two groups with bias, and ReLU: each device reads only the maps that it made itself.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        out_channels: channels of the output (N, out_channels, H, W).
        kernel: side of the square kernel, odd.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        convolution = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, groups=2)
        super().__init__(convolution, nn.ReLU(inplace=True))


def response_norm() -> nn.Module:
    """Return local response normalisation with the constants of section 3.3; torch divides alpha by 5."""
    return nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2.0)


class AlexNet2012(nn.Sequential):
    """Five convolutions, of which the second, fourth and fifth stay on their device, and three fully connected layers.

    Args:
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, 227, 227).
    """

    def __init__(self, num_classes: int = 1000, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = ConvReLU(in_channels, 96, 11, stride=4, padding=0)  # (N, 96, 55, 55)
        self.norm1 = response_norm()
        self.pool1 = nn.MaxPool2d(3, stride=2)
        self.conv2 = TwoDevices(96, 256, 5)  # (N, 256, 27, 27)
        self.norm2 = response_norm()
        self.pool2 = nn.MaxPool2d(3, stride=2)
        self.conv3 = ConvReLU(256, 384, 3)  # (N, 384, 13, 13): the only one that crosses the devices
        self.conv4 = TwoDevices(384, 384, 3)
        self.conv5 = TwoDevices(384, 256, 3)
        self.pool5 = nn.MaxPool2d(3, stride=2)  # (N, 256, 6, 6)
        self.flatten = nn.Flatten()
        self.fc6 = LinearReLU(256 * 6 * 6, 4096)
        self.fc7 = LinearReLU(4096, 4096)
        self.fc8 = nn.Linear(4096, num_classes)


class AlexNet(nn.Sequential):
    """Five convolutions and three fully connected layers.

    Args:
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, 224, 224).
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
        params=60e6,
        mult_adds=720e6,
        source="params: the paper's abstract; mult-adds: MobileNet (arXiv:1704.04861) Table 9",
    ),
    title="AlexNet (2012, two devices)",
    paper="ImageNet classification with deep convolutional neural networks (Krizhevsky et al., NIPS 2012)",
    year=2012,
    input_shape=(1, 3, 227, 227),
)
def alexnet_2012(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """AlexNet in two groups, with local response normalisation."""
    return AlexNet2012(num_classes, in_channels)


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
