"""Network in network (Lin et al., ICLR 2014, arXiv:1312.4400), section 3, in the form trained on ImageNet.

The paper's tables end at CIFAR, SVHN and MNIST. The ImageNet layout is the one that its authors published in the
Caffe model zoo (gist mavenlin/d802a5849de39225bcc6): poolings round up, and the last convolution makes the classes.
"""

from __future__ import annotations

from torch import nn

from netcost.zoo.blocks import ConvReLU
from netcost.zoo.catalogue import architecture, published


class MlpConv(nn.Sequential):
    """A convolution and two 1x1 convolutions: a small perceptron that slides over the map (section 3.1).

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        widths: output channels of the three convolutions; the last is the block's.
        kernel: side of the first one's square kernel.
        stride: stride of the first convolution.
        padding: padding of the first convolution; None keeps the size of the map at stride 1.
    """

    def __init__(
        self,
        in_channels: int,
        widths: tuple[int, int, int],
        kernel: int,
        *,
        stride: int = 1,
        padding: int | None = None,
    ) -> None:
        first, second, third = widths
        super().__init__(
            ConvReLU(in_channels, first, kernel, stride=stride, padding=padding),
            ConvReLU(first, second),
            ConvReLU(second, third),
        )


class NetworkInNetwork(nn.Sequential):
    """Four perceptron convolutions and no fully connected layer: the last maps are averaged, one per class.

    Args:
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, H, W).
    """

    def __init__(self, num_classes: int = 1000, in_channels: int = 3) -> None:
        super().__init__()
        self.mlpconv1 = MlpConv(in_channels, (96, 96, 96), 11, stride=4, padding=0)  # (N, 96, 54, 54)
        self.pool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.mlpconv2 = MlpConv(96, (256, 256, 256), 5)  # (N, 256, 27, 27)
        self.pool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.mlpconv3 = MlpConv(256, (384, 384, 384), 3)  # (N, 384, 13, 13)
        self.pool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.dropout = nn.Dropout(0.5)
        self.mlpconv4 = MlpConv(384, (1024, 1024, num_classes), 3)  # (N, num_classes, 6, 6)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()


@architecture(
    published(
        params=7.6e6,
        source="Caffe model zoo, gist mavenlin/d802a5849de39225bcc6: a snapshot of 29 MB, which is 7.6e6 float32",
    ),
    title="Network in network",
    paper="Network in network (Lin et al., ICLR 2014, arXiv:1312.4400)",
    year=2013,
)
def nin(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Network in network as trained on ImageNet."""
    return NetworkInNetwork(num_classes, in_channels)
