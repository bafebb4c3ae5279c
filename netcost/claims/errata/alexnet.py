"""AlexNet (Krizhevsky et al., NIPS 2012), Figure 2."""

from __future__ import annotations

from math import prod

from torch import nn

from netcost.claims.checks import beside, exactly
from netcost.claims.claim import ERRATA, ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import CONVOLUTIONS, Layer, counted_module, layers
from netcost.claims.sources import ALEXNET
from netcost.zoo.alexnet import AlexNet2012


@claim(
    id="alexnet-first-neurons",
    rows="M25",
    topic=Topic.SIZE,
    says="The first convolution of AlexNet has 253,440 neurons.",
    source=f"{ALEXNET}, Figure 2",
    recorded=ClaimVerdict.FAILS,
    perturbation={"kernel": 7},
    registry=ERRATA,
)
def first_neurons(kernel: int = 11) -> ClaimFinding:
    """Count the values that each convolution puts out; only the figure's first does not fit its map and channels.

    It fits with 48, the channels of one device, in place of one side.
    """
    network = counted_module(lambda: alexnet(kernel), (1, 3, 227, 227))
    convolutions = layers(network, *CONVOLUTIONS)
    figures = 253_440, 186_624, 64_896, 64_896, 43_264
    first, *others = [
        exactly(f"{layer.path.split('.')[0]}: neurons", _neurons(layer).value, figure, terms=[_neurons(layer)])
        for layer, figure in zip(convolutions, figures, strict=True)
    ]
    slip = _slip(*convolutions[:2])
    return found(
        first,
        *map(beside, others),
        beside(exactly("conv1: side x channels of a device x channels", slip.value, 253_440, terms=[slip])),
    )


def alexnet(kernel: int) -> AlexNet2012:
    """Count AlexNet with another side of its first kernel."""
    network = AlexNet2012()
    network.conv1[0] = nn.Conv2d(3, 96, kernel, stride=4)
    return network


def _neurons(layer: Layer) -> Term:
    """Return both sides of its map and its channels."""
    factors = (*layer.grid, layer.out_channels)
    return Term(layer.name, prod(factors), "·".join(map(str, factors)))


def _slip(first: Layer, second: Layer) -> Term:
    """Return a side, the channels of one device (those of a group of the second convolution), and all channels."""
    factors = (first.grid[0], second.in_channels // second.groups, first.out_channels)
    return Term(first.name, prod(factors), "·".join(map(str, factors)))
