"""Depthwise separable convolution: one kernel per channel, then a 1x1 over them.

References: Xception (arXiv:1610.02357); MobileNet (arXiv:1704.04861), section 3.1 and Tables 2 to 4.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from torch import nn

from netcost.claims.checks import beside, exactly, printed, rising, stated, unstated
from netcost.claims.claim import Check, ClaimFinding, ClaimVerdict, Topic, claim, found
from netcost.claims.evidence import (
    CONVOLUTIONS,
    counted,
    counted_convolution,
    counted_module,
    layers,
    mult_add_terms,
    weight_terms,
    weights,
)
from netcost.claims.sources import ARTICLE_TO_SHUFFLENET_V2, MOBILENET, XCEPTION
from netcost.counting.analysis import Analysis
from netcost.graph.cost import Kind
from netcost.zoo.xception import SeparableConv, XceptionModule

SIDE, WIDTH = 14, 512
"""Of the map and the channels of MobileNet's Table 3."""


def standard(out_channels: int = WIDTH) -> Analysis:
    """Count a 3x3 convolution of all channels at once, on 14x14x512."""
    return counted_convolution(WIDTH, out_channels, 3, SIDE)


def separable(out_channels: int = WIDTH) -> Analysis:
    """Count MobileNet's pair of a 3x3 depthwise and a 1x1 convolution, on the same map."""
    return counted("module:depthwise_separable", (1, WIDTH, SIDE, SIDE), out_channels=out_channels)


@claim(
    id="xception-order",
    rows="B21",
    topic=Topic.SEPARABLE,
    says="Xception filters each channel by 3x3 before it mixes them by 1x1; Inception modules mix first.",
    source=f"{XCEPTION}, section 1.2",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"repeats": 2},
)
def space_first(repeats: int = 3) -> ClaimFinding:
    """Compare the order in which the layers ran, and the weights of Xception's widest step in both orders."""
    whole, middle, inception = counted("xception"), xception_module(repeats), counted("module:inception_v3_a")
    mixed = follow(inception, Kind.POINTWISE_CONVOLUTION, Kind.CONVOLUTION)
    depthwise = layers(whole, Kind.DEPTHWISE_CONVOLUTION)
    branches = {layer.path.partition(".")[0] for layer in layers(inception, Kind.CONVOLUTION)}
    return found(
        exactly("3x3 then 1x1, in a module of Xception", space_then_channels(middle), repeats),
        exactly("3x3 then 1x1, in all of it", space_then_channels(whole), len(depthwise)),
        exactly("1x1 then larger, in an Inception module", mixed, len(branches)),
        beside(exactly("parameters of Xception in this order", whole.params, 22_855_952)),
        *(
            beside(unstated(f"weights, {order}", weights(unit), terms=weight_terms(layers(unit))))
            for order, unit in orders(728, 1024).items()
        ),
    )


def xception_module(repeats: int) -> Analysis:
    """Count a module of Xception's middle flow with that many separable convolutions."""
    return counted_module(lambda: XceptionModule(728, (728,) * repeats), (1, 728, 19, 19))


def follow(analysis: Analysis, first: Kind, then: Kind) -> int:
    """Return the times that a convolution of the one kind ran directly after one of the other."""
    return list(pairwise(layer.kind for layer in layers(analysis))).count((first, then))


def space_then_channels(analysis: Analysis) -> int:
    """Return the number of depthwise convolutions directly before a 1x1."""
    return follow(analysis, Kind.DEPTHWISE_CONVOLUTION, Kind.POINTWISE_CONVOLUTION)


def orders(in_channels: int, out_channels: int) -> dict[str, Analysis]:
    """Count a separable convolution of Xception, and the same with its two steps in reverse order."""
    shape = (1, in_channels, 19, 19)
    return {
        "3x3 first": counted_module(lambda: SeparableConv(in_channels, out_channels), shape),
        "1x1 first": counted_module(
            lambda: nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, bias=False),
                nn.Conv2d(out_channels, out_channels, 3, padding=1, groups=out_channels, bias=False),
            ),
            shape,
        ),
    }


@claim(
    id="xception-no-relu-between",
    rows="B22",
    topic=Topic.SEPARABLE,
    says="Xception has no ReLU between the two steps of a separable convolution; Inception modules have one.",
    source=f"{XCEPTION}, sections 1.2 and 4.7",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"repeats": 2},
)
def no_relu_between(repeats: int = 3) -> ClaimFinding:
    """Count the ReLUs between the two kinds of convolution; Xception has them before each pair."""
    steps = Kind.DEPTHWISE_CONVOLUTION, Kind.POINTWISE_CONVOLUTION
    middle = xception_module(repeats)
    inside, everywhere = tuple(relus_between(middle, *steps)), relus_between(counted("xception"), *steps)
    mixed = relus_between(counted("module:inception_v3_a"), Kind.POINTWISE_CONVOLUTION, Kind.CONVOLUTION)
    before = sum(op.name in RELU for op in middle.graph.ops)
    return found(
        stated("between the steps, a module of Xception", inside, "none", not any(inside)),
        exactly("between the steps, all of it", sum(everywhere), 0),
        stated("between the steps, an Inception module", tuple(mixed), "one each", set(mixed) == {1}),
        beside(unstated("before the steps, a module of Xception", before)),
    )


RELU = {"aten.relu", "aten.relu_"}


def relus_between(analysis: Analysis, first: Kind, then: Kind) -> list[int]:
    """Return the number of ReLUs between each convolution of the one kind and the next of the other."""
    counts, last, since = [], None, 0
    for op, kind in zip(analysis.graph.ops, analysis.count.kinds, strict=True):
        since += op.name in RELU
        if kind in CONVOLUTIONS:
            if (last, kind) == (first, then):
                counts.append(since)
            last, since = kind, 0
    return counts


@claim(
    id="convolution-cost",
    rows="B23",
    topic=Topic.SEPARABLE,
    says="A convolution of D_K x D_K from M to N channels takes D_K·D_K·M·N·D_F·D_F multiply-adds on D_F x D_F.",
    source=f"{MOBILENET}, section 3.1 and Table 3",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"out_channels": 256},
)
def standard_cost(out_channels: int = WIDTH) -> ClaimFinding:
    """Count the layer of Table 3: 3x3 on 14x14x512."""
    module = standard(out_channels)
    formula = 3 * 3 * WIDTH * out_channels * SIDE * SIDE
    return found(
        exactly("multiply-adds", module.mult_adds, formula, terms=mult_add_terms(layers(module))),
        printed("the same, as printed", module.mult_adds, "462M"),
        beside(printed("weights", weights(module), "2.36M", terms=weight_terms(layers(module)))),
    )


@claim(
    id="separable-cost",
    rows="B24",
    topic=Topic.SEPARABLE,
    says="A depthwise separable convolution takes D_K·D_K·M·D_F·D_F + M·N·D_F·D_F multiply-adds.",
    source=f"{MOBILENET}, section 3.1 and Table 3",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"out_channels": 256},
)
def separable_cost(out_channels: int = WIDTH) -> ClaimFinding:
    """Count the pair of Table 3: a 3x3 for each of 512 channels and a 1x1 over them, on 14x14."""
    module = separable(out_channels)
    formula = (3 * 3 * WIDTH + WIDTH * out_channels) * SIDE * SIDE
    return found(
        exactly("multiply-adds", module.mult_adds, formula, terms=mult_add_terms(layers(module))),
        printed("the same, as printed", module.mult_adds, "52.3M"),
    )


@claim(
    id="separable-weights",
    rows="B25",
    topic=Topic.SEPARABLE,
    says="A depthwise separable convolution has D_K·D_K·M + N·M weights.",
    source=f"{MOBILENET}, Table 3",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"out_channels": 256},
)
def separable_weights(out_channels: int = WIDTH) -> ClaimFinding:
    """Count the weights of the same pair, without batch norm."""
    module, whole = separable(out_channels), standard(out_channels)
    formula = 3 * 3 * WIDTH + out_channels * WIDTH
    return found(
        exactly("weights", weights(module), formula, terms=weight_terms(layers(module))),
        printed("the same, as printed", weights(module), "0.27M"),
        beside(unstated("weights of the 3x3 convolution of all channels", weights(whole))),
    )


@claim(
    id="separable-saving",
    rows="B26",
    topic=Topic.SEPARABLE,
    says="A separable 3x3 takes 1/N + 1/9 of the standard one's multiply-adds, which is 8 to 9 times less.",
    source=f"{MOBILENET}, section 3.1",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"out_channels": 256},
)
def separable_saving(out_channels: int = WIDTH) -> ClaimFinding:
    """Compare the pair of Table 3 with the layer that it replaces."""
    steps, one = separable(out_channels), standard(out_channels)
    pair, whole = steps.mult_adds, one.mult_adds
    agrees = Fraction(pair, whole) == Fraction(1, out_channels) + Fraction(1, 9)
    terms = mult_add_terms([*layers(steps), *layers(one)])
    return found(
        stated("separable / standard", pair / whole, f"1/{out_channels} + 1/9", agrees, unit="ratio", terms=terms),
        stated("standard / separable", whole / pair, "8 to 9 times", 8 <= whole / pair <= 9, unit="times"),
    )


@claim(
    id="separable-as-n-exceeds-m",
    rows="B27",
    topic=Topic.SEPARABLE,
    says="A separable convolution is cheaper because its output channels N are more than its input channels M.",
    source=ARTICLE_TO_SHUFFLENET_V2,
    recorded=ClaimVerdict.FAILS,
    perturbation={"wide": 128},
)
def more_outputs(wide: int = 64, narrow: int = 32) -> ClaimFinding:
    """Test the reason given; the condition is 1/N + 1/(D_K·D_K) < 1, whatever M. Two cases contradict it, one fits."""
    return found(
        _by_that_reason(narrow, wide, kernel=1),
        _by_that_reason(wide, narrow, kernel=3),
        beside(_by_that_reason(narrow, wide, kernel=3)),
    )


def _by_that_reason(in_channels: int, out_channels: int, kernel: int) -> Check:
    """Return the weights of the separable and of the full convolution, in the order that N > M would give."""
    steps = [
        *layers(counted_convolution(in_channels, in_channels, kernel, SIDE, groups=in_channels)),
        *layers(counted_convolution(in_channels, out_channels, 1, SIDE)),
    ]
    whole = layers(counted_convolution(in_channels, out_channels, kernel, SIDE))
    held = {"separable": sum(layer.weights for layer in steps), "full": whole[0].weights}
    expected = held if out_channels > in_channels else dict(reversed(held.items()))
    what = f"weights, {kernel}x{kernel} from {in_channels} to {out_channels}"
    return rising(what, expected, terms=weight_terms([*steps, *whole]))
