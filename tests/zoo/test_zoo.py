"""Every architecture of the zoo: registering one is what puts it under these tests."""

import functools
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn
from zoo_layouts import COUNTS, assert_same_output, on_meta, under, with_lively_weights, with_weights_of, zoo_pass

import netcost
from netcost.counting.recount import FIGURES, Recount, RecountStatus, beside_published, recount_table
from netcost.zoo import ARCHITECTURES, Architecture
from netcost.zoo.catalogue import published

analyze = functools.cache(netcost.analyze)
entries = [ARCHITECTURES.get(name) for name in ARCHITECTURES]

# Targets of torchvision and timm that have the same layers.
TORCHVISIONS = """
    alexnet densenet121 densenet161 densenet169 densenet201 inception_v3 mobilenet_v2 resnet18 resnet34 resnet50
    resnet101 resnet152 resnext50_32x4d resnext101_64x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5
    shufflenet_v2_x2_0 vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn
""".split()
SAME_LAYOUT = {
    **{name: f"torchvision:{name}" for name in TORCHVISIONS},
    "inception_resnet_v2": "timm:inception_resnet_v2",
    "inception_v4": "timm:inception_v4",
    "mobilenet_v1": "timm:mobilenetv1_100",
    "mobilenet_v2_0_35": "timm:mobilenetv2_035",
    "mobilenet_v2_0_5": "timm:mobilenetv2_050",
    "mobilenet_v2_0_75": "timm:mobilenetv2_075",
    "mobilenet_v2_1_4": "timm:mobilenetv2_140",
    "nasnet_a_large": "timm:nasnetalarge",
    "resnext101_32x4d": "timm:resnext101_32x4d",
    "se_resnet50": "timm:legacy_seresnet50",
    "se_resnext50_32x4d": "timm:legacy_seresnext50_32x4d",
    "senet154": "timm:legacy_senet154",
    "xception": "timm:legacy_xception",
}

# Side of the images on which our network and theirs are run with the same weights.
SIDES = {
    **dict.fromkeys(
        ["resnet34", "resnext50_32x4d", "densenet121", "se_resnet50", "se_resnext50_32x4d", "senet154"], 96
    ),
    **dict.fromkeys(["inception_v3", "inception_v4", "inception_resnet_v2", "xception"], 107),
    **dict.fromkeys(["mobilenet_v1", "mobilenet_v2_0_5", "mobilenet_v2_1_4"], 128),
    **dict.fromkeys(["shufflenet_v2_x0_5", "shufflenet_v2_x2_0"], 128),
    **dict.fromkeys(
        ["alexnet", "vgg16", "vgg11_bn", "mobilenet_v2", "resnet18", "resnet50", "shufflenet_v2_x1_0"], 224
    ),
}
OTHER_BUILDERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    # timm clips at 6, as the authors' repository does; the paper has ReLU.
    "mobilenet_v1": ("timm:mobilenetv1_100", {"act_layer": nn.ReLU}),
    "mobilenet_v2_0_5": ("torchvision:mobilenet_v2", {"width_mult": 0.5}),
    "mobilenet_v2_1_4": ("torchvision:mobilenet_v2", {"width_mult": 1.4}),
    "inception_v3": ("torchvision:inception_v3", {"init_weights": False}),  # which takes a minute
}


@pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)
def test_every_operator_is_known_and_a_count_by_torch_alone_finds_the_same(entry: Architecture) -> None:
    analysis = analyze(entry.name)
    assert analysis.unknown_ops == {}
    assert analysis.graph.inputs[0].shape == entry.input_shape
    assert under(zoo_pass(entry.name), "") == (analysis.params, analysis.mult_adds)
    assert (analysis.params_total > analysis.params) == (entry.name in ("googlenet", "inception_v3"))  # have idle heads


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_and_mult_adds_are_those_of_the_papers_layers(name: str) -> None:
    params, mult_adds = under(zoo_pass(name), "")
    assert (params, round(mult_adds / 1e6, 3)) == COUNTS[name]


@pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)
def test_a_reason_stands_exactly_where_a_printed_figure_is_off_by_more_than_2_percent(entry: Architecture) -> None:
    counted = beside_published(entry.name, analyze(entry.name).figures)
    assert counted.agreement is not RecountStatus.DISAGREES, counted
    assert bool(entry.published.why) == any(abs(counted.difference(figure) or 0) > 0.02 for figure in FIGURES)
    assert entry.published.source


def test_outside_shufflenet_only_these_figures_were_not_published() -> None:
    others = [entry for entry in entries if "shufflenet" not in entry.name]
    assert all(entry.published.params is not None for entry in others)
    without = {entry.name for entry in others if entry.published.mult_adds is None}
    assert without == {"densenet264", "lenet5", "lenet5_1998", "mini_googlenet", "nin"}


@pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)
def test_it_runs_for_real_and_takes_a_number_of_classes_and_of_channels(entry: Architecture) -> None:
    module = netcost.build(entry.name, num_classes=7, in_channels=2).eval()
    with torch.inference_mode():
        assert module(torch.zeros(2, 2, *entry.input_shape[2:])).shape == (2, 7)


# One of each form: some operations of theirs work in place.
TRAINED = """
    alexnet alexnet_2012 bn_inception densenet121 googlenet inception_resnet_v1 inception_resnet_v2 inception_v3
    inception_v4 lenet5 lenet5_1998 mini_googlenet mobilenet_v1 mobilenet_v2 nasnet_a_mobile nin resnet18 resnet34
    resnet50 resnext50_32x4d se_resnet50 se_shufflenet_v2_164 senet154 shufflenet_v1_g3_x1_0 shufflenet_v2_50
    shufflenet_v2_x1_0 vgg16 vgg11_bn xception
""".split()


@pytest.mark.parametrize("name", TRAINED)
def test_gradients_flow_back_to_every_parameter(name: str) -> None:
    entry = ARCHITECTURES.get(name)
    model = on_meta(entry.build).train()
    output = model(torch.empty((2, *entry.input_shape[1:]), device="meta"))
    sum(logits.sum() for logits in (output if isinstance(output, tuple) else (output,))).backward()
    assert [key for key, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize(("name", "other"), SAME_LAYOUT.items())
def test_counts_are_those_of_the_same_layout_in_torchvision_or_timm(name: str, other: str) -> None:
    ours, theirs = analyze(name), analyze(other, ARCHITECTURES.get(name).input_shape)
    figures = ["params", "params_total", "mult_adds", "activations", "max_fragments"]
    if not name.startswith(
        ("alexnet", "vgg", "nasnet", "densenet")
    ):  # the others pool to the size that it has, or copy
        figures.append("memory_access")
    assert {key: getattr(ours, key) for key in figures} == {key: getattr(theirs, key) for key in figures}


@pytest.mark.parametrize("name", SIDES)
@torch.inference_mode()
def test_the_same_weights_give_their_output(name: str) -> None:
    torch.manual_seed(0)
    images = torch.randn(2, 3, SIDES[name], SIDES[name])
    theirs = netcost.resolve(*OTHER_BUILDERS.get(name, (SAME_LAYOUT.get(name), {})))
    theirs = with_lively_weights(on_meta(theirs.build), images)
    assert_same_output(with_weights_of(theirs, ARCHITECTURES.get(name).build), theirs, images)


def test_googlenet_is_the_papers_with_two_heads_in_training() -> None:
    linear_layers = (128 * 4 * 4 + 1) * 1024 + (1024 + 1) * 1000
    heads = (512 + 1) * 128 + linear_layers, (528 + 1) * 128 + linear_layers
    analysis = analyze("googlenet")
    assert (analysis.params, analysis.mult_adds) == (6_998_552, 1_582_671_872)
    assert analysis.params_total - analysis.params == sum(heads) == 6_379_728
    assert netcost.analyze("googlenet", mode="train").params == analysis.params_total


def test_list_models_takes_a_pattern() -> None:
    resnets = netcost.list_models("resnet*")
    assert resnets == [name for name in ARCHITECTURES if name.startswith("resnet")]
    assert {"resnet18", "resnet50"} < set(resnets) < set(ARCHITECTURES)
    assert netcost.list_models("no such*") == []


def test_published_figures_keep_what_was_not_published_apart_from_zero() -> None:
    assert published(params=1).mult_adds is None


def test_a_difference_needs_a_reason_and_a_missing_figure_none() -> None:
    def with_figures(printed: float | None, why: str = "") -> Recount:
        return Recount("x", {"params": printed, "mult_adds": None}, {"params": 1000, "mult_adds": 5}, why)

    assert with_figures(None).agreement is RecountStatus.UNPUBLISHED
    assert with_figures(1015).agreement is RecountStatus.AGREES
    assert with_figures(1100).agreement is RecountStatus.DISAGREES
    assert with_figures(1100, "a slip in the paper").agreement is RecountStatus.EXPLAINED
    assert with_figures(None).difference("params") is None
    row = recount_table([with_figures(1100)]).rows[0]
    assert "DISAGREES" in row
    assert None in row
