"""NC2: grouped and depthwise convolutions against guideline G2.

Reference: ShuffleNet V2 (arXiv:1807.11164), section 2, G2: at equal multiply-adds, memory access grows with groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from netcost.graph.cost import CONVOLUTIONS, Kind
from netcost.graph.graph import MODEL_INPUT, Op
from netcost.linting.finding import Finding, Keeps, Network, Saving, rule
from netcost.linting.widths import LANES, layer_of, sides

LEAST_EXPANSION = 3.0
"""Widening by the 1x1 convolution from which on it is an inverted bottleneck's; ShuffleNet V2's units widen less."""

MOST_DENSE = 3.0
"""Multiply-adds of the dense convolution at most, as a multiple of those of the two layers that it replaces."""


def fewer_widths(op: Op) -> tuple[int, int]:
    """Return widths in and out of a convolution with one group that does about as many multiply-adds."""
    width_in, width_out, groups = op.inputs[0].shape[1], op.outputs[0].shape[1], op.arguments["groups"]
    fewer_in = max(LANES, LANES * round(width_in / sqrt(groups) / LANES))
    return fewer_in, max(LANES, LANES * round(width_in * width_out / groups / fewer_in / LANES))


@rule("NC201")
def many_groups(network: Network) -> Iterator[Finding]:
    """Find grouped convolutions; one without groups and with widths smaller by sqrt(g) does as much arithmetic."""
    for index, op in network.of_kind(*(CONVOLUTIONS - {Kind.DEPTHWISE_CONVOLUTION})):
        groups = op.arguments.get("groups", 1)
        if groups < 2:
            continue
        narrower = 1 - 1 / sqrt(groups)
        saved = narrower * (op.inputs[0].elements + op.outputs[0].elements)
        width = op.outputs[0].shape[1]
        yield network.finding(
            index,
            f"{groups} groups in {width} channels",
            f"take 1 group and {fewer_widths(op)[1]} channels, which does about as many multiply-adds",
            Saving.of_elements(saved, op.inputs[0]),
            Keeps.CAPACITY,
        )


@rule("NC202")
def early_depthwise(network: Network) -> Iterator[Finding]:
    """Find expansions before a depthwise convolution where one dense convolution moves less, and does little more.

    Reference: EfficientNetV2 (arXiv:2104.00298), section 3.2, Fused-MBConv.
    """
    for index, op in network.of_kind(Kind.DEPTHWISE_CONVOLUTION):
        chain = [index]
        while (source := network.ops[chain[0]].sources[0]) >= 0 and network.only_reader(source) == chain[0]:
            chain.insert(0, source)
            if not _acts_by_channel(network, source):
                break
        expansion = layer_of(network, chain[0])
        if expansion is None or expansion.width_out < LEAST_EXPANSION * expansion.width_in or not op.outputs:
            continue
        places = op.outputs[0].numel // op.outputs[0].shape[1]
        dense = places * sides(op) * expansion.width_in * expansion.width_out
        now = network.cost(chain)
        if dense > MOST_DENSE * now.mult_adds:
            continue
        kept = network.ops[chain[0]].inputs[0].elements + op.outputs[0].elements
        weights = sides(op) * expansion.width_in * expansion.width_out
        saved = now.memory_access - kept - weights
        if saved > 0:
            yield network.finding(
                index,
                f"1x1 from {expansion.width_in} to {expansion.width_out} channels, then depthwise",
                f"take one dense convolution instead; it does {dense / now.mult_adds:.1f} x the multiply-adds",
                Saving.of_elements(saved, op.inputs[0], len(chain) - 1, now.mult_adds - dense),
                Keeps.NEITHER,
                chain,
            )


def _acts_by_channel(network: Network, index: int) -> bool:
    """True for a norm or an activation: it reads one feature map, and parameters."""
    maps = [source for source in network.ops[index].sources if source >= 0 or source == MODEL_INPUT]
    return network.is_kind(index, Kind.NORMALISATION, Kind.ELEMENTWISE) and len(maps) == 1
