"""Inception v3 (Szegedy et al., CVPR 2016, arXiv:1512.00567), Table 1 and Figures 5 to 7 and 10, as it was released.

The released network (TensorFlow's `inception_v3`, and torchvision's) is not Table 1 to the letter: its fourth
convolution is a 1x1; a pooling takes the place of the stride of the fifth; there is no sixth, so that the first module
sees 192 channels where 288 are printed; and the modules of the 35x35 grid keep one 5x5 convolution.

The average pooling in its modules counts the zeros around the map, as in torchvision, not as in TensorFlow. Batch
norm adds 0.001 to the variance. Its modules serve Inception v4 and Inception-ResNet too.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from netcost.zoo.blocks import Branches, Conv, chain
from netcost.zoo.catalogue import architecture, published

convs = functools.partial(chain, eps=1e-3)
"""Chain convolutions whose batch norm adds 0.001 to the variance, as in all of Google's releases."""


class InceptionV3Logits(NamedTuple):
    """Output in training: the logits of the network and of its auxiliary head, each (N, num_classes)."""

    logits: Tensor
    aux: Tensor


def max_pool() -> nn.Module:
    """Return 3x3 max pooling with stride 2 and no padding: 147, 73, 35, 17, 8."""
    return nn.MaxPool2d(3, stride=2)


def pooled(in_channels: int, channels: int, count_include_pad: bool) -> nn.Sequential:
    """Return a 3x3 average at stride 1 and a 1x1 convolution."""
    return convs(in_channels, Conv(channels)).insert(
        0, nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=count_include_pad)
    )


class InceptionA(Branches):
    """The module of the 35x35 grid: 1x1, two layers, three layers, pooling.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        n1x1: channels of the 1x1 branch.
        double: channels of a 1x1 convolution and of the one with `kernel` after it.
        triple: channels of a 1x1 convolution and of two 3x3 after it (Figure 5).
        pool_proj: channels of the 1x1 convolution after the pooling.
        kernel: 5 in Inception v3, 3 in v4.
        count_include_pad: True if the average counts the zeros around the map.
    """

    def __init__(
        self,
        in_channels: int,
        n1x1: int,
        double: Sequence[int],
        triple: Sequence[int],
        pool_proj: int,
        *,
        kernel: int = 5,
        count_include_pad: bool = False,
    ) -> None:
        super().__init__(
            branch_1x1=convs(in_channels, Conv(n1x1)),
            branch_double=convs(in_channels, Conv(double[0]), Conv(double[1], kernel)),
            branch_triple=convs(in_channels, Conv(triple[0]), Conv(triple[1], 3), Conv(triple[2], 3)),
            branch_pool=pooled(in_channels, pool_proj, count_include_pad),
        )


class InceptionB(Branches):
    """The module of the 17x17 grid: n x n convolutions factorised into 1 x n and n x 1 (Figure 6).

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        n1x1: channels of the 1x1 branch.
        once: channels of a 1x1, a 1xn and an nx1 convolution.
        twice: channels of a 1x1, an nx1, a 1xn, an nx1 and a 1xn convolution.
        pool_proj: channels of the 1x1 convolution after the pooling.
        n: 7 in the paper.
        count_include_pad: True if the average counts the zeros around the map.
    """

    def __init__(
        self,
        in_channels: int,
        n1x1: int,
        once: Sequence[int],
        twice: Sequence[int],
        pool_proj: int,
        *,
        n: int = 7,
        count_include_pad: bool = False,
    ) -> None:
        kernels = (1, 1), (n, 1), (1, n), (n, 1), (1, n)
        super().__init__(
            branch_1x1=convs(in_channels, Conv(n1x1)),
            branch_once=convs(in_channels, Conv(once[0]), Conv(once[1], (1, n)), Conv(once[2], (n, 1))),
            branch_twice=convs(in_channels, *map(Conv, twice, kernels)),
            branch_pool=pooled(in_channels, pool_proj, count_include_pad),
        )


class InceptionC(Branches):
    """The module of the 8x8 grid: two branches end in a 1x3 and a 3x1 side by side (Figure 7).

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        n1x1: channels of the 1x1 branch.
        short: the convolutions before the split of one branch.
        long: the convolutions before the split of the other.
        split: channels of the 1x3 and of the 3x1, in both branches.
        pool_proj: channels of the 1x1 convolution after the pooling.
        count_include_pad: True if the average counts the zeros around the map.
    """

    def __init__(
        self,
        in_channels: int,
        n1x1: int,
        short: Sequence[Conv],
        long: Sequence[Conv],
        split: int,
        pool_proj: int,
        *,
        count_include_pad: bool = False,
    ) -> None:
        super().__init__(
            branch_1x1=convs(in_channels, Conv(n1x1)),
            branch_short=convs(in_channels, *short).append(split_ends(short[-1].channels, split)),
            branch_long=convs(in_channels, *long).append(split_ends(long[-1].channels, split)),
            branch_pool=pooled(in_channels, pool_proj, count_include_pad),
        )


def split_ends(in_channels: int, channels: int) -> Branches:
    """Return a 1x3 and a 3x1 convolution side by side."""
    return Branches(
        conv_1x3=convs(in_channels, Conv(channels, (1, 3))), conv_3x1=convs(in_channels, Conv(channels, (3, 1)))
    )


class GridReduction(Branches):
    """Convolutions and a pooling side by side, all with stride 2: the map halves without a bottleneck (Figure 10).

    Args:
        in_channels: channels of the input (N, in_channels, H, W); the output has n3x3 + triple[2] + in_channels.
        n3x3: channels of the 3x3 convolution with stride 2 that is a branch of its own.
        triple: channels of a 1x1 convolution, a 3x3 and a 3x3 with stride 2.
    """

    def __init__(self, in_channels: int, n3x3: int, triple: Sequence[int]) -> None:
        super().__init__(
            branch_3x3=convs(in_channels, Conv(n3x3, 3, 2, 0)),
            branch_triple=convs(in_channels, Conv(triple[0]), Conv(triple[1], 3), Conv(triple[2], 3, 2, 0)),
            branch_pool=max_pool(),
        )


class FactorizedReduction(Branches):
    """The reduction of the 17x17 grid: a 1x7 and a 7x1 convolution before the longer branch strides.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        double: channels of a 1x1 convolution and of a 3x3 with stride 2.
        long: channels of a 1x1, a 1x7, a 7x1 and a 3x3 convolution with stride 2.
    """

    def __init__(self, in_channels: int, double: Sequence[int], long: Sequence[int]) -> None:
        first, wide, high, last = long
        super().__init__(
            branch_double=convs(in_channels, Conv(double[0]), Conv(double[1], 3, 2, 0)),
            branch_long=convs(in_channels, Conv(first), Conv(wide, (1, 7)), Conv(high, (7, 1)), Conv(last, 3, 2, 0)),
            branch_pool=max_pool(),
        )


class InceptionV3Head(nn.Sequential):
    """A small classifier with batch norm on the 17x17 map, used only in training (section 4).

    Args:
        in_channels: channels of the input (N, in_channels, 17, 17).
        num_classes: classes of the output (N, num_classes).
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.avgpool = nn.AvgPool2d(5, stride=3)  # (N, in_channels, 5, 5)
        self.convs = convs(in_channels, Conv(128), Conv(768, 5, padding=0))  # (N, 768, 1, 1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(768, num_classes)


class InceptionV3(nn.Sequential):
    """Inception v3; its children are the rows of Table 1, and the head stands where it branches off.

    Args:
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, H, W); training needs at least two
            images of 299x299 or more for the head.
    """

    def __init__(self, num_classes: int = 1000, in_channels: int = 3) -> None:
        super().__init__()
        a = functools.partial(InceptionA, double=(48, 64), triple=(64, 96, 96), count_include_pad=True)
        c = functools.partial(
            InceptionC, short=(Conv(384),), long=(Conv(448), Conv(384, 3)), split=384, count_include_pad=True
        )
        self.conv1 = convs(in_channels, Conv(32, 3, 2, 0))  # (N, 32, 149, 149)
        self.conv2 = convs(32, Conv(32, 3, 1, 0))
        self.conv3 = convs(32, Conv(64, 3))  # (N, 64, 147, 147)
        self.pool1 = max_pool()
        self.conv4 = convs(64, Conv(80))  # (N, 80, 73, 73)
        self.conv5 = convs(80, Conv(192, 3, 1, 0))  # (N, 192, 71, 71)
        self.pool2 = max_pool()
        self.inception_a = nn.Sequential(
            a(192, 64, pool_proj=32), a(256, 64, pool_proj=64), a(288, 64, pool_proj=64)
        )  # (N, 288, 35, 35)
        self.reduction_a = GridReduction(288, 384, (64, 96, 96))
        self.inception_b = nn.Sequential(*(inception_b(width) for width in (128, 160, 160, 192)))  # (N, 768, 17, 17)
        self.aux = InceptionV3Head(768, num_classes)
        self.reduction_b = FactorizedReduction(768, (192, 320), (192, 192, 192, 192))
        self.inception_c = nn.Sequential(c(1280, 320, pool_proj=192), c(2048, 320, pool_proj=192))  # (N, 2048, 8, 8)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.5)
        self.linear = nn.Linear(2048, num_classes)

    def forward(self, x: Tensor) -> Tensor | InceptionV3Logits:
        """Map (N, in_channels, H, W) to logits (N, num_classes), in training with those of the head."""
        auxiliary = []
        for layer in self:
            if not isinstance(layer, InceptionV3Head):
                x = layer(x)
            elif self.training:
                auxiliary.append(layer(x))
        return InceptionV3Logits(x, *auxiliary) if self.training else x


def inception_b(width: int) -> InceptionB:
    """Return a module of the 17x17 grid with `width` channels between its factorised convolutions."""
    return InceptionB(768, 192, (width, width, 192), (width,) * 4 + (192,), 192, count_include_pad=True)


@architecture(
    published(
        params=23_834_568,
        mult_adds=5.72e9,
        source="params: osmr/imgclsmob gluon/README.md (commit c1a844dde061); mult-adds: NASNet (arXiv:1707.07012) "
        "Table 2; the paper says less than 25 million parameters and 5 billion multiply-adds",
    ),
    title="Inception v3",
    paper="Rethinking the Inception architecture for computer vision (Szegedy et al., CVPR 2016, arXiv:1512.00567)",
    year=2015,
    input_shape=(1, 3, 299, 299),
)
def inception_v3(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Inception v3 as released, with its auxiliary head."""
    return InceptionV3(num_classes, in_channels)
