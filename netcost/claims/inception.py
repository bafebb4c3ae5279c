"""The Inception module: what its branches cost, and what 1x1 reductions save.

References: GoogLeNet (arXiv:1409.4842), Table 1; CS231n (Stanford) 2017, lecture 9.
"""

from __future__ import annotations

from netcost import units
from netcost.analysis import Analysis
from netcost.claims.checks import beside, exactly, printed, rising
from netcost.claims.claim import Check, Finding, Topic, Verdict, claim, found
from netcost.claims.evidence import counted, layers, mult_add_terms, output_shape
from netcost.claims.explanation import simplest

CS231N = "CS231n (Stanford) 2017, lecture 9"
GOOGLENET = "GoogLeNet (arXiv:1409.4842)"


def naive_module(n1x1: int = 128, n3x3: int = 192, n5x5: int = 96) -> Analysis:
    """The module of the lecture without reductions, on 28x28x256."""
    return counted("module:inception_naive", (1, 256, 28, 28), n1x1=n1x1, n3x3=n3x3, n5x5=n5x5)


def reduced_module(reduce_3x3: int = 64, reduce_5x5: int = 64, pool_proj: int = 64) -> Analysis:
    """The module of the lecture with 1x1 convolutions before 3x3 and 5x5 and after the pooling, on 28x28x256."""
    widths = {"n1x1": 128, "reduce_3x3": reduce_3x3, "n3x3": 192, "reduce_5x5": reduce_5x5, "n5x5": 96}
    return counted("module:inception_v1", (1, 256, 28, 28), **widths, pool_proj=pool_proj)


def inception_3b() -> Analysis:
    """GoogLeNet's second module, on the same 28x28x256 and with as many channels out as the lecture's."""
    return counted("module:inception_v1")


@claim(
    id="inception-naive-854",
    rows="A05",
    topic=Topic.INCEPTION,
    says="The naive Inception module on 28x28x256 takes 854M multiply-adds.",
    source=CS231N,
    recorded=Verdict.HOLDS,
    perturbation={"n5x5": 64},
)
def naive_cost(n5x5: int = 96) -> Finding:
    """1x1x128, 3x3x192 and 5x5x96 straight on the input; pooling and biases are no multiply-adds."""
    module = naive_module(n5x5=n5x5)
    return found(printed("multiply-adds", module.mult_adds, "854M", terms=mult_add_terms(layers(module))))


@claim(
    id="inception-naive-channels",
    rows="A06",
    topic=Topic.INCEPTION,
    says="That naive module puts out 28x28x480.",
    source=CS231N,
    recorded=Verdict.FAILS,
    perturbation={"n3x3": 128},
)
def naive_channels(n3x3: int = 192) -> Finding:
    """The naive module keeps the channels that it pools; 480 is the output of the reduced one."""
    module = naive_module(n3x3=n3x3)
    reduced = output_shape(reduced_module())[1]
    return found(
        exactly("channels out", output_shape(module)[1], 480),
        beside(exactly("channels out of the reduced module", reduced, 480)),
    )


@claim(
    id="inception-854-358",
    rows="A07 A08",
    topic=Topic.INCEPTION,
    says="1x1 reductions cut the module on 28x28x256 from 854M multiply-adds to 358M, by a factor of 2.39.",
    source=CS231N,
    recorded=Verdict.FAILS,
    perturbation={"reduce_5x5": 32},
)
def reductions(reduce_5x5: int = 64) -> Finding:
    """The naive module, the reduced one as the slide draws it, and GoogLeNet's own on the same input."""
    naive, reduced, real = naive_module(), reduced_module(reduce_5x5=reduce_5x5), inception_3b()
    return found(
        beside(_cost("naive", naive, "854M")),
        _cost("reduced, as on the slide", reduced, "358M"),
        beside(_cost("GoogLeNet 3b", real, "304M")),
        printed("naive / reduced", naive.mult_adds / reduced.mult_adds, "2.39", unit="times"),
        beside(Check("naive / GoogLeNet 3b", naive.mult_adds / real.mult_adds, unit="times")),
        notes=_explained(reduced, "358M"),
    )


def _cost(name: str, module: Analysis, figure: str) -> Check:
    channels = output_shape(module)[1]
    terms = mult_add_terms(layers(module))
    return printed(f"{name}: multiply-adds, {channels} channels out", module.mult_adds, figure, terms=terms)


def _explained(module: Analysis, figure: str) -> list[str]:
    """How the printed figure could come from the module's own terms, if its sum does not round to it."""
    way = simplest(mult_add_terms(layers(module)), figure)
    if way is None or not way.changes:
        return []
    what = f"The simplest explanation of {figure}: {way}."
    rest = f"It changes {len(way.changes)} of {len(way.terms)} terms, and "
    rest += f"{units.exact(way.rivals)} other ways change as few; {units.exact(way.others)} ways in all of leaving "
    rest += f"terms out or counting them twice round to {figure} too. It is no known history."
    return [what, rest]


@claim(
    id="inception-large-kernels",
    rows="A09",
    topic=Topic.INCEPTION,
    says="In the naive module the cost comes mainly from the large kernels on many channels.",
    source=CS231N,
    recorded=Verdict.HOLDS,
    perturbation={"n5x5": 32},
)
def large_kernels(n5x5: int = 96) -> Finding:
    """The share of each branch in the module's multiply-adds."""
    module = naive_module(n5x5=n5x5)
    shares = {layer.name: layer.mult_adds / module.mult_adds for layer in layers(module)}
    return found(rising("share of multiply-adds", shares, unit="percent"))
