"""The zoo's layouts against their papers' tables and against torchvision, by torch alone: nothing here traces."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
import torchvision.models
from torch import Tensor, nn

from netcost import build
from netcost.zoo import ARCHITECTURES
from netcost.zoo.googlenet import GoogLeNetLogits

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
