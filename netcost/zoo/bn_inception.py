"""BN-Inception, or Inception v2 (Ioffe and Szegedy, ICML 2015, arXiv:1502.03167), Figure 5.

Figure 5 prints 576 channels after 4c and 4d, but its own columns make 608: 160 + 160 + 160 + 128 and
192 + 192 + 96 + 128. Here the columns hold, so 4e, which passes its input on, makes 192 + 256 + 608 = 1056 channels
where 1024 are printed; the 11,295,240 parameters that model zoos list are those of this network. The other reading,
pool projections of 96 in place of 128 in 4c and 4d, makes the printed 576 and 1024 and is built by
`printed_widths=True`; without convolution biases it has 11,194,984 parameters, the 11.2 million of NASNet's Table 2.

Two more entries do not fit their row. The sizes printed for 3c and 4e, which stride, are those of their inputs. And
the first layer is a dense 7x7 convolution here, where the paper has a separable one with depth multiplier 8.
Details that the paper leaves open are as in Caffe, like the biases: poolings between modules round up, and averages
over 3x3 count the zeros around the map.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from torch import nn

from netcost.text.errors import TargetError
from netcost.zoo.blocks import Branches, Conv, ConvNorm, chain
from netcost.zoo.catalogue import architecture, published

POOLS: dict[str, Callable[..., nn.Module]] = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}


class InceptionV2(Branches):
    """The v1 module with two 3x3 convolutions in place of the 5x5, and batch norm.

    With stride 2 all branches halve the map; in Figure 5 there is then no 1x1 branch, and the pooling passes through.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        n1x1: channels of the 1x1 branch, 0 for none. This and the following are the columns of Figure 5.
        reduce_3x3: channels of the 1x1 convolution before the 3x3.
        n3x3: channels of the 3x3 branch.
        reduce_double: channels of the 1x1 convolution before the two 3x3.
        double_3x3: channels of each of these two.
        pool: "avg" or "max".
        pool_proj: channels of the 1x1 convolution after the pooling, 0 to pass through.
        stride: stride of the last convolution of each branch and of the pooling.
        bias: True if the convolutions have biases.

    Raises:
        TargetError: `pool` is neither.
    """

    def __init__(
        self,
        in_channels: int,
        n1x1: int,
        reduce_3x3: int,
        n3x3: int,
        reduce_double: int,
        double_3x3: int,
        pool: str = "avg",
        pool_proj: int = 0,
        *,
        stride: int = 1,
        bias: bool = True,
    ) -> None:
        branches: dict[str, nn.Module] = {}
        if n1x1:
            branches["branch_1x1"] = chain(in_channels, Conv(n1x1, stride=stride), bias=bias)
        single = Conv(reduce_3x3), Conv(n3x3, 3, stride)
        double = Conv(reduce_double), Conv(double_3x3, 3), Conv(double_3x3, 3, stride)
        branches["branch_3x3"] = chain(in_channels, *single, bias=bias)
        branches["branch_double_3x3"] = chain(in_channels, *double, bias=bias)
        branches["branch_pool"] = pool_branch(in_channels, pool, pool_proj, stride, bias)
        super().__init__(**branches)


def pool_branch(in_channels: int, pool: str, pool_proj: int, stride: int, bias: bool) -> nn.Sequential:
    """Return a 3x3 pooling, padded like the convolutions beside it, and a 1x1 convolution if it has channels."""
    if pool not in POOLS:
        raise TargetError(f"pool is {pool!r}; expected one of {', '.join(POOLS)}")
    branch = nn.Sequential(POOLS[pool](3, stride, padding=1))
    if pool_proj:
        branch.append(ConvNorm(in_channels, pool_proj, bias=bias))
    return branch


def max_pool() -> nn.Module:
    """Return 3x3 max pooling with stride 2, rounded up: 112, 56, 28, 14, 7."""
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


class BNInception(nn.Sequential):
    """BN-Inception; its children are the rows of Figure 5.

    Args:
        printed_widths: True if 4c and 4d make the printed 576 channels, by pool projections of 96.
        conv_bias: True if the convolutions have biases although batch norm follows.
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, H, W).
    """

    def __init__(
        self,
        *,
        printed_widths: bool = False,
        conv_bias: bool = True,
        num_classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        module = functools.partial(InceptionV2, bias=conv_bias)
        proj = 96 if printed_widths else 128
        wide = 480 + proj  # channels after 4c and 4d
        self.conv1 = chain(in_channels, Conv(64, 7, 2), bias=conv_bias)  # (N, 64, 112, 112)
        self.pool1 = max_pool()
        self.conv2 = chain(64, Conv(64), Conv(192, 3), bias=conv_bias)  # (N, 192, 56, 56)
        self.pool2 = max_pool()
        self.inception_3a = module(192, 64, 64, 64, 64, 96, "avg", 32)  # (N, 256, 28, 28)
        self.inception_3b = module(256, 64, 64, 96, 64, 96, "avg", 64)
        self.inception_3c = module(320, 0, 128, 160, 64, 96, "max", stride=2)
        self.inception_4a = module(576, 224, 64, 96, 96, 128, "avg", 128)  # (N, 576, 14, 14)
        self.inception_4b = module(576, 192, 96, 128, 96, 128, "avg", 128)
        self.inception_4c = module(576, 160, 128, 160, 128, 160, "avg", proj)
        self.inception_4d = module(wide, 96, 128, 192, 160, 192, "avg", proj)
        self.inception_4e = module(wide, 0, 128, 192, 192, 256, "max", stride=2)
        self.inception_5a = module(448 + wide, 352, 192, 320, 160, 224, "avg", 128)  # (N, 1024, 7, 7)
        self.inception_5b = module(1024, 352, 192, 320, 192, 224, "max", 128)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(1024, num_classes)


@architecture(
    published(
        params=11_295_240,
        mult_adds=2.03e9,
        source="params: osmr/imgclsmob gluon/README.md (commit c1a844dde061); mult-adds: SENet (arXiv:1709.01507) "
        "Table 2",
    ),
    title="BN-Inception (Inception v2)",
    paper="Batch normalization: accelerating deep network training by reducing internal covariate shift (Ioffe and "
    "Szegedy, ICML 2015, arXiv:1502.03167)",
    year=2015,
)
def bn_inception(
    printed_widths: bool = False, conv_bias: bool = True, num_classes: int = 1000, in_channels: int = 3
) -> nn.Module:
    """BN-Inception by the columns of Figure 5, with biases in its convolutions."""
    return BNInception(
        printed_widths=printed_widths, conv_bias=conv_bias, num_classes=num_classes, in_channels=in_channels
    )
