"""NC1: channel widths against guideline G1, where 1x1 convolutions and linear layers read and write the most.

Reference: ShuffleNet V2 (arXiv:1807.11164), section 2, G1: at equal multiply-adds B, memory access is at least
2·sqrt(h·w·B) + B/(h·w), and equal widths reach that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod, sqrt

from netcost.graph.cost import Kind
from netcost.graph.graph import MODEL_INPUT, Op
from netcost.linting.finding import Finding, Keeps, Network, Saving, rule

LEAST_RATIO = 2.0
"""Ratio of widths below which equal ones save less than 6 % of the layer's access."""

LANES = 8
"""Channels that kernels work on at a time at least: other widths are slow for another reason than G1's."""

STEPS = 12
"""Operators between the two layers of a bottleneck at most: norms, activations, a convolution, its attention."""

CHANGING = (Kind.POINTWISE_CONVOLUTION, Kind.LINEAR)


@dataclass(frozen=True, slots=True)
class WidthChange:
    """A 1x1 convolution or linear layer.

    Args:
        places: positions times batch at which it runs.
    """

    index: int
    places: int
    width_in: int
    width_out: int

    @property
    def ratio(self) -> float:
        """The larger width / the smaller."""
        return max(self.width_in, self.width_out) / max(1, min(self.width_in, self.width_out))

    @property
    def above_bound(self) -> float:
        """Elements above the bound of G1 at equal multiply-adds."""
        return self.places * (self.width_in + self.width_out - 2 * sqrt(self.width_in * self.width_out))


def even_widths(width_in: int, width_out: int) -> tuple[int, int]:
    """Return two widths that are nearly equal, multiples of `LANES`, and have nearly the same product."""
    one = max(LANES, LANES * round(sqrt(width_in * width_out) / LANES))
    return one, max(LANES, LANES * round(width_in * width_out / one / LANES))


def layer_of(network: Network, index: int) -> WidthChange | None:
    """Return the layer at `index`; None for other operators, for grouped ones and those with a stride."""
    op = network.ops[index]
    if not network.is_kind(index, *CHANGING) or op.arguments.get("groups", 1) != 1 or len(op.inputs) < 2:
        return None
    width_out, width_in = op.inputs[1].shape[:2] if len(op.inputs[1].shape) > 1 else (1, *op.inputs[1].shape)
    places = op.outputs[0].numel // max(1, width_out)
    return WidthChange(index, places, width_in, width_out) if op.inputs[0].numel == places * width_in else None


def layers(network: Network) -> Iterator[WidthChange]:
    """Yield the layers whose widths are free: neither the network's input nor its classes give them."""
    for index, op in network.of_kind(*CHANGING):
        layer = layer_of(network, index)
        if layer is not None and op.sources[0] != MODEL_INPUT and not network.is_output(index):
            yield layer


def partner(network: Network, first: WidthChange) -> WidthChange | None:
    """Return the layer that changes the width back, behind operators that keep it; None where there is none."""
    index = first.index
    for _ in range(STEPS):
        readers = [reader for reader in network.readers[index] if reader > index]
        if not readers:
            return None
        index = readers[-1]  # past a squeeze-and-excitation, which reads as well
        second = layer_of(network, index)
        if second is None and _joins_earlier(network.ops[index], first.index):
            return None
        if second is not None:
            returns = (second.width_in, second.width_out) == (first.width_out, first.width_in)
            return second if returns else None
        if not _keeps_width(network.ops[index], first.width_out):
            return None
    return None


def _joins_earlier(op: Op, first: int) -> bool:
    """True for a sum with a shortcut, which ends the block."""
    return any(source == MODEL_INPUT or 0 <= source < first for source in op.sources)


def _keeps_width(op: Op, width: int) -> bool:
    return bool(op.outputs) and width in op.outputs[0].shape[1:]


@rule("NC101")
def unequal_widths(network: Network) -> Iterator[Finding]:
    """Find single layers whose input is much wider or narrower than their output."""
    paired = {index for pair in _pairs(network) for index in pair}
    for layer in layers(network):
        if layer.ratio >= LEAST_RATIO and layer.index not in paired:
            one, other = even_widths(layer.width_in, layer.width_out)
            saving = Saving.of_elements(layer.above_bound, network.ops[layer.index].inputs[0])
            yield network.finding(
                layer.index,
                f"{layer.width_in} channels in, {layer.width_out} out",
                f"take {one} and {other}, which does about as many multiply-adds",
                saving,
                Keeps.CAPACITY,
            )


@rule("NC102")
def bottlenecks(network: Network) -> Iterator[Finding]:
    """Find bottlenecks, inverted or not: two layers, of which the second takes the first's change of width back."""
    by_index = {layer.index: layer for layer in layers(network)}
    for first, second in _pairs(network):
        one, two = by_index[first], by_index[second]
        outer, inner = even_widths(one.width_in, one.width_out)
        saving = Saving.of_elements(one.above_bound + two.above_bound, network.ops[first].inputs[0])
        yield network.finding(
            first,
            f"{one.width_in} to {one.width_out} channels and back",
            f"take {outer} channels, {inner} between, which does about as many multiply-adds in both layers",
            saving,
            Keeps.CAPACITY,
            (first, second),
        )


def _pairs(network: Network) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    free = {layer.index for layer in layers(network)}
    for layer in layers(network):
        if layer.ratio >= LEAST_RATIO and not any(layer.index in pair for pair in pairs[-1:]):
            second = partner(network, layer)
            if second is not None and second.index in free:
                pairs.append((layer.index, second.index))
    return pairs


def sides(op: Op) -> int:
    """Return the positions of a kernel: 9 for 3x3."""
    return prod(op.inputs[1].shape[2:])
