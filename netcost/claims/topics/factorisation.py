"""Large kernels replaced by small ones in a row: the savings, and the effect on GoogLeNet.

References: VGG (arXiv:1409.1556), section 2.3; Inception v3 (arXiv:1512.00567), sections 3.1 and 3.2; BN-Inception
(arXiv:1502.03167), appendix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise

from torch import nn

from netcost.claims.checks import beside, exactly, printed, rising, stated, unstated
from netcost.claims.claim import Check, ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import counted, counted_module, layers, receptive_field, weight_terms, weights
from netcost.claims.sources import BN_INCEPTION, INCEPTION_V3, VGG
from netcost.claims.surgery import Changes, altered
from netcost.claims.windows import modules, weighted_depth
from netcost.counting.analysis import Analysis
from netcost.zoo.blocks import Conv, ConvReLU, Size, chain, same_padding
from netcost.zoo.catalogue import entry

APPENDIX = f"{BN_INCEPTION}, appendix"

WIDTH = 64
"""Channels in and out of convolutions that are compared at equal width."""
SIDE = 28
"""Of the map that they see."""


def in_a_row(*kernels: Size, width: int = WIDTH) -> Analysis:
    """Count convolutions of equal width, one after the other and without biases."""
    convolutions = [
        partial(nn.Conv2d, width, width, kernel, padding=same_padding(kernel), bias=False) for kernel in kernels
    ]
    return counted_module(lambda: nn.Sequential(*(make() for make in convolutions)), (1, width, SIDE, SIDE))


def per_pair(convolutions: Analysis) -> int:
    """Return the weights per pair of an input and an output channel (count)."""
    return weights(convolutions) // WIDTH**2


def same_field(small: Analysis, large: Analysis) -> Check:
    """Check that both see a window of the same height and width."""
    return exactly("receptive field", receptive_field(layers(small)), receptive_field(layers(large)))


def swapped(widening_first: bool, kernel: int = 3, times: int = 2) -> Changes:
    """Replace GoogLeNet's 5x5 convolutions, from r to n channels, by two 3x3: r to n to n, or r to r to n."""
    changes: dict[str, partial[nn.Module]] = {}
    for layer in layers(counted("googlenet")):
        if layer.kernel == (5, 5):
            between = layer.out_channels if widening_first else layer.in_channels
            widths = layer.in_channels, *[between] * (times - 1), layer.out_channels
            changes[layer.path.rpartition(".")[0]] = partial(_chain, widths, kernel)
    return changes


def _chain(widths: Sequence[int], kernel: int) -> nn.Module:
    return nn.Sequential(*(ConvReLU(before, after, kernel) for before, after in pairwise(widths)))


@claim(
    id="two-3x3-for-one-5x5",
    rows="A12",
    topic=Topic.FACTORISATION,
    says="Two 3x3 convolutions in a row take the place of a 5x5 with fewer parameters and the same receptive field.",
    source=f"{INCEPTION_V3}, section 3.1",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"kernel": 5},
)
def two_for_one(kernel: int = 3) -> ClaimFinding:
    """Compare at equal widths; in GoogLeNet, whose branches widen, the saving depends on which of the two widens."""
    small, large = in_a_row(kernel, kernel), in_a_row(5)
    share, whole = weights(small) / weights(large), counted("googlenet").params
    wide, narrow = (altered("googlenet", swapped(first)).params / whole for first in (True, False))
    terms = weight_terms([*layers(small), *layers(large)])
    return found(
        rising("weights", {"two 3x3": weights(small), "one 5x5": weights(large)}, terms=terms),
        same_field(small, large),
        beside(unstated("weights, two 3x3 / one 5x5", share, unit="ratio")),
        beside(unstated("saved", 1 - share, unit="percent")),
        beside(unstated("parameters of GoogLeNet, the first widening", wide, unit="times")),
        beside(unstated("parameters of GoogLeNet, the second widening", narrow, unit="times")),
    )


@claim(
    id="three-3x3-for-one-7x7",
    rows="A13 C11",
    topic=Topic.FACTORISATION,
    says="Three 3x3 convolutions in a row take the place of a 7x7: 27 weights for each pair of channels and not 49.",
    source=f"{VGG}, section 2.3",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"kernel": 5},
)
def three_for_one(kernel: int = 3) -> ClaimFinding:
    """Compare at equal widths, without biases."""
    small, large = in_a_row(kernel, kernel, kernel), in_a_row(7)
    share = weights(small) / weights(large)
    return found(
        exactly("weights for each pair of channels, three 3x3", per_pair(small), 27, terms=weight_terms(layers(small))),
        exactly("weights for each pair of channels, one 7x7", per_pair(large), 49, terms=weight_terms(layers(large))),
        same_field(small, large),
        beside(unstated("weights, three 3x3 / one 7x7", share, unit="ratio")),
    )


@claim(
    id="stacked-3x3-receptive-field",
    rows="C12",
    topic=Topic.FACTORISATION,
    says="Two 3x3 convolutions see as much as one 5x5, and three as much as one 7x7.",
    source=f"{VGG}, section 2.3",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"kernel": 5},
)
def stacked_fields(kernel: int = 3) -> ClaimFinding:
    """Add up the windows: each convolution adds its kernel less one to the window of the one before."""
    rows = {"two 3x3": in_a_row(kernel, kernel), "three 3x3": in_a_row(kernel, kernel, kernel)}
    seen = {name: receptive_field(layers(row))[0] for name, row in rows.items()}
    return found(
        exactly("side of the window of two 3x3", seen["two 3x3"], receptive_field(layers(in_a_row(5)))[0]),
        exactly("side of the window of three 3x3", seen["three 3x3"], receptive_field(layers(in_a_row(7)))[0]),
    )


@claim(
    id="asymmetric-factorisation",
    rows="A14",
    topic=Topic.FACTORISATION,
    says="A 1xn convolution and an nx1 after it take the place of an nxn.",
    source=f"{INCEPTION_V3}, section 3.2",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"sides": (5, 7)},
)
def asymmetric(sides: tuple[int, ...] = (3, 7)) -> ClaimFinding:
    """Compare the weights at equal widths: 2 in n remain; n is 7 in Inception v3."""
    checks: list[Check] = []
    for n in sides:
        pair, square = in_a_row((1, n), (n, 1)), in_a_row(n)
        exact = n * weights(pair) == 2 * weights(square)
        terms = weight_terms([*layers(pair), *layers(square)])
        share, named = weights(pair) / weights(square), f"1x{n} and {n}x1"
        checks.append(stated(f"weights, {named} / {n}x{n}", share, f"2/{n}", exact, unit="ratio", terms=terms))
        checks.append(replace(same_field(pair, square), what=f"receptive field of {named}"))
    return found(*checks)


@claim(
    id="bn-inception-9-layers-deeper",
    rows="B09",
    topic=Topic.FACTORISATION,
    says="Two 3x3 convolutions in place of each 5x5 make the network 9 layers deeper.",
    source=APPENDIX,
    recorded=ClaimVerdict.PARTLY,
    perturbation={"times": 3},
)
def deeper_by_nine(times: int = 2) -> ClaimFinding:
    """Count the depth with the swap alone in GoogLeNet, and with all of Figure 5 (second convolution of depth 1)."""
    before, after = counted("googlenet"), altered("googlenet", swapped(True, times=times))
    figure_5 = altered("bn_inception", {"conv2": partial(chain, 64, Conv(192, 3), bias=True)})
    deep, swap, all_of_it = (weighted_depth(network) for network in (before, after, figure_5))
    nine, ten = len(modules(before, "Inception")), len(modules(figure_5, "InceptionV2"))
    return found(
        exactly("layers more by the swap in GoogLeNet", swap - deep, 9),
        exactly("layers more in BN-Inception than in GoogLeNet", all_of_it - deep, 9),
        beside(unstated("layers of GoogLeNet", deep)),
        beside(unstated("layers of BN-Inception", all_of_it)),
        notes=[f"BN-Inception, Figure 5 of the same paper, has {ten} modules where GoogLeNet has {nine}."],
    )


READINGS = (
    "Read as GoogLeNet with each 5x5, from r to n channels, as two 3x3: the first of them widening (r to n to n) or "
    "the second (r to r to n); and as all of BN-Inception."
)


def readings(metric: str, kernel: int) -> dict[str, tuple[Term, Term]]:
    """Return params or mult_adds of GoogLeNet with either swap and of BN-Inception, each with GoogLeNet's own."""
    networks = {
        "the first 3x3 widening": altered("googlenet", swapped(True, kernel)),
        "the second 3x3 widening": altered("googlenet", swapped(False, kernel)),
        "BN-Inception": counted("bn_inception"),
    }
    base = Term("GoogLeNet", getattr(counted("googlenet"), metric))
    return {name: (Term("changed", getattr(network, metric)), base) for name, network in networks.items()}


@claim(
    id="bn-inception-25-percent-weights",
    rows="B10",
    topic=Topic.FACTORISATION,
    says="Two 3x3 convolutions in place of each 5x5 add 25% parameters.",
    source=APPENDIX,
    recorded=ClaimVerdict.FAILS,
    perturbation={"kernel": 5},
)
def weights_of_the_swap(kernel: int = 3) -> ClaimFinding:
    """Compare the parameters with GoogLeNet's, in every reading of the swap."""
    checks = [
        printed(f"parameters, {name}", _ratio(terms), "1.25", unit="times", terms=terms)
        for name, terms in readings("params", kernel).items()
    ]
    return found(*checks, notes=[READINGS])


@claim(
    id="bn-inception-30-percent-compute",
    rows="B11",
    topic=Topic.FACTORISATION,
    says="Two 3x3 convolutions in place of each 5x5 add about 30% computation.",
    source=APPENDIX,
    recorded=ClaimVerdict.PARTLY,
    perturbation={"kernel": 5},
)
def compute_of_the_swap(kernel: int = 3) -> ClaimFinding:
    """Compare the multiply-adds with GoogLeNet's, in every reading of the swap; "about 30%" is 25 % to 35 %."""
    network, by_table = counted("bn_inception").mult_adds, entry("googlenet").published.mult_adds
    assert by_table is not None, "Table 1 prints it"
    checks = [
        printed(f"multiply-adds, {name}", _ratio(terms), "1.3", said="about 1.3", unit="times", terms=terms)
        for name, terms in readings("mult_adds", kernel).items()
    ]
    terms = Term("BN-Inception", network), Term("GoogLeNet, as its Table 1 sums to", round(by_table))
    beyond = unstated("multiply-adds, BN-Inception to that table", _ratio(terms), unit="times", terms=terms)
    return found(*checks, beside(beyond), notes=[READINGS])


def _ratio(terms: tuple[Term, Term]) -> float:
    return terms[0].value / terms[1].value
