"""Residual units: plain, bottleneck, of many paths, inverted, and with squeeze-excitation.

References: ResNet (arXiv:1512.03385); ResNeXt (arXiv:1611.05431); MobileNetV2 (arXiv:1801.04381); SENet
(arXiv:1709.01507).
"""

from __future__ import annotations

from torch import nn

from netcost.claims.checks import beside, exactly, printed, rising, unstated
from netcost.claims.claim import ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import counted, counted_module, layers, operators, weight_terms, weights
from netcost.claims.sources import ARTICLE_EIGHT_MODELS, ARTICLE_TO_SHUFFLENET_V2, RESNET, RESNEXT
from netcost.counting.analysis import Analysis
from netcost.zoo import ARCHITECTURES
from netcost.zoo.blocks import ConvNorm
from netcost.zoo.resnet import Residual


def unit_widths(unit: Analysis) -> tuple[int, ...]:
    """Return the channels of the input, between the convolutions, and of the output of a unit without projection."""
    convolutions = layers(unit)
    return (convolutions[0].in_channels, *(layer.out_channels for layer in convolutions))


def kernels(unit: Analysis) -> tuple[str, ...]:
    """Return the kernels of a unit, in the order in which they ran."""
    return tuple("x".join(map(str, layer.kernel)) for layer in layers(unit))


@claim(
    id="bottleneck-256-64-256",
    rows="B14",
    topic=Topic.RESIDUAL,
    says="ResNet's bottleneck takes 256 channels in, works on 64, and puts 256 out.",
    source=f"{RESNET}, Figure 5; its weights: {RESNEXT}, about 70k",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"base_width": 128},
)
def bottleneck(base_width: int = 64) -> ClaimFinding:
    """Count the unit of ResNet-50's first stage, without batch norm."""
    unit = counted("module:bottleneck", base_width=base_width)
    return found(
        exactly("channels", unit_widths(unit), (256, 64, 64, 256)),
        printed("weights", weights(unit), "70K", terms=weight_terms(layers(unit))),
    )


@claim(
    id="basic-unit-bottleneck",
    rows="B15",
    topic=Topic.RESIDUAL,
    says="The units of two 3x3 convolutions of ResNet-18 and 34 are bottlenecks, too.",
    source=ARTICLE_TO_SHUFFLENET_V2,
    recorded=ClaimVerdict.FAILS,
    perturbation={"channels": 128},
)
def basic_unit(channels: int = 64) -> ClaimFinding:
    """Check that a bottleneck is narrower between its convolutions than at its ends."""
    basic, narrow = counted("module:basic_unit", (1, channels, 56, 56)), counted("module:bottleneck")
    return found(
        rising("channels of the basic unit", _narrowing(basic)),
        beside(rising("channels of the 1x1-3x3-1x1 unit", _narrowing(narrow))),
    )


def _narrowing(unit: Analysis) -> dict[str, int]:
    first, *between, last = unit_widths(unit)
    return {"between": max(between), "at the ends": min(first, last)}


@claim(
    id="resnet-has-four-stages",
    rows="B16",
    topic=Topic.RESIDUAL,
    says="ResNets consist of four residual stages.",
    source=f"{RESNET}, Table 1",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"last": "conv4_x"},
)
def four_stages(last: str = "conv5_x") -> ClaimFinding:
    """List the sizes of the maps on which residuals are added, with the additions on each."""
    network = counted_module(lambda: resnet50_up_to(last), (1, 3, 224, 224))
    sides = [op.outputs[0].shape[-1] for op in operators(network, "aten.add")]
    stages = {side: sides.count(side) for side in sides}
    terms = [Term(f"additions on {side}x{side}", units) for side, units in stages.items()]
    return found(
        exactly("sizes of the map with residual additions", len(stages), 4, terms=terms),
        beside(exactly("units of each stage", tuple(stages.values()), (3, 4, 6, 3))),
    )


def resnet50_up_to(last: str) -> nn.Sequential:
    """Build ResNet-50 up to one of its parts."""
    parts = dict(ARCHITECTURES.get("resnet50").build().named_children())
    return nn.Sequential(*list(parts.values())[: list(parts).index(last) + 1])


@claim(
    id="cardinality",
    rows="B19",
    topic=Topic.RESIDUAL,
    says="Cardinality is the number of parallel paths: 32 of 4 channels weigh about as much as ResNet's unit.",
    source=RESNEXT,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"group_width": 8},
)
def cardinality(group_width: int = 4) -> ClaimFinding:
    """Compare the grouped unit, the same unit as separate parallel paths, and ResNet's bottleneck: about 70k each."""
    grouped = counted("module:resnext_unit", group_width=group_width)
    path = counted_module(lambda: one_path(group_width), (1, 256, 56, 56))
    groups = layers(grouped)[1].groups
    resnet = counted("module:bottleneck")
    return found(
        exactly("groups of the 3x3", groups, 32),
        printed("weights of the grouped unit", weights(grouped), "70K", terms=weight_terms(layers(grouped))),
        exactly("as many paths, drawn apart", groups * weights(path), weights(grouped), terms=_times(path, groups)),
        beside(printed("weights of ResNet's unit", weights(resnet), "70K")),
    )


def one_path(width: int) -> nn.Module:
    """Build one of the paths as the paper draws them: 256 to `width` channels, a 3x3, and back."""
    return nn.Sequential(ConvNorm(256, width), ConvNorm(width, width, 3), ConvNorm(width, 256, activation=None))


def _times(path: Analysis, paths: int) -> list[Term]:
    return [Term("paths", paths), *weight_terms(layers(path))]


@claim(
    id="resnet-two-kinds-of-unit",
    rows="C20",
    topic=Topic.RESIDUAL,
    says="ResNet uses a unit of two 3x3 convolutions and one of 1x1, 3x3 and 1x1.",
    source=f"{RESNET}, Table 1",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"stride": 2},
)
def two_units(stride: int = 1) -> ClaimFinding:
    """List the units that keep the map; a unit with a stride also has a 1x1 in its shortcut."""
    basic = counted("module:basic_unit", stride=stride)
    narrow = counted("module:bottleneck", stride=stride)
    return found(
        exactly("kernels of ResNet-18's unit", kernels(basic), ("3x3", "3x3")),
        exactly("convolutions of ResNet-18's unit", len(layers(basic)), 2),
        exactly("kernels of ResNet-50's unit", kernels(narrow), ("1x1", "3x3", "1x1")),
        exactly("convolutions of ResNet-50's unit", len(layers(narrow)), 3),
    )


@claim(
    id="keras-resnet-block",
    rows="C21",
    topic=Topic.RESIDUAL,
    says="Keras builds ResNet's block1 with a convolution as shortcut, biases, and the stride in its first 1x1.",
    source=f"{ARTICLE_EIGHT_MODELS} (code without a figure)",
    recorded=ClaimVerdict.NOT_STATED,
    perturbation={"filters": 32},
)
def keras_block(filters: int = 64) -> ClaimFinding:
    """Count block1(filters=64) on 64 channels; Keras counts the statistics of batch norm as parameters."""
    unit = counted_module(lambda: keras_unit(64, filters), (1, 64, 56, 56))
    convolutions = layers(unit)
    weighed = sum(layer.weights + layer.bias for layer in convolutions)
    trained = unit.params - weighed
    terms = [*weight_terms(convolutions), Term("biases", sum(layer.bias for layer in convolutions))]
    whole = Term("convolutions", weighed), Term("batch norm, trained", trained), Term("batch norm, running", trained)
    return found(
        unstated("parameters of the convolutions", weighed, terms=terms),
        unstated("parameters of batch norm, as Keras counts", 2 * trained),
        unstated("parameters in all, as Keras counts", weighed + 2 * trained, terms=whole),
    )


def keras_unit(in_channels: int, filters: int) -> Residual:
    """Build a bottleneck with biases before batch norm, in the shortcut as well."""
    made = 4 * filters
    residual = nn.Sequential(
        ConvNorm(in_channels, filters, bias=True),
        ConvNorm(filters, filters, 3, bias=True),
        ConvNorm(filters, made, bias=True, activation=None),
    )
    unit = Residual(residual, in_channels, made, stride=1)
    unit.shortcut = ConvNorm(in_channels, made, bias=True, activation=None)
    return unit


@claim(
    id="squeeze-excitation",
    rows="C26",
    topic=Topic.RESIDUAL,
    says="A squeeze-excitation has two fully connected layers without bias, of 2·C·C/r weights together.",
    source=f"{ARTICLE_EIGHT_MODELS}; SENet (arXiv:1709.01507), section 4",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"reduction": 8},
)
def squeeze_excitation(reduction: int = 16, channels: int = 32) -> ClaimFinding:
    """Count one of 32 channels without biases, and those of SE-ResNet-50, with biases, relative to ResNet-50."""
    unit = counted("module:squeeze_excitation", (1, channels, 28, 28), reduction=reduction)
    squeezed, plain = counted("se_resnet50", reduction=reduction), counted("resnet50_stride1x1")
    gates = [layer for layer in layers(squeezed) if ".excitation." in layer.path]
    more, work = squeezed.params - plain.params, squeezed.mult_adds - plain.mult_adds
    squeeze, excite = layers(unit)
    return found(
        exactly("fully connected layers", len(layers(unit)), 2),
        exactly("channels / hidden channels", squeeze.in_channels // excite.in_channels, reduction),
        exactly("weights", weights(unit), 2 * channels * channels // reduction, terms=weight_terms([squeeze, excite])),
        beside(unstated("weights of all in SE-ResNet-50", sum(layer.weights for layer in gates))),
        beside(unstated("parameters, SE-ResNet-50 - ResNet-50", more)),
        beside(unstated("the same / ResNet-50", more / plain.params, unit="percent")),
        beside(unstated("multiply-adds of these layers / ResNet-50", work / plain.mult_adds, unit="percent")),
    )
