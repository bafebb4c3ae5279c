"""Channel shuffle, and the units that divide their channels instead of grouping them.

References: ShuffleNet (arXiv:1707.01083), section 3.1; ShuffleNet V2 (arXiv:1807.11164), section 3.
"""

from __future__ import annotations

import torch

from netcost.claims.checks import beside, exactly, unstated
from netcost.claims.claim import ClaimFinding, ClaimVerdict, Topic, claim, found
from netcost.claims.evidence import counted, counted_module, layers, operators, output_shape
from netcost.claims.sources import ARTICLE_TO_SHUFFLENET_V2, SHUFFLENET_V2
from netcost.zoo.shufflenet_v1 import ChannelShuffle


@claim(
    id="channel-shuffle-of-ten",
    rows="B31",
    topic=Topic.SHUFFLE,
    says="Channels 1 to 10 in 2 groups are shuffled to 1 6 2 7 3 8 4 9 5 10.",
    source=ARTICLE_TO_SHUFFLENET_V2,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"groups": 5},
)
def shuffle_of_ten(groups: int = 2) -> ClaimFinding:
    """Shuffle ten channels with the module that ShuffleNet uses, and count it on one of ShuffleNet's maps."""
    shuffle = ChannelShuffle(groups)
    channels = torch.arange(1, 11).reshape(1, 10, 1, 1)
    order = " ".join(map(str, shuffle(channels).flatten().tolist()))
    cost = counted_module(lambda: ChannelShuffle(groups), (1, 240, 28, 28))
    return found(
        exactly("order of the channels", order, "1 6 2 7 3 8 4 9 5 10"),
        beside(unstated("28x28x240: multiply-adds", cost.mult_adds)),
        beside(unstated("28x28x240: memory access", cost.memory_access)),
    )


@claim(
    id="shufflenet-v2-halves",
    rows="B46",
    topic=Topic.SHUFFLE,
    says="ShuffleNet V2's units split the channels in halves, and the addition becomes a concatenation.",
    source=f"{SHUFFLENET_V2}, section 3",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"channels": 232},
)
def splits_and_joins(channels: int = 116) -> ClaimFinding:
    """Check a unit of stage 2: its convolutions read half of the channels; output and input have the same number."""
    unit = counted("module:shufflenet_v2_unit", (1, channels, 28, 28))
    network = counted("shufflenet_v2_x1_0")
    return found(
        exactly("channels that the convolutions see", layers(unit)[0].in_channels, channels // 2),
        exactly("channels out", output_shape(unit)[1], channels),
        exactly("additions in ShuffleNet V2 1x", len(operators(network, "aten.add")), 0),
        exactly("concatenations in a unit", len(operators(unit, "aten.cat")), 1),
        beside(unstated("concatenations in the network", len(operators(network, "aten.cat")))),
    )
