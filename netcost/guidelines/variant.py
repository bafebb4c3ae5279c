"""One variant of a controlled experiment: a chain of blocks, with its cost by formula and as netcost counts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import cache

from torch import nn

from netcost.counting.analysis import Analysis, analyze

MAP = (56, 56)
"""Height and width of the input. G1 to G3 state it; for G4 it is our assumption."""

BLOCKS = 10
"""Blocks in a chain, in every experiment of the paper."""


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """Cost of a chain by the paper's formulas, without a graph; formulas add up.

    Args:
        mult_adds: for one image (count).
        moved: activations read and written for one image (elements).
        weights: read once, whatever the batch (elements).
        elementwise: the part of `moved` due to ReLU and addition (elements).
        kernels: operators that launch work (count).
    """

    mult_adds: int = 0
    moved: int = 0
    weights: int = 0
    elementwise: int = 0
    kernels: int = 0

    def __add__(self, other: ClosedForm) -> ClosedForm:
        return ClosedForm(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, times: int) -> ClosedForm:
        return ClosedForm(*(times * part for part in astuple(self)))

    def memory_access(self, batch: int = 1) -> int:
        """Return the elements read + written at a batch size."""
        return batch * self.moved + self.weights


def convolution(c1: int, c2: int, kernel: int = 1, groups: int = 1) -> ClosedForm:
    """c1 to c2 channels on the map, stride 1, no bias: hw·k²·c1·c2/g mult-adds, hw(c1 + c2) + k²·c1·c2/g access."""
    height, width = MAP
    weights = kernel * kernel * c1 * c2 // groups
    return ClosedForm(height * width * weights, height * width * (c1 + c2), weights, 0, 1)


def relu(channels: int) -> ClosedForm:
    """ReLU reads and writes the map: 2hwc."""
    return _elementwise(2 * channels)


def addition(channels: int) -> ClosedForm:
    """Addition reads two maps and writes one: 3hwc."""
    return _elementwise(3 * channels)


def _elementwise(channels_moved: int) -> ClosedForm:
    moved = MAP[0] * MAP[1] * channels_moved
    return ClosedForm(0, moved, 0, moved, 1)


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant of an experiment at one scale.

    Args:
        name: the value that is varied: "1:6".
        channels: the widths as people write them: "52·312".
        in_channels: of the input (N, in_channels, 56, 56).
        build: makes the chain, with real weights.
        closed_form: its cost by formula.
    """

    name: str
    channels: str
    in_channels: int
    build: Callable[[], nn.Module]
    closed_form: ClosedForm

    def input_shape(self, batch: int = 1) -> tuple[int, ...]:
        """Return the shape of the input at a batch size."""
        return (batch, self.in_channels, *MAP)

    def counted(self, batch: int = 1) -> Analysis:
        """Return one forward pass at a batch size, as netcost counts it."""
        return _counted(self, batch)


@cache
def _counted(variant: Variant, batch: int) -> Analysis:
    return analyze(variant.build(), variant.input_shape(batch))


def chain(name: str, channels: str, in_channels: int, block: Callable[[], nn.Module], form: ClosedForm) -> Variant:
    """Make the variant that is `BLOCKS` such blocks one after the other; `form` is that of one block."""

    def build() -> nn.Module:
        return nn.Sequential(*(block() for _ in range(BLOCKS)))

    return Variant(name, channels, in_channels, build, form * BLOCKS)


def pointwise(c1: int, c2: int, groups: int = 1) -> nn.Module:
    """Make a 1x1 convolution without bias, (N, c1, H, W) to (N, c2, H, W)."""
    return nn.Conv2d(c1, c2, kernel_size=1, groups=groups, bias=False)
