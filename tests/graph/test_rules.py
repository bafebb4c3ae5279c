"""Every counting rule against arithmetic in sight: the products are written out, nothing is computed by a network."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import pytest
import torch
from handmade import Network, call, tensor

import netcost
from netcost.counting.count import count
from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import BATCH_NORMS, Op
from netcost.graph.rules import RULES, Rule, find, free, pointwise, rule


class Row(NamedTuple):
    """What one operator call must cost."""

    op: Op
    kind: Kind
    memory_access: int
    mult_adds: int = 0
    other_flops: int = 0
    """FLOPs beside the two of each multiply-add."""
    activations: int = 0


def conv(name: str, output: tuple[int, ...], groups: int = 1, /, **inputs: tuple[int, ...]) -> Op:
    return call(name, output, {"groups": groups}, **inputs)


def transposed(output: tuple[int, ...], groups: int = 1, /, **inputs: tuple[int, ...]) -> Op:
    return call("aten.convolution", output, {"transposed": True, "groups": groups}, **inputs)


CONVOLUTIONS = (
    # 1x1 (design, section 2): B·h·w·c1·c2 multiply-adds; B·h·w·(c1+c2) + c1·c2 elements.
    Row(
        conv("aten.conv2d", (2, 48, 28, 28), input=(2, 24, 28, 28), weight=(48, 24, 1, 1)),
        Kind.POINTWISE_CONVOLUTION,
        mult_adds=2 * 28 * 28 * 24 * 48,
        memory_access=2 * 28 * 28 * (24 + 48) + 24 * 48,
        activations=2 * 48 * 28 * 28,
    ),
    # A bias adds c2 elements, and one addition an output.
    Row(
        conv("aten.conv2d", (2, 48, 28, 28), input=(2, 24, 28, 28), weight=(48, 24, 1, 1), bias=(48,)),
        Kind.POINTWISE_CONVOLUTION,
        mult_adds=2 * 28 * 28 * 24 * 48,
        other_flops=2 * 28 * 28 * 48,
        memory_access=2 * 28 * 28 * (24 + 48) + 24 * 48 + 48,
        activations=2 * 48 * 28 * 28,
    ),
    # g groups divide the multiply-adds and the weights by g, and leave the rest.
    Row(
        conv("aten.conv2d", (2, 48, 28, 28), 3, input=(2, 24, 28, 28), weight=(48, 24 // 3, 1, 1)),
        Kind.POINTWISE_CONVOLUTION,
        mult_adds=2 * 28 * 28 * 24 * 48 // 3,
        memory_access=2 * 28 * 28 * (24 + 48) + 24 * 48 // 3,
        activations=2 * 48 * 28 * 28,
    ),
    # 7x7 with stride 2: the positions are the output's.
    Row(
        conv("aten.convolution", (1, 64, 112, 112), input=(1, 3, 224, 224), weight=(64, 3, 7, 7)),
        Kind.CONVOLUTION,
        mult_adds=112 * 112 * 64 * 3 * 7 * 7,
        memory_access=3 * 224 * 224 + 64 * 3 * 7 * 7 + 64 * 112 * 112,
        activations=64 * 112 * 112,
    ),
    # One channel a group.
    Row(
        conv("aten.conv2d", (1, 32, 14, 14), 32, input=(1, 32, 14, 14), weight=(32, 1, 3, 3)),
        Kind.DEPTHWISE_CONVOLUTION,
        mult_adds=14 * 14 * 32 * 3 * 3,
        memory_access=2 * (32 * 14 * 14) + 32 * 3 * 3,
        activations=32 * 14 * 14,
    ),
    # A depthwise convolution that widens is one still, even where its kernel is 1x1.
    Row(
        conv("aten.conv2d", (1, 64, 7, 7), 32, input=(1, 32, 7, 7), weight=(64, 1, 1, 1)),
        Kind.DEPTHWISE_CONVOLUTION,
        mult_adds=7 * 7 * 64,
        memory_access=7 * 7 * (32 + 64) + 64,
        activations=64 * 7 * 7,
    ),
    # Two channels, in as many groups or in none.
    Row(
        conv("aten.conv2d", (1, 2, 7, 7), 2, input=(1, 2, 7, 7), weight=(2, 1, 3, 3)),
        Kind.DEPTHWISE_CONVOLUTION,
        mult_adds=7 * 7 * 2 * 3 * 3,
        memory_access=7 * 7 * (2 + 2) + 2 * 3 * 3,
        activations=2 * 7 * 7,
    ),
    Row(
        call("aten.conv2d", (1, 2, 7, 7), input=(1, 2, 7, 7), weight=(2, 2, 3, 3)),
        Kind.CONVOLUTION,
        mult_adds=7 * 7 * 2 * 2 * 3 * 3,
        memory_access=7 * 7 * (2 + 2) + 2 * 2 * 3 * 3,
        activations=2 * 7 * 7,
    ),
    # One group over one channel is no depthwise convolution.
    Row(
        conv("aten.conv2d", (1, 6, 28, 28), input=(1, 1, 32, 32), weight=(6, 1, 5, 5)),
        Kind.CONVOLUTION,
        mult_adds=28 * 28 * 6 * 5 * 5,
        memory_access=32 * 32 + 6 * 5 * 5 + 6 * 28 * 28,
        activations=6 * 28 * 28,
    ),
    # Without a batch dimension, in one and in three dimensions of space.
    Row(
        conv("aten.conv1d", (8, 98), input=(4, 100), weight=(8, 4, 3)),
        Kind.CONVOLUTION,
        mult_adds=98 * 8 * 4 * 3,
        memory_access=4 * 100 + 8 * 4 * 3 + 8 * 98,
        activations=8 * 98,
    ),
    Row(
        conv("aten.conv3d", (1, 5, 4, 6, 6), input=(1, 2, 6, 8, 8), weight=(5, 2, 3, 3, 3)),
        Kind.CONVOLUTION,
        mult_adds=4 * 6 * 6 * 5 * 2 * 3 * 3 * 3,
        memory_access=2 * 6 * 8 * 8 + 5 * 2 * 3 * 3 * 3 + 5 * 4 * 6 * 6,
        activations=5 * 4 * 6 * 6,
    ),
    # Transposed: each of the 7·7·16 inputs meets 8·2·2 weights, as in the adjoint from (8, 14, 14) to (16, 7, 7).
    Row(
        transposed((1, 8, 14, 14), input=(1, 16, 7, 7), weight=(16, 8, 2, 2), bias=(8,)),
        Kind.CONVOLUTION,
        mult_adds=7 * 7 * 16 * 8 * 2 * 2,
        other_flops=8 * 14 * 14,
        memory_access=16 * 7 * 7 + 16 * 8 * 2 * 2 + 8 + 8 * 14 * 14,
        activations=8 * 14 * 14,
    ),
    Row(
        conv("aten.conv_transpose2d", (1, 16, 14, 14), 16, input=(1, 16, 7, 7), weight=(16, 1, 4, 4)),
        Kind.DEPTHWISE_CONVOLUTION,
        mult_adds=7 * 7 * 16 * 4 * 4,
        memory_access=16 * 7 * 7 + 16 * 4 * 4 + 16 * 14 * 14,
        activations=16 * 14 * 14,
    ),
    # Deformable: 6 channels, of which 3 a group, sampled at 3·3 places for each of 10·10 positions; 2 sets of offsets.
    Row(
        call(
            "torchvision.deform_conv2d",
            (1, 4, 10, 10),
            input=(1, 6, 12, 12),
            weight=(4, 6 // 2, 3, 3),
            offset=(1, 2 * 2 * 3 * 3, 10, 10),
            mask=(1, 2 * 3 * 3, 10, 10),
            bias=(4,),
        ),
        Kind.CONVOLUTION,
        mult_adds=10 * 10 * 4 * (6 // 2) * 3 * 3,
        other_flops=8 * (10 * 10 * 6 * 3 * 3) + 10 * 10 * 4,
        memory_access=6 * 12 * 12 + 4 * (6 // 2) * 3 * 3 + (2 + 1) * 2 * 3 * 3 * 10 * 10 + 4 + 4 * 10 * 10,
        activations=4 * 10 * 10,
    ),
)


def of_parameter(op: Op) -> Op:
    """The same call, whose second operand is a parameter."""
    return op._replace(parameters=(None, "weight", *op.parameters[2:]))


PRODUCTS = (
    Row(
        call("aten.linear", (2, 10, 8), input=(2, 10, 4), weight=(8, 4), bias=(8,)),
        Kind.LINEAR,
        mult_adds=2 * 10 * 4 * 8,
        other_flops=2 * 10 * 8,
        memory_access=2 * 10 * 4 + 8 * 4 + 8 + 2 * 10 * 8,
        activations=2 * 10 * 8,
    ),
    Row(
        call("aten.linear", (2, 8), input=(2, 4), weight=(8, 4)),
        Kind.LINEAR,
        mult_adds=2 * 4 * 8,
        memory_access=2 * 4 + 8 * 4 + 2 * 8,
        activations=2 * 8,
    ),
    # The left operand is used for each of 5 batches, and read at its own size.
    Row(
        call("aten.matmul", (5, 4, 6), self=(4, 8), other=(5, 8, 6)),
        Kind.MATMUL,
        mult_adds=5 * 4 * 8 * 6,
        memory_access=4 * 8 + 5 * 8 * 6 + 5 * 4 * 6,
        activations=5 * 4 * 6,
    ),
    # A product with a parameter is a linear layer.
    Row(
        of_parameter(call("aten.mm", (4, 6), self=(4, 8), mat2=(8, 6))),
        Kind.LINEAR,
        mult_adds=4 * 8 * 6,
        memory_access=4 * 8 + 8 * 6 + 4 * 6,
        activations=4 * 6,
    ),
    Row(
        call("aten.bmm", (5, 4, 6), self=(5, 4, 8), mat2=(5, 8, 6)),
        Kind.MATMUL,
        mult_adds=5 * 4 * 8 * 6,
        memory_access=5 * (4 * 8 + 8 * 6 + 4 * 6),
        activations=5 * 4 * 6,
    ),
    Row(
        call("aten.dot", (), self=(7,), tensor=(7,)),
        Kind.MATMUL,
        mult_adds=7,
        memory_access=7 + 7 + 1,
        activations=1,
    ),
    Row(
        call("aten.addmm", (4, 6), self=(6,), mat1=(4, 8), mat2=(8, 6)),
        Kind.MATMUL,
        mult_adds=4 * 8 * 6,
        other_flops=4 * 6,
        memory_access=6 + 4 * 8 + 8 * 6 + 4 * 6,
        activations=4 * 6,
    ),
    # Sums over its batch of 5 as well.
    Row(
        call("aten.addbmm", (4, 6), self=(4, 6), batch1=(5, 4, 8), batch2=(5, 8, 6)),
        Kind.MATMUL,
        mult_adds=5 * 4 * 8 * 6,
        other_flops=4 * 6,
        memory_access=4 * 6 + 5 * (4 * 8 + 8 * 6) + 4 * 6,
        activations=4 * 6,
    ),
    # x1 · W · x2 for each of 7 outputs: 4·5 products with x2, then 4 with x1.
    Row(
        call("aten.bilinear", (3, 7), input1=(3, 4), input2=(3, 5), weight=(7, 4, 5), bias=(7,)),
        Kind.LINEAR,
        mult_adds=3 * 7 * (4 * 5 + 4),
        other_flops=3 * 7,
        memory_access=3 * 4 + 3 * 5 + 7 * 4 * 5 + 7 + 3 * 7,
        activations=3 * 7,
    ),
    # As bilinear calls it: the weight stands second.
    Row(
        call("aten._trilinear", (3, 7), i1=(3, 1, 4), i2=(7, 4, 5), i3=(3, 1, 5)),
        Kind.LINEAR,
        mult_adds=3 * 7 * (4 * 5 + 4),
        memory_access=3 * 4 + 7 * 4 * 5 + 3 * 5 + 3 * 7,
        activations=3 * 7,
    ),
    # Subtract, square and add over 8 coordinates, and a root.
    Row(
        call("aten.cdist", (4, 6), x1=(4, 8), x2=(6, 8)),
        Kind.OTHER,
        other_flops=4 * 6 * (3 * 8 + 1),
        memory_access=4 * 8 + 6 * 8 + 4 * 6,
    ),
    Row(
        call("aten.linalg_inv", (5, 4, 4), A=(5, 4, 4)),
        Kind.OTHER,
        other_flops=5 * 2 * 4 * 4 * 4,
        memory_access=2 * (5 * 4 * 4),
    ),
)

ATTENTION = (
    # 2·4·10·12 scores of length 8, each used for 6 outputs; scale and softmax are 1 + 5.
    Row(
        call(
            "aten.scaled_dot_product_attention",
            (2, 4, 10, 6),
            query=(2, 4, 10, 8),
            key=(2, 4, 12, 8),
            value=(2, 4, 12, 6),
        ),
        Kind.ATTENTION,
        mult_adds=2 * 4 * 10 * 12 * (8 + 6),
        other_flops=2 * 4 * 10 * 12 * (1 + 5),
        memory_access=2 * 4 * (10 * 8 + 12 * 8 + 12 * 6) + 2 * 4 * 10 * 6,
        activations=2 * 4 * 10 * 6,
    ),
    # The scores that a mask of blocks keeps.
    Row(
        call(
            "higher_order.flex_attention",
            (2, 10, 6),
            {"scores": 50},
            query=(2, 10, 8),
            key=(2, 10, 8),
            value=(2, 10, 6),
        ),
        Kind.ATTENTION,
        mult_adds=50 * (8 + 6),
        other_flops=50 * (1 + 5),
        memory_access=2 * 10 * (8 + 8 + 6) + 2 * 10 * 6,
        activations=2 * 10 * 6,
    ),
    # A mask is added, and read at its own size; a causal one costs no less.
    Row(
        call(
            "aten.scaled_dot_product_attention",
            (2, 4, 10, 8),
            {"is_causal": True},
            query=(2, 4, 10, 8),
            key=(2, 4, 10, 8),
            value=(2, 4, 10, 8),
            attn_mask=(1, 1, 10, 10),
        ),
        Kind.ATTENTION,
        mult_adds=2 * 4 * 10 * 10 * (8 + 8),
        other_flops=2 * 4 * 10 * 10 * (1 + 1 + 5),
        memory_access=3 * (2 * 4 * 10 * 8) + 10 * 10 + 2 * 4 * 10 * 8,
        activations=2 * 4 * 10 * 8,
    ),
    # What a kernel keeps for training (the logarithms of the sums) is not counted; 8 heads may share 2 keys.
    Row(
        call(
            "aten._scaled_dot_product_flash_attention",
            [(1, 8, 10, 16), (1, 8, 10)],
            query=(1, 8, 10, 16),
            key=(1, 2, 10, 16),
            value=(1, 2, 10, 16),
        ),
        Kind.ATTENTION,
        mult_adds=8 * 10 * 10 * (16 + 16),
        other_flops=8 * 10 * 10 * (1 + 5),
        memory_access=(8 + 2 + 2) * 10 * 16 + 8 * 10 * 16,
        activations=8 * 10 * 16,
    ),
)

CHANNELS = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (6,))

NORMS = (
    # Eval: a product and a sum an element; scale, shift, mean and variance are read.
    Row(
        call("aten.batch_norm", (2, 6, 5, 5), {"training": False}, input=(2, 6, 5, 5), **CHANNELS),
        Kind.NORMALISATION,
        other_flops=2 * (2 * 6 * 5 * 5),
        memory_access=2 * (2 * 6 * 5 * 5) + 4 * 6,
    ),
    # Training: mean 1, centre, square and sum 3, centre and scale 2, learnt scale and shift 2.
    Row(
        call("aten.batch_norm", (2, 6, 5, 5), {"training": True}, input=(2, 6, 5, 5), **CHANNELS),
        Kind.NORMALISATION,
        other_flops=(1 + 3 + 2 + 2) * (2 * 6 * 5 * 5),
        memory_access=2 * (2 * 6 * 5 * 5) + 4 * 6,
    ),
    # The statistics that it hands on are not counted.
    Row(
        call("aten._native_batch_norm_legit_no_training", [(2, 6, 5), (0,), (0,)], input=(2, 6, 5), **CHANNELS),
        Kind.NORMALISATION,
        other_flops=2 * (2 * 6 * 5),
        memory_access=2 * (2 * 6 * 5) + 4 * 6,
    ),
    Row(
        call("aten.native_batch_norm", [(2, 6, 5), (6,), (6,)], {"training": True}, input=(2, 6, 5), **CHANNELS),
        Kind.NORMALISATION,
        other_flops=(1 + 3 + 2 + 2) * (2 * 6 * 5),
        memory_access=2 * (2 * 6 * 5) + 4 * 6,
    ),
    Row(
        call("aten.layer_norm", (2, 10, 6), {"normalized_shape": [6]}, input=(2, 10, 6), weight=(6,), bias=(6,)),
        Kind.NORMALISATION,
        other_flops=(6 + 2) * (2 * 10 * 6),
        memory_access=2 * (2 * 10 * 6) + 2 * 6,
    ),
    Row(
        call("aten.native_group_norm", [(2, 6, 5, 5), (2, 3), (2, 3)], input=(2, 6, 5, 5)),
        Kind.NORMALISATION,
        other_flops=6 * (2 * 6 * 5 * 5),
        memory_access=2 * (2 * 6 * 5 * 5),
    ),
    Row(
        call("aten.rms_norm", (2, 10, 6), input=(2, 10, 6), weight=(6,)),
        Kind.NORMALISATION,
        other_flops=(3 + 1) * (2 * 10 * 6),
        memory_access=2 * (2 * 10 * 6) + 6,
    ),
    Row(
        call("aten._fused_rms_norm", [(2, 10, 6), (2, 10, 1)], input=(2, 10, 6)),
        Kind.NORMALISATION,
        other_flops=3 * (2 * 10 * 6),
        memory_access=2 * (2 * 10 * 6),
    ),
    Row(
        call("aten._weight_norm_interface", [(8, 4), (8, 1)], v=(8, 4), g=(8, 1)),
        Kind.NORMALISATION,
        other_flops=3 * (8 * 4),
        memory_access=8 * 4 + 8 + 8 * 4,
    ),
    Row(
        call("aten.softmax", (2, 10), {"dim": -1}, self=(2, 10)),
        Kind.SOFTMAX,
        other_flops=5 * (2 * 10),
        memory_access=2 * (2 * 10),
    ),
    Row(
        call("aten.native_dropout", [(2, 10), tensor(2, 10, dtype="bool")], {"p": 0.5, "train": True}, input=(2, 10)),
        Kind.ELEMENTWISE,
        other_flops=3 * (2 * 10),
        memory_access=3 * (2 * 10),
    ),
)

POOLINGS = (
    Row(
        call("aten.avg_pool2d", (1, 8, 7, 7), {"kernel_size": [2, 2]}, self=(1, 8, 14, 14)),
        Kind.POOLING,
        other_flops=8 * 7 * 7 * (2 * 2),
        memory_access=8 * 14 * 14 + 8 * 7 * 7,
    ),
    # One number for all of space.
    Row(
        call("aten.avg_pool3d", (1, 8, 2, 2, 2), {"kernel_size": [3]}, self=(1, 8, 6, 6, 6)),
        Kind.POOLING,
        other_flops=8 * 2 * 2 * 2 * (3 * 3 * 3),
        memory_access=8 * 6 * 6 * 6 + 8 * 2 * 2 * 2,
    ),
    # Inside local response normalisation: five channels wide, one pixel in space.
    Row(
        call("aten.avg_pool3d", (1, 1, 64, 56, 56), {"kernel_size": [5, 1, 1]}, self=(1, 1, 68, 56, 56)),
        Kind.NORMALISATION,
        other_flops=64 * 56 * 56 * 5,
        memory_access=68 * 56 * 56 + 64 * 56 * 56,
    ),
    # The indices that the kernel writes as well are its own.
    Row(
        call(
            "aten.max_pool2d_with_indices",
            [(1, 8, 7, 7), tensor(1, 8, 7, 7, dtype="int64")],
            {"kernel_size": 3},
            self=(1, 8, 15, 15),
        ),
        Kind.POOLING,
        other_flops=8 * 7 * 7 * (3 * 3),
        memory_access=8 * 15 * 15 + 8 * 7 * 7,
    ),
    # 7 to 3: windows of ceil(7 / 3) = 3 a side.
    Row(
        call("aten.adaptive_avg_pool2d", (2, 8, 3, 1), {"output_size": [3, 1]}, self=(2, 8, 7, 7)),
        Kind.POOLING,
        other_flops=2 * 8 * 3 * 1 * (3 * 7),
        memory_access=2 * 8 * 7 * 7 + 2 * 8 * 3 * 1,
    ),
    # Its indices are not counted either.
    Row(
        call("aten.adaptive_max_pool2d", [(8, 3, 3), tensor(8, 3, 3, dtype="int64")], self=(8, 6, 6)),
        Kind.POOLING,
        other_flops=8 * 3 * 3 * (2 * 2),
        memory_access=8 * 6 * 6 + 8 * 3 * 3,
    ),
    Row(
        call("aten.upsample_nearest2d", (1, 8, 14, 14), self=(1, 8, 7, 7)),
        Kind.MOVEMENT,
        memory_access=8 * 7 * 7 + 8 * 14 * 14,
    ),
    # Two taps a side are two products and a sum in one dimension, 4 and 3 in two, 8 and 7 in three.
    Row(
        call("aten.upsample_linear1d", (1, 8, 14), self=(1, 8, 7)),
        Kind.OTHER,
        other_flops=8 * 14 * (2 + 1),
        memory_access=8 * 7 + 8 * 14,
    ),
    Row(
        call("aten.upsample_trilinear3d", (1, 8, 4, 4, 4), self=(1, 8, 2, 2, 2)),
        Kind.OTHER,
        other_flops=8 * 4 * 4 * 4 * (8 + 7),
        memory_access=8 * 2 * 2 * 2 + 8 * 4 * 4 * 4,
    ),
    Row(
        call("aten.upsample_bilinear2d", (1, 8, 14, 14), self=(1, 8, 7, 7)),
        Kind.OTHER,
        other_flops=8 * 14 * 14 * (4 + 3),
        memory_access=8 * 7 * 7 + 8 * 14 * 14,
    ),
    Row(
        call("aten._upsample_bicubic2d_aa", (1, 8, 14, 14), self=(1, 8, 7, 7)),
        Kind.OTHER,
        other_flops=8 * 14 * 14 * (16 + 15),
        memory_access=8 * 7 * 7 + 8 * 14 * 14,
    ),
    Row(
        call("aten.grid_sampler", (1, 8, 5, 5), input=(1, 8, 7, 7), grid=(1, 5, 5, 2)),
        Kind.OTHER,
        other_flops=8 * 5 * 5 * (4 + 3),
        memory_access=8 * 7 * 7 + 5 * 5 * 2 + 8 * 5 * 5,
    ),
)

REDUCTIONS = (
    # A mean over space is a pooling.
    Row(
        call("aten.mean", (2, 8), {"dim": [2, 3]}, self=(2, 8, 7, 7)),
        Kind.POOLING,
        other_flops=2 * 8 * 7 * 7,
        memory_access=2 * 8 * 7 * 7 + 2 * 8,
    ),
    Row(
        call("aten.sum", (2, 8), {"dim": [1]}, self=(2, 5, 8)),
        Kind.REDUCTION,
        other_flops=2 * 5 * 8,
        memory_access=2 * 5 * 8 + 2 * 8,
    ),
    # Compare, subtract, exponentiate and add an element; a logarithm an output.
    Row(
        call("aten.logsumexp", (2,), {"dim": [1]}, self=(2, 5)),
        Kind.REDUCTION,
        other_flops=4 * (2 * 5) + 2,
        memory_access=2 * 5 + 2,
    ),
    Row(
        call("aten.linalg_vector_norm", (2,), {"dim": [1]}, self=(2, 5)),
        Kind.REDUCTION,
        other_flops=2 * (2 * 5) + 2,
        memory_access=2 * 5 + 2,
    ),
    Row(
        call("aten.std", (3,), {"dim": [1]}, self=(3, 5)),
        Kind.REDUCTION,
        other_flops=(1 + 3) * (3 * 5) + 2 * 3,
        memory_access=3 * 5 + 3,
    ),
    # 2 rows of 1000: log2(1000) rounded up is 10.
    Row(
        call("aten.sort", [(2, 1000), (2, 1000)], {"dim": -1}, self=(2, 1000)),
        Kind.REDUCTION,
        other_flops=2 * 1000 * 10,
        memory_access=2 * 1000 + 2 * (2 * 1000),
    ),
    # Along the last dimension unless told otherwise; a power of two needs no rounding.
    Row(
        call("aten.topk", [(4, 2), (4, 2)], {"k": 2}, self=(4, 64)),
        Kind.REDUCTION,
        other_flops=4 * 64 * 6,
        memory_access=4 * 64 + 2 * (4 * 2),
    ),
    # One comparison at least.
    Row(call("aten.msort", (1, 9), {"dim": 0}, self=(1, 9)), Kind.REDUCTION, other_flops=9, memory_access=9 + 9),
    Row(call("aten.sort", [(), ()], self=()), Kind.REDUCTION, other_flops=1, memory_access=1 + 2),
    # Along the first dimension, of 4.
    Row(
        call("aten.argsort", (4, 1000), {"dim": 0}, self=(4, 1000)),
        Kind.REDUCTION,
        other_flops=4 * 1000 * 2,
        memory_access=2 * (4 * 1000),
    ),
)


def moved(op: Op, memory_access: int, flops: int = 0, kind: Kind = Kind.MOVEMENT) -> Row:
    """A row of an operator that multiplies nothing."""
    return Row(op, kind, memory_access, other_flops=flops)


MOVEMENTS = (
    moved(call("aten.cat", (1, 9, 7, 7), tensors=[(1, 4, 7, 7), (1, 5, 7, 7)]), 2 * (1 * 9 * 7 * 7)),
    moved(call("aten.clone", (3, 4), self=(3, 4)), 2 * (3 * 4)),
    moved(call("aten.pad", (1, 5, 9, 9), self=(1, 5, 7, 7)), 5 * 7 * 7 + 5 * 9 * 9),
    moved(call("aten.roll", (3, 4), self=(3, 4)), 2 * (3 * 4)),
    moved(call("aten.reshape", (2, 10), self=(2, 5, 2)), 2 * (2 * 10)),
    # A copy of an expanded tensor reads what lies in memory.
    moved(call("aten.clone", (3, 4), self=tensor(3, 4, broadcast=3)), 4 + 3 * 4),
    moved(call("aten.zeros", (3, 4)), 3 * 4),
    # The tensor that lends its shape, or whose old content is lost, is not read.
    moved(call("aten.ones_like", (3, 4), self=(3, 4)), 3 * 4),
    moved(call("aten.fill_", (3, 4), {"value": 1.0}, self=(3, 4)), 3 * 4),
    moved(call("aten.copy_", (3, 4), self=(3, 4), src=(4,)), 4 + 3 * 4),
    # 2·7 rows of 16 are read, and 2·7 indices; not the table of 1000 rows.
    moved(call("aten.embedding", (2, 7, 16), weight=(1000, 16), indices=(2, 7)), 2 * 7 * 16 + 2 * 7 + 2 * 7 * 16),
    moved(call("aten.index_select", (5, 16), {"dim": 0}, self=(1000, 16), index=(5,)), 5 * 16 + 5 + 5 * 16),
    # In place the values and indices are read and the values written, out of place all the rest as well.
    moved(call("aten.index_put_", (100, 8), self=(100, 8), indices=[(3,)], values=(3, 8)), 3 + 3 * 8 + 3 * 8),
    moved(
        call("aten.index_put", (100, 8), self=(100, 8), indices=[(3,)], values=(3, 8)), 100 * 8 + 3 + 3 * 8 + 100 * 8
    ),
    moved(call("aten.index_fill_", (9, 4, 8), {"dim": -2, "value": 0}, self=(9, 4, 8), index=(3,)), 3 + 9 * 3 * 8),
    moved(
        call("aten.index_fill_", (9, 4, 8), {"dim": 1}, self=(9, 4, 8), index=(3,), value=()),
        3 + 1 + 9 * 3 * 8,
    ),
    moved(call("aten.index_fill_", (), {"dim": 0, "value": 0}, self=(), index=(1,)), 1 + 1),
    moved(call("aten.index_fill", (9, 4, 8), {"dim": 1, "value": 0}, self=(9, 4, 8), index=(3,)), 3 + 2 * (9 * 4 * 8)),
    moved(
        call("aten.scatter_add", (9, 8), {"dim": 0}, self=(9, 8), index=(5, 8), src=(5, 8)),
        9 * 8 + 2 * (5 * 8) + 9 * 8,
        flops=5 * 8,
        kind=Kind.OTHER,
    ),
    moved(
        call("aten.index_add", (9, 8), {"dim": 0}, self=(9, 8), index=(5,), source=(5, 8)),
        9 * 8 + 5 + 5 * 8 + 9 * 8,
        flops=5 * 8,
        kind=Kind.OTHER,
    ),
)

ARITHMETIC = (
    # The bias of 8 is read at its own size.
    moved(call("aten.add", (2, 5, 8), self=(2, 5, 8), other=(8,)), 2 * (2 * 5 * 8) + 8, 2 * 5 * 8, Kind.ELEMENTWISE),
    # alpha is one multiplication more.
    moved(call("aten.add_", (2, 5), {"alpha": 2}, self=(2, 5), other=(2, 5)), 3 * (2 * 5), 2 * 2 * 5, Kind.ELEMENTWISE),
    # By the error function: divide, erf, add, halve, multiply.
    moved(call("aten.gelu", (2, 5), self=(2, 5)), 2 * (2 * 5), 5 * 2 * 5, Kind.ELEMENTWISE),
    # By tanh: cube (2), scale and add (2), scale, tanh, add, halve, multiply.
    moved(
        call("aten.gelu", (2, 5), {"approximate": "tanh"}, self=(2, 5)),
        2 * (2 * 5),
        (2 + 2 + 5) * 2 * 5,
        Kind.ELEMENTWISE,
    ),
    # In place it still reads and writes.
    moved(call("aten.relu_", (2, 5), self=(2, 5)), 2 * (2 * 5), 2 * 5, Kind.ELEMENTWISE),
    moved(
        call("aten.where", (2, 5), condition=tensor(2, 5, dtype="bool"), self=(2, 5), other=()),
        2 * (2 * 5) + 1 + 2 * 5,
        2 * 5,
        Kind.ELEMENTWISE,
    ),
)


def other(op: Op, memory_access: int, flops: int, kind: Kind = Kind.OTHER) -> Row:
    """A row of an operator whose FLOPs are no multiply-adds of layers."""
    return moved(op, memory_access, flops, kind)


def square(name: str, size: int, batch: int = 2, /, **arguments: bool) -> Op:
    return call(name, (batch, size, size), arguments, A=(batch, size, size))


# Per matrix of side 6: LU 2/3 n^3, Cholesky 1/3, inverse 2, and 4/3, 10, 25 and 9 for eigenvalues.
ALGEBRA = (
    *(
        other(square(f"aten.{name}", 6), 2 * (2 * 36), 2 * thirds * 6**3 // 3)
        for name, thirds in {
            "linalg_inv": 6, "_linalg_det": 2, "linalg_cholesky_ex": 1, "linalg_eigvalsh": 4, "linalg_eigvals": 30,
            "linalg_eig": 75, "_linalg_eigh": 27,
        }.items()
    ),
    other(call("aten._linalg_eigh", (6,), {"compute_v": False}, A=(6, 6)), 36 + 6, 4 * 6**3 // 3),
    # 2 n^2 (m - n/3) for R = 2 * 9 * (8 - 1), and as many for Q.
    other(call("aten.linalg_qr", [(8, 3), (3, 3)], {"mode": "reduced"}, A=(8, 3)), 24 + 24 + 9, 2 * 2 * 9 * (8 - 1)),
    other(call("aten.linalg_qr", (3, 3), {"mode": "r"}, A=(8, 3)), 24 + 9, 2 * 9 * (8 - 1)),
    other(call("aten._linalg_svd", (8, 3), {"compute_uv": True}, A=(8, 3)), 24 + 24, 14 * 8 * 9 + 8 * 27),
    other(call("aten._linalg_svd", (3,), {"compute_uv": False}, A=(8, 3)), 24 + 3, 4 * 9 * (8 - 1)),
    other(call("aten.linalg_lstsq", (3, 2), self=(8, 3), b=(8, 2)), 24 + 16 + 6, 2 * 9 * (8 - 1)),
    # LU, then 2 n^2 for each of 5 right-hand sides; half of that by one triangle.
    other(call("aten.linalg_solve", (6, 5), A=(6, 6), B=(6, 5)), 36 + 2 * 30, 2 * 6**3 // 3 + 2 * 36 * 5),
    other(call("aten.linalg_solve_triangular", (6, 5), self=(6, 6), B=(6, 5)), 36 + 2 * 30, 36 * 5),
    other(call("aten.cholesky_solve", (6, 5), self=(6, 5), A=(6, 6)), 36 + 2 * 30, 2 * 36 * 5),
    other(call("aten.linalg_householder_product", (8, 3), input=(8, 3), tau=(3,)), 24 + 3 + 24, 4 * 8 * 3 * 3),
    # Three signals of 8 numbers: 2.5 * 8 * log2(8) each, twice that if they are complex.
    other(call("aten._fft_r2c", (3, 5), {"dim": [1]}, self=(3, 8)), 24 + 15, 3 * 60),
    other(call("aten._fft_c2r", (3, 8), {"dim": [1]}, self=(3, 5)), 15 + 24, 3 * 60),
    other(call("aten._fft_c2c", (4, 8), {"dim": [0, 1]}, self=(4, 8)), 2 * 32, 5 * 32 * 5),
)  # fmt: skip

SPECIAL = (
    Row(call("aten.linalg_vecdot", (4, 3), {"dim": 0}, x=(5, 4, 3), y=(5, 1, 3)), Kind.MATMUL, 60 + 15 + 12, 60, 0, 12),
    Row(
        call("aten._scaled_mm", (4, 6), self=(4, 8), mat2=(8, 6), scale_a=(), scale_b=(), bias=(6,)),
        Kind.MATMUL, 32 + 48 + 2 + 6 + 24, 4 * 8 * 6, 2 * 24, 24,
    ),
    # A graph of 4 nodes and 5 edges, from either side: 5 products per column, and no zeros are read.
    Row(
        call("aten.mm", (4, 3), self=tensor(4, 4)._replace(stored=5), mat2=(4, 3)),
        Kind.MATMUL, 5 + 12 + 12, 5 * 3, 0, 12,
    ),
    Row(
        call("aten.addmm", (3, 4), self=(3, 4), mat1=(3, 4), mat2=tensor(4, 4)._replace(stored=5)),
        Kind.MATMUL, 12 + 12 + 5 + 12, 5 * 3, 12, 12,
    ),
    # 10 rows, each to one of 3 experts; and 10 inner terms shared out among 3 products.
    Row(
        call("aten._grouped_mm", (10, 6), self=(10, 8), mat2=(3, 8, 6), offs=(3,)),
        Kind.MATMUL, 80 + 144 + 3 + 60, 10 * 8 * 6, 0, 60,
    ),
    Row(
        call("aten._grouped_mm", (3, 4, 6), self=(4, 10), mat2=(10, 6), offs=(3,)),
        Kind.MATMUL, 40 + 60 + 3 + 72, 4 * 10 * 6, 0, 72,
    ),
    Row(call("aten.affine_grid_generator", (2, 5, 5, 2), theta=(2, 2, 3)), Kind.OTHER, 12 + 100, 100 * 3),
    Row(
        call("quantized.linear_relu", (2, 5), X=(2, 8), weight=(5, 8), bias=(5,)),
        Kind.LINEAR, 16 + 40 + 5 + 10, 2 * 5 * 8, 2 * 10, 10,
    ),
    Row(
        call("quantized.conv2d", (1, 4, 6, 6), {"groups": 1}, qx=(1, 3, 8, 8), weight=(4, 3, 3, 3)),
        Kind.CONVOLUTION, 3 * 64 + 108 + 144, 144 * 27, 0, 144,
    ),
    Row(
        call("quantized.conv_transpose2d", (1, 3, 8, 8), {"groups": 1}, qx=(1, 4, 6, 6), weight=(4, 3, 3, 3)),
        Kind.CONVOLUTION, 144 + 108 + 192, 144 * 27, 0, 192,
    ),
    # Two steps of three sequences; per unit the gates are 22 FLOPs of an LSTM.
    Row(
        call("aten.quantized_lstm", (2, 3, 5), input=(2, 3, 4), hx=[(1, 3, 5), (1, 3, 5)],
             weight=[(20, 4), (20, 5)], bias=[(20,), (20,)]),
        Kind.LINEAR, 24 + 30 + 80 + 100 + 40 + 30, 6 * 20 * (4 + 5), 6 * (40 + 22 * 5), 30,
    ),
    # Four bits each: rows of 4 bytes; each element is scaled, shifted and added up.
    other(call("quantized.embedding_bag_4bit", (3, 8), indices=(7,), offsets=(3,), weight=(100, 4)),
          7 * 4 + 7 + 3 + 24, 3 * 7 * 8, Kind.MOVEMENT),
    other(call("aten.linalg_cross", (5, 3), self=(5, 3), other=(5, 3)), 45, 3 * 15),
    other(call("aten.dist", (), self=(5, 3), other=(5, 3)), 30 + 1, 3 * 15 + 1, Kind.REDUCTION),
    # Gradients: a convolution for the input and one for the weight; five products of an attention's size.
    Row(
        call("aten.convolution_backward", [(1, 3, 8, 8), (4, 3, 3, 3), (4,)], {"output_mask": [True, True, True]},
             grad_output=(1, 4, 6, 6), input=(1, 3, 8, 8), weight=(4, 3, 3, 3)),
        Kind.CONVOLUTION, (144 + 108 + 192) + (144 + 192 + 108) + (144 + 4), 2 * 144 * 27, 144,
    ),
    # Depthwise, the weight frozen: one product of the forward's size, 1 x 4 x 6 x 6 x 3 x 3.
    Row(
        call("aten.convolution_backward", [(1, 4, 8, 8)], {"output_mask": [True, False, False], "groups": 4},
             grad_output=(1, 4, 6, 6), input=(1, 4, 8, 8), weight=(4, 1, 3, 3)),
        Kind.DEPTHWISE_CONVOLUTION, 144 + 36 + 256, 144 * 9,
    ),
    # Transposed: each element of the input met O/g * K weights.
    Row(
        call("aten.convolution_backward", [(1, 3, 4, 4), (3, 2, 2, 2)],
             {"output_mask": [True, True, False], "transposed": True},
             grad_output=(1, 2, 8, 8), input=(1, 3, 4, 4), weight=(3, 2, 2, 2)),
        Kind.CONVOLUTION, (128 + 24 + 48) + (128 + 48 + 24), 2 * 48 * 8,
    ),
    Row(
        call("aten._scaled_dot_product_flash_attention_for_cpu_backward", [(1, 2, 5, 8), (1, 2, 7, 8), (1, 2, 7, 8)],
             grad_out=(1, 2, 5, 8), query=(1, 2, 5, 8), key=(1, 2, 7, 8), value=(1, 2, 7, 8)),
        Kind.ATTENTION, 80 + 2 * (80 + 112 + 112), 5 * (2 * 5 * 7 * 8), 6 * (2 * 5 * 7) + 2 * 80,
    ),
    other(call("aten.tanh_backward", (4, 5), grad_output=(4, 5), output=(4, 5)), 60, 3 * 20, Kind.ELEMENTWISE),
    other(call("aten._softmax_backward_data", (4, 5), grad_output=(4, 5), output=(4, 5)), 60, 4 * 20, Kind.SOFTMAX),
    *(
        other(call("aten.native_batch_norm_backward", [(2, 3, 4), (3,), (3,)], {"train": trains}, grad_out=(2, 3, 4),
                   input=(2, 3, 4), weight=(3,), save_mean=(3,), save_invstd=(3,)),
              2 * 24 + 3 * 3 + 24 + 2 * 3, steps * 24, Kind.NORMALISATION)
        for trains, steps in ((True, 9), (False, 6))
    ),
    other(call("aten.native_layer_norm_backward", [(2, 6), (6,), (6,)], grad_out=(2, 6), input=(2, 6), mean=(2, 1),
               rstd=(2, 1), weight=(6,)), 2 * 12 + 2 * 2 + 6 + 12 + 2 * 6, 10 * 12, Kind.NORMALISATION),
    # Poolings: one place per gradient; an average divides it and adds it to 3 x 3 places; 8 / 4 of them on a side.
    other(call("aten.max_pool2d_with_indices_backward", (1, 2, 8, 8), grad_output=(1, 2, 4, 4), self=(1, 2, 8, 8),
               indices=(1, 2, 4, 4)), 32 + 32 + 128, 32, Kind.POOLING),
    other(call("aten.avg_pool2d_backward", (1, 2, 8, 8), {"kernel_size": [3, 3]}, grad_output=(1, 2, 4, 4),
               self=(1, 2, 8, 8)), 32 + 128, 32 * (9 + 1), Kind.POOLING),
    other(call("aten._adaptive_avg_pool2d_backward", (1, 2, 8, 8), grad_output=(1, 2, 4, 4), self=(1, 2, 8, 8)),
          32 + 128, 32 * (2 * 2 + 1), Kind.POOLING),
    other(call("aten.upsample_nearest2d_backward", (1, 1, 4, 4), grad_output=(1, 1, 8, 8)), 64 + 16, 64),
    other(call("aten.upsample_bilinear2d_backward", (1, 1, 4, 4), grad_output=(1, 1, 8, 8)), 64 + 16, 64 * 2 * 4),
    other(call("aten.upsample_bicubic2d_backward", (1, 1, 4, 4), grad_output=(1, 1, 8, 8)), 64 + 16, 64 * 2 * 16),
    other(call("aten.grid_sampler_2d_backward", [(1, 1, 4, 4), (1, 8, 8, 2)], grad_output=(1, 1, 8, 8),
               input=(1, 1, 4, 4), grid=(1, 8, 8, 2)), 64 + 16 + 128 + 16 + 128, 64 * 2 * 2 * 4),
    # A gradient per target, in zeros for all classes; a part in zeros for the whole.
    other(call("aten.nll_loss_backward", (4, 10), grad_output=(), self=(4, 10), target=(4,)), 4 + 40, 4),
    other(call("aten.slice_backward", (4, 10), grad_output=(4, 3)), 12 + 40 + 12, 0, Kind.MOVEMENT),
    Row(
        call("torchvision._deform_conv2d_backward", [(1, 3, 8, 8), (4, 3, 3, 3)], grad=(1, 4, 6, 6),
             input=(1, 3, 8, 8), weight=(4, 3, 3, 3)),
        Kind.CONVOLUTION, 144 + 2 * (192 + 108), 2 * 144 * 27, 16 * (36 * 3 * 9) + 144,
    ),
    other(call("aten.embedding_dense_backward", (9, 4), grad_output=(5, 4), indices=(5,)), 20 + 5 + 36, 20),
    Row(
        call("aten.reflection_pad2d_backward", (1, 1, 4, 4), grad_output=(1, 1, 6, 6), self=(1, 1, 4, 4)),
        Kind.MOVEMENT, 36 + 16, 0, 36,
    ),
    # Twice as small with antialiasing: windows of 4 by 4, and of 8 by 8.
    other(call("aten._upsample_bilinear2d_aa", (1, 1, 4, 4), self=(1, 1, 8, 8)), 64 + 16, 16 * (16 + 15)),
    other(call("aten._upsample_bicubic2d_aa", (1, 1, 4, 4), self=(1, 1, 8, 8)), 64 + 16, 16 * (64 + 63)),
    *(
        other(call("aten.grid_sampler", (1, 2, *out), {"interpolation_mode": mode}, input=(1, 2, *out)),
              4 * prod(out), 2 * prod(out) * flops)
        for mode, out, flops in ((0, (5, 5), 7), (1, (5, 5), 0), (2, (5, 5), 31), (0, (3, 3, 3), 15), (1, (3, 3, 3), 0))
    ),
    # 2 * 2 samples of 7 FLOPs and their sum; without a ratio 3 * 2 of a region as large as the map.
    other(call("torchvision.roi_align", (5, 4, 3, 3), {"sampling_ratio": 2}, input=(1, 4, 9, 6), rois=(5, 5)),
          216 + 25 + 180, 180 * 4 * 8, Kind.POOLING),
    other(call("torchvision.roi_align", (5, 4, 3, 3), {"sampling_ratio": -1}, input=(1, 4, 9, 6), rois=(5, 5)),
          216 + 25 + 180, 180 * 3 * 2 * 8, Kind.POOLING),
    other(call("torchvision.roi_pool", [(5, 4, 3, 3), (5, 4, 3, 3)], input=(1, 4, 9, 6), rois=(5, 5)),
          216 + 25 + 180, 180 * 3 * 2, Kind.POOLING),
    other(call("torchvision.nms", (3,), dets=(6, 4), scores=(6,)), 24 + 6 + 3, 13 * 15 + 3 * 6),
    # 7 rows of 16 are added up to 3 bags, weighted; and divided for a mean.
    other(call("aten._embedding_bag", [(3, 16), (7,)], weight=(100, 16), indices=(7,), offsets=(3,)),
          7 * 16 + 7 + 3 + 48, 7 * 16),
    other(call("aten._embedding_bag", (3, 16), {"mode": 1}, weight=(100, 16), indices=(7,), offsets=(3,)),
          7 * 16 + 7 + 3 + 48, 7 * 16 + 48),
    other(call("aten.mse_loss", (), self=(4, 5), target=(4, 5)), 40 + 1, 3 * 20, Kind.REDUCTION),
    other(call("aten.mse_loss", (4, 5), {"reduction": 0}, self=(4, 5), target=(4, 5)), 60, 2 * 20, Kind.REDUCTION),
    other(call("aten.binary_cross_entropy", (), self=(4, 5), target=(4, 5), weight=(5,)),
          45 + 1, 10 * 20, Kind.REDUCTION),
    # One element per target is read, not the whole row.
    other(call("aten.nll_loss_forward", [(), ()], self=(4, 10), target=(4,)), 4 + 4 + 1, 2 * 4, Kind.REDUCTION),
    other(call("aten.max", (3, 5), self=(3, 5), other=(5,)), 15 + 5 + 15, 15, Kind.ELEMENTWISE),
    other(call("aten.max", [(3,), (3,)], {"dim": 1}, self=(3, 5)), 15 + 6, 15, Kind.REDUCTION),
    other(call("aten.histc", (10,), self=(3, 5)), 15 + 10, 2 * 15, Kind.REDUCTION),
    # Limits that are tensors are read, whatever their names.
    other(call("aten.clamp", (4, 5), self=(4, 5), min=(4, 5)), 20 + 20 + 20, 2 * 20, Kind.ELEMENTWISE),
)  # fmt: skip

ROWS = (
    *CONVOLUTIONS, *PRODUCTS, *ATTENTION, *NORMS, *POOLINGS, *REDUCTIONS, *MOVEMENTS, *ARITHMETIC, *ALGEBRA, *SPECIAL,
)  # fmt: skip


def row_id(row: Row) -> str:
    return f"{row.op.name}{[spec.shape for spec in row.op.inputs]}".replace(" ", "")


def rule_of(name: str) -> Rule:
    found = find(name)
    assert found is not None, f"{name} has no rule"
    return found


def cost_of(op: Op) -> Cost:
    cost = rule_of(op.name).cost
    assert cost is not None, f"{op.name} is free"
    return cost(op)


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_an_operator_costs_what_its_arithmetic_says(row):
    cost = cost_of(row.op)
    assert rule_of(row.op.name).kind_of(row.op) is row.kind
    assert cost.mult_adds == row.mult_adds
    assert cost.flops == 2 * row.mult_adds + row.other_flops
    assert cost.memory_access == row.memory_access
    assert cost.activations == row.activations
    is_gradient = row.op.name == "aten.convolution_backward"  # of which each has a kernel of its own
    assert cost.kernels == (sum(row.op.arguments["output_mask"]) if is_gradient else 1)


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_bytes_are_four_an_element_where_all_tensors_are_single_precision(row):
    if any(spec.itemsize != 4 for spec in (*row.op.inputs, *row.op.outputs)):
        halved = tuple(spec._replace(itemsize=4) for spec in row.op.inputs)
        row = row._replace(op=row.op._replace(inputs=halved, outputs=tuple(tensor(*o.shape) for o in row.op.outputs)))
    assert cost_of(row.op).memory_access_bytes == 4 * row.memory_access


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        # Indices of 8 bytes, rows and output of 4.
        (
            call("aten.embedding", (2, 7, 16), weight=(1000, 16), indices=tensor(2, 7, dtype="int64")),
            4 * (2 * 7 * 16) + 8 * (2 * 7) + 4 * (2 * 7 * 16),
        ),
        (call("aten.copy_", (3, 4), self=(3, 4), src=tensor(3, 4, dtype="float16")), 2 * (3 * 4) + 4 * (3 * 4)),
        (call("aten._to_copy", tensor(3, 4, dtype="float16"), self=(3, 4)), 4 * (3 * 4) + 2 * (3 * 4)),
        (
            call("aten.index_put_", (9, 8), self=(9, 8), indices=[tensor(3, dtype="int64")], values=(3, 8)),
            8 * 3 + 4 * (3 * 8) + 4 * (3 * 8),
        ),
        (call("aten.zeros_like", tensor(3, 4, dtype="float16"), self=tensor(3, 4, dtype="float16")), 2 * (3 * 4)),
        (call("aten.argmax", tensor(3, dtype="int64"), {"dim": 1}, self=(3, 4)), 4 * (3 * 4) + 8 * 3),
        (call("aten.gt", tensor(3, 4, dtype="bool"), self=(3, 4)), (4 + 1) * (3 * 4)),
        (
            call("aten.where", (3, 4), condition=tensor(3, 4, dtype="bool"), self=(3, 4), other=(3, 4)),
            (1 + 4 + 4 + 4) * (3 * 4),
        ),
        (
            call("aten.native_dropout", [(3, 4), tensor(3, 4, dtype="bool")], input=(3, 4)),
            (4 + 4 + 1) * (3 * 4),
        ),
        # Of max pooling's outputs only the first is counted.
        (
            call(
                "aten.max_pool2d_with_indices",
                [(1, 8, 7, 7), tensor(1, 8, 7, 7, dtype="int64")],
                {"kernel_size": [2, 2]},
                self=(1, 8, 14, 14),
            ),
            4 * (8 * 14 * 14) + 4 * (8 * 7 * 7),
        ),
        # Half precision, with a mask of flags.
        (
            call(
                "aten.scaled_dot_product_attention",
                tensor(1, 2, 10, 8, dtype="float16"),
                query=tensor(1, 2, 10, 8, dtype="float16"),
                key=tensor(1, 2, 10, 8, dtype="float16"),
                value=tensor(1, 2, 10, 8, dtype="float16"),
                attn_mask=tensor(1, 1, 10, 10, dtype="bool"),
            ),
            2 * (4 * 2 * 10 * 8) + 1 * (10 * 10),
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Op) else "",
)
def test_bytes_follow_the_element_type_of_each_tensor(op, expected):
    assert cost_of(op).memory_access_bytes == expected


@pytest.mark.parametrize(
    ("name", "inputs", "mult_adds", "flops"),
    [
        ("aten.add", {"self": (3, 5), "other": (5,)}, 0, 2 * 15),
        ("aten.mul", {"self": (3, 5), "other": (5,)}, 0, 6 * 15),
        ("aten.outer", {"self": (3,), "vec2": (5,)}, 0, 6 * 15),
        ("aten.div", {"self": (3, 5), "other": (5,)}, 0, 11 * 15),
        ("aten.abs", {"self": (3, 5)}, 0, 4 * 15),
        ("aten.exp", {"self": (3, 5)}, 0, 2 * 15),
        ("aten.mm", {"self": (3, 4), "mat2": (4, 5)}, 4 * 60, 8 * 60),
        ("aten.addmm", {"self": (5,), "mat1": (3, 4), "mat2": (4, 5)}, 4 * 60, 8 * 60 + 2 * 15),
        ("aten.linalg_inv", {"A": (6, 6)}, 0, 4 * 2 * 6**3),
    ],
)
def test_complex_numbers_take_the_real_operations_that_they_are_made_of(name, inputs, mult_adds, flops):
    op = call(name, (3, 5), **{role: tensor(*shape)._replace(dtype="complex64") for role, shape in inputs.items()})
    assert (cost_of(op).mult_adds, cost_of(op).flops) == (mult_adds, flops)


def test_a_complex_number_times_a_real_one_takes_two_products():
    x = tensor(3, 5)._replace(dtype="complex64")
    assert cost_of(call("aten.mul", x, self=x, other=(5,))).flops == 2 * 15
    assert cost_of(call("aten.mul", x, {"other": 2.0}, self=x)).flops == 2 * 15


# One word an elementary step of each point-wise operator that takes more than one.
STEPS = {
    "clamp": "compare compare",
    "clip": "compare compare",
    "clamp_min": "compare",
    "clamp_max": "compare",
    "hardtanh": "compare compare",
    "leaky_relu": "compare multiply",
    "prelu": "compare multiply",
    "_prelu_kernel": "compare multiply",
    "rrelu": "compare multiply",
    "elu": "compare exp subtract",
    "celu": "compare divide exp subtract",
    "selu": "compare exp subtract multiply",
    "sigmoid": "negate exp add divide",
    "logit": "subtract divide log",
    "log_sigmoid": "negate exp add log",
    "log_sigmoid_forward": "negate exp add log",
    "softplus": "exp add log",
    "silu": "negate exp add divide multiply",
    "mish": "exp add log tanh multiply",
    "hardsigmoid": "add compare compare divide",
    "hardswish": "add compare compare divide multiply",
    "hardshrink": "compare compare",
    "softshrink": "compare compare subtract",
    "glu": "negate exp add divide multiply",
    "addcmul": "multiply multiply add",
    "addcdiv": "divide multiply add",
    "lerp": "subtract multiply add",
    "nan_to_num": "compare compare compare",
    "frexp": "split",
    "special_expit": "negate exp add divide",
    "sinc": "multiply sin divide",
    "addr": "multiply multiply add",
    "special_entr": "log multiply negate",
    "special_xlog1py": "add log multiply",
    "xlogy": "log multiply",
    "logaddexp": "subtract exp add log",
    "quantize_per_tensor": "divide round compare compare",
    "quantize_per_tensor_dynamic": "compare compare divide round compare compare",
    "quantize_per_channel": "divide round compare compare",
    "dequantize": "subtract multiply",
    "fake_quantize_per_tensor_affine": "divide round compare compare subtract multiply",
    "renorm": "multiply add multiply",
    "_fused_moving_avg_obs_fq_helper": "compare compare divide round compare compare subtract multiply",
    "fake_quantize_per_channel_affine": "divide round compare compare subtract multiply",
    "isclose": "subtract abs abs multiply add compare",
}


def test_the_table_of_steps_names_each_operator_of_several_steps():
    assert set(STEPS) == set(pointwise.MORE_STEPS)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_pointwise_operator_costs_its_elementary_steps_an_output(name):
    op = call(f"aten.{name}", (3, 5), self=(3, 5))
    assert cost_of(op).flops == len(STEPS[name].split()) * 3 * 5
    assert cost_of(op).memory_access == 3 * 5 + 3 * 5
    assert rule_of(op.name).kind_of(op) is Kind.ELEMENTWISE


@pytest.mark.parametrize("name", pointwise.ONE_STEP)
def test_a_pointwise_operator_of_one_step_costs_one_flop_an_output(name):
    op = call(f"aten.{name}", (3, 5), self=(3, 5), other=(5,))
    assert cost_of(op) == Cost(
        flops=3 * 5, memory_access=3 * 5 + 5 + 3 * 5, memory_access_bytes=4 * (3 * 5 + 5 + 3 * 5), kernels=1
    )
    assert rule_of(op.name).kind_of(op) is Kind.ELEMENTWISE


def test_every_rule_of_the_house_has_a_row():
    names = [row.op.name for row in ROWS] + [f"aten.{name}" for name in (*STEPS, *pointwise.ONE_STEP)]
    proved = {rule_of(name).cost.__code__ for name in names}
    unproved = [
        f"{entry.cost.__module__}.{entry.cost.__qualname__} ({name})"
        for name in RULES
        if (entry := RULES.get(name)).cost is not None
        and entry.cost.__module__.startswith("netcost.")
        and entry.cost.__code__ not in proved
    ]
    assert unproved == []


@pytest.mark.parametrize(
    ("shape", "dim", "expected"),
    [
        ((2, 8, 7, 7), [2, 3], Kind.POOLING),
        ((2, 8, 7, 7), [-1, -2], Kind.POOLING),
        ((2, 7, 7, 8), [1, 2], Kind.POOLING),  # channels last
        ((2, 8, 4, 7, 7), [2, 3, 4], Kind.POOLING),  # video
        ((2, 8, 4, 7, 7), [3, 4], Kind.REDUCTION),  # each frame on its own
        ((2, 50, 8), 1, Kind.POOLING),  # tokens
        ((2, 50, 8), -1, Kind.REDUCTION),  # a norm over channels
        ((2, 8, 7, 7), [1], Kind.REDUCTION),
        ((2, 8, 7, 7), [2], Kind.REDUCTION),
        ((2, 8, 7, 7), [0, 1, 2, 3], Kind.REDUCTION),
        ((2, 8, 7, 7), [], Kind.REDUCTION),
        ((2, 8), [1], Kind.REDUCTION),
        ((2, 8, 7, 7), None, Kind.REDUCTION),
    ],
)
def test_a_mean_over_all_of_space_is_a_pooling_and_no_other_is(shape, dim, expected):
    op = call("aten.mean", (2,), {} if dim is None else {"dim": dim}, self=shape)
    assert rule_of("aten.mean").kind_of(op) is expected


@pytest.mark.parametrize(
    ("shape", "kernel", "expected"),
    [
        ((1, 1, 68, 56, 56), [5, 1, 1], Kind.NORMALISATION),
        ((2, 1, 68, 56, 56), (5, 1, 1), Kind.NORMALISATION),
        ((1, 1, 68, 56, 56), [2, 1, 1], Kind.NORMALISATION),
        ((1, 1, 68, 100), [5, 1], Kind.NORMALISATION),  # of (N, C, L)
        ((1, 2, 68, 56, 56), [5, 1, 1], Kind.POOLING),  # a pooling over time, of two channels
        ((1, 1, 68, 56, 56), [5, 5, 1], Kind.POOLING),
        ((1, 1, 68, 56, 56), [1, 1, 1], Kind.POOLING),
        ((1, 1, 68, 56, 56), [5], Kind.POOLING),  # five a side
    ],
)
def test_the_pooling_inside_local_response_normalisation_is_no_pooling(shape, kernel, expected):
    op = call(f"aten.avg_pool{len(shape) - 2}d", shape, {"kernel_size": kernel}, self=shape)
    assert rule_of(op.name).kind_of(op) is expected


def test_a_pooling_in_one_dimension_is_never_taken_for_a_normalisation():
    op = call("aten.avg_pool1d", (1, 1, 10), {"kernel_size": [5]}, self=(1, 1, 14))
    assert rule_of("aten.avg_pool1d").kind_of(op) is Kind.POOLING


@pytest.mark.parametrize("name", sorted(BATCH_NORMS))
def test_every_batch_norm_in_eval_takes_two_flops_an_element(name):
    arguments = {} if name.endswith("no_training") else {"training": False}
    op = call(name, (2, 6, 5, 5), arguments, input=(2, 6, 5, 5), **CHANNELS)
    assert cost_of(op).flops == 2 * (2 * 6 * 5 * 5)


def test_attention_as_one_operator_multiplies_as_often_as_written_out():
    whole = call("aten.scaled_dot_product_attention", (8, 10, 6), query=(8, 10, 16), key=(8, 12, 16), value=(8, 12, 6))
    scores = call("aten.bmm", (8, 10, 12), self=(8, 10, 16), mat2=(8, 16, 12))
    mixture = call("aten.bmm", (8, 10, 6), self=(8, 10, 12), mat2=(8, 12, 6))
    assert cost_of(whole).mult_adds == cost_of(scores).mult_adds + cost_of(mixture).mult_adds


def test_a_rule_counts_the_plain_form_and_the_one_in_place():
    assert find("aten.relu_") is find("aten.relu")
    assert find("aten.add_") is find("aten.add")
    assert find("aten.hardswish_") is not find("aten.relu")


def test_an_operator_without_a_rule_is_unknown_in_place_or_not():
    assert find("mylib.nobody_counts_me") is None
    assert find("mylib.nobody_counts_me_") is None


def test_a_plain_name_does_not_take_the_rule_of_one_that_is_in_place_only():
    assert find("aten.set_") is not None
    assert find("aten.set") is None


def test_ones_own_operator_is_counted_under_the_name_that_torch_prints():
    assert find("mylib.swish_of_two") is None

    @netcost.rule("mylib::swish_of_two", kind=Kind.ELEMENTWISE)
    def swish_of_two(op: Op) -> Cost:
        return netcost.access(op, flops=6 * op.outputs[0].numel)

    net = Network()
    x = net.input(3, 5)
    counted = count(net.graph(net.run("mylib.swish_of_two", (3, 5), {"a": x, "b": x})))
    assert counted.kinds == (Kind.ELEMENTWISE,)
    assert counted.costs[0].flops == 6 * (3 * 5)
    assert counted.costs[0].memory_access == 3 * (3 * 5)
    assert counted.unknown_ops == {}
    assert swish_of_two.__name__ == "swish_of_two", "the decorator gives the function back"


def test_a_second_rule_for_one_operator_is_refused():
    with pytest.raises(ValueError, match=r"operator 'aten\.relu' is registered twice"):
        rule("aten.relu")(lambda _: Cost())
    with pytest.raises(ValueError, match=r"operator 'aten\.detach' is registered twice"):
        free("aten::detach")
    assert cost_of(call("aten.relu", (3,), self=(3,))).flops == 3


def test_a_free_operator_launches_and_costs_nothing_but_is_no_unknown_one():
    net = Network()
    counted = count(net.graph(net.run("aten.empty_like", (3, 5), {"self": net.input(3, 5)})))
    assert counted.costs == (Cost(),)
    assert counted.kinds == (Kind.VIEW,)
    assert counted.unknown_ops == {}


def test_a_view_is_free_whatever_its_rule_would_say_of_a_copy():
    net = Network()
    x = net.input(2, 3, 4)
    copied = net.run("aten.reshape", (2, 12), {"self": x})
    seen = net.run("aten.reshape", (2, 12), {"self": x}, is_view=True)
    counted = count(net.graph(copied, seen))
    assert [cost.memory_access for cost in counted.costs] == [2 * (2 * 3 * 4), 0]
    assert counted.kinds == (Kind.MOVEMENT, Kind.VIEW)


def test_an_unknown_operator_is_listed_and_only_its_launch_is_counted():
    net = Network()
    x = net.run("mylib.mystery", (2, 3), {"self": net.input(2, 3)})
    counted = count(net.graph(net.run("mylib.mystery", (2, 3), {"self": x})))
    assert counted.unknown_ops == {"mylib.mystery": 2}
    assert counted.kinds == (Kind.UNKNOWN, Kind.UNKNOWN)
    assert counted.costs == (Cost(kernels=1), Cost(kernels=1))


def test_a_parameter_is_counted_at_the_first_operator_that_uses_it():
    net = Network()
    x = net.input(1, 8, 4, 4)
    shared = net.parameter(8, 8, 1, 1)
    counted = count(net.graph(net.conv(net.conv(x, 8, weight=shared), 8, weight=shared)))
    assert [cost.params for cost in counted.costs] == [8 * 8, 0]
    assert [cost.mult_adds for cost in counted.costs] == 2 * [4 * 4 * 8 * 8]
    assert [cost.memory_access for cost in counted.costs] == 2 * [4 * 4 * (8 + 8) + 8 * 8]


def test_a_parameter_that_is_only_looked_at_is_not_used_yet():
    net = Network()
    weight = net.parameter(5, 8)
    flipped = net.run("aten.t", (8, 5), {"self": weight}, is_view=True)._replace(parameter=weight.parameter)
    counted = count(net.graph(net.run("aten.mm", (3, 5), {"self": net.input(3, 8), "mat2": flipped})))
    assert [cost.params for cost in counted.costs] == [0, 5 * 8]
    assert counted.kinds[1] is Kind.LINEAR


def test_a_rule_is_for_an_operator_that_torch_has():
    older = {"cholesky"}  # torch 2.11 has it
    names = {name.removeprefix("aten.") for name in RULES if name.startswith("aten.")} - older
    aten = torch.ops.aten
    assert [name for name in names if not hasattr(aten, name) and not hasattr(aten, f"{name}_")] == []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("convolution", "input weight bias transposed groups"),
        ("conv2d", "input weight bias groups"),
        ("conv_transpose2d.input", "input weight bias groups"),
        ("linear", "input weight bias"),
        ("addbmm", "self batch1 batch2"),
        ("bilinear", "input1 input2 weight bias"),
        ("scaled_dot_product_attention", "query key value attn_mask"),
        ("batch_norm", "input weight bias running_mean running_var training"),
        ("_native_batch_norm_legit", "input weight bias running_mean running_var training"),
        ("cudnn_batch_norm", "input weight bias running_mean running_var training"),
        ("layer_norm", "input weight bias"),
        ("rms_norm", "input weight"),
        ("avg_pool2d", "self kernel_size"),
        ("max_pool2d_with_indices", "self kernel_size"),
        ("mean.dim", "self dim"),
        ("sort", "self dim"),
        ("add.Tensor", "self other alpha"),
        ("gelu", "self approximate"),
        ("embedding", "weight indices"),
        ("index_put", "self indices values"),
        ("index_fill.int_Scalar", "self dim index value"),
    ],
)
def test_the_arguments_that_rules_ask_for_are_torchs_own_in_its_order(name, arguments):
    base, _, overload = name.partition(".")
    schema = getattr(getattr(torch.ops.aten, base), overload or "default")._schema
    given = [argument.name for argument in schema.arguments]
    assert [argument for argument in given if argument in arguments.split()] == arguments.split()
