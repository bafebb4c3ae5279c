"""MobileNetV2's unit: wide between its ends, linear at its end, added to its input only where the map stays.

Reference: MobileNetV2 (arXiv:1801.04381), section 3.3, Figure 4 and Tables 1 and 2.
"""

from __future__ import annotations

from collections import Counter

from netcost.claims.checks import beside, exactly, printed, unstated
from netcost.claims.claim import ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import CONVOLUTIONS, Layer, counted, layers, operators, weights, within
from netcost.claims.sources import ARTICLE_TO_SHUFFLENET_V2, MOBILENET_V2
from netcost.claims.topics.residual import kernels, unit_widths
from netcost.counting.analysis import Analysis


@claim(
    id="narrow-and-wide-units",
    rows="B32",
    topic=Topic.RESIDUAL,
    says="ResNet's units narrow the channels to 0.25, MobileNetV2's widen them 6 times.",
    source=ARTICLE_TO_SHUFFLENET_V2,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"expansion": 4},
)
def narrow_and_wide(expansion: int = 6) -> ClaimFinding:
    """Compare the channels between the convolutions of a unit with those of its input."""
    narrow = unit_widths(counted("module:bottleneck"))
    wide = unit_widths(counted("module:inverted_residual", expansion=expansion))
    network = counted("mobilenet_v2")
    first = units(network)[0]
    return found(
        printed("ResNet", narrow[1] / narrow[0], "0.25", unit="ratio", terms=_widths(narrow)),
        printed("MobileNetV2", wide[1] / wide[0], "6", unit="ratio", terms=_widths(wide)),
        beside(unstated("the first unit of MobileNetV2", first[0].out_channels // first[0].in_channels)),
        beside(printed("weights of MobileNetV2 with these units", weights(network), "3.47M")),
    )


def _widths(widths: tuple[int, ...]) -> list[Term]:
    return [Term("between", widths[1]), Term("in", widths[0])]


def units(network: Analysis) -> list[list[Layer]]:
    """Return the convolutions of each of MobileNetV2's units."""
    names = dict.fromkeys(
        ".".join(layer.path.split(".")[:2]) for layer in layers(network) if layer.path.startswith("bottlenecks.")
    )
    return [within(network, name) for name in names]


@claim(
    id="mobilenet-v2-ends-linear",
    rows="B33",
    topic=Topic.RESIDUAL,
    says="A unit of MobileNetV2 begins with a 1x1 expansion and ReLU, and has no ReLU after its last 1x1.",
    source=f"{MOBILENET_V2}, Table 1",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"expansion": 1},
)
def linear_end(expansion: int = 6) -> ClaimFinding:
    """Count the ReLU6 of one unit, and those that ran after its last convolution."""
    unit = counted("module:inverted_residual", expansion=expansion)
    kinds = unit.count.kinds
    last = max(index for index, kind in enumerate(kinds) if kind in CONVOLUTIONS)
    clipped = [index for index, op in enumerate(unit.graph.ops) if op.name in CLIPPING]
    return found(
        exactly("kernels", kernels(unit), ("1x1", "3x3", "1x1")),
        exactly("ReLU6 in the unit", len(clipped), 2),
        exactly("ReLU6 after its last 1x1", sum(index > last for index in clipped), 0),
    )


CLIPPING = {"aten.hardtanh", "aten.hardtanh_"}
"""The operators that torch runs for ReLU6."""


@claim(
    id="only-stride-1-adds",
    rows="B38",
    topic=Topic.RESIDUAL,
    says="Only the units of MobileNetV2 with stride 1 have the residual addition.",
    source=f"{MOBILENET_V2}, Figure 4",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"strides": (1, 1)},
)
def only_stride_1(strides: tuple[int, int] = (1, 2)) -> ClaimFinding:
    """Check a unit of each stride, and all 17; at stride 1 the width must stay the same as well."""
    keeps, halves = (len(additions(counted("module:inverted_residual", stride=stride))) for stride in strides)
    network = counted("mobilenet_v2")
    kinds = Counter(_kind_of(unit) for unit in units(network))
    terms = [Term(kind, number) for kind, number in kinds.items()]
    return found(
        exactly("additions in a unit of stride 1", keeps, 1),
        exactly("additions in a unit of stride 2", halves, 0),
        exactly("additions in the network", len(additions(network)), kinds["stride 1, as wide"]),
        beside(unstated("units", kinds.total(), terms=terms)),
    )


def additions(analysis: Analysis) -> list[str]:
    """Return the modules that add two maps."""
    return [op.module for op in operators(analysis, "aten.add")]


def _kind_of(unit: list[Layer]) -> str:
    if any(layer.stride != (1, 1) for layer in unit):
        return "stride 2"
    return "stride 1, as wide" if unit[0].in_channels == unit[-1].out_channels else "stride 1, other width"
