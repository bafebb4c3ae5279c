"""Sizes of networks, in parameters and bytes, and the layers that hold the parameters.

References: AlexNet (NIPS 2012), section 3.5; VGG (arXiv:1409.1556), Table 2; GoogLeNet (arXiv:1409.4842), section 5;
MobileNet (arXiv:1704.04861).
"""

from __future__ import annotations

from functools import partial

from torch import nn

from netcost.claims.checks import beside, exactly, printed, stated, unstated
from netcost.claims.claim import ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import CONVOLUTIONS, Layer, counted, counted_module, layers, operators
from netcost.claims.sources import (
    ALEXNET,
    ARTICLE_EIGHT_MODELS,
    ARTICLE_MINI_GOOGLENET,
    ARTICLE_TO_SHUFFLENET_V2,
    CS231N,
    GOOGLENET,
    INCEPTION_V3,
)
from netcost.claims.surgery import altered
from netcost.counting.analysis import Analysis
from netcost.graph.cost import Kind
from netcost.zoo.blocks import LinearReLU
from netcost.zoo.googlenet import AuxiliaryHead
from netcost.zoo.mini_googlenet import Miniception

BYTES = 4
"""Of a weight in float32."""
MEBI = 2**20
TABLE_1_K = 6797.7
"""The sum of the params column of GoogLeNet's Table 1, in its K."""
KIBI = 1024
"""That K, by its rows."""


def with_bias(layer: Layer) -> int:
    """Return the weights and biases of a layer (count)."""
    return layer.weights + layer.bias


@claim(
    id="alexnet-two-gpus",
    rows="C05",
    topic=Topic.SIZE,
    says="AlexNet was laid out on two GPUs, so that its second, fourth and fifth convolution see half of the channels.",
    source=f"{ALEXNET}, section 3.5",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"groups": 1},
)
def two_gpus(groups: int = 2) -> ClaimFinding:
    """Count the network with two groups and without."""
    network, whole = split_alexnet(groups), split_alexnet(1)
    split = tuple(layer.name.partition(":")[0] for layer in layers(network, *CONVOLUTIONS) if layer.groups == 2)
    return found(
        exactly("convolutions in two groups", split, ("conv2", "conv4", "conv5")),
        beside(unstated("parameters", network.params)),
        beside(unstated("parameters without groups", whole.params)),
        beside(unstated("multiply-adds", network.mult_adds)),
        beside(unstated("multiply-adds without groups", whole.mult_adds)),
    )


def split_alexnet(groups: int) -> Analysis:
    """Build AlexNet of 2012 with that number of groups in the layers that have two."""
    widths = {"conv2.0": (96, 256, 5), "conv4.0": (384, 384, 3), "conv5.0": (384, 256, 3)}
    return altered(
        "alexnet_2012",
        {path: partial(nn.Conv2d, *sizes, padding=sizes[-1] // 2, groups=groups) for path, sizes in widths.items()},
    )


@claim(
    id="vgg-140m-memory",
    rows="C09",
    topic=Topic.SIZE,
    says="VGG takes 140M of memory.",
    source=ARTICLE_EIGHT_MODELS,
    recorded=ClaimVerdict.FAILS,
    perturbation={"hidden": 1024},
)
def memory_of_vgg(hidden: int = 4096) -> ClaimFinding:
    """Compute the bytes of the weights in float32 from their number."""
    network = vgg16(hidden)
    terms = Term("parameters", network.params), Term("bytes of each", BYTES)
    return found(
        printed("bytes of the weights", network.graph.weight_bytes, "140M", unit="bytes", terms=terms),
        beside(unstated("bytes / 2^20", network.graph.weight_bytes / MEBI, unit="ratio")),
        beside(unstated("parameters", network.params, unit="count")),
    )


def vgg16(hidden: int = 4096) -> Analysis:
    """Build VGG-16 with that number of features between its fully connected layers."""
    layers = {"fc6": (512 * 7 * 7, hidden), "fc7": (hidden, hidden)}
    changes = {name: partial(LinearReLU, *features) for name, features in layers.items()}
    return altered("vgg16", {**changes, "fc8": partial(nn.Linear, hidden, 1000)})


@claim(
    id="vgg-first-fully-connected",
    rows="C10",
    topic=Topic.SIZE,
    says="Most parameters of VGG16 are in the first fully connected layer.",
    source=ARTICLE_EIGHT_MODELS,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"hidden": 256},
)
def first_fully_connected(hidden: int = 4096) -> ClaimFinding:
    """Compute its share of the parameters, biases included; most multiply-adds are in the convolutions."""
    network = vgg16(hidden)
    connected, convolved = layers(network, Kind.LINEAR), layers(network, *CONVOLUTIONS)
    first, whole = with_bias(connected[0]), network.params
    share = first / whole
    terms = Term("the first fully connected layer", first), Term("VGG16", whole)
    return found(
        stated("its share of the parameters", share, "most", share > 0.5, unit="percent", terms=terms),
        beside(unstated("share of all three", sum(map(with_bias, connected)) / whole, unit="percent")),
        beside(
            unstated(
                "share of the convolutions in the multiply-adds",
                sum(layer.mult_adds for layer in convolved) / network.mult_adds,
                unit="percent",
            )
        ),
    )


@claim(
    id="googlenet-5m-parameters",
    rows="C15",
    topic=Topic.SIZE,
    says="Inception v1 has 5M parameters.",
    source=f"{INCEPTION_V3}, section 1; {CS231N}",
    recorded=ClaimVerdict.FAILS,
    perturbation={"num_classes": 10},
)
def five_million(num_classes: int = 1000) -> ClaimFinding:
    """Count without the auxiliary heads, part by part, beside the sum of Table 1 of its own paper."""
    network = counted("googlenet", num_classes=num_classes)
    parts: dict[str, int] = {}
    for layer in layers(network):
        child = layer.path.partition(".")[0]
        stage = child[:-1] if child.startswith("inception_") else child
        parts[stage] = parts.get(stage, 0) + with_bias(layer)
    terms = Term("K in its column", TABLE_1_K), Term("of", KIBI)
    return found(
        printed("parameters", network.params, "5M", terms=[Term(*part) for part in parts.items()]),
        beside(unstated("parameters as its own Table 1 prints them", TABLE_1_K * KIBI, unit="count", terms=terms)),
    )


@claim(
    id="googlenet-heads-dropped",
    rows="C16",
    topic=Topic.SIZE,
    says="GoogLeNet's two auxiliary losses, weighted with 0.3, are dropped at inference.",
    source=f"{GOOGLENET}, section 5",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"num_classes": 10},
)
def heads_dropped(num_classes: int = 1000) -> ClaimFinding:
    """Compare inference with training less the two heads, each counted alone."""
    training, inference = (counted("googlenet", mode=mode, num_classes=num_classes) for mode in ("train", "eval"))
    heads = [head(channels, num_classes) for channels in (512, 528)]
    terms = (
        Term("training", training.params),
        *(Term(f"head on {head_alone.graph.inputs[0].shape[1]} channels", -head_alone.params) for head_alone in heads),
    )
    return found(
        exactly("parameters at inference", inference.params, sum(int(term.value) for term in terms), terms=terms),
        notes=["The weight of 0.3 is how it is trained; no layer decides it."],
    )


def head(channels: int, num_classes: int) -> Analysis:
    """Count one of GoogLeNet's auxiliary heads alone."""
    return counted_module(lambda: AuxiliaryHead(channels, num_classes), (1, channels, 14, 14))


@claim(
    id="global-pooling-saves-parameters",
    rows="E01",
    topic=Topic.SIZE,
    says="An average over the whole map in place of fully connected layers saves most parameters.",
    source=f"{ARTICLE_MINI_GOOGLENET}; {GOOGLENET}, section 5",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"num_classes": 10},
)
def global_pooling_saves(num_classes: int = 1000) -> ClaimFinding:
    """Compare GoogLeNet's classifier after the average with one on the flattened map."""
    pooled = counted("googlenet", num_classes=num_classes)
    flat = altered("googlenet", {"avgpool": nn.Identity, "linear": partial(nn.Linear, 7 * 7 * 1024, num_classes)})
    saved = 1 - pooled.params / flat.params
    after, before = layers(pooled)[-1], layers(flat)[-1]
    terms = Term("with the average", pooled.params), Term("on the flattened map", flat.params)
    classifiers = before.weight_term, after.weight_term
    return found(
        stated("parameters that it saves", saved, "most", saved > 0.5, unit="percent", terms=terms),
        beside(
            unstated(
                "weights of the classifier, flattened / averaged",
                before.weights / after.weights,
                unit="times",
                terms=classifiers,
            )
        ),
    )


@claim(
    id="mobilenet-16m",
    rows="B28",
    topic=Topic.SIZE,
    says="The MobileNet baseline model is about 16M in size.",
    source=ARTICLE_TO_SHUFFLENET_V2,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"width": 0.75},
)
def size_of_mobilenet(width: float = 1.0) -> ClaimFinding:
    """Compute the bytes of its parameters in float32, in files' M of 2^20; statistics of batch norm are extra."""
    network = counted("mobilenet_v1", width=width)
    size = network.params * BYTES
    terms = Term("parameters", network.params), Term("bytes of each", BYTES)
    return found(
        printed("bytes of the parameters / 2^20", size / MEBI, "16", said="16M", unit="ratio"),
        beside(unstated("bytes of the parameters", size, unit="bytes", terms=terms)),
        beside(unstated("bytes with the running statistics", network.graph.weight_bytes, unit="bytes")),
    )


@claim(
    id="mini-googlenet-size",
    rows="E03",
    topic=Topic.SIZE,
    says="MiniGoogLeNet classifies the images of CIFAR-10, by code that is given in full.",
    source=ARTICLE_MINI_GOOGLENET,
    recorded=ClaimVerdict.NOT_STATED,
    perturbation={"n3x3": 80},
)
def size_of_mini_googlenet(n3x3: int = 160) -> ClaimFinding:
    """Count with ten classes; Keras counts the running statistics of batch norm among the parameters."""
    last = {"inception_3b": partial(Miniception, 336, 176, n3x3), "linear": partial(nn.Linear, 176 + n3x3, 10)}
    network = altered("mini_googlenet", last)
    statistics = sum(
        tensor.numel
        for op in operators(network, "aten.batch_norm")
        for tensor, role in zip(op.inputs, op.roles, strict=True)
        if role.startswith("running")
    )
    terms = Term("trained", network.params), Term("running statistics", statistics)
    return found(
        unstated("parameters as Keras counts them", network.params + statistics, terms=terms),
        unstated("multiply-adds", network.mult_adds),
    )
