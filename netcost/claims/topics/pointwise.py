"""The 1x1 convolution: the weights of a filter, and its cost beside larger kernels."""

from __future__ import annotations

from collections.abc import Iterable

from netcost.claims.checks import beside, exactly, rising, stated, unstated
from netcost.claims.claim import Check, ClaimFinding, ClaimVerdict, Topic, claim, found
from netcost.claims.evidence import (
    counted,
    counted_convolution,
    layers,
    mult_add_terms,
    output_shape,
    weight_terms,
    weights,
)
from netcost.claims.sources import (
    ARTICLE_EIGHT_MODELS,
    ARTICLE_INCEPTION,
    ARTICLE_MINI_GOOGLENET,
    ARTICLE_TO_SHUFFLENET_V2,
)
from netcost.counting.analysis import Analysis


@claim(
    id="three-1x1-kernels",
    rows="A01",
    topic=Topic.SEPARABLE,
    says="Three 1x1x3 kernels turn a map of 56x56x3 into one of 56x56x1.",
    source=ARTICLE_INCEPTION,
    recorded=ClaimVerdict.FAILS,
    perturbation={"kernels": 2},
)
def three_kernels(kernels: int = 3) -> ClaimFinding:
    """Check that a convolution makes one channel per kernel, however many channels each kernel reads."""
    several, one = counted_convolution(3, kernels, 1, side=56), counted_convolution(3, 1, 1, side=56)
    return found(
        exactly(f"{kernels} kernels: channels out", output_shape(several)[1], 1),
        *_cost(f"{kernels} kernels", several),
        beside(exactly("1 kernel: channels out", output_shape(one)[1], 1)),
        *_cost("1 kernel", one),
    )


def _cost(name: str, module: Analysis) -> list[Check]:
    found = layers(module)
    return [
        beside(unstated(f"{name}: weights", weights(module), terms=weight_terms(found))),
        beside(unstated(f"{name}: multiply-adds", module.mult_adds, terms=mult_add_terms(found))),
    ]


@claim(
    id="1x1-filter-weights",
    rows="A02",
    topic=Topic.SEPARABLE,
    says="A 1x1 neuron has as many parameters as the layer before it has channels.",
    source=ARTICLE_INCEPTION,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"kernel": 3},
)
def weights_of_a_filter(kernel: int = 1) -> ClaimFinding:
    """Count the weights of filters on the inputs of GoogLeNet's first modules; a bias is extra."""
    checks = []
    for channels in (192, 256, 480):
        layer = layers(counted_convolution(channels, 1, kernel, side=28))[0]
        checks.append(exactly(f"weights of a filter on {channels} channels", layer.weights, channels))
    return found(*checks)


@claim(
    id="1x1-has-one-parameter",
    rows="B06",
    topic=Topic.SEPARABLE,
    says="A 1x1 convolution has a single parameter and only scales the map.",
    source=ARTICLE_TO_SHUFFLENET_V2,
    recorded=ClaimVerdict.FAILS,
    perturbation={"in_channels": 256},
)
def one_parameter(in_channels: int = 192) -> ClaimFinding:
    """Count the weights of a 1x1 filter of GoogLeNet's first module; one on a single channel only scales."""
    mixing = layers(counted("module:inception_v1", (1, in_channels, 28, 28)))[0]
    single = layers(counted_convolution(1, 1, 1, side=28))[0]
    depthwise = layers(counted_convolution(in_channels, in_channels, 1, side=28, groups=in_channels))[0]
    return found(
        exactly(f"weights of a filter on {in_channels} channels", mixing.weights // mixing.out_channels, 1),
        beside(exactly("weights of a filter on 1 channel", single.weights // single.out_channels, 1)),
        beside(exactly("weights of a depthwise 1x1, a channel", depthwise.weights // depthwise.out_channels, 1)),
    )


@claim(
    id="1x1-is-cheap",
    rows="C28",
    topic=Topic.SEPARABLE,
    says="A 1x1 convolution is cheap.",
    source=ARTICLE_EIGHT_MODELS,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"larger": 5},
)
def cheap(larger: int = 3) -> ClaimFinding:
    """Compare a 1x1 with a 3x3 of as many channels on the same map: the areas of the kernels decide."""
    pointwise, other = (counted_convolution(64, 64, kernel, side=28) for kernel in (1, larger))
    ratio = pointwise.mult_adds / other.mult_adds
    terms = [*mult_add_terms(layers(pointwise)), *mult_add_terms(layers(other))]
    what = f"multiply-adds, 1x1 / {larger}x{larger}"
    return found(stated(what, ratio, "cheap: below 1", ratio < 1, unit="ratio", terms=terms))


@claim(
    id="larger-kernels-cost-more",
    rows="E07",
    topic=Topic.SEPARABLE,
    says="Filters of 5x5 and 3x3 need more computation than filters of 1x1.",
    source=ARTICLE_MINI_GOOGLENET,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"kernels": (1, 3, 7)},
)
def larger_kernels(kernels: Iterable[int] = (1, 3, 5)) -> ClaimFinding:
    """Compare the three with as many channels on the same map, as multiples of the 1x1."""
    named = {f"{kernel}x{kernel}": counted_convolution(64, 64, kernel, side=28) for kernel in kernels}
    costs = {name: module.mult_adds for name, module in named.items()}
    terms = [term for module in named.values() for term in mult_add_terms(layers(module))]
    smallest = min(costs.values())
    return found(
        rising("multiply-adds", costs, terms=terms),
        beside(unstated("in units of the smallest", tuple(cost // smallest for cost in costs.values()))),
    )
