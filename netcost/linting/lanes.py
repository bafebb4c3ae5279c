"""NC8: widths that are no multiple of 8, which some kernels pad inside and others run slowly.

"Take multiples of 8" was advice for the first tensor cores, and is stale: kernels pad by themselves, or do not. So such
a finding is shown only where it was timed on the device in question, and the wider layer was the faster one.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcost.graph.cost import CONVOLUTIONS, Kind
from netcost.graph.graph import MODEL_INPUT, Op
from netcost.linting.finding import Finding, Keeps, Network, Saving, rule
from netcost.linting.widths import LANES

MOST_WIDENED = 1.5
"""Multiply-adds of the wider layer at most, as a multiple: above, widening cannot pay."""


def rounded_up(width: int) -> int:
    """Return the next multiple of `LANES`."""
    return -(-width // LANES) * LANES


def widths_of(op: Op) -> tuple[int, int]:
    """Return the channels in and out of a convolution without groups, or of a linear layer."""
    weight = op.inputs[1].shape
    return weight[1], weight[0]


@rule("NC801")
def odd_widths(network: Network) -> Iterator[Finding]:
    """Find layers whose widths are no multiples of 8, and are free: neither the input nor the classes give them."""
    for index, op in network.of_kind(*(CONVOLUTIONS - {Kind.DEPTHWISE_CONVOLUTION}), Kind.LINEAR):
        if len(op.inputs) < 2 or len(op.inputs[1].shape) < 2 or op.arguments.get("groups", 1) != 1:
            continue
        if "transpose" in op.name or op.arguments.get("transposed"):
            continue
        (width_in, width_out), parameter = widths_of(op), op.parameters[1]
        is_free = op.sources[0] != MODEL_INPUT and not network.is_output(index) and parameter is not None
        wider_in, wider_out = rounded_up(width_in), rounded_up(width_out)
        more = wider_in * wider_out / (width_in * width_out)
        if not is_free or more == 1 or more > MOST_WIDENED:
            continue
        mult_adds = network.count.costs[index].mult_adds
        places_in, places_out = op.inputs[0].elements / width_in, op.outputs[0].elements / width_out
        added = places_in * (wider_in - width_in) + places_out * (wider_out - width_out)
        yield network.finding(
            index,
            f"{width_in} channels in, {width_out} out",
            f"take {wider_in} and {wider_out}, although that does {more:.2f} x the multiply-adds",
            Saving.of_elements(-added, op.inputs[0], mult_adds=mult_adds * (1 - more)),
            Keeps.NEITHER,
        )
