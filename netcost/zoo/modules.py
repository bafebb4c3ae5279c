"""Modules of the zoo's networks, on their own: the targets `module:…`, at any input size and width.

The first argument of a builder is `in_channels`, which a target takes from its input. The others are widths as the
papers name them, and their defaults are those of one place in the network that `of` names. If `out_channels` is
None, a unit keeps the number of channels, or doubles it at stride 2 if its paper does.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from netcost.text.errors import TargetError
from netcost.zoo.blocks import Conv, NaiveInception
from netcost.zoo.bn_inception import InceptionV2
from netcost.zoo.catalogue import module, published
from netcost.zoo.densenet import DenseBlock, Transition
from netcost.zoo.googlenet import Inception
from netcost.zoo.inception_resnet import V2, residual_a, residual_b, residual_c
from netcost.zoo.inception_v3 import GridReduction, InceptionA, InceptionB, InceptionC
from netcost.zoo.mini_googlenet import Miniception
from netcost.zoo.mobilenet import DepthwiseSeparable, InvertedResidual
from netcost.zoo.resnet import BasicUnit, Bottleneck
from netcost.zoo.resnext import unit_32x4d
from netcost.zoo.senet import SqueezeExcitation
from netcost.zoo.shufflenet_v1 import ShuffleUnitV1
from netcost.zoo.shufflenet_v2 import BasicUnitV2, DownsamplingUnitV2


def made_by(in_channels: int, out_channels: int | None, stride: int) -> int:
    """Return `out_channels`, or else the number of input channels, doubled at stride 2."""
    if out_channels is not None:
        return out_channels
    return in_channels if stride == 1 else 2 * in_channels


def checked_stride(stride: int) -> int:
    """Return the stride of a ShuffleNet unit.

    Raises:
        TargetError: the stride is not 1 or 2.
    """
    if stride not in (1, 2):
        raise TargetError(f"stride is {stride!r}; expected 1 or 2, like --arg stride=2")
    return stride


@module(
    published(mult_adds=854e6, source="CS231n (Stanford) 2017, lecture 9, where these widths are from"),
    of="googlenet",
    title="Naive Inception module",
    input_shape=(1, 256, 28, 28),
)
def inception_naive(in_channels: int, n1x1: int = 128, n3x3: int = 192, n5x5: int = 96) -> nn.Module:
    """1x1, 3x3 and 5x5 convolutions and a pooling straight on the input: it keeps every channel and adds to them."""
    return NaiveInception(in_channels, n1x1, n3x3, n5x5)


@module(
    published(
        params=380 * 1024, mult_adds=304e6, source="arXiv:1409.4842 Table 1, inception (3b): 380K, where K is 1024"
    ),
    of="googlenet",
    title="Inception v1 module",
    input_shape=(1, 256, 28, 28),
)
def inception_v1(
    in_channels: int,
    n1x1: int = 128,
    reduce_3x3: int = 128,
    n3x3: int = 192,
    reduce_5x5: int = 32,
    n5x5: int = 96,
    pool_proj: int = 64,
) -> nn.Module:
    """The naive module behind 1x1 reductions; the widths are the columns of GoogLeNet's Table 1."""
    return Inception(in_channels, n1x1, reduce_3x3, n3x3, reduce_5x5, n5x5, pool_proj)


@module(of="bn_inception", title="Inception v2 module", input_shape=(1, 256, 28, 28))
def inception_v2(
    in_channels: int,
    n1x1: int = 64,
    reduce_3x3: int = 64,
    n3x3: int = 96,
    reduce_double: int = 64,
    double_3x3: int = 96,
    pool: str = "avg",
    pool_proj: int = 64,
    stride: int = 1,
    bias: bool = True,
) -> nn.Module:
    """Two 3x3 convolutions in place of the 5x5; with stride 2, n1x1=0, pool=max and pool_proj=0 as in 3c and 4e."""
    return InceptionV2(
        in_channels, n1x1, reduce_3x3, n3x3, reduce_double, double_3x3, pool, pool_proj, stride=stride, bias=bias
    )


@module(of="inception_v3", title="Inception v3 module, 35x35", input_shape=(1, 288, 35, 35))
def inception_v3_a(
    in_channels: int,
    n1x1: int = 64,
    reduce_5x5: int = 48,
    n5x5: int = 64,
    reduce_double: int = 64,
    double_3x3: int = 96,
    pool_proj: int = 64,
) -> nn.Module:
    """A 5x5 and two 3x3 convolutions beside the 1x1 and the pooling, as released."""
    double = (reduce_double, double_3x3, double_3x3)
    return InceptionA(in_channels, n1x1, (reduce_5x5, n5x5), double, pool_proj, count_include_pad=True)


@module(of="inception_v3", title="Inception v3 module, 1xn and nx1", input_shape=(1, 768, 17, 17))
def inception_v3_nxn(
    in_channels: int, n: int = 7, n1x1: int = 192, width: int = 128, nxn: int = 192, pool_proj: int = 192
) -> nn.Module:
    """One and two n x n convolutions as 1xn and nx1, `width` channels between them and `nxn` at both ends."""
    if not isinstance(n, int) or n < 1 or n % 2 == 0:
        raise TargetError(f"n is {n!r}; expected an odd side of the convolutions, like --arg n=7")
    once, twice = (width, width, nxn), (width, width, width, width, nxn)
    return InceptionB(in_channels, n1x1, once, twice, pool_proj, n=n, count_include_pad=True)


@module(of="inception_v3", title="Inception v3 module, split ends", input_shape=(1, 1280, 8, 8))
def inception_v3_c(
    in_channels: int,
    n1x1: int = 320,
    reduce_short: int = 384,
    reduce_long: int = 448,
    n3x3: int = 384,
    split: int = 384,
    pool_proj: int = 192,
) -> nn.Module:
    """A 1x1 convolution, and a 1x1 with a 3x3, each before a 1x3 and a 3x1 of `split` channels side by side."""
    short, long = (Conv(reduce_short),), (Conv(reduce_long), Conv(n3x3, 3))
    return InceptionC(in_channels, n1x1, short, long, split, pool_proj, count_include_pad=True)


@module(of="inception_v3", title="Grid reduction of Inception v3", input_shape=(1, 288, 35, 35))
def grid_reduction(in_channels: int, n3x3: int = 384, reduce_double: int = 64, double_3x3: int = 96) -> nn.Module:
    """Convolutions and a pooling side by side with stride 2, without padding: 35x35 to 17x17."""
    return GridReduction(in_channels, n3x3, (reduce_double, double_3x3, double_3x3))


@module(of="inception_resnet_v2", title="Inception-ResNet-A", input_shape=(1, 320, 35, 35))
def inception_residual_a(in_channels: int, branches: Sequence[Sequence[int]] = V2.a) -> nn.Module:
    """Branches of a 1x1 convolution and 3x3 ones, mixed and added to the input: the channels of each, in turn."""
    return residual_a(in_channels, branches)


@module(of="inception_resnet_v2", title="Inception-ResNet-B", input_shape=(1, 1088, 17, 17))
def inception_residual_b(in_channels: int, branches: Sequence[Sequence[int]] = V2.b) -> nn.Module:
    """Branches of a 1x1, or a 1x1, a 1x7 and a 7x1 convolution, mixed and added to the input."""
    return residual_b(in_channels, branches)


@module(of="inception_resnet_v2", title="Inception-ResNet-C", input_shape=(1, 2080, 8, 8))
def inception_residual_c(in_channels: int, branches: Sequence[Sequence[int]] = V2.c) -> nn.Module:
    """Branches of a 1x1, or a 1x1, a 1x3 and a 3x1 convolution, mixed and added to the input."""
    return residual_c(in_channels, branches)


@module(of="mini_googlenet", title="Miniception", input_shape=(1, 96, 32, 32))
def miniception(in_channels: int, n1x1: int = 32, n3x3: int = 32) -> nn.Module:
    """A 1x1 and a 3x3 convolution side by side."""
    return Miniception(in_channels, n1x1, n3x3)


@module(
    published(params=70e3, source="ResNeXt (arXiv:1611.05431): about 70k, without batch norm"),
    of="resnet50",
    title="Bottleneck unit",
    input_shape=(1, 256, 56, 56),
)
def bottleneck(
    in_channels: int,
    out_channels: int | None = None,
    stride: int = 1,
    base_width: int = 64,
    stride_in_1x1: bool = False,
) -> nn.Module:
    """A bottleneck, 256-64-256; its 3x3 has `base_width` channels per 256 channels of the output."""
    made = made_by(in_channels, out_channels, stride)
    return Bottleneck(in_channels, made, stride, stride_in_1x1=stride_in_1x1, group_width=base_width)


@module(of="resnet18", title="Basic unit", input_shape=(1, 64, 56, 56))
def basic_unit(in_channels: int, out_channels: int | None = None, stride: int = 1) -> nn.Module:
    """Two 3x3 convolutions and a shortcut."""
    return BasicUnit(in_channels, made_by(in_channels, out_channels, stride), stride)


@module(
    published(params=70e3, source="ResNeXt (arXiv:1611.05431): about 70k at C = 32 and d = 4, without batch norm"),
    of="resnext50_32x4d",
    title="ResNeXt unit",
    input_shape=(1, 256, 56, 56),
)
def resnext_unit(
    in_channels: int, out_channels: int | None = None, stride: int = 1, groups: int = 32, group_width: int = 4
) -> nn.Module:
    """A bottleneck whose 3x3 has `groups` groups, of `group_width` channels each if the output has 256."""
    made = made_by(in_channels, out_channels, stride)
    return unit_32x4d(in_channels, made, stride, groups=groups, group_width=group_width)


@module(
    published(params=0.27e6, mult_adds=52.3e6, source="arXiv:1704.04861 Table 3, without batch norm"),
    of="mobilenet_v1",
    title="Depthwise separable convolution",
    input_shape=(1, 512, 14, 14),
)
def depthwise_separable(in_channels: int, out_channels: int | None = None, stride: int = 1) -> nn.Module:
    """A 3x3 depthwise and a 1x1 convolution."""
    return DepthwiseSeparable(in_channels, made_by(in_channels, out_channels, stride), stride)


@module(of="shufflenet_v1_g3_x1_0", title="ShuffleNet unit", input_shape=(1, 240, 28, 28))
def shufflenet_v1_unit(
    in_channels: int,
    out_channels: int | None = None,
    stride: int = 1,
    groups: int = 3,
    first_groups: int | None = None,
) -> nn.Module:
    """Grouped 1x1 convolutions around a shuffle and a depthwise 3x3; with stride 2 it concatenates the pooled input."""
    made = made_by(in_channels, out_channels, checked_stride(stride))
    if made != in_channels if stride == 1 else made <= in_channels:
        expected = "as many as" if stride == 1 else "more than"
        raise TargetError(
            f"out_channels is {made!r}; expected {expected} the {in_channels} that come in, at stride {stride}"
        )
    return ShuffleUnitV1(in_channels, made, stride, groups, first_groups)


@module(of="shufflenet_v2_x1_0", title="ShuffleNet V2 unit", input_shape=(1, 116, 28, 28))
def shufflenet_v2_unit(in_channels: int, out_channels: int | None = None, stride: int = 1) -> nn.Module:
    """A unit that passes half of the channels through; if the shape changes, both branches read all channels."""
    made = made_by(in_channels, out_channels, checked_stride(stride))
    if made % 2:
        raise TargetError(f"the unit makes {made!r} channels; expected an even number, half of it by each branch")
    if stride == 1 and made == in_channels:
        return BasicUnitV2(in_channels)
    return DownsamplingUnitV2(in_channels, made, stride=stride)


@module(of="mobilenet_v2", title="Inverted residual", input_shape=(1, 24, 56, 56))
def inverted_residual(
    in_channels: int, out_channels: int | None = None, stride: int = 1, expansion: int = 6
) -> nn.Module:
    """A 1x1 expansion, a depthwise 3x3 and a linear 1x1; added to the input if the shape stays the same."""
    return InvertedResidual(in_channels, in_channels if out_channels is None else out_channels, stride, expansion)


@module(of="densenet121", title="Dense block", input_shape=(1, 64, 56, 56))
def dense_block(in_channels: int, repeats: int = 6, growth_rate: int = 32, bottleneck: int = 4) -> nn.Module:
    """Layers, each of which adds `growth_rate` channels to all channels before it."""
    return DenseBlock(in_channels, repeats, growth_rate, bottleneck)


@module(of="densenet121", title="Transition", input_shape=(1, 256, 56, 56))
def transition(in_channels: int, out_channels: int | None = None) -> nn.Module:
    """A 1x1 convolution, by default to half of the channels, and a 2x2 mean."""
    return Transition(in_channels, in_channels // 2 if out_channels is None else out_channels)


@module(of="se_resnet50", title="Squeeze-excitation", input_shape=(1, 256, 56, 56))
def squeeze_excitation(in_channels: int, reduction: int = 16) -> nn.Module:
    """A gate per channel, computed by two fully connected layers from the channels' means."""
    return SqueezeExcitation(in_channels, reduction)
