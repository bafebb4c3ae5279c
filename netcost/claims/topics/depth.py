"""Depths of networks, ways to count their layers, and the size of the map that a layer makes.

References: LeNet-5 (LeCun et al. 1998), section II.B; AlexNet (NIPS 2012), section 3.5; VGG (arXiv:1409.1556), Table 1;
GoogLeNet (arXiv:1409.4842), section 5; MobileNet (arXiv:1704.04861), section 3.2.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from torch import nn

from netcost.claims.checks import beside, exactly, stated, unstated
from netcost.claims.claim import Check, ClaimFinding, ClaimVerdict, Number, Term, Topic, claim, found
from netcost.claims.evidence import CONVOLUTIONS, counted, layers
from netcost.claims.sources import ALEXNET, ARTICLE_EIGHT_MODELS, GOOGLENET, MOBILENET, VGG
from netcost.claims.surgery import Changes, altered
from netcost.claims.windows import Window, convolutions, modules, weighted_depth, windows
from netcost.counting.analysis import Analysis
from netcost.graph.cost import Kind
from netcost.text import units

VGGS = ("vgg11", "vgg13", "vgg16", "vgg19")
"""Configurations A, B, D and E."""


@claim(
    id="lenet5-2-layers",
    rows="C01",
    topic=Topic.DEPTH,
    says="LeNet-5 has 2 layers in all: 2 convolutions, 2 fully connected layers and a softmax.",
    source=ARTICLE_EIGHT_MODELS,
    recorded=ClaimVerdict.FAILS,
    perturbation={"hidden": False},
)
def layers_of_lenet(hidden: bool = True) -> ClaimFinding:
    """Count as the paper does: C1, S2, C3, S4, C5, F6 and the output, sub-sampling included."""
    network = altered("lenet5", {} if hidden else {"f6": nn.Identity, "output": partial(nn.Linear, 120, 10)})
    convolved = convolutions(network)
    terms = (
        Term("convolutions", convolved),
        Term("sub-sampling", len(windows(network)) - convolved),
        Term("fully connected, with the output", len(layers(network, Kind.LINEAR))),
    )
    bracket = (2, 2, 1)
    return found(
        exactly("layers", network.depth, 2, terms=terms),
        beside(exactly("layers with weights", weighted_depth(network), sum(bracket))),
        notes=[f"The claim's own list has {sum(bracket)} layers."],
    )


@claim(
    id="alexnet-227",
    rows="C02",
    topic=Topic.DEPTH,
    says="AlexNet's input, printed as 224x224x3, is really worked on as 227x227x3.",
    source=f"{ALEXNET}, section 3.5; {ARTICLE_EIGHT_MODELS}",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"kernel": 7},
)
def input_of_alexnet(kernel: int = 11) -> ClaimFinding:
    """Compute the map of the first convolution: the printed 55x55 needs 227x227; 224x224 gives no whole number."""
    of_227, padded = windows(altered("alexnet_2012", first_kernel(kernel)))[0], windows(counted("alexnet"))[0]
    of_224 = replace(of_227, grid_in=padded.grid_in)
    whole = of_224.places.denominator == 1
    return found(
        exactly("side of the map made of 227x227", of_227.grid_out[0], 55, terms=[_places(of_227)]),
        stated("made of 224x224", float(of_224.places), "no whole number", not whole, terms=[_places(of_224)]),
        beside(exactly("made of 224x224 with padding, rounded down", padded.grid_out[0], 55, terms=[_places(padded)])),
        notes=[f"The padded form is that of 2014; its image has a side of {units.exact(padded.grid_in[0])}."],
    )


def first_kernel(kernel: int) -> Changes:
    """Count AlexNet's first convolution with another kernel."""
    return {"conv1.0": partial(nn.Conv2d, 3, 96, kernel, stride=4)}


def _places(window: Window) -> Term:
    """Return the side of its output map by the formula, not rounded."""
    size = f"({window.grid_in[0]} + 2x{window.padding[0]} - {window.kernel[0]})/{window.stride[0]} + 1"
    places = window.places
    return Term(window.child, int(places) if places.denominator == 1 else float(places), size)


@claim(
    id="output-size-formula",
    rows="C03",
    topic=Topic.DEPTH,
    says="The side of the map that a layer makes is (input + 2 padding - kernel)/stride + 1.",
    source=ARTICLE_EIGHT_MODELS,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"kernel": 7},
)
def output_size(kernel: int = 11) -> ClaimFinding:
    """Check every convolution and pooling of AlexNet; a layer rounds down or up where the division has a remainder."""
    network = altered("alexnet_2012", first_kernel(kernel))
    slid, terms = windows(network), [_places(window) for window in windows(network)]
    traced = tuple(window.grid_out[0] for window in slid)
    rounded = [window for window in windows(counted("googlenet")) if window.places.denominator != 1]
    return found(
        stated("sides of AlexNet's maps", traced, "the formula", traced == _values(terms), terms=terms),
        beside(unstated("layers of GoogLeNet with a remainder", len(rounded))),
        beside(unstated("of which round up", sum(window.grid_out[0] > window.places for window in rounded))),
    )


def _values(terms: list[Term]) -> tuple[Number, ...]:
    return tuple(term.value for term in terms)


@claim(
    id="alexnet-5-and-3-layers",
    rows="C04",
    topic=Topic.DEPTH,
    says="AlexNet has 5 convolutional and 3 fully connected layers.",
    source=f"{ALEXNET}, abstract",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"missing": "conv4"},
)
def layers_of_alexnet(missing: str | None = None) -> ClaimFinding:
    """Count the layers without poolings and normalisations."""
    return found(*_layers_of("AlexNet", altered("alexnet_2012", without(missing)), (5, 3)))


def without(path: str | None) -> Changes:
    """Remove the layer at that path."""
    return {} if path is None else {path: nn.Identity}


def _layers_of(name: str, network: Analysis, published: tuple[int, int]) -> list[Check]:
    """Check the convolutions, the fully connected layers and their sum against the published numbers."""
    convolved, connected = convolutions(network), len(layers(network, Kind.LINEAR))
    return [
        exactly(f"convolutions and fully connected layers of {name}", (convolved, connected), published),
        beside(unstated(f"both together in {name}", convolved + connected)),
    ]


@claim(
    id="vgg-16-and-19-layers",
    rows="C06",
    topic=Topic.DEPTH,
    says="VGG16 has 13 convolutional and 3 fully connected layers, VGG19 has 16 and 3.",
    source=f"{VGG}, Table 1",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"missing": "conv5.1"},
)
def layers_of_vgg(missing: str | None = None) -> ClaimFinding:
    """Count both kinds together, as the names of the networks do."""
    sixteen, nineteen = (altered(name, without(missing)) for name in ("vgg16", "vgg19"))
    return found(*_layers_of("VGG16", sixteen, (13, 3)), *_layers_of("VGG19", nineteen, (16, 3)))


@claim(
    id="vgg-2-or-3-convolutions",
    rows="C07",
    topic=Topic.DEPTH,
    says="Each of the five stages of VGG has 2 or 3 convolutions.",
    source=ARTICLE_EIGHT_MODELS,
    recorded=ClaimVerdict.PARTLY,
    perturbation={"missing": "conv5.1"},
)
def stages_of_vgg(missing: str | None = None) -> ClaimFinding:
    """Count the stages of the four common configurations; a stage ends at a pooling."""
    checks = []
    for name in VGGS:
        convolved = [layer.path.partition(".")[0] for layer in layers(altered(name, without(missing)), *CONVOLUTIONS)]
        stages = tuple(convolved.count(stage) for stage in dict.fromkeys(convolved))
        fits = set(stages) <= {2, 3}
        checks.append(stated(f"convolutions in the stages of {name.upper()}", stages, "2 or 3 each", fits))
    return found(*checks)


@claim(
    id="vgg-3x3-and-2x2",
    rows="C08",
    topic=Topic.DEPTH,
    says="VGG has 3x3 convolutions and 2x2 max poolings throughout.",
    source=f"{VGG}, section 2.1",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"kernel": 1},
)
def kernels_of_vgg(kernel: int = 3) -> ClaimFinding:
    """Check every layer of the four common configurations; configuration C, which is rare, ends stages in a 1x1."""
    last = {"conv5.1.0": partial(nn.Conv2d, 512, 512, kernel, padding=kernel // 2)}
    slid = [window for name in VGGS for window in windows(altered(name, last))]
    convolved = {window.size for window in slid if not window.pooling}
    pooled = {window.size for window in slid if window.pooling}
    return found(
        exactly("kernels of the convolutions", tuple(sorted(convolved)), ("3x3",)),
        exactly("poolings", tuple(sorted(pooled)), ("2x2 max",)),
        beside(unstated("layers of the four networks that have one or the other", len(slid))),
    )


@claim(
    id="googlenet-22-layers",
    rows="C14",
    topic=Topic.DEPTH,
    says="Inception v1 is 22 layers deep.",
    source=f"{GOOGLENET}, section 5",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"missing": "inception_4b"},
)
def depth_of_googlenet(missing: str | None = None) -> ClaimFinding:
    """Count the layers with weights on the longest path; with its poolings the paper says 27."""
    network, each = altered("googlenet", without(missing)), weighted_depth(counted("module:inception_v1"))
    many, classifiers = len(modules(network, "Inception")), len(layers(network, Kind.LINEAR))
    inside = Term("in modules", many * each, f"{many}·{each}")
    before = Term("before the modules", weighted_depth(network) - int(inside.value) - classifiers)
    terms = before, inside, Term("fully connected", classifiers)
    return found(
        exactly("layers with weights, one after the other", weighted_depth(network), 22, terms=terms),
        beside(exactly("with the poolings", network.depth, 27)),
    )


@claim(
    id="mobilenet-28-layers",
    rows="C18",
    topic=Topic.DEPTH,
    says="MobileNet has 28 layers.",
    source=f"{MOBILENET}, section 3.2",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"missing": "pairs.7"},
)
def depth_of_mobilenet(missing: str | None = None) -> ClaimFinding:
    """Count a depthwise and a pointwise convolution as two layers."""
    network = altered("mobilenet_v1", without(missing))
    kinds = [layer.kind for layer in layers(network)]
    terms = [Term(str(kind), kinds.count(kind)) for kind in dict.fromkeys(kinds)]
    return found(exactly("layers with weights, one after the other", weighted_depth(network), 28, terms=terms))
