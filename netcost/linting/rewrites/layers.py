"""Rewrites of convolutions and linear layers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from netcost.graph.cost import Kind
from netcost.linting.finding import Finding, Network
from netcost.linting.groups import fewer_widths
from netcost.linting.lanes import rounded_up, widths_of
from netcost.linting.rewrites import Calls, Rewrite, convolution, rewrite
from netcost.linting.widths import even_widths, layer_of


@rewrite("NC101")
@rewrite("NC102")
def nearly_equal(network: Network, finding: Finding) -> Rewrite | None:
    """Give the layers nearly equal widths on all sides, at nearly the same multiply-adds."""
    first = layer_of(network, finding.ops[0])
    assert first is not None
    ops = [network.ops[index] for index in finding.ops]
    widths = [first.width_in, first.width_out, first.width_in][: len(ops) + 1]
    one, other = even_widths(first.width_in, first.width_out)
    even = [one, other, one][: len(widths)]
    before, after = (
        nn.Sequential(*(convolution(op, *pair) for op, pair in zip(ops, pairwise(given), strict=True)))
        for given in (widths, even)
    )
    shape, is_linear = ops[0].inputs[0].shape, len(ops[0].inputs[1].shape) == 2
    narrower = (*shape[:-1], even[0]) if is_linear else (shape[0], even[0], *shape[2:])
    return Rewrite(before, after, (shape,), (narrower,))


@rewrite("NC201")
def one_group(network: Network, finding: Finding) -> Rewrite | None:
    """Take one group, and widths smaller by the square root of the groups."""
    op = network.ops[finding.ops[0]]
    shape, width_in, width_out = op.inputs[0].shape, op.inputs[0].shape[1], op.outputs[0].shape[1]
    fewer_in, fewer_out = fewer_widths(op)
    after = convolution(op, fewer_in, fewer_out, groups=1)
    return Rewrite(convolution(op, width_in, width_out), after, (shape,), ((shape[0], fewer_in, *shape[2:]),))


@rewrite("NC202")
def dense_convolution(network: Network, finding: Finding) -> Rewrite | None:
    """Take one dense convolution for a 1x1 and a depthwise one, with norm and activation as they are between."""
    first, last = network.ops[finding.ops[0]], network.ops[finding.ops[-1]]
    if len(first.inputs[1].shape) != len(last.inputs[1].shape):
        return None  # a linear layer, whose input lies otherwise
    width_in, width_out = first.inputs[0].shape[1], last.outputs[0].shape[1]
    between: list[nn.Module] = []
    for index in finding.ops[1:-1]:
        if network.is_kind(index, Kind.NORMALISATION):
            between.append(nn.BatchNorm2d(width_out))
        elif network.is_kind(index, Kind.ELEMENTWISE):
            between.append(nn.ReLU(inplace=True))
        else:
            return None
    before = nn.Sequential(convolution(first, width_in, width_out), *between, convolution(last, width_out, width_out))
    return Rewrite(before, convolution(last, width_in, width_out, groups=1), (first.inputs[0].shape,))


@rewrite("NC303")
def joined_layers(network: Network, finding: Finding) -> Rewrite | None:
    """Join the weights of layers that read one input along their outputs; the parts of the output are views."""
    ops = [network.ops[index] for index in finding.ops]
    is_linear = len(ops[0].inputs[1].shape) == 2
    width_in, axis = ops[0].inputs[1].shape[1], -1 if is_linear else 1
    widths = [op.inputs[1].shape[0] for op in ops]
    if ops[0].inputs[0].shape[axis] != width_in:
        return None  # a product with weights that lie the other way
    layers = [convolution(op, width_in, width) for op, width in zip(ops, widths, strict=True)]
    one = convolution(ops[0], width_in, sum(widths))
    with torch.no_grad():
        for name, joined in one.named_parameters():
            joined.copy_(torch.cat([layer.get_parameter(name) for layer in layers]))

    def apart(*given: Any) -> tuple[Tensor, ...]:
        *branches, x = given
        return tuple(branch(x) for branch in branches)

    def split(layer: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(layer(x).split(widths, axis))

    return Rewrite(Calls(apart, *layers), Calls(split, one), (ops[0].inputs[0].shape,))


@rewrite("NC504")
def own_padding(network: Network, finding: Finding) -> Rewrite | None:
    """Let the convolution pad by itself."""
    pad, op = (network.ops[index] for index in finding.ops)
    sizes = list(pad.arguments["pad"])
    rank = len(op.inputs[1].shape) - 2
    padding = tuple(reversed(sizes[::2]))
    if len(padding) != rank or op.arguments.get("padding", 0) not in (0, [0], [0] * rank, (0,) * rank):
        return None
    width_in, width_out = op.inputs[0].shape[1], op.outputs[0].shape[1]
    layer, own = convolution(op, width_in, width_out), convolution(op, width_in, width_out, padding=padding)
    own.load_state_dict(layer.state_dict())
    return Rewrite(Calls(lambda layer, x: layer(F.pad(x, sizes)), layer), own, (pad.inputs[0].shape,))


@rewrite("NC602")
def bias_in_norm(network: Network, finding: Finding) -> Rewrite | None:
    """Take the bias off the mean that the norm subtracts."""
    op = network.ops[finding.ops[0]]
    is_linear = len(op.inputs[1].shape) == 2
    width_in = op.inputs[0].shape[-1 if is_linear else 1]
    width_out = op.inputs[1].shape[0]
    norms = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
    layer, bare = convolution(op, width_in, width_out), convolution(op, width_in, width_out, bias=False)
    norm, other = norms[len(op.outputs[0].shape)](width_out), norms[len(op.outputs[0].shape)](width_out)
    bare.load_state_dict({"weight": layer.get_parameter("weight")})
    assert other.running_mean is not None
    with torch.no_grad():
        other.running_mean -= layer.get_parameter("bias")
    return Rewrite(nn.Sequential(layer, norm), nn.Sequential(bare, other), (op.inputs[0].shape,))


@rewrite("NC603")
def one_product(network: Network, finding: Finding) -> Rewrite | None:
    """Multiply the weights of two layers into one."""
    ops = [network.ops[index] for index in finding.ops]
    changes = [layer_of(network, index) for index in finding.ops]
    assert changes[0] is not None
    assert changes[1] is not None
    layers = [convolution(op, change.width_in, change.width_out) for op, change in zip(ops, changes, strict=True)]  # type: ignore[union-attr]
    has_bias = any(layer.bias is not None for layer in layers)
    one = convolution(ops[0], changes[0].width_in, changes[1].width_out, bias=has_bias)
    first, second = (layer.get_parameter("weight") for layer in layers)
    with torch.no_grad():
        one.get_parameter("weight").copy_((second.flatten(1) @ first.flatten(1)).view_as(one.get_parameter("weight")))
        if has_bias:
            bias = torch.zeros(changes[1].width_out)
            if layers[0].bias is not None:
                bias += second.flatten(1) @ layers[0].get_parameter("bias")
            if layers[1].bias is not None:
                bias += layers[1].get_parameter("bias")
            one.get_parameter("bias").copy_(bias)
    return Rewrite(nn.Sequential(*layers), one, (ops[0].inputs[0].shape,))


@rewrite("NC801")
def wider(network: Network, finding: Finding) -> Rewrite | None:
    """Round the widths of a layer up to multiples of 8."""
    op = network.ops[finding.ops[0]]
    width_in, width_out = widths_of(op)
    shape, axis = op.inputs[0].shape, -1 if len(op.inputs[1].shape) == 2 else 1
    if shape[axis] != width_in:
        return None  # a product with weights that lie the other way
    more = list(shape)
    more[axis] = rounded_up(width_in)
    after = convolution(op, more[axis], rounded_up(width_out))
    return Rewrite(convolution(op, width_in, width_out), after, (shape,), (tuple(more),))
