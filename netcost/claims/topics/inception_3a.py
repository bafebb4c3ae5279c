"""GoogLeNet's first Inception module, 3a, with and without its 1x1 reductions: the lecture's sum on 28x28x192.

Reference: GoogLeNet (arXiv:1409.4842), Table 1.
"""

from __future__ import annotations

from netcost.claims.checks import beside, exactly, printed, rising, unstated
from netcost.claims.claim import ClaimFinding, ClaimVerdict, Topic, claim, found
from netcost.claims.evidence import counted, layers, mult_add_terms, output_shape, weight_terms, weights
from netcost.claims.sources import ARTICLE_TO_SHUFFLENET_V2, GOOGLENET
from netcost.claims.windows import branch_channels
from netcost.counting.analysis import Analysis

KIBI = 1024
"""The K of GoogLeNet's Table 1."""


def naive_3a(n5x5: int = 32) -> Analysis:
    """Count GoogLeNet's first module without reductions, on 28x28x192."""
    return counted("module:inception_naive", (1, 192, 28, 28), n1x1=64, n3x3=128, n5x5=n5x5)


def inception_3a(reduce_5x5: int = 16, pool_proj: int = 32) -> Analysis:
    """Count GoogLeNet's first module, on 28x28x192."""
    widths = {"n1x1": 64, "reduce_3x3": 96, "n3x3": 128, "reduce_5x5": reduce_5x5, "n5x5": 32}
    return counted("module:inception_v1", (1, 192, 28, 28), **widths, pool_proj=pool_proj)


@claim(
    id="inception-naive-192-weights",
    rows="B01",
    topic=Topic.INCEPTION,
    says="The naive module on 28x28x192, with 64, 128 and 32 channels of 1x1, 3x3 and 5x5, has 387,072 weights.",
    source=ARTICLE_TO_SHUFFLENET_V2,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"n5x5": 64},
)
def naive_192_weights(n5x5: int = 32) -> ClaimFinding:
    """Count the weights without biases, as in the article."""
    module = naive_3a(n5x5=n5x5)
    terms = layers(module)
    return found(
        exactly("weights", weights(module), 387_072, terms=weight_terms(terms)),
        beside(unstated("multiply-adds", module.mult_adds, terms=mult_add_terms(terms))),
    )


@claim(
    id="inception-naive-192-channels",
    rows="B02",
    topic=Topic.INCEPTION,
    says="The naive module on 28x28x192 puts out 28x28x416.",
    source=ARTICLE_TO_SHUFFLENET_V2,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"n5x5": 64},
)
def naive_192_channels(n5x5: int = 32) -> ClaimFinding:
    """Add up the channels of three branches of convolutions, and all channels of the input."""
    module = naive_3a(n5x5=n5x5)
    return found(exactly("channels out", output_shape(module)[1], 416, terms=branch_channels(module)))


@claim(
    id="inception-3a-weights",
    rows="B03",
    topic=Topic.INCEPTION,
    says="With 1x1 reductions the module on 28x28x192, GoogLeNet's 3a, has 163,328 weights.",
    source=ARTICLE_TO_SHUFFLENET_V2,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"reduce_5x5": 32},
)
def reduced_192_weights(reduce_5x5: int = 16) -> ClaimFinding:
    """Count the module that Table 1 prints with 159K weights, with a K of 1024, and 128M multiply-adds."""
    module = inception_3a(reduce_5x5=reduce_5x5)
    terms = layers(module)
    return found(
        exactly("weights", weights(module), 163_328, terms=weight_terms(terms)),
        beside(printed("weights / 1024", weights(module) / KIBI, "159", said="159K", unit="ratio")),
        beside(printed("multiply-adds", module.mult_adds, "128M", terms=mult_add_terms(terms))),
        notes=[f"For comparison: {GOOGLENET}, Table 1, inception (3a)."],
    )


@claim(
    id="inception-3a-channels",
    rows="B04",
    topic=Topic.INCEPTION,
    says="With 1x1 reductions the module on 28x28x192 puts out 28x28x256.",
    source=f"{GOOGLENET}, Table 1",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"pool_proj": 64},
)
def reduced_192_channels(pool_proj: int = 32) -> ClaimFinding:
    """Add up the channels; the projection after the pooling reduces those of the input."""
    module = inception_3a(pool_proj=pool_proj)
    return found(exactly("channels out", output_shape(module)[1], 256, terms=branch_channels(module)))


@claim(
    id="inception-reductions-192",
    rows="B05",
    topic=Topic.INCEPTION,
    says="1x1 reductions cut both the weights and the output depth of the module on 28x28x192.",
    source=ARTICLE_TO_SHUFFLENET_V2,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"reduce_5x5": 32},
)
def reductions_192(reduce_5x5: int = 16) -> ClaimFinding:
    """Compare GoogLeNet's 3a with the same convolutions without reductions."""
    naive, reduced = naive_3a(), inception_3a(reduce_5x5=reduce_5x5)
    heavy, light = weights(naive), weights(reduced)
    deep, flat = output_shape(naive)[1], output_shape(reduced)[1]
    return found(
        rising("weights", {"reduced": light, "naive": heavy}),
        rising("channels out", {"reduced": flat, "naive": deep}),
        beside(unstated("weights, naive / reduced", heavy / light, unit="times")),
        beside(unstated("channels out, naive / reduced", deep / flat, unit="times")),
    )
