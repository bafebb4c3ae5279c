"""The Inception module: what its branches do and cost, and what 1x1 reductions save.

References: GoogLeNet (arXiv:1409.4842), Figure 2 and Table 1; CS231n (Stanford) 2017, lecture 9.
"""

from __future__ import annotations

from functools import partial

from torch import nn

from netcost.claims.checks import beside, exactly, printed, rising, unstated
from netcost.claims.claim import Check, ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import counted, layers, mult_add_terms, output_shape, read
from netcost.claims.explanation import simplest
from netcost.claims.sources import ARTICLE_INCEPTION, CS231N, GOOGLENET
from netcost.claims.surgery import altered, part
from netcost.claims.windows import branch_channels, branches, by, convolutions, modules, windows
from netcost.counting.analysis import Analysis


def naive_module(n1x1: int = 128, n3x3: int = 192, n5x5: int = 96) -> Analysis:
    """Count the module of the lecture without reductions, on 28x28x256."""
    return counted("module:inception_naive", (1, 256, 28, 28), n1x1=n1x1, n3x3=n3x3, n5x5=n5x5)


def reduced_module(reduce_3x3: int = 64, reduce_5x5: int = 64, pool_proj: int = 64) -> Analysis:
    """Count the module of the lecture with 1x1 before 3x3 and 5x5 and after the pooling, on 28x28x256."""
    widths = {"n1x1": 128, "reduce_3x3": reduce_3x3, "n3x3": 192, "reduce_5x5": reduce_5x5, "n5x5": 96}
    return counted("module:inception_v1", (1, 256, 28, 28), **widths, pool_proj=pool_proj)


def inception_3b() -> Analysis:
    """Count GoogLeNet's second module, on the same 28x28x256 and with as many output channels as the lecture's."""
    return counted("module:inception_v1")


@claim(
    id="inception-branches",
    rows="A10 E08",
    topic=Topic.INCEPTION,
    says="The Inception module has four branches, with 1x1 convolutions before the 3x3, before the 5x5 and after the "
    "pooling.",
    source=f"{GOOGLENET}, Figure 2",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"kernel": 3},
)
def module_branches(kernel: int = 5) -> ClaimFinding:
    """List the layers of each branch; GoogLeNet is three convolutions and nine such modules."""
    large = {"branch_5x5.1.0": partial(nn.Conv2d, 32, 96, kernel, padding=kernel // 2)}
    module = altered("module:inception_v1", large)
    drawn = {"branch_1x1": "1x1", "branch_3x3": "1x1, 3x3", "branch_5x5": "1x1, 5x5", "branch_pool": "3x3 max, 1x1"}
    steps = branches(module)
    return found(
        exactly("branches", len(steps), len(drawn)),
        *(exactly(f"{branch}, in turn", steps[branch], drawn[branch]) for branch in drawn),
        beside(unstated("convolutions", convolutions(module))),
        beside(unstated("poolings", len(windows(module)) - convolutions(module))),
        beside(unstated("fragments, as ShuffleNet V2 counts them", module.max_fragments or 0)),
        beside(_convolutions_of_the_network()),
    )


def _convolutions_of_the_network() -> Check:
    network = counted("googlenet")
    every, inception = convolutions(network), len(modules(network, "Inception"))
    each = convolutions(counted("module:inception_v1"))
    inside = Term("in the modules", inception * each, f"{inception}·{each}")
    return unstated(
        "convolutions of GoogLeNet", every, terms=(Term("before the modules", every - inside.value), inside)
    )


@claim(
    id="inception-same-grid",
    rows="A11",
    topic=Topic.INCEPTION,
    says="With kernel and padding 1/0, 3/1 and 5/2, and 3/1 for the pooling, all at stride 1, the four branches keep "
    "the height and width.",
    source=ARTICLE_INCEPTION,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"padding": 1},
)
def same_grid(padding: int = 2) -> ClaimFinding:
    """Compare the output maps of the branches, built one by one; a branch is shown by its largest window."""
    names, changes = branches(inception_3b()), {"branch_5x5.1.0.padding": (padding, padding)}
    every = [windows(part("module:inception_v1", name, changes)) for name in names]
    largest = [max(branch, key=lambda window: window.kernel) for branch in every]
    return found(
        exactly(
            "kernel/padding of the branches",
            tuple(f"{window.kernel[0]}/{window.padding[0]}" for window in largest),
            ("1/0", "3/1", "5/2", "3/1"),
        ),
        exactly("their strides", tuple(window.stride[0] for window in largest), (1,) * len(largest)),
        exactly(
            "side of the map that they make",
            tuple(branch[-1].grid_out[0] for branch in every),
            tuple(branch[0].grid_in[0] for branch in every),
        ),
    )


@claim(
    id="inception-naive-854",
    rows="A05",
    topic=Topic.INCEPTION,
    says="The naive Inception module on 28x28x256 takes 854M multiply-adds.",
    source=CS231N,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"n5x5": 64},
)
def naive_cost(n5x5: int = 96) -> ClaimFinding:
    """Count 1x1x128, 3x3x192 and 5x5x96 directly on the input; pooling and biases have no multiply-adds."""
    module = naive_module(n5x5=n5x5)
    terms = mult_add_terms(layers(module))
    return found(printed("multiply-adds", module.mult_adds, "854M", terms=terms), notes=[read(layers(module)[1])])


@claim(
    id="inception-naive-channels",
    rows="A06",
    topic=Topic.INCEPTION,
    says="The naive Inception module on 28x28x256 puts out 28x28x480.",
    source=CS231N,
    recorded=ClaimVerdict.FAILS,
    perturbation={"n3x3": 128},
)
def naive_channels(n3x3: int = 192) -> ClaimFinding:
    """Sum the output channels: the naive module keeps those that it pools; 480 is the sum of the reduced one."""
    module = naive_module(n3x3=n3x3)
    reduced = output_shape(reduced_module())[1]
    return found(
        exactly("channels out", output_shape(module)[1], 480, terms=branch_channels(module)),
        beside(exactly("channels out of the reduced module", reduced, 480)),
    )


@claim(
    id="inception-854-358",
    rows="A07 A08",
    topic=Topic.INCEPTION,
    says="1x1 reductions cut the module on 28x28x256 from 854M multiply-adds to 358M, by a factor of 2.39.",
    source=CS231N,
    recorded=ClaimVerdict.FAILS,
    perturbation={"reduce_5x5": 32},
)
def reductions(reduce_5x5: int = 64) -> ClaimFinding:
    """Compare the naive module, the reduced one as the slide draws it, and GoogLeNet's own on the same input."""
    naive, reduced, real = naive_module(), reduced_module(reduce_5x5=reduce_5x5), inception_3b()
    return found(
        beside(_cost("naive", naive, "854M")),
        _cost("reduced", reduced, "358M"),
        beside(_cost("GoogLeNet 3b", real, "304M")),
        printed("naive / reduced", naive.mult_adds / reduced.mult_adds, "2.39", unit="times"),
        beside(Check("naive / GoogLeNet 3b", naive.mult_adds / real.mult_adds, unit="times")),
        notes=[*_explained(reduced, "358M"), read(layers(reduced)[2])],
    )


def _cost(name: str, module: Analysis, figure: str) -> Check:
    channels = output_shape(module)[1]
    terms = mult_add_terms(layers(module))
    return printed(f"multiply-adds, {name}: {channels} channels out", module.mult_adds, figure, terms=terms)


def _explained(module: Analysis, figure: str) -> list[str]:
    """Explain the printed figure by the module's own terms, where their sum does not round to it."""
    way = simplest(mult_add_terms(layers(module)), figure)
    if way is None or not way.changes:
        return []
    changed, more = f"{len(way.changes)} of {len(way.terms)} terms", way.others - way.rivals
    rest = f"It changes {changed}; {way.rivals or 'no'} other ways change as few, and {more} that change more round to "
    return [
        f"The simplest explanation of {figure}: {way}.",
        f"{rest}{figure} too. How the figure came about is not known.",
    ]


@claim(
    id="inception-large-kernels",
    rows="A09",
    topic=Topic.INCEPTION,
    says="In the naive module the cost comes mainly from the large kernels on many channels.",
    source=CS231N,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"n5x5": 32},
)
def large_kernels(n5x5: int = 96) -> ClaimFinding:
    """Compute the share of each branch in the module's multiply-adds."""
    module = naive_module(n5x5=n5x5)
    shares = {by(layer.kernel): layer.mult_adds / module.mult_adds for layer in layers(module)}
    return found(rising("share of multiply-adds", shares, unit="percent"))
