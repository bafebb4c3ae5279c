"""GoogLeNet (arXiv:1409.4842), Table 1, and figures that others print of it.

The table's K is 1024: its 112K and 1000K are 114,688 and 1,024,000 weights.
"""

from __future__ import annotations

from functools import cache

from torch import nn

from netcost.claims.checks import beside, exactly, printed, unstated
from netcost.claims.claim import ERRATA, Check, ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import (
    counted,
    counted_module,
    layers,
    mult_add_terms,
    resized,
    weight_terms,
    weights,
    with_convolutions,
    within,
)
from netcost.claims.sources import ALEXNET, BN_INCEPTION, CS231N, GOOGLENET, INCEPTION_V3
from netcost.claims.topics.inception import reductions
from netcost.counting.analysis import Analysis
from netcost.text import units
from netcost.zoo.googlenet import GoogLeNet

TABLE_1 = f"{GOOGLENET}, Table 1"
K = 1024

claim(
    id="inception-module-358",
    rows="M01",
    topic=Topic.INCEPTION,
    says="With 1x1 reductions the Inception module on 28x28x256 takes 358M multiply-adds, not 854M.",
    source=CS231N,
    recorded=ClaimVerdict.FAILS,
    perturbation={"reduce_5x5": 32},
    registry=ERRATA,
)(reductions)


@cache
def googlenet(largest: int = 5, separable: bool = False, normed: bool = False) -> Analysis:
    """Count GoogLeNet.

    Args:
        largest: side of the kernels that are 5x5 in the paper.
        separable: True where the first convolution is a depthwise one of eight channels per colour and a 1x1.
        normed: True where convolutions have batch norm instead of biases.
    """

    def make(path: str, layer: nn.Conv2d) -> nn.Module:
        if separable and path.startswith("conv1."):
            return separable_first()
        kernel = largest if layer.kernel_size == (5, 5) else layer.kernel_size[0]
        made = resized(layer, kernel)
        made.bias = None if normed else made.bias
        return nn.Sequential(made, nn.BatchNorm2d(made.out_channels)) if normed else made

    return counted_module(lambda: with_convolutions(GoogLeNet(), make), (1, 3, 224, 224))


def separable_first(multiplier: int = 8) -> nn.Sequential:
    """Build a 7x7 depthwise convolution with that many channels per colour, and a 1x1 to 64."""
    spread = 3 * multiplier
    return nn.Sequential(
        nn.Conv2d(3, spread, 7, stride=2, padding=3, groups=3, bias=False), nn.Conv2d(spread, 64, 1, bias=False)
    )


@claim(
    id="googlenet-first-layer",
    rows="M02",
    topic=Topic.INCEPTION,
    says="The 7x7 convolution of GoogLeNet, from 3 to 64 channels, has 2.7K weights and takes 34M multiply-adds.",
    source=TABLE_1,
    recorded=ClaimVerdict.FAILS,
    perturbation={"kernel": 5},
    registry=ERRATA,
)
def first_convolution(kernel: int = 7) -> ClaimFinding:
    """Compare the dense layer that the row describes with the separable one that the BN paper has in its place."""
    shape = (1, 3, 224, 224)
    dense = counted_module(lambda: nn.Conv2d(3, 64, kernel, 2, kernel // 2, bias=False), shape)
    separable = counted_module(separable_first, shape)
    checks = [
        check
        for name, convolution in (("dense", dense), ("separable", separable))
        for check in (
            printed(f"{name}: weights", weights(convolution), "2.7K", terms=weight_terms(layers(convolution))),
            printed(f"{name}: multiply-adds", convolution.mult_adds, "34M", terms=mult_add_terms(layers(convolution))),
        )
    ]
    return found(
        *checks[:2],
        *map(beside, checks[2:]),
        notes=[
            f"{BN_INCEPTION}, appendix, has a separable convolution of depth multiplier 8 as its first layer.",
            f"{TABLE_1} does not say that GoogLeNet has.",
        ],
    )


@claim(
    id="googlenet-module-weights",
    rows="M03",
    topic=Topic.INCEPTION,
    says="GoogLeNet's 4a, 4c, 4d, 4e, 5a and 5b have 364K, 463K, 580K, 840K, 1072K and 1388K weights, K being 1024.",
    source=TABLE_1,
    recorded=ClaimVerdict.FAILS,
    perturbation={"largest": 3},
    registry=ERRATA,
)
def module_weights(largest: int = 5) -> ClaimFinding:
    """Count the modules by the table's own columns, which mostly give the printed multiply-adds."""
    rows = {
        "4a": ("364", "73M"),
        "4c": ("463", "100M"),
        "4d": ("580", "119M"),
        "4e": ("840", "170M"),
        "5a": ("1072", "54M"),
        "5b": ("1388", "71M"),
    }
    network = googlenet(largest)
    held, work = [], []
    for name, (figure, operations) in rows.items():
        module = within(network, f"inception_{name}")
        weighed = Term("weights", sum(layer.weights for layer in module))
        held.append(printed(f"{name}: weights / 1024", weighed.value / K, figure, terms=[weighed]))
        work.append(beside(printed(f"{name}: multiply-adds", sum(layer.mult_adds for layer in module), operations)))
    return found(*held, *work, beside(_second_convolution(network)))


def _second_convolution(network: Analysis) -> Check:
    """Count the row that shows the value of the table's K."""
    found = [*within(network, "conv2_reduce"), *within(network, "conv2")]
    held = sum(layer.weights for layer in found)
    return printed("second convolution: weights / 1024", held / K, "112", terms=weight_terms(found))


@claim(
    id="googlenet-5a",
    rows="M04",
    topic=Topic.INCEPTION,
    says="GoogLeNet's module 5a takes 54M multiply-adds.",
    source=TABLE_1,
    recorded=ClaimVerdict.FAILS,
    perturbation={"largest": 3},
    registry=ERRATA,
)
def module_5a(largest: int = 5) -> ClaimFinding:
    """Count its layers by the table's columns, on 7x7; the printed 1072K weights and 54M agree with each other."""
    module = within(googlenet(largest), "inception_5a")
    work = sum(layer.mult_adds for layer in module)
    side = module[0].grid[0]
    return found(
        printed("multiply-adds", work, "54M", terms=mult_add_terms(module)),
        beside(printed("the printed 1072K weights on the map", 1072 * K * side * side, "54M")),
    )


@claim(
    id="googlenet-column-sums",
    rows="M05",
    topic=Topic.INCEPTION,
    says="The columns of GoogLeNet's Table 1 come to 1502M multiply-adds and 6797.7K weights, K being 1024.",
    source=TABLE_1,
    recorded=ClaimVerdict.FAILS,
    perturbation={"largest": 3},
    registry=ERRATA,
)
def column_sums(largest: int = 5) -> ClaimFinding:
    """Count the network by its columns, and with the first convolution that the printed row fits."""
    network, separable = googlenet(largest), googlenet(largest, separable=True)
    held = weights(network)
    return found(
        printed("multiply-adds", network.mult_adds, "1502M"),
        printed("weights / 1024", held / K, "6797.7", terms=[Term("weights", held)]),
        beside(unstated("parameters, biases included", network.params)),
        beside(printed("the 1.5 billion of the abstract", network.mult_adds, "1.5B")),
        beside(printed("the same with the first convolution separable", separable.mult_adds, "1.5B")),
    )


@claim(
    id="googlenet-5-million",
    rows="M06",
    topic=Topic.INCEPTION,
    says="GoogLeNet has 5 million parameters, 12 times fewer than AlexNet.",
    source=f"{INCEPTION_V3}, section 1; {CS231N}",
    recorded=ClaimVerdict.FAILS,
    perturbation={"largest": 3},
    registry=ERRATA,
)
def five_million(largest: int = 5) -> ClaimFinding:
    """Count the two networks with biases; GoogLeNet without its classifier is nearer, but still different."""
    network, alexnet = googlenet(largest), counted("alexnet_2012")
    classifier = sum(layer.weights + layer.bias for layer in within(network, "linear"))
    body = network.params - classifier
    return found(
        printed("parameters", network.params, "5M"),
        printed("AlexNet / GoogLeNet", alexnet.params / network.params, "12", unit="times"),
        beside(printed("parameters of AlexNet", alexnet.params, "60M")),
        beside(printed("parameters of GoogLeNet without its classifier", body, "5M")),
        notes=[f"The two printed figures go together: {ALEXNET} prints 60 million, which is 12 x 5."],
    )


@claim(
    id="torchvision-googlenet",
    rows="M19",
    topic=Topic.INCEPTION,
    says="The googlenet of torchvision has the paper's 5x5 branches; it lists 6,624,904 parameters.",
    source="pytorch/vision torchvision/models/googlenet.py",
    recorded=ClaimVerdict.FAILS,
    perturbation={"largest": 7},
    registry=ERRATA,
)
def torchvision_kernels(largest: int = 5) -> ClaimFinding:
    """Count GoogLeNet with batch norm in place of biases, with kernels of 5x5 and of 3x3 in the third branch."""
    paper, smaller = googlenet(largest, normed=True), googlenet(3, normed=True)
    saved = 1 - smaller.mult_adds / paper.mult_adds
    return found(
        exactly(f"parameters with {largest}x{largest}", paper.params, 6_624_904),
        beside(exactly("parameters with 3x3 in their place", smaller.params, 6_624_904)),
        beside(printed("multiply-adds with 3x3, as torchvision lists them", smaller.mult_adds, "1.498B")),
        notes=[f"3x3 kernels in that branch save {units.percent(saved)} of the multiply-adds."],
    )
