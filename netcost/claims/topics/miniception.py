"""MiniGoogLeNet, the Inception module made small: two branches, no reductions.

Reference: Understanding deep learning requires rethinking generalization (arXiv:1611.03530), Figure 3.
"""

from __future__ import annotations

from functools import partial

from torch import nn

from netcost.claims.checks import beside, exactly, unstated
from netcost.claims.claim import ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import counted, operators, output_shape
from netcost.claims.sources import ARTICLE_MINI_GOOGLENET
from netcost.claims.surgery import altered, part
from netcost.claims.windows import branches, by, convolutions, windows
from netcost.zoo.mini_googlenet import Downsample


@claim(
    id="miniception-branches",
    rows="E06",
    topic=Topic.INCEPTION,
    says="The Miniception module is a 1x1 and a 3x3 convolution side by side, without a reduction.",
    source=ARTICLE_MINI_GOOGLENET,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"kernel": 5},
)
def miniception_branches(kernel: int = 3) -> ClaimFinding:
    """Compare two fragments with seven in GoogLeNet's module."""
    module = altered("module:miniception", {"branch_3x3.0.0": partial(nn.Conv2d, 96, 32, kernel, padding=kernel // 2)})
    return found(
        exactly("branches", tuple(branches(module).values()), ("1x1", "3x3")),
        exactly("convolutions", convolutions(module), 2),
        beside(unstated("concatenations", len(operators(module, "aten.cat")))),
        beside(unstated("fragments, as ShuffleNet V2 counts them", module.max_fragments or 0)),
        beside(unstated("fragments of GoogLeNet's module", counted("module:inception_v1").max_fragments or 0)),
        beside(unstated("convolutions of MiniGoogLeNet", convolutions(counted("mini_googlenet")))),
    )


@claim(
    id="miniception-downsampling",
    rows="E05",
    topic=Topic.INCEPTION,
    says="Down-sampling joins a 3x3 convolution with stride 2 and no padding to a 3x3 max pooling with stride 2, so "
    "that the channels out are those in plus those of the convolution.",
    source=ARTICLE_MINI_GOOGLENET,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"n3x3": 96},
)
def downsampling(n3x3: int = 80) -> ClaimFinding:
    """Count both down-sampling modules of MiniGoogLeNet, each on the map that it reads there."""
    first = part("mini_googlenet", "downsample_1", {"downsample_1": partial(Downsample, 80, n3x3)})
    second = part("mini_googlenet", "downsample_2", {})
    checks = []
    for name, module in (("first", first), ("second", second)):
        convolution, pooling = windows(module)
        terms = Term("convolution", convolution.channels_out), Term("pooled input", pooling.channels_in)
        made = sum(term.value for term in terms)
        checks += [
            exactly(f"{name}: channels out", output_shape(module)[1], made, terms=terms),
            exactly(f"{name}: its branches", (convolution.size, pooling.size), ("3x3", "3x3 max")),
            exactly(f"{name}: strides", (convolution.stride[0], pooling.stride[0]), (2, 2)),
            exactly(f"{name}: padding of the convolution", convolution.padding[0], 0),
        ]
    return found(*checks)


@claim(
    id="mini-googlenet-last-pooling",
    rows="E04",
    topic=Topic.INCEPTION,
    says="A 7x7 average pooling ends MiniGoogLeNet.",
    source=ARTICLE_MINI_GOOGLENET,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"stride": 2},
)
def last_pooling(stride: int = 1) -> ClaimFinding:
    """Compute the output map of the last module from the maps before it."""
    network = altered("mini_googlenet", {"conv1.0.0.stride": (stride, stride)})
    last = windows(network)[-1]
    sides = tuple(dict.fromkeys(window.grid_out[0] for window in windows(network)))
    return found(
        exactly("what pools last", last.size, "7x7 average"),
        beside(unstated("side of the map", sides)),
        beside(unstated("map before it", by((*last.grid_in, last.channels_in)))),
    )
