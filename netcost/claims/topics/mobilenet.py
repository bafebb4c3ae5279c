"""MobileNet as a whole: its cost by kind of layer, and the savings of separable convolutions and inverted residuals.

References: MobileNet (arXiv:1704.04861), Tables 2 and 4; MobileNetV2 (arXiv:1801.04381), Table 4.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from netcost.claims.checks import beside, printed, rising, stated, unstated
from netcost.claims.claim import ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import counted, counted_module, layers, weights
from netcost.claims.sources import ARTICLE_TO_SHUFFLENET_V2, MOBILENET, MOBILENET_V2
from netcost.counting.analysis import Analysis
from netcost.graph.cost import Kind
from netcost.zoo.blocks import ConvNorm
from netcost.zoo.mobilenet import V1_PAIRS, MobileNetV1


@claim(
    id="mobilenet-1x1-share",
    rows="B29",
    topic=Topic.SEPARABLE,
    says="The 1x1 convolutions of MobileNet still hold much redundancy: most of its cost is theirs.",
    source=f"{ARTICLE_TO_SHUFFLENET_V2}; the shares are those of {MOBILENET}, Table 2",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"width": 0.5},
)
def pointwise_share(width: float = 1.0) -> ClaimFinding:
    """Compute the share of each kind of layer, without batch norm and biases; counting cannot say what is redundant."""
    network = counted("mobilenet_v1", width=width)
    work, held = shares(network, network.mult_adds, "mult_adds"), shares(network, weights(network), "weights")
    return found(
        printed("1x1 share of the multiply-adds", work[1].value, "94.86%", unit="percent", terms=work),
        printed("1x1 share of the weights", held[1].value, "74.59%", unit="percent", terms=held),
    )


def shares(network: Analysis, whole: int, quantity: str) -> list[Term]:
    """Return the share of each kind of layer in a quantity of all layers: 3x3, 1x1, depthwise, fully connected."""
    kinds = (Kind.CONVOLUTION, Kind.POINTWISE_CONVOLUTION, Kind.DEPTHWISE_CONVOLUTION, Kind.LINEAR)
    return [Term(str(kind), sum(getattr(layer, quantity) for layer in layers(network, kind)) / whole) for kind in kinds]


@claim(
    id="mobilenet-v2-below-v1",
    rows="B34",
    topic=Topic.SEPARABLE,
    says="MobileNetV2 takes fewer multiply-adds than MobileNet.",
    source=f"{MOBILENET_V2}, Table 4",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"width": 1.4},
)
def v2_against_v1(width: float = 1.0) -> ClaimFinding:
    """Compare the two at 224x224; beside that, the maps that they write, on which MobileNetV2 does not save."""
    first, second = counted("mobilenet_v1"), counted("mobilenet_v2", width=width)
    written = second.activations / first.activations
    maps = Term("v2", second.activations), Term("v1", first.activations)
    return found(
        rising("multiply-adds", {"v2": second.mult_adds, "v1": first.mult_adds}),
        beside(unstated("activations, v2 / v1", written, unit="times", terms=maps)),
    )


@claim(
    id="mobilenet-against-full",
    rows="B50",
    topic=Topic.SEPARABLE,
    says="MobileNet, each convolution split in two, is far smaller and cheaper than with full convolutions.",
    source=f"{ARTICLE_TO_SHUFFLENET_V2}; the printed counts are those of {MOBILENET}, Table 4",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"kernel": 5},
)
def against_full_convolutions(kernel: int = 3) -> ClaimFinding:
    """Compare MobileNet with the same layout of one convolution per pair; "far below" is taken as half."""
    small, full = counted("mobilenet_v1"), counted_module(lambda: full_mobilenet(kernel), (1, 3, 224, 224))
    params, work = small.params / full.params, small.mult_adds / full.mult_adds
    return found(
        stated("parameters, MobileNet / full", params, "far below 1", params < 1 / 2, unit="ratio"),
        stated("multiply-adds, MobileNet / full", work, "far below 1", work < 1 / 2, unit="ratio"),
        beside(printed("parameters of MobileNet", small.params, "4.2M")),
        beside(printed("parameters of the full network", full.params, "29.3M")),
        beside(printed("multiply-adds of MobileNet", small.mult_adds, "569M")),
        beside(printed("multiply-adds of the full network", full.mult_adds, "4866M")),
    )


def full_mobilenet(kernel: int) -> MobileNetV1:
    """Build MobileNet with one convolution of all channels in place of each pair."""
    network = MobileNetV1()
    channels = [32, *(made for made, _ in V1_PAIRS)]
    strides = [stride for _, stride in V1_PAIRS]
    network.pairs = nn.Sequential(
        *(
            ConvNorm(before, after, kernel, stride=stride)
            for (before, after), stride in zip(pairwise(channels), strides, strict=True)
        )
    )
    return network
