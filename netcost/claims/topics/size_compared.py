"""Networks larger and smaller than others.

References: AlexNet (NIPS 2012); VGG (arXiv:1409.1556), Table 2; GoogLeNet (arXiv:1409.4842), section 1; ResNeXt
(arXiv:1611.05431), Table 1; Xception (arXiv:1610.02357), Table 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from netcost.claims.checks import beside, exactly, printed, rising, unstated
from netcost.claims.claim import Check, ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import counted, counted_module
from netcost.claims.sources import (
    ARTICLE_EIGHT_MODELS,
    ARTICLE_INCEPTION,
    ARTICLE_TO_SHUFFLENET_V2,
    GOOGLENET,
    INCEPTION_V3,
    XCEPTION,
)
from netcost.claims.surgery import altered
from netcost.claims.topics.size import TABLE_1_K
from netcost.claims.windows import weighted_depth
from netcost.counting.analysis import Analysis
from netcost.zoo.blocks import ConvReLU
from netcost.zoo.resnet import BOTTLENECK_WIDTHS, Bottleneck, ResNet

Counted = dict[str, Analysis]
"""Networks by the names that people write."""


def smaller(metric: str, networks: Counted, what: str) -> Check:
    """Check that each network has less than the next of a metric, params or mult_adds."""
    return rising(what, {name: getattr(network, metric) for name, network in networks.items()})


def times(what: str, large: Term, small: Term, figure: str | None = None) -> Check:
    """Compute the ratio of two networks, beside a printed figure if there is one."""
    ratio, terms = large.value / small.value, (large, small)
    if figure is None:
        return beside(unstated(what, ratio, unit="times", terms=terms))
    return printed(what, ratio, figure, unit="times", terms=terms)


def params(name: str, network: Analysis) -> Term:
    """Return the parameters used in inference."""
    return Term(name, network.params)


@claim(
    id="googlenet-12x-fewer-parameters",
    rows="A03",
    topic=Topic.SIZE,
    says="GoogLeNet has 12 times fewer parameters than AlexNet.",
    source=f"{GOOGLENET}, section 1; {INCEPTION_V3}, section 1",
    recorded=ClaimVerdict.FAILS,
    perturbation={"num_classes": 10},
)
def twelve_times_fewer(num_classes: int = 1000) -> ClaimFinding:
    """Compare by the layers, by the column of GoogLeNet's Table 1, and by the 5M of the Inception v3 paper."""
    alexnet = params("AlexNet", counted("alexnet_2012", num_classes=num_classes))
    googlenet = params("GoogLeNet", counted("googlenet", num_classes=num_classes))
    column = Term("GoogLeNet, as its Table 1 sums to", int(TABLE_1_K * 1000))
    said = Term("GoogLeNet, as the Inception v3 paper has it", 5_000_000)
    return found(
        times("AlexNet / GoogLeNet", alexnet, googlenet, "12"),
        times("AlexNet / GoogLeNet by its Table 1", alexnet, column),
        beside(times("AlexNet / the 5M of the Inception v3 paper", alexnet, said, "12")),
    )


@claim(
    id="googlenet-one-twentieth-of-vgg",
    rows="A04",
    topic=Topic.SIZE,
    says="GoogLeNet is about 1/20 of the size of VGGNet.",
    source=ARTICLE_INCEPTION,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"num_classes": 10},
)
def twentieth_of_vgg(num_classes: int = 1000) -> ClaimFinding:
    """Compare with VGG-16, the usual one."""
    googlenet = params("GoogLeNet", counted("googlenet", num_classes=num_classes))
    sixteen = params("VGG-16", counted("vgg16", num_classes=num_classes))
    nineteen = params("VGG-19", counted("vgg19", num_classes=num_classes))
    return found(
        times("VGG-16 / GoogLeNet", sixteen, googlenet, "20"), times("VGG-19 / GoogLeNet", nineteen, googlenet)
    )


@claim(
    id="googlenet-smaller-and-deeper",
    rows="A18 C17 E02",
    topic=Topic.SIZE,
    says="GoogLeNet is deeper, with 22 layers, and yet has far fewer parameters than AlexNet and VGGNet.",
    source=f"{ARTICLE_INCEPTION}; {ARTICLE_EIGHT_MODELS}",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"num_classes": 10},
)
def smaller_and_deeper(num_classes: int = 1000) -> ClaimFinding:
    """Compare parameters in inference, and layers with weights on the longest path."""
    small, middle, large = (counted(name, num_classes=num_classes) for name in ("googlenet", "alexnet_2012", "vgg16"))
    deep = {"AlexNet": middle, "VGG-16": large, "GoogLeNet": small}
    ratios = tuple(network.params / small.params for network in (small, middle, large))
    return found(
        smaller("params", {"GoogLeNet": small, "AlexNet": middle, "VGG-16": large}, "parameters"),
        rising("layers with weights", {name: weighted_depth(network) for name, network in deep.items()}),
        exactly("layers of GoogLeNet", weighted_depth(small), 22),
        beside(unstated("to GoogLeNet's", ratios, unit="ratio")),
    )


@claim(
    id="vgg-costs-more",
    rows="C13",
    topic=Topic.SIZE,
    says="More and smaller filters cost less, and yet VGG takes more computation and parameters than its predecessors.",
    source=ARTICLE_EIGHT_MODELS,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"kernel": 5},
)
def vgg_costs_more(kernel: int = 7) -> ClaimFinding:
    """Compare VGG-16 with AlexNet, and with itself where one 7x7 replaces three 3x3 in a row."""
    stages = {"conv3": (128, 256), "conv4": (256, 512), "conv5": (512, 512)}
    large = altered("vgg16", {name: partial(ConvReLU, *widths, kernel) for name, widths in stages.items()})
    alexnet, vgg = counted("alexnet_2012"), counted("vgg16")
    return found(
        smaller("mult_adds", {"three 3x3": vgg, "one large": large}, "multiply-adds of VGG-16"),
        smaller("mult_adds", {"AlexNet": alexnet, "VGG-16": vgg}, "multiply-adds"),
        smaller("params", {"AlexNet": alexnet, "VGG-16": vgg}, "parameters"),
        beside(unstated("multiply-adds, VGG-16 / AlexNet", vgg.mult_adds / alexnet.mult_adds, unit="times")),
    )


@claim(
    id="resnet-152-smaller-than-vgg",
    rows="C19",
    topic=Topic.SIZE,
    says="A ResNet of 152 layers has fewer parameters than VGGNet.",
    source=ARTICLE_EIGHT_MODELS,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"repeats": (3, 8, 136, 3)},
)
def resnet_152(repeats: Sequence[int] = (3, 8, 36, 3)) -> ClaimFinding:
    """Compare with VGG-16, by multiply-adds as well."""
    resnet = bottlenecks(repeats)
    networks = {"ResNet-152": resnet, "VGG-16": counted("vgg16")}
    return found(
        smaller("params", networks, "parameters"),
        exactly("layers with weights of the ResNet", weighted_depth(resnet), 152),
        beside(smaller("mult_adds", networks, "multiply-adds")),
    )


def bottlenecks(repeats: Sequence[int], groups: int = 1, group_width: int = 64) -> Analysis:
    """Build a ResNet, or with groups a ResNeXt, with that number of bottleneck units in each stage."""
    unit = partial(Bottleneck, groups=groups, group_width=group_width)
    return counted_module(lambda: ResNet(unit, repeats, BOTTLENECK_WIDTHS), (1, 3, 224, 224))


@claim(
    id="resnext-smaller-than-resnet",
    rows="B18",
    topic=Topic.SIZE,
    says="ResNeXt has fewer parameters than ResNet.",
    source=ARTICLE_TO_SHUFFLENET_V2,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"groups": 64},
)
def resnext(groups: int = 32) -> ClaimFinding:
    """Compare pairs of equal depth, both with the stride in the 3x3."""
    checks = []
    for depth, repeats in ((50, (3, 4, 6, 3)), (101, (3, 4, 23, 3))):
        grouped, plain = bottlenecks(repeats, groups, 4), bottlenecks(repeats)
        pair = {f"ResNeXt-{depth}": grouped, f"ResNet-{depth}": plain}
        checks += [
            smaller("params", pair, f"parameters, {depth} layers"),
            beside(unstated(f"less than ResNet-{depth}'s", 1 - grouped.params / plain.params, unit="percent")),
            beside(smaller("mult_adds", pair, f"multiply-adds, {depth} layers")),
        ]
    return found(*checks)


@claim(
    id="xception-smaller-than-inception-v3",
    rows="B20",
    topic=Topic.SIZE,
    says="Xception has slightly fewer parameters than Inception v3.",
    source=f"{XCEPTION}, Table 3",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"num_classes": 10},
)
def xception(num_classes: int = 1000) -> ClaimFinding:
    """Compare with Inception v3 as released, and as the Xception paper counts it."""
    small, large = counted("xception", num_classes=num_classes), counted("inception_v3", num_classes=num_classes)
    table_3 = 23_626_728
    return found(
        smaller("params", {"Xception": small, "Inception v3": large}, "parameters"),
        beside(unstated("less, of Inception v3's", 1 - small.params / large.params, unit="percent")),
        beside(exactly("parameters of Inception v3", large.params, table_3)),
        beside(unstated("less, of the parameters printed for it", 1 - small.params / table_3, unit="percent")),
        beside(smaller("mult_adds", {"Inception v3": large, "Xception": small}, "multiply-adds")),
    )
