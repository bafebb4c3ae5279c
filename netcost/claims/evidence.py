"""The evidence for claims: modules and networks of the zoo, counted, and their layers as products.

Every computed figure comes from here, so that it rests on built layers and never on a figure typed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any, TypeVar

from torch import nn

from netcost.claims.claim import Term
from netcost.counting.analysis import Analysis, analyze
from netcost.graph.cost import Kind
from netcost.graph.graph import Op
from netcost.targets.naming import resolve
from netcost.targets.weightless import weightless
from netcost.tracing import input_specs

Network = TypeVar("Network", bound=nn.Module)

CONVOLUTIONS = frozenset({Kind.CONVOLUTION, Kind.POINTWISE_CONVOLUTION, Kind.DEPTHWISE_CONVOLUTION})


@cache
def counted(target: str, shape: tuple[int, ...] | None = None, mode: str = "eval", **arguments: Any) -> Analysis:
    """Count a target of the zoo.

    Args:
        target: "googlenet", "module:inception_v1".
        shape: of its input (N, C, H, W); its own unless given.
        mode: "eval" or "train".
        arguments: of its builder; they must be hashable.
    """
    return analyze(resolve(target, arguments, () if shape is None else input_specs(shape)), mode=mode)


def counted_module(build: Callable[[], nn.Module], shape: tuple[int, ...], mode: str = "eval") -> Analysis:
    """Build a module for one claim and count it on an input (N, C, H, W); no weights are allocated."""
    with weightless():
        module = build()
    return analyze(module, shape, mode=mode)


def counted_convolution(in_channels: int, out_channels: int, kernel: int, side: int, *, groups: int = 1) -> Analysis:
    """Count a convolution without bias, padded so that a square map of that side keeps its size."""
    padding = kernel // 2
    shape = (1, in_channels, side, side)
    return counted_module(
        lambda: nn.Conv2d(in_channels, out_channels, kernel, padding=padding, groups=groups, bias=False), shape
    )


def with_convolutions(network: Network, make: Callable[[str, nn.Conv2d], nn.Module]) -> Network:
    """Replace each convolution of a network by the module that `make` returns for its path and itself."""
    for path, layer in [*network.named_modules()]:
        if isinstance(layer, nn.Conv2d):
            owner, _, name = path.rpartition(".")
            network.get_submodule(owner).add_module(name, make(path, layer))
    return network


def resized(layer: nn.Conv2d, kernel: int) -> nn.Conv2d:
    """Return the same convolution with another odd, square kernel, and the padding that keeps the map at stride 1."""
    channels = layer.in_channels, layer.out_channels
    return nn.Conv2d(*channels, kernel, layer.stride[0], kernel // 2, groups=layer.groups, bias=layer.bias is not None)


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution or fully connected layer as it ran.

    Args:
        path: qualified name of its module.
        kernel, stride: per dimension; () for a fully connected layer.
        grid: sizes of the output map; () for a fully connected layer.
        mult_adds: as counted (count).
        weights: without the bias (count).
        bias: number of biases (count).
    """

    path: str
    kind: Kind
    in_channels: int
    out_channels: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    groups: int
    grid: tuple[int, ...]
    mult_adds: int
    weights: int
    bias: int

    @property
    def name(self) -> str:
        """Return the names, but not the numbers, in its path, and the kernel: "branch_3x3: 1x1"."""
        names = [part for part in self.path.split(".") if not part.isdigit()]
        kernel = "x".join(map(str, self.kernel))
        return ": ".join(filter(None, (".".join(names), kernel))) or str(self.kind)

    @property
    def weight_term(self) -> Term:
        """Return its weights as a product: kernel, input channels per group, output channels."""
        factors = (*self.kernel, self.in_channels // self.groups, self.out_channels)
        return _product(self.name, factors, self.weights)

    @property
    def mult_add_term(self) -> Term:
        """Return its multiply-adds as a product: output map, kernel, input channels per group, output channels."""
        factors = (*self.grid, *self.kernel, self.in_channels // self.groups, self.out_channels)
        return _product(self.name, factors, self.mult_adds)


def layers(analysis: Analysis, *kinds: Kind) -> list[Layer]:
    """Return convolutions and fully connected layers in the order in which they ran, or those of the given kinds."""
    wanted = frozenset(kinds) or CONVOLUTIONS | {Kind.LINEAR}
    count = analysis.count
    return [
        _layer(op, kind, cost.mult_adds)
        for op, kind, cost in zip(count.graph.ops, count.kinds, count.costs, strict=True)
        if kind in wanted
    ]


def within(analysis: Analysis, path: str) -> list[Layer]:
    """Return the layers of one of its modules, by qualified name."""
    return [layer for layer in layers(analysis) if f"{layer.path}.".startswith(f"{path}.")]


def mult_add_terms(chosen: Iterable[Layer]) -> tuple[Term, ...]:
    """Return the multiply-adds of layers, each as a product."""
    return tuple(layer.mult_add_term for layer in chosen)


def weight_terms(chosen: Iterable[Layer]) -> tuple[Term, ...]:
    """Return the weights of layers, each as a product; biases are left out."""
    return tuple(layer.weight_term for layer in chosen)


def read(layer: Layer) -> str:
    """Explain the products of layers like this one."""
    grid, kernel = ("x".join(map(str, sides)) for sides in (layer.grid, layer.kernel))
    channels = f"{layer.in_channels // layer.groups} channels in, {layer.out_channels} out"
    return f"How to read {layer.mult_add_term.arithmetic}: a map of {grid}, a {kernel} kernel, {channels}."


def weights(analysis: Analysis) -> int:
    """Return the weights of convolutions and fully connected layers, without biases and batch norm (count)."""
    return sum(layer.weights for layer in layers(analysis))


def operators(analysis: Analysis, *names: str) -> list[Op]:
    """Return the operators of those aten names ("aten.relu"), in place or not, in the order in which they ran."""
    wanted = {*names, *(f"{name}_" for name in names)}
    return [op for op in analysis.graph.ops if op.name in wanted]


def output_shape(analysis: Analysis) -> tuple[int, ...]:
    """Return the shape of the first output."""
    return analysis.graph.outputs[0].shape


def receptive_field(chain: Iterable[Layer]) -> tuple[int, ...]:
    """Return the sides of the window of the input that one output of a chain of convolutions sees."""
    field, jump = (1, 1), (1, 1)
    for layer in chain:
        field = (field[0] + (layer.kernel[0] - 1) * jump[0], field[1] + (layer.kernel[1] - 1) * jump[1])
        jump = (jump[0] * layer.stride[0], jump[1] * layer.stride[1])
    return field


def _layer(op: Op, kind: Kind, mult_adds: int) -> Layer:
    if kind is Kind.LINEAR:
        return _fully_connected(op, kind, mult_adds)
    weight, output = op.inputs[1], op.outputs[0]  # (O, C/g, *K), (N, O, *S)
    groups = op.arguments.get("groups", 1)
    kernel = weight.shape[2:]
    return Layer(
        path=op.module,
        kind=kind,
        in_channels=weight.shape[1] * groups,
        out_channels=weight.shape[0],
        kernel=kernel,
        stride=sides(op.arguments.get("stride", 1), len(kernel)),
        groups=groups,
        grid=output.shape[2:],
        mult_adds=mult_adds,
        weights=weight.numel,
        bias=op.inputs[2].numel if len(op.inputs) > 2 else 0,
    )


def _fully_connected(op: Op, kind: Kind, mult_adds: int) -> Layer:
    out_channels = op.outputs[0].shape[-1]
    weight = next(tensor for tensor in op.inputs[::-1] if len(tensor.shape) == 2 and out_channels in tensor.shape)
    biases = [tensor.numel for tensor in op.inputs if tensor.shape == (out_channels,)]
    in_channels = weight.numel // out_channels
    return Layer(op.module, kind, in_channels, out_channels, (), (), 1, (), mult_adds, weight.numel, sum(biases))


def sides(size: Any, dimensions: int = 2) -> tuple[int, ...]:
    """Return a stride or padding per dimension: aten also takes one number for all."""
    given = (size,) if isinstance(size, int) else tuple(size)
    return given * dimensions if len(given) == 1 else given


def _product(name: str, factors: tuple[int, ...], value: int) -> Term:
    """Make a term with its product; without it where the product is not what was counted."""
    return Term(name, value, "·".join(map(str, factors)) if prod(factors) == value else "")
