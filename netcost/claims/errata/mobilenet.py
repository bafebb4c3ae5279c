"""MobileNet (arXiv:1704.04861) and MobileNetV2 (arXiv:1801.04381), and figures that others print of them."""

from __future__ import annotations

from functools import partial

from torch import nn

from netcost.claims.checks import beside, exactly, printed
from netcost.claims.claim import ERRATA, ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import (
    counted,
    counted_module,
    layers,
    mult_add_terms,
    weights,
    with_convolutions,
    within,
)
from netcost.claims.sources import MOBILENET, MOBILENET_V2, SLIM
from netcost.claims.topics.mobilenet import shares
from netcost.graph.cost import Kind
from netcost.zoo.mobilenet import MobileNetV1, inverted_residuals

IMAGE = (1, 3, 224, 224)


@claim(
    id="mobilenet-last-stride",
    rows="M11",
    topic=Topic.SEPARABLE,
    says="The last depthwise layer of MobileNet strides by 2, from 7x7 to 7x7, in a network of 569M multiply-adds.",
    source=f"{MOBILENET}, Table 1",
    recorded=ClaimVerdict.FAILS,
    perturbation={"stride": 1},
    registry=ERRATA,
)
def last_stride(stride: int = 2) -> ClaimFinding:
    """Compare the strides: the printed one would shrink the map once more; a stride of 1 gives both printed figures."""
    strided, kept = (counted_module(partial(mobilenet, one_stride), IMAGE) for one_stride in (stride, 1))
    last, as_counted = (layers(analysis, Kind.DEPTHWISE_CONVOLUTION)[-1] for analysis in (strided, kept))
    return found(
        exactly(f"stride {stride}: side of the map", last.grid[0], 7),
        printed(f"stride {stride}: multiply-adds", strided.mult_adds, "569M"),
        beside(exactly("instead, stride 1: side of the map", as_counted.grid[0], 7)),
        beside(printed("instead, stride 1: multiply-adds", kept.mult_adds, "569M")),
    )


def mobilenet(last_stride: int) -> MobileNetV1:
    """Build MobileNet with that stride in its last depthwise layer."""

    def make(path: str, layer: nn.Conv2d) -> nn.Module:
        if path.startswith("pairs.12.depthwise."):
            layer.stride = (last_stride, last_stride)
        return layer

    return with_convolutions(MobileNetV1(), make)


@claim(
    id="mobilenet-3x3-share",
    rows="M12",
    topic=Topic.SEPARABLE,
    says="The full 3x3 convolution of MobileNet takes 1.19% of its multiply-adds.",
    source=f"{MOBILENET}, Table 2",
    recorded=ClaimVerdict.FAILS,
    perturbation={"width": 0.5},
    registry=ERRATA,
)
def full_share(width: float = 1.0) -> ClaimFinding:
    """Compute the shares of all four kinds of layer, which must add up to 1; the other three are as printed."""
    network = counted("mobilenet_v1", width=width)
    full, pointwise, depthwise, linear = shares(network, network.mult_adds, "mult_adds")
    as_printed, swapped = (sum((first, 94.86, 3.06, 0.18)) / 100 for first in (1.19, 1.91))
    return found(
        printed("3x3", full.value, "1.19%", unit="percent"),
        beside(printed("1x1", pointwise.value, "94.86%", unit="percent")),
        beside(printed("3x3 depthwise", depthwise.value, "3.06%", unit="percent")),
        beside(printed("fully connected", linear.value, "0.18%", unit="percent")),
        beside(printed("sum of the four printed shares", as_printed, "100%", unit="percent")),
        beside(printed("3x3, if the digits were swapped", full.value, "1.91%", unit="percent")),
        beside(printed("sum of the printed shares with that", swapped, "100%", unit="percent")),
    )


@claim(
    id="mobilenet-planet-million",
    rows="M13",
    topic=Topic.SEPARABLE,
    says="A MobileNet with a final layer of 10 million weights takes 0.58 million multiply-adds.",
    source=f"{MOBILENET}, section 4.4",
    recorded=ClaimVerdict.FAILS,
    perturbation={"million": 20},
    registry=ERRATA,
)
def planet(million: int = 10) -> ClaimFinding:
    """Count MobileNet with as many classes as such a layer has; the paper does not give their number."""
    body = counted("mobilenet_v1")
    features = layers(body, Kind.LINEAR)[0].in_channels
    network = counted("mobilenet_v1", num_classes=million * 10**6 // features)
    last = within(network, "fc")
    rest = Term("all before it", network.mult_adds - last[0].mult_adds)
    return found(
        printed("multiply-adds", network.mult_adds, "0.58M", terms=[rest, *mult_add_terms(last)]),
        beside(printed("the same with billion for million", network.mult_adds, "0.58B")),
    )


@claim(
    id="mobilenet-v2-19-units",
    rows="M14",
    topic=Topic.SEPARABLE,
    says="MobileNetV2 has 19 residual bottlenecks.",
    source=f"{MOBILENET_V2}, section 4",
    recorded=ClaimVerdict.FAILS,
    perturbation={"kept": 16},
    registry=ERRATA,
)
def nineteen_units(kept: int | None = None) -> ClaimFinding:
    """Count the units of its Table 2, with one depthwise convolution each, and the weights that its authors list."""
    units = counted_module(lambda: inverted_residuals(32, 1.0)[:kept], (1, 32, 112, 112))
    return found(
        exactly("units of Table 2", len(layers(units, Kind.DEPTHWISE_CONVOLUTION)), 19),
        beside(printed("weights of the network with these", weights(counted("mobilenet_v2")), "3.47M")),
        notes=[f"The 3.47M are those of {SLIM}/mobilenet/README.md."],
    )


@claim(
    id="mobilenet-v2-1-4-params",
    rows="M15",
    topic=Topic.SEPARABLE,
    says="MobileNetV2 at width 1.4 has 6.9M parameters.",
    source=f"{MOBILENET_V2}, Table 4",
    recorded=ClaimVerdict.FAILS,
    perturbation={"width": 1.3},
    registry=ERRATA,
)
def params_of_1_4(width: float = 1.4) -> ClaimFinding:
    """Count with batch norm and biases, and without, as its authors' repository does."""
    network = counted("mobilenet_v2", width=width)
    return found(
        printed("parameters", network.params, "6.9M"),
        beside(printed("weights alone", weights(network), "6.06M")),
        notes=[f"The 6.06M are those of {SLIM}/mobilenet/README.md."],
    )


@claim(
    id="mobilenet-575",
    rows="M16",
    topic=Topic.SEPARABLE,
    says="MobileNet takes 575M multiply-adds.",
    source=f"{MOBILENET_V2}, Table 4",
    recorded=ClaimVerdict.FAILS,
    perturbation={"width": 0.75},
    registry=ERRATA,
)
def mobilenet_575(width: float = 1.0) -> ClaimFinding:
    """Check the figure of the later paper, and that of its own."""
    network = counted("mobilenet_v1", width=width)
    return found(
        printed("multiply-adds", network.mult_adds, "575M"),
        beside(printed("the same in MobileNet's own paper", network.mult_adds, "569M")),
    )


@claim(
    id="mobilenet-0-75-317",
    rows="M17",
    topic=Topic.SEPARABLE,
    says="MobileNet at width 0.75 takes 317M multiply-adds.",
    source=f"{SLIM}/mobilenet_v1.md",
    recorded=ClaimVerdict.FAILS,
    perturbation={"width": 0.5},
    registry=ERRATA,
)
def three_quarters(width: float = 0.75) -> ClaimFinding:
    """Check the figure of the repository, and that of the paper."""
    network = counted("mobilenet_v1", width=width)
    return found(
        printed("multiply-adds", network.mult_adds, "317M"),
        beside(printed("the same in the paper", network.mult_adds, "325M")),
    )


@claim(
    id="keras-mobilenet-529",
    rows="M18",
    topic=Topic.SEPARABLE,
    says="MobileNet takes 529M multiply-adds at 224, 192, 160 and 128 alike.",
    source="Keras applications, docstring of MobileNet",
    recorded=ClaimVerdict.FAILS,
    perturbation={"width": 0.5},
    registry=ERRATA,
)
def same_at_every_size(width: float = 1.0) -> ClaimFinding:
    """Compare sizes: the work of a convolution is proportional to the area of its map."""
    figures = {224: "569M", 192: "418M", 160: "291M", 128: "186M"}
    checks = []
    for side, listed in figures.items():
        work = counted("mobilenet_v1", (1, 3, side, side), width=width).mult_adds
        checks.append(printed(f"{side}x{side}", work, "529M"))
        checks.append(beside(printed(f"{side}x{side}, as the authors' repository lists it", work, listed)))
    return found(*checks, notes=[f"Their repository: {SLIM}/mobilenet_v1.md."])
