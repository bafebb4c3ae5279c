"""The zoo's layouts against their papers' tables and against torchvision, by torch alone: nothing here traces."""

from __future__ import annotations

import doctest
import functools
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
import torchvision.models
from torch import Tensor, nn

from netcost.errors import TargetError
from netcost.zoo import ARCHITECTURES, build, mobilenet
from netcost.zoo.googlenet import GoogLeNetLogits
from netcost.zoo.mobilenet import InvertedResidual, multiple_of_8
from netcost.zoo.resnet import BASIC_WIDTHS, BOTTLENECK_WIDTHS, BasicUnit, Bottleneck, ResNet
from netcost.zoo.shufflenet import ChannelShuffle, ShuffleNetV1, ShuffleNetV2
from netcost.zoo.vgg import VGG

# Parameters used in a forward pass without training, and mult-adds in millions at the architecture's own input.
COUNTS = {
    "alexnet": (61_100_840, 714.188),
    "googlenet": (6_998_552, 1582.672),
    "lenet5": (61_706, 0.417),
    "mobilenet_v1": (4_231_976, 568.740),
    "mobilenet_v2": (3_504_872, 300.774),
    "resnet18": (11_689_512, 1814.073),
    "resnet50": (25_557_032, 4089.184),
    "shufflenet_v1_g3_x1_0": (1_865_728, 137.461),
    "shufflenet_v2_x1_0": (2_278_604, 144.908),
    "vgg16": (138_357_544, 15470.264),
}
SAME_AS_TORCHVISION = ("alexnet", "mobilenet_v2", "resnet18", "resnet50", "shufflenet_v2_x1_0", "vgg16")

# What the families can build beyond what is registered, with the same two figures.
VARIANTS: dict[str, tuple[Callable[[], nn.Module], int, float]] = {
    "vgg11": (lambda: VGG((1, 1, 2, 2, 2)), 132_863_336, 7609.090),
    "vgg13": (lambda: VGG((2, 2, 2, 2, 2)), 133_047_848, 11308.466),
    "vgg19": (lambda: VGG((2, 2, 4, 4, 4)), 143_667_240, 19632.062),
    # Batch norm adds a scale and a shift to each of 2·64 + 2·128 + 3·256 + 6·512 channels.
    "vgg16_bn": (
        lambda: VGG((2, 2, 3, 3, 3), batch_norm=True),
        138_357_544 + 2 * (2 * 64 + 2 * 128 + 3 * 256 + 6 * 512),
        15470.264,
    ),
    "resnet34": (lambda: ResNet(BasicUnit, (3, 4, 6, 3), BASIC_WIDTHS), 21_797_672, 3663.761),
    "resnet101": (lambda: ResNet(Bottleneck, (3, 4, 23, 3), BOTTLENECK_WIDTHS), 44_549_160, 7801.405),
    "resnet152": (lambda: ResNet(Bottleneck, (3, 8, 36, 3), BOTTLENECK_WIDTHS), 60_192_808, 11513.627),
    "resnet50_stride1x1": (
        lambda: ResNet(functools.partial(Bottleneck, stride_in_1x1=True), (3, 4, 6, 3), BOTTLENECK_WIDTHS),
        25_557_032,
        3857.973,
    ),
    "mobilenet_v1_075": (lambda: build("mobilenet_v1", width=0.75), 2_585_560, 325.400),
    "mobilenet_v1_050": (lambda: build("mobilenet_v1", width=0.5), 1_331_592, 149.497),
    "mobilenet_v1_025": (lambda: build("mobilenet_v1", width=0.25), 470_072, 41.030),
    "mobilenet_v2_140": (lambda: build("mobilenet_v2", width=1.4), 6_108_776, 582.196),
    "mobilenet_v2_130": (lambda: build("mobilenet_v2", width=1.3), 5_386_792, 509.375),
    "mobilenet_v2_075": (lambda: build("mobilenet_v2", width=0.75), 2_636_424, 209.070),
    "mobilenet_v2_050": (lambda: build("mobilenet_v2", width=0.5), 1_968_680, 97.132),
    "mobilenet_v2_035": (lambda: build("mobilenet_v2", width=0.35), 1_677_128, 59.286),
    "shufflenet_v1_g3_x0_5": (lambda: ShuffleNetV1(3, width=0.5, stem=12), 718_324, 37.590),
    "shufflenet_v1_g3_x1_5": (lambda: ShuffleNetV1(3, width=1.5), 3_442_168, 292.444),
    "shufflenet_v1_g3_x2_0": (lambda: ShuffleNetV1(3, width=2.0, stem=48), 5_450_776, 524.045),
    "shufflenet_v2_x0_5": (lambda: ShuffleNetV2((24, 48, 96, 192, 1024)), 1_366_792, 40.476),
    "shufflenet_v2_x1_5": (lambda: ShuffleNetV2((24, 176, 352, 704, 1024)), 3_503_624, 295.759),
    "shufflenet_v2_x2_0": (lambda: ShuffleNetV2((24, 244, 488, 976, 2048)), 7_393_996, 583.253),
}


class Layer(NamedTuple):
    """What one module did in a forward pass."""

    shape: tuple[int, ...]
    """Of its output."""
    params: int
    """Its own, without its children's."""
    mult_adds: int


def layer(module: nn.Module, output: Tensor) -> Layer:
    # A weight is used once for each position of the output map; a linear layer has one position.
    positions = output.shape[2:].numel() if isinstance(module, nn.Conv2d) else 1
    mult_adds = positions * module.weight.numel() if isinstance(module, nn.Conv2d | nn.Linear) else 0
    return Layer(tuple(output.shape), sum(own.numel() for own in module.parameters(recurse=False)), mult_adds)


def forward_pass(model: nn.Module, shape: tuple[int, ...]) -> dict[str, Layer]:
    """What each module that ran did, by name; the model itself is ""."""
    ran: dict[str, Layer] = {}

    def record(name: str, module: nn.Module, _inputs: object, output: Tensor) -> None:
        ran[name] = layer(module, output)

    for name, module in model.eval().named_modules():
        module.register_forward_hook(functools.partial(record, name))
    model(torch.empty(shape, device="meta"))
    return ran


def under(ran: dict[str, Layer], prefix: str) -> tuple[int, int]:
    """Parameters and mult-adds of a module and all below it."""
    inside = [entry for name, entry in ran.items() if f"{name}.".startswith(f"{prefix}." if prefix else "")]
    return sum(entry.params for entry in inside), sum(entry.mult_adds for entry in inside)


def on_meta(builder: Callable[[], nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return builder()


@functools.cache
def zoo_pass(name: str) -> dict[str, Layer]:
    return forward_pass(on_meta(ARCHITECTURES.get(name).build), ARCHITECTURES.get(name).input_shape)


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_and_mult_adds_are_those_of_the_layers_in_the_paper(name):
    params, mult_adds = under(zoo_pass(name), "")
    assert (params, round(mult_adds / 1e6, 3)) == COUNTS[name]


@pytest.mark.parametrize("name", VARIANTS)
def test_each_family_can_build_its_other_variants(name):
    builder, params, mult_adds_in_millions = VARIANTS[name]
    counted, mult_adds = under(forward_pass(on_meta(builder), (1, 3, 224, 224)), "")
    assert (counted, round(mult_adds / 1e6, 3)) == (params, mult_adds_in_millions)


@pytest.mark.parametrize("name", COUNTS)
def test_a_reason_stands_exactly_where_a_printed_figure_is_off_by_more_than_2_percent(name):
    figures = ARCHITECTURES.get(name).published
    params, mult_adds = under(zoo_pass(name), "")
    pairs = ((params, figures.params), (mult_adds, figures.mult_adds))
    far_off = any(printed is not None and abs(counted / printed - 1) > 0.02 for counted, printed in pairs)
    assert bool(figures.why) == far_off
    assert figures.source


@pytest.mark.parametrize("name", COUNTS)
def test_logits_follow_the_number_of_classes_and_the_input_its_channels(name):
    _, _, height, width = ARCHITECTURES.get(name).input_shape
    model = on_meta(lambda: build(name, num_classes=7, in_channels=2))
    assert forward_pass(model, (3, 2, height, width))[""].shape == (3, 7)


@pytest.mark.parametrize("name", COUNTS)
def test_gradients_flow_back_through_the_operations_in_place(name):
    model = on_meta(ARCHITECTURES.get(name).build).train()
    output = model(torch.empty((2, *ARCHITECTURES.get(name).input_shape[1:]), device="meta"))
    sum(logits.sum() for logits in (output if isinstance(output, tuple) else (output,))).backward()
    assert [key for key, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", SAME_AS_TORCHVISION)
def test_parameters_and_buffers_have_torchvisions_shapes_in_torchvisions_order(name):
    ours = on_meta(ARCHITECTURES.get(name).build)
    theirs = on_meta(getattr(torchvision.models, name))
    assert [tuple(own.shape) for own in ours.parameters()] == [tuple(own.shape) for own in theirs.parameters()]
    assert [tuple(own.shape) for own in ours.buffers()] == [tuple(own.shape) for own in theirs.buffers()]


def with_lively_weights(model: nn.Module, images: Tensor) -> nn.Module:
    """`model` on the CPU with weights that keep the signal alive to the last layer, and the statistics of `images`."""
    model.to_empty(device="cpu")
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
            module.momentum = 1.0  # the running statistics become those of the one batch below
        elif isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
        if getattr(module, "bias", None) is not None:
            nn.init.normal_(module.bias, std=0.1)
    if any(isinstance(module, nn.BatchNorm2d) for module in model.modules()):
        model.train()(images)
    return model.eval()


@pytest.mark.parametrize("name", SAME_AS_TORCHVISION)
@torch.inference_mode()
def test_the_same_weights_give_torchvisions_output(name):
    torch.manual_seed(0)
    images = torch.randn(2, 3, 224, 224)
    theirs = with_lively_weights(on_meta(getattr(torchvision.models, name)), images)
    ours = on_meta(ARCHITECTURES.get(name).build).eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)), assign=True)
    expected = theirs(images)
    torch.testing.assert_close(ours(images), expected)
    assert (expected[0] - expected[1]).abs().max() > 0.1  # the images still matter at the end, so equality says much


def test_lenet5_has_the_products_of_its_layers():
    ran = zoo_pass("lenet5")
    assert under(ran, "c1") == (6 * (25 + 1), 28 * 28 * 6 * 25)
    assert under(ran, "c3") == (16 * (6 * 25 + 1), 10 * 10 * 16 * 6 * 25)
    assert under(ran, "c5") == (120 * (16 * 25 + 1), 120 * 16 * 25)
    assert under(ran, "f6") == (84 * (120 + 1), 84 * 120)
    assert under(ran, "output") == (10 * (84 + 1), 84 * 10)


def test_lenet5_differs_from_the_papers_count_by_the_three_changes_it_names():
    full_c3, no_trained_pooling, linear_output = 16 * 6 * 25 + 16 - 1516, 12 + 32, 10 * (84 + 1)
    assert under(zoo_pass("lenet5"), "")[0] == 60_000 + full_c3 - no_trained_pooling + linear_output


# GoogLeNet, Table 1: row, output (height, channels), input channels, and the columns #1x1, #3x3 reduce, #3x3,
# #5x5 reduce, #5x5, pool proj.
INCEPTION_ROWS = (
    ("inception_3a", (28, 256), 192, (64, 96, 128, 16, 32, 32)),
    ("inception_3b", (28, 480), 256, (128, 128, 192, 32, 96, 64)),
    ("inception_4a", (14, 512), 480, (192, 96, 208, 16, 48, 64)),
    ("inception_4b", (14, 512), 512, (160, 112, 224, 24, 64, 64)),
    ("inception_4c", (14, 512), 512, (128, 128, 256, 24, 64, 64)),
    ("inception_4d", (14, 528), 512, (112, 144, 288, 32, 64, 64)),
    ("inception_4e", (14, 832), 528, (256, 160, 320, 32, 128, 128)),
    ("inception_5a", (7, 832), 832, (256, 160, 320, 32, 128, 128)),
    ("inception_5b", (7, 1024), 832, (384, 192, 384, 48, 128, 128)),
)


@pytest.mark.parametrize(("row", "output", "inputs", "columns"), INCEPTION_ROWS, ids=[row[0] for row in INCEPTION_ROWS])
def test_an_inception_module_is_its_row_of_googlenets_table(row, output, inputs, columns):
    (side, channels), (n1, r3, n3, r5, n5, pool) = output, columns
    weights = inputs * (n1 + r3 + r5 + pool) + 9 * r3 * n3 + 25 * r5 * n5
    assert zoo_pass("googlenet")[row].shape == (1, channels, side, side)
    assert under(zoo_pass("googlenet"), row) == (weights + sum(columns), side * side * weights)  # a bias a channel


@pytest.mark.parametrize(
    ("row", "shape", "weights", "biases"),
    [
        ("conv1", (64, 112, 112), 7 * 7 * 3 * 64, 64),
        ("pool1", (64, 56, 56), 0, 0),
        ("norm1", (64, 56, 56), 0, 0),
        ("conv2_reduce", (64, 56, 56), 64 * 64, 64),
        ("conv2", (192, 56, 56), 3 * 3 * 64 * 192, 192),
        ("norm2", (192, 56, 56), 0, 0),
        ("pool2", (192, 28, 28), 0, 0),
        ("pool3", (480, 14, 14), 0, 0),
        ("pool4", (832, 7, 7), 0, 0),
        ("avgpool", (1024, 1, 1), 0, 0),
        ("linear", (1000,), 1024 * 1000, 1000),
    ],
)
def test_the_other_rows_of_googlenets_table_hold_too(row, shape, weights, biases):
    ran = zoo_pass("googlenet")
    positions = shape[1] * shape[2] if len(shape) == 3 else 1
    assert ran[row].shape == (1, *shape)
    assert under(ran, row) == (weights + biases, positions * weights)


def test_googlenet_in_use_is_1_582_671_872_mult_adds_and_its_heads_lie_idle():
    ran = zoo_pass("googlenet")
    assert under(ran, "") == (6_998_552, 1_582_671_872)
    assert not [name for name in ran if name.startswith("aux")]


def test_googlenets_heads_add_a_convolution_and_two_linear_layers_each():
    model = on_meta(ARCHITECTURES.get("googlenet").build)
    linear_layers = (128 * 4 * 4 + 1) * 1024 + (1024 + 1) * 1000
    heads = (512 + 1) * 128 + linear_layers, (528 + 1) * 128 + linear_layers
    assert sum(heads) == 6_379_728
    assert sum(own.numel() for own in model.parameters()) == 6_998_552 + sum(heads)


def test_googlenet_returns_three_logits_in_training_and_one_outside_it():
    model = on_meta(lambda: build("googlenet", num_classes=10))
    images = torch.empty(2, 3, 224, 224, device="meta")
    training = model.train()(images)
    assert isinstance(training, GoogLeNetLogits)
    assert [tuple(logits.shape) for logits in training] == [(2, 10)] * 3
    assert tuple(model.eval()(images).shape) == (2, 10)


def test_googlenets_children_read_like_its_table():
    names = [name for name, _ in on_meta(ARCHITECTURES.get("googlenet").build).named_children()]
    stem = ["conv1", "pool1", "norm1", "conv2_reduce", "conv2", "norm2", "pool2"]
    third = ["inception_3a", "inception_3b", "pool3"]
    fourth = ["inception_4a", "aux_4a", "inception_4b", "inception_4c", "inception_4d", "aux_4d", "inception_4e"]
    fifth = ["pool4", "inception_5a", "inception_5b"]
    assert names == stem + third + fourth + fifth + ["avgpool", "flatten", "dropout", "linear"]


# ShuffleNet, Table 1: groups, output channels of stages 2 to 4, printed complexity in millions of mult-adds (without
# the classifier); then the parameters that osmr/imgclsmob (gluon/README.md, commit c1a844dde061) lists.
@pytest.mark.parametrize(
    ("groups", "channels", "printed_millions", "params"),
    [
        (1, (144, 288, 576), 143, 1_531_936),
        (2, (200, 400, 800), 140, 1_733_848),
        (3, (240, 480, 960), 137, 1_865_728),
        (4, (272, 544, 1088), 133, 1_968_344),
        (8, (384, 768, 1536), 137, 2_434_768),
    ],
)
def test_shufflenet_v1_has_the_channels_and_costs_of_its_table(groups, channels, printed_millions, params):
    ran = forward_pass(on_meta(lambda: ShuffleNetV1(groups)), (1, 3, 224, 224))
    stages = [ran[f"stage{stage}"].shape for stage in (2, 3, 4)]
    assert stages == [(1, width, side, side) for width, side in zip(channels, (28, 14, 7), strict=True)]
    counted, mult_adds = under(ran, "")
    assert counted == params
    assert round((mult_adds - ran["fc"].mult_adds) / 1e6) == printed_millions


def test_only_the_first_pointwise_layer_of_shufflenet_v1_is_not_grouped():
    model = on_meta(lambda: ShuffleNetV1(8))
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    pointwise = [module.groups for module in convolutions if module.kernel_size == (1, 1)]
    assert pointwise == [1] + [8] * (2 * 16 - 1)  # two a unit, 4 + 8 + 4 units


def test_a_shuffle_deals_the_channels_of_each_group_out_over_all_groups():
    channels = torch.arange(6.0).reshape(1, 6, 1, 1)
    assert ChannelShuffle(2)(channels).flatten().tolist() == [0, 3, 1, 4, 2, 5]
    assert ChannelShuffle(3)(channels).flatten().tolist() == [0, 2, 4, 1, 3, 5]


def test_mobilenet_v2_adds_its_input_in_10_of_17_units():
    units = [unit for unit in build("mobilenet_v2").modules() if isinstance(unit, InvertedResidual)]
    assert (len(units), sum(unit.has_shortcut for unit in units)) == (17, 17 - 4 - 3)  # 4 stride, 3 widen at stride 1


def test_a_rounded_width_is_a_multiple_of_8_and_never_more_than_a_tenth_too_small():
    rounded = {channels: multiple_of_8(channels) for channels in range(1, 400)}
    assert all(width % 8 == 0 and width >= 0.9 * channels for channels, width in rounded.items())
    assert all(width - channels < 8 for channels, width in rounded.items())
    assert doctest.testmod(mobilenet) == (0, 1)


@pytest.mark.parametrize("width", [0, -0.5, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2"])
def test_a_width_that_is_no_multiplier_is_refused(name, width):
    with pytest.raises(TargetError, match=r"width is .*; expected a positive multiplier"):
        build(name, width=width)


def test_a_number_of_groups_without_a_column_in_the_table_is_refused():
    with pytest.raises(TargetError, match="groups is 5; Table 1 of the paper has 1, 2, 3, 4, 8"):
        ShuffleNetV1(5)
