"""MiniGoogLeNet for CIFAR-10: the "small Inception" of Zhang et al. (ICLR 2017, arXiv:1611.03530), Figure 3.

Its convolutions have biases, and batch norm stands between them and the ReLU. The Keras form of the network
(微架构模型:GoogleNet, an article on micro-architectures) is built here: images of 32x32, not cropped to 28x28, and a
dropout before the classifier. The last map is averaged whole, 7x7 where the image is 32x32.
"""

from __future__ import annotations

from torch import nn

from netcost.zoo.blocks import Branches, Conv, chain
from netcost.zoo.catalogue import architecture, published


class Miniception(Branches):
    """A 1x1 and a 3x3 convolution side by side, without a reduction.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        n1x1: channels of the 1x1 convolution.
        n3x3: channels of the 3x3 convolution; the output is (N, n1x1 + n3x3, H, W).
    """

    def __init__(self, in_channels: int, n1x1: int, n3x3: int) -> None:
        super().__init__(
            branch_1x1=chain(in_channels, Conv(n1x1), bias=True, eps=1e-3),
            branch_3x3=chain(in_channels, Conv(n3x3, 3), bias=True, eps=1e-3),
        )


class Downsample(Branches):
    """A 3x3 convolution and a 3x3 max pooling side by side, both with stride 2 and no padding.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        n3x3: channels of the convolution; the output is (N, n3x3 + in_channels, (H - 1) // 2, (W - 1) // 2).
    """

    def __init__(self, in_channels: int, n3x3: int) -> None:
        super().__init__(
            branch_3x3=chain(in_channels, Conv(n3x3, 3, 2, 0), bias=True, eps=1e-3),
            branch_pool=nn.MaxPool2d(3, stride=2),
        )


class MiniGoogLeNet(nn.Sequential):
    """19 convolutions and a linear classifier.

    Args:
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, H, W).
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = chain(in_channels, Conv(96, 3), bias=True, eps=1e-3)  # (N, 96, 32, 32)
        self.inception_1a = Miniception(96, 32, 32)
        self.inception_1b = Miniception(64, 32, 48)
        self.downsample_1 = Downsample(80, 80)  # (N, 160, 15, 15)
        self.inception_2a = Miniception(160, 112, 48)
        self.inception_2b = Miniception(160, 96, 64)
        self.inception_2c = Miniception(160, 80, 80)
        self.inception_2d = Miniception(160, 48, 96)
        self.downsample_2 = Downsample(144, 96)  # (N, 240, 7, 7)
        self.inception_3a = Miniception(240, 176, 160)
        self.inception_3b = Miniception(336, 176, 160)  # (N, 336, 7, 7)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.5)
        self.linear = nn.Linear(336, num_classes)


@architecture(
    published(
        params=1_649_402,
        source="arXiv:1611.03530 Table 1, two fewer for each of the 1,712 channels that its convolutions make",
    ),
    title="MiniGoogLeNet (CIFAR-10)",
    paper="Understanding deep learning requires rethinking generalization (Zhang et al., ICLR 2017, arXiv:1611.03530)",
    year=2016,
    input_shape=(1, 3, 32, 32),
)
def mini_googlenet(num_classes: int = 10, in_channels: int = 3) -> nn.Module:
    """MiniGoogLeNet with ten classes."""
    return MiniGoogLeNet(num_classes, in_channels)
