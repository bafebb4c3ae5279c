"""Dense blocks: each layer reads all maps before it, so the channels are joined and never added.

Reference: DenseNet (arXiv:1608.06993), section 3 and Table 1.
"""

from __future__ import annotations

from netcost.claims.checks import beside, exactly, stated, unstated
from netcost.claims.claim import Check, ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import counted, counted_module, layers, operators, output_shape
from netcost.claims.sources import ARTICLE_EIGHT_MODELS, DENSENET
from netcost.counting.analysis import Analysis
from netcost.graph.cost import Kind
from netcost.text import units
from netcost.zoo.densenet import DenseNet

HALF = (0.4, 0.6)
"""Ratios that an article may mean by "half"."""


@claim(
    id="dense-layer-inputs",
    rows="C22",
    topic=Topic.DENSE,
    says="The L-th layer of a dense block sees k·(L-1) + k0 channels.",
    source=f"{DENSENET}, section 3",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"growth_rate": 24},
)
def dense_inputs(growth_rate: int = 32, first: int = 64) -> ClaimFinding:
    """List the channels that the 1x1 of each layer reads in DenseNet-121's first block: k = 32, k0 = 64."""
    block = counted("module:dense_block", (1, first, 56, 56), growth_rate=growth_rate)
    seen = tuple(layer.in_channels for layer in layers(block, Kind.POINTWISE_CONVOLUTION))
    formula = tuple(growth_rate * (number - 1) + first for number in range(1, len(seen) + 1))
    terms = [
        Term(f"layer {number}", channels, f"{growth_rate}·{number - 1} + {first}")
        for number, channels in enumerate(seen, start=1)
    ]
    return found(
        exactly("channels of each layer", seen, formula, terms=terms),
        beside(unstated("after the block", output_shape(block)[1])),
    )


@claim(
    id="transition-halves",
    rows="C23",
    topic=Topic.DENSE,
    says="A transition layer is batch norm, a 1x1 convolution that compresses the channels, and a 2x2 mean.",
    source=f"{DENSENET}, section 3",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"out_channels": 64},
)
def transition(out_channels: int = 128) -> ClaimFinding:
    """List the operators of DenseNet-121's first transition, which halves the channels; a ReLU is among them."""
    module = counted("module:transition", out_channels=out_channels)
    steps = tuple(str(kind) for kind in module.count.kinds if kind is not Kind.ELEMENTWISE)
    expected = "normalisation", "1x1 convolution", "pooling"
    _, channels_in, side_in, _ = module.graph.inputs[0].shape
    _, channels_out, side_out, _ = output_shape(module)
    return found(
        *(exactly(f"step {index}", *pair) for index, pair in enumerate(zip(steps, expected, strict=True), start=1)),
        exactly("channels out", channels_out, channels_in // 2, terms=[Term("channels in", channels_in)]),
        exactly("side of the map", side_out, side_in // 2, terms=[Term("side before", side_in)]),
    )


@claim(
    id="densenet-half-of-resnet",
    rows="C24",
    topic=Topic.DENSE,
    says="At equal accuracy DenseNet needs half of ResNet's parameters and half of its computation.",
    source=f"{ARTICLE_EIGHT_MODELS}; DenseNet-201 beside ResNet-101 is the pair that {DENSENET} names",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"growth_rate": 24},
)
def half_of_resnet(growth_rate: int = 32) -> ClaimFinding:
    """Compare the pair with both strides of ResNet, and two other pairs; counting cannot compare their accuracy."""
    dense, resnet = counted("densenet201", growth_rate=growth_rate), counted("resnet101")
    params, work = dense.params / resnet.params, dense.mult_adds / resnet.mult_adds
    paper = dense.mult_adds / counted("resnet101_stride1x1").mult_adds
    note = f"{DENSENET} gives the pair about the same error: 'half' is taken as {units.ratio(HALF[0])} to "
    return found(
        stated("parameters, DenseNet-201 / ResNet-101", params, "half", _is_half(params), unit="ratio"),
        stated("multiply-adds, stride in ResNet's 3x3", work, "half", _is_half(work), unit="ratio"),
        stated("multiply-adds, stride in ResNet's 1x1", paper, "half", _is_half(paper), unit="ratio"),
        *_other_pair("DenseNet-264 / ResNet-152", "densenet264", "resnet152"),
        *_other_pair("DenseNet-121 / ResNet-50", "densenet121", "resnet50"),
        notes=[f"{note}{units.ratio(HALF[1])}."],
    )


def _is_half(ratio: float) -> bool:
    return HALF[0] <= ratio <= HALF[1]


def _other_pair(name: str, dense: str, resnet: str) -> list[Check]:
    one, other = counted(dense), counted(resnet)
    return [
        beside(unstated(f"parameters, {name}", one.params / other.params, unit="ratio")),
        beside(unstated(f"multiply-adds, {name}", one.mult_adds / other.mult_adds, unit="ratio")),
    ]


@claim(
    id="dense-bottleneck-2k",
    rows="C25",
    topic=Topic.DENSE,
    says="The 1x1 convolution of a DenseNet-121 layer makes 2 x growth_rate channels, as in the article's code.",
    source=ARTICLE_EIGHT_MODELS,
    recorded=ClaimVerdict.FAILS,
    perturbation={"bottleneck": 3},
)
def two_k(bottleneck: int = 2) -> ClaimFinding:
    """Count DenseNet-121 with the code's width and with the paper's 4k, beside the parameters that model zoos list."""
    code, paper = densenet121(bottleneck), densenet121(4)
    return found(
        exactly(f"parameters with {bottleneck}k", code.params, 7_978_856),
        beside(exactly("parameters with 4k", paper.params, 7_978_856)),
        notes=["The 7,978,856 are those of osmr/imgclsmob gluon/README.md."],
    )


def densenet121(bottleneck: int) -> Analysis:
    """Build DenseNet-121 with `bottleneck` times the growth rate between the two convolutions of a layer."""
    return counted_module(lambda: DenseNet((6, 12, 24, 16), bottleneck=bottleneck), (1, 3, 224, 224))


@claim(
    id="dense-joins-not-adds",
    rows="C27",
    topic=Topic.DENSE,
    says="DenseNet concatenates maps where ResNet adds them.",
    source=f"{DENSENET}, section 3",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"name": "densenet169"},
)
def joins_and_adds(name: str = "densenet121") -> ClaimFinding:
    """Count the joins and the additions; a join moves maps through memory without a multiply-add."""
    dense, resnet = counted(name), counted("resnet50")
    joins, adds = operators(dense, "aten.cat"), operators(resnet, "aten.add")
    moved = sum(
        cost.memory_access for op, cost in zip(dense.graph.ops, dense.count.costs, strict=True) if op.name == "aten.cat"
    )
    return found(
        exactly("additions in DenseNet-121", len(operators(dense, "aten.add")), 0),
        stated("concatenations in DenseNet-121", len(joins), "some", bool(joins)),
        stated("additions in ResNet-50", len(adds), "some", bool(adds)),
        exactly("concatenations in ResNet-50", len(operators(resnet, "aten.cat")), 0),
        beside(unstated("their share of DenseNet's memory access", moved / dense.memory_access, unit="percent")),
    )
