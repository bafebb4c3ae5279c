"""The Inception networks: heads, grids, and how the map is halved.

References: GoogLeNet (arXiv:1409.4842), section 5; Inception v3 (arXiv:1512.00567), sections 3 to 6; Inception v4
(arXiv:1602.07261), Figures 9 and 15.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from torch import nn

from netcost.claims.checks import beside, exactly, rising, stated, unstated
from netcost.claims.claim import Check, ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import counted, counted_module, layers, weight_terms
from netcost.claims.sources import GOOGLENET, INCEPTION_V3, INCEPTION_V4
from netcost.claims.surgery import altered
from netcost.claims.windows import by, grids, modules, windows
from netcost.counting.analysis import Analysis
from netcost.graph.cost import Kind
from netcost.zoo.blocks import Branches

MODULES = ("InceptionA", "InceptionB", "InceptionC")
"""The modules of Inception v3 and v4 on their three maps."""


@claim(
    id="googlenet-three-losses",
    rows="B07",
    topic=Topic.INCEPTION,
    says="GoogLeNet has three losses.",
    source=f"{GOOGLENET}, section 5",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"num_classes": 10},
)
def three_losses(num_classes: int = 1000) -> ClaimFinding:
    """Count the outputs of a forward pass in training, and the cost of the two auxiliary heads."""
    training = counted("googlenet", mode="train", num_classes=num_classes)
    inference = counted("googlenet", num_classes=num_classes)
    outputs, main = len(training.graph.outputs), len(inference.graph.outputs)
    terms = Term("main", main), Term("auxiliary", outputs - main)
    return found(
        exactly("classifiers in training", outputs, 3, terms=terms),
        beside(unstated("parameters of the auxiliary heads", training.params - inference.params)),
        beside(unstated("multiply-adds of the auxiliary heads", training.mult_adds - inference.mult_adds)),
    )


@claim(
    id="googlenet-global-pooling",
    rows="B08",
    topic=Topic.INCEPTION,
    says="In GoogLeNet an average over the whole map comes before the last fully connected layer.",
    source=f"{GOOGLENET}, section 5 and Table 1",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"stride": 1},
)
def global_pooling(stride: int = 2) -> ClaimFinding:
    """Compare the map before and after, and the weights of the classifier on either."""
    network = altered("googlenet", {"pool4.stride": stride})
    last, classifier = windows(network)[-1], layers(network, Kind.LINEAR)[-1]
    flattened = counted_module(flat_classifier(last.grid_in[0]), (1, last.channels_in, *last.grid_in))
    return found(
        exactly("map before the classifier", by((*last.grid_out, last.channels_out)), "1x1x1024"),
        beside(unstated("map before the average", by((*last.grid_in, last.channels_in)))),
        beside(unstated("weights of the classifier", classifier.weights, terms=[classifier.weight_term])),
        beside(unstated("on the flattened map", layers(flattened)[0].weights, terms=weight_terms(layers(flattened)))),
    )


def flat_classifier(side: int, channels: int = 1024) -> partial[nn.Module]:
    """Make a classifier on the flattened map in place of its average."""
    return partial(_flat_classifier, side * side * channels)


def _flat_classifier(features: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(features, 1000))


@claim(
    id="inception-v3-grids",
    rows="B12",
    topic=Topic.INCEPTION,
    says="Inception v3 has modules on maps of 35x35, 17x17 and 8x8.",
    source=f"{INCEPTION_V3}, Table 1",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"stride": 1},
)
def grids_of_v3(stride: int = 2) -> ClaimFinding:
    """List the maps that the modules read, and those between the image and the modules."""
    network = altered("inception_v3", {"pool1.stride": stride})
    return found(
        exactly("side of the maps of its modules", sides_of_modules(network), (35, 17, 8)),
        beside(_on_the_way(network)),
    )


def sides_of_modules(network: Analysis) -> tuple[int, ...]:
    """Return the sides of the maps that the modules read, each once, in order."""
    return tuple(dict.fromkeys(modules(network, *MODULES).values()))


def _on_the_way(network: Analysis) -> Check:
    """Return the side of the image, and of the map after each layer and reduction."""
    made = {"image": _image(network), **grids(network)}
    terms = [Term(name, side) for name, side in made.items() if "inception" not in name and name != "avgpool"]
    return unstated("maps on the way to the last modules", len(terms), terms=terms)


@claim(
    id="inception-v3-input",
    rows="B13",
    topic=Topic.INCEPTION,
    says="From Inception v2 to v3 the image grows from 224x224 to 299x299.",
    source=f"{INCEPTION_V3}, Table 1",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"stride": 1},
)
def input_of_v3(stride: int = 2) -> ClaimFinding:
    """Compare the image sizes of both, and the cost of v3 on the smaller: costs compare at equal images only."""
    v2, v3 = counted("bn_inception"), altered("inception_v3", {"conv1.0.0.stride": (stride, stride)})
    small, large = _image(v2), _image(v3)
    shrunk = counted("inception_v3", (1, 3, small, small))
    return found(
        exactly("side of the image of Inception v2", small, 224),
        exactly("side of the image of Inception v3", large, 299),
        beside(unstated("pixels, v3 / v2", (large / small) ** 2, unit="times")),
        beside(unstated("multiply-adds of v2", v2.mult_adds)),
        beside(unstated("multiply-adds of v3", v3.mult_adds)),
        beside(unstated("multiply-adds of v3 on the image of v2", shrunk.mult_adds)),
    )


@claim(
    id="inception-v4-input",
    rows="B17",
    topic=Topic.INCEPTION,
    says="Inception v4 keeps the image of 299x299.",
    source=f"{INCEPTION_V4}, Figure 9",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"stride": 1},
)
def input_of_v4(stride: int = 2) -> ClaimFinding:
    """Check the image, and the maps of its modules, which are those of v3."""
    v4 = altered("inception_v4", {"stem.0.0.0.stride": (stride, stride)})
    return found(
        exactly("side of the image", _image(v4), 299),
        beside(
            exactly("side of the maps of its modules", sides_of_modules(v4), sides_of_modules(counted("inception_v3")))
        ),
    )


def _image(network: Analysis) -> int:
    return network.graph.inputs[0].shape[-1]


@claim(
    id="inception-asymmetric-grid",
    rows="A15",
    topic=Topic.INCEPTION,
    says="Factorising into 1xn and nx1 works best on maps of 12x12 to 20x20.",
    source=f"{INCEPTION_V3}, section 3.2",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"stride": 1},
)
def asymmetric_grid(stride: int = 2) -> ClaimFinding:
    """List the maps on which Inception v3 has 1x7 and 7x1 convolutions."""
    network = altered("inception_v3", {"pool2.stride": stride})
    sides = {window.grid_in[0] for window in windows(network) if set(window.kernel) == {1, 7}}
    side = max(sides)
    return found(
        stated("side of the map of 1x7 and 7x1", side, "12 to 20", len(sides) == 1 and 12 <= side <= 20),
        notes=["How well it works is accuracy, which no layer decides; checked is where the network does it."],
    )


def reductions(d: int, k: int, kernel: int) -> dict[str, Analysis]:
    """Count three ways from d x d x k to d/2 x d/2 x 2k, from the cheapest to the most expensive."""
    conv = partial(nn.Conv2d, kernel_size=kernel, padding=kernel // 2, bias=False)
    ways = {
        "parallel": lambda: Branches(conv=conv(k, k, stride=2), pool=nn.MaxPool2d(2)),
        "pooling first": lambda: nn.Sequential(nn.MaxPool2d(2), conv(k, 2 * k)),
        "pooling last": lambda: nn.Sequential(conv(k, 2 * k), nn.MaxPool2d(2)),
    }
    return {name: counted_module(way, (1, k, d, d)) for name, way in ways.items()}


@claim(
    id="inception-grid-reduction",
    rows="A16",
    topic=Topic.INCEPTION,
    says="Halving the map by a convolution and then a pooling costs much more than pooling first, and doing both side "
    "by side is cheapest.",
    source=f"{INCEPTION_V3}, section 5",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"kernel": 3},
)
def grid_reduction(kernel: int = 1) -> ClaimFinding:
    """Compare the three, which double the channels; the parallel block keeps the pooled ones and adds as many."""
    ways = reductions(34, 320, kernel)  # the paper draws 35x35x320; an even side halves exactly
    costs = {name: way.mult_adds for name, way in ways.items()}
    least = min(costs.values())
    terms = [replace(layers(way)[0].mult_add_term, name=name) for name, way in ways.items()]
    return found(
        rising("multiply-adds", costs, terms=terms),
        beside(unstated("to the cheapest", tuple(cost / least for cost in reversed(costs.values())), unit="times")),
    )


@claim(
    id="inception-resnet-20-modules",
    rows="A17",
    topic=Topic.INCEPTION,
    says="Inception-ResNet is built of 20 Inception-residual modules.",
    source=f"{INCEPTION_V4}, Figure 15",
    recorded=ClaimVerdict.PARTLY,
    perturbation={"drawn": (5, 10, 6)},
)
def residual_modules(drawn: tuple[int, int, int] = (5, 10, 5)) -> ClaimFinding:
    """Count the network as drawn, and as released; only the released one has the published 55.8M parameters."""
    paper = counted("inception_resnet_v2", drawn=True, modules=drawn)
    released = counted("inception_resnet_v2")
    return found(
        _modules_on_grids("modules, as drawn", paper, 20),
        _modules_on_grids("modules, as released", released, 20),
        beside(unstated("parameters, as drawn", paper.params)),
        beside(unstated("parameters, as released", released.params)),
    )


def _modules_on_grids(what: str, network: Analysis, published: int) -> Check:
    sides = list(modules(network, "InceptionResidual").values())
    terms = [Term(f"on {side}x{side}", sides.count(side)) for side in dict.fromkeys(sides)]
    return exactly(what, len(sides), published, terms=terms)
