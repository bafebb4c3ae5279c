"""GoogLeNet, or Inception v1 (Szegedy et al., CVPR 2015, arXiv:1409.4842), Table 1 and section 5.

The paper's network: 5x5 branches, local response normalisation, convolutions with biases and no batch norm. As
in Caffe's bvlc_googlenet are the details that the paper leaves open: the place and constants of the normalisation, and
poolings that round up.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from netcost.zoo.blocks import Branches, ConvReLU, LinearReLU
from netcost.zoo.catalogue import architecture, published


class GoogLeNetLogits(NamedTuple):
    """Output in training: the logits of the network and of its two auxiliary heads, each (N, num_classes)."""

    logits: Tensor
    aux_4a: Tensor
    aux_4d: Tensor


class Inception(Branches):
    """Four branches side by side, concatenated (Figure 2 b).

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        n1x1: channels of the 1x1 branch. This and what follows are the columns of Table 1, in its order.
        reduce_3x3: channels of the 1x1 convolution before the 3x3.
        n3x3: channels of the 3x3 branch.
        reduce_5x5: channels of the 1x1 convolution before the 5x5.
        n5x5: channels of the 5x5 branch.
        pool_proj: channels of the 1x1 convolution after the pooling; the output has
            (N, n1x1 + n3x3 + n5x5 + pool_proj, H, W).
    """

    def __init__(
        self, in_channels: int, n1x1: int, reduce_3x3: int, n3x3: int, reduce_5x5: int, n5x5: int, pool_proj: int
    ) -> None:
        super().__init__(
            branch_1x1=ConvReLU(in_channels, n1x1),
            branch_3x3=nn.Sequential(ConvReLU(in_channels, reduce_3x3), ConvReLU(reduce_3x3, n3x3, 3)),
            branch_5x5=nn.Sequential(ConvReLU(in_channels, reduce_5x5), ConvReLU(reduce_5x5, n5x5, 5)),
            branch_pool=nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), ConvReLU(in_channels, pool_proj)),
        )


class AuxiliaryHead(nn.Sequential):
    """A small classifier on an inner map, used only in training (section 5).

    Args:
        in_channels: channels of the input (N, in_channels, 14, 14).
        num_classes: classes of the output (N, num_classes).
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.avgpool = nn.AvgPool2d(5, stride=3)  # (N, in_channels, 4, 4)
        self.conv = ConvReLU(in_channels, 128)
        self.flatten = nn.Flatten()
        self.fc = LinearReLU(128 * 4 * 4, 1024, dropout=0.7)
        self.linear = nn.Linear(1024, num_classes)


def max_pool() -> nn.Module:
    """Return 3x3 max pooling with stride 2, rounded up: 112, 56, 28, 14, 7."""
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


def response_norm() -> nn.Module:
    """Return local response normalisation over five channels with Caffe's constants."""
    return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)


class GoogLeNet(nn.Sequential):
    """GoogLeNet: 22 layers with weights; its children are the rows of Table 1, with the heads where they branch off.

    Args:
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, H, W); training needs 224x224 for the heads.
    """

    def __init__(self, num_classes: int = 1000, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = ConvReLU(in_channels, 64, 7, stride=2)  # (N, 64, 112, 112)
        self.pool1 = max_pool()
        self.norm1 = response_norm()
        self.conv2_reduce = ConvReLU(64, 64)
        self.conv2 = ConvReLU(64, 192, 3)  # (N, 192, 56, 56)
        self.norm2 = response_norm()
        self.pool2 = max_pool()
        self.inception_3a = Inception(192, 64, 96, 128, 16, 32, 32)  # (N, 256, 28, 28)
        self.inception_3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.pool3 = max_pool()
        self.inception_4a = Inception(480, 192, 96, 208, 16, 48, 64)  # (N, 512, 14, 14)
        self.aux_4a = AuxiliaryHead(512, num_classes)
        self.inception_4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception_4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception_4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.aux_4d = AuxiliaryHead(528, num_classes)
        self.inception_4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.pool4 = max_pool()
        self.inception_5a = Inception(832, 256, 160, 320, 32, 128, 128)  # (N, 832, 7, 7)
        self.inception_5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.avgpool = nn.AdaptiveAvgPool2d(1)  # (N, 1024, 1, 1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.4)
        self.linear = nn.Linear(1024, num_classes)

    def forward(self, x: Tensor) -> Tensor | GoogLeNetLogits:
        """Map (N, in_channels, H, W) to logits (N, num_classes), in training with those of both heads."""
        auxiliary = []
        for layer in self:
            if not isinstance(layer, AuxiliaryHead):
                x = layer(x)
            elif self.training:
                auxiliary.append(layer(x))
        return GoogLeNetLogits(x, *auxiliary) if self.training else x


@architecture(
    published(
        params=6.8e6,
        mult_adds=1502e6,
        source="column sums of arXiv:1409.4842 Table 1; MobileNet (arXiv:1704.04861) Table 8 quotes 6.8e6",
        why="the table gives its first convolution 2.7K weights and 34M operations, where a dense 7x7x3x64 layer has "
        "9,408 and 118.0M; and its K is 1024, so the printed 6797.7K are 6.96 M",
    ),
    title="GoogLeNet (Inception v1)",
    paper="Going deeper with convolutions (Szegedy et al., CVPR 2015, arXiv:1409.4842)",
    year=2014,
)
def googlenet(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """The paper's GoogLeNet with both auxiliary heads."""
    return GoogLeNet(num_classes, in_channels)
