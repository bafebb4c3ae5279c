"""ResNet, ResNeXt, SENet and DenseNet against their papers' tables and against torchvision and timm."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import netcost
from netcost.text.errors import TargetError
from netcost.zoo import ARCHITECTURES
from netcost.zoo.densenet import DenseNet
from netcost.zoo.resnet import Bottleneck
from netcost.zoo.resnext import unit_32x4d
from netcost.zoo.senet import SENet154Bottleneck, SqueezeExcitation

timm = pytest.importorskip("timm", reason="timm comes with netcost[test]")
models = pytest.importorskip("torchvision.models", reason="torchvision comes with netcost[test]")

# Parameters, as the model zoos list them to the unit, and mult-adds in millions, counted from the tables' layers.
COUNTS = {
    "resnet34": (21_797_672, 3663.761),
    "resnet50_stride1x1": (25_557_032, 3857.973),
    "resnet101": (44_549_160, 7801.405),
    "resnet101_stride1x1": (44_549_160, 7570.194),
    "resnet152": (60_192_808, 11513.627),
    "resnet152_stride1x1": (60_192_808, 11282.416),
    "resnext50_32x4d": (25_028_904, 4230.480),
    "resnext101_32x4d": (44_177_704, 7969.997),
    "resnext101_64x4d": (83_455_272, 15460.270),
    "se_resnet50": (28_088_024, 3860.488),
    "se_resnext50_32x4d": (27_559_896, 4232.995),
    "senet154": (115_088_984, 20688.364),
    "densenet121": (7_978_856, 2834.162),
    "densenet161": (28_681_000, 7727.907),
    "densenet169": (14_149_480, 3359.843),
    "densenet201": (20_013_928, 4291.366),
    "densenet264": (33_337_704, 5751.653),
}

SAME_LAYOUT = {
    "resnet34": "torchvision:resnet34",
    "resnet101": "torchvision:resnet101",
    "resnet152": "torchvision:resnet152",
    "resnext50_32x4d": "torchvision:resnext50_32x4d",
    "resnext101_32x4d": "timm:resnext101_32x4d",
    "resnext101_64x4d": "torchvision:resnext101_64x4d",
    "se_resnet50": "timm:legacy_seresnet50",
    "se_resnext50_32x4d": "timm:legacy_seresnext50_32x4d",
    "senet154": "timm:legacy_senet154",
    "densenet121": "torchvision:densenet121",
    "densenet161": "torchvision:densenet161",
    "densenet169": "torchvision:densenet169",
    "densenet201": "torchvision:densenet201",
}

analyze = functools.cache(netcost.analyze)


def on_meta(name: str, **arguments: object) -> nn.Module:
    with torch.device("meta"):
        return netcost.build(name, **arguments)


def shapes(model: nn.Module, size: int = 224) -> dict[str, tuple[int, ...]]:
    """Shape of the output of each child, by name, for one image on the meta device."""
    x = torch.empty(1, 3, size, size, device="meta")
    return {name: tuple((x := child(x)).shape) for name, child in model.eval().named_children()}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_and_mult_adds_are_those_of_the_papers_layers(name):
    analysis = analyze(name)
    assert (analysis.params, round(analysis.mult_adds / 1e6, 3)) == COUNTS[name]
    assert analysis.params_total == analysis.params
    assert analysis.unknown_ops == {}


@pytest.mark.parametrize("name", COUNTS)
def test_printed_figures_are_within_2_percent_so_no_reason_is_needed(name):
    figures = ARCHITECTURES.get(name).published
    assert figures.params == pytest.approx(COUNTS[name][0], rel=0.02)
    if figures.mult_adds is not None:
        assert figures.mult_adds == pytest.approx(COUNTS[name][1] * 1e6, rel=0.02)
    assert figures.source
    assert not figures.why


def test_the_mult_adds_of_densenet_264_were_not_published():
    missing = [name for name in COUNTS if ARCHITECTURES.get(name).published.mult_adds is None]
    assert missing == ["densenet264"]


@pytest.mark.parametrize(("name", "other"), SAME_LAYOUT.items())
def test_counts_are_those_of_the_same_layout_in_torchvision_or_timm(name, other):
    ours, theirs = analyze(name), analyze(other)
    assert (ours.params, ours.mult_adds) == (theirs.params, theirs.mult_adds)
    assert (ours.activations, ours.max_fragments) == (theirs.activations, theirs.max_fragments)


@pytest.mark.parametrize("name", [name for name in SAME_LAYOUT if not name.startswith("densenet")])
def test_residual_networks_move_as_much_memory_as_torchvisions_or_timms(name):
    assert analyze(name).memory_access == analyze(SAME_LAYOUT[name]).memory_access


def test_torchvisions_densenet_also_copies_the_input_of_each_block_before_its_first_layer():
    copied = 64 * 56**2 + 128 * 28**2 + 256 * 14**2 + 512 * 7**2  # read and written
    assert analyze("torchvision:densenet121").memory_access - analyze("densenet121").memory_access == 2 * copied


def with_lively_weights(model: nn.Module, images: Tensor) -> nn.Module:
    """`model` with weights that keep the signal alive to the last layer, and the statistics of `images`."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            module.momentum = 1.0  # the running statistics become those of the one batch below
        elif isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.1)
    model.train()(images)
    return model.eval()


THEIRS: dict[str, Callable[[], nn.Module]] = {
    "resnet34": models.resnet34,
    "resnext50_32x4d": models.resnext50_32x4d,
    "densenet121": models.densenet121,
    "se_resnet50": functools.partial(timm.create_model, "legacy_seresnet50"),
    "se_resnext50_32x4d": functools.partial(timm.create_model, "legacy_seresnext50_32x4d"),
    "senet154": functools.partial(timm.create_model, "legacy_senet154"),
}


@pytest.mark.parametrize("name", THEIRS)
@torch.inference_mode()
def test_the_same_weights_give_their_output(name):
    torch.manual_seed(0)
    images = torch.randn(2, 3, 96, 96)
    with torch.device("meta"):
        theirs, ours = THEIRS[name](), ARCHITECTURES.get(name).build()
    theirs = with_lively_weights(theirs.to_empty(device="cpu"), images)
    copied = zip(ours.state_dict(), theirs.state_dict().values(), strict=True)
    ours.eval().load_state_dict(dict(copied), assign=True)
    expected = theirs(images)
    torch.testing.assert_close(ours(images), expected, rtol=1e-4, atol=1e-4)
    assert (expected[0] - expected[1]).abs().max() > 0.1  # the images still matter at the end, so equality says much


@pytest.mark.parametrize("name", COUNTS)
def test_logits_follow_the_number_of_classes_and_the_input_its_channels(name):
    model = on_meta(name, num_classes=7, in_channels=2).eval()
    assert model(torch.empty(3, 2, 64, 64, device="meta")).shape == (3, 7)


@pytest.mark.parametrize("name", ["resnet34", "resnext50_32x4d", "se_resnet50", "senet154", "densenet121"])
def test_gradients_flow_back_through_the_operations_in_place(name):
    model = on_meta(name).train()
    model(torch.empty(2, 3, 64, 64, device="meta")).sum().backward()
    assert [key for key, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize(
    ("name", "depth"),
    [
        ("resnet34", 34),
        ("resnet101", 101),
        ("resnet152_stride1x1", 152),
        ("resnext50_32x4d", 50),
        ("se_resnet50", 50),
        ("senet154", 154),
        ("densenet121", 121),
        ("densenet161", 161),
        ("densenet169", 169),
        ("densenet201", 201),
        ("densenet264", 1 + 2 * (6 + 12 + 64 + 48) + 3 + 1),  # 265: the blocks of Table 1 make one more than its name
    ],
)
def test_the_number_in_the_name_counts_layers_with_weights_on_the_main_path(name, depth):
    beside = ("shortcut", "excitation")
    layers = [
        key
        for key, module in on_meta(name).named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and not any(part in key for part in beside)
    ]
    assert len(layers) == depth


@pytest.mark.parametrize(
    ("name", "widths"), [("resnet34", (64, 128, 256, 512)), ("resnext101_64x4d", (256, 512, 1024, 2048))]
)
def test_resnet_has_the_rows_of_its_table(name, widths):
    rows = shapes(on_meta(name))
    assert rows["conv1"] == (1, 64, 112, 112)
    for row, width, side in zip(("conv2_x", "conv3_x", "conv4_x", "conv5_x"), widths, (56, 28, 14, 7), strict=True):
        assert rows[row] == (1, width, side, side)
    assert rows["fc"] == (1, 1000)


def test_striding_in_the_3x3_leaves_three_1x1_convolutions_at_four_times_the_positions():
    # In the first unit of conv3_x, conv4_x and conv5_x, a 1x1 from the stage before to a quarter of the output.
    extra = (56**2 - 28**2) * 256 * 128 + (28**2 - 14**2) * 512 * 256 + (14**2 - 7**2) * 1024 * 512
    for name in ("resnet50", "resnet101", "resnet152"):
        assert analyze(name).mult_adds - analyze(f"{name}_stride1x1").mult_adds == extra


def convolution_weights(unit: nn.Module) -> int:
    return sum(module.weight.numel() for module in unit.modules() if isinstance(module, nn.Conv2d))


def test_a_resnext_unit_of_32_paths_has_about_the_weights_of_a_bottleneck():
    # ResNeXt, section 3.3: 256·64 + 3·3·64·64 + 64·256 against C·(256·d + 3·3·d·d + d·256), both about 70k.
    assert convolution_weights(Bottleneck(256, 256, 1)) == 256 * 64 + 9 * 64 * 64 + 64 * 256
    assert convolution_weights(unit_32x4d(256, 256, 1)) == 32 * (256 * 4 + 9 * 4 * 4 + 4 * 256)


def test_a_senet_154_bottleneck_narrows_its_first_1x1_and_projects_with_a_3x3_where_it_strides():
    assert convolution_weights(SENet154Bottleneck(256, 256, 1)) == 256 * 128 + 9 * 128 * 256 // 64 + 256 * 256
    strided = SENet154Bottleneck(256, 512, 2)
    assert convolution_weights(strided.residual) == 256 * 256 + 9 * 256 * 512 // 64 + 512 * 512
    assert convolution_weights(strided.shortcut) == 9 * 256 * 512


@pytest.mark.parametrize("reduction", [2, 16])
def test_squeeze_excitation_adds_two_fully_connected_layers_a_unit(reduction):
    units = {256: 3, 512: 4, 1024: 6, 2048: 3}
    weights = sum(count * 2 * width * (width // reduction) for width, count in units.items())
    biases = sum(count * (width // reduction + width) for width, count in units.items())
    squeezed = netcost.analyze(netcost.resolve("se_resnet50", {"reduction": reduction}))
    plain = analyze("resnet50_stride1x1")
    assert squeezed.params - plain.params == weights + biases
    assert squeezed.mult_adds - plain.mult_adds == weights


def test_squeeze_excitation_scales_each_channel_by_a_gate_between_0_and_1():
    torch.manual_seed(0)
    x = torch.rand(2, 32, 5, 3) + 0.1
    gates = SqueezeExcitation(32)(x) / x
    assert gates.min() > 0
    assert gates.max() < 1
    torch.testing.assert_close(gates, gates[:, :, :1, :1].expand_as(gates))  # one for the whole map of a channel


@pytest.mark.parametrize(
    ("name", "repeats", "growth_rate"),
    [
        ("densenet121", (6, 12, 24, 16), 32),
        ("densenet161", (6, 12, 36, 24), 48),
        ("densenet169", (6, 12, 32, 32), 32),
        ("densenet201", (6, 12, 48, 32), 32),
        ("densenet264", (6, 12, 64, 48), 32),
    ],
)
def test_densenet_has_the_rows_of_its_table(name, repeats, growth_rate):
    rows = shapes(on_meta(name))
    channels = 2 * growth_rate
    assert rows["conv1"] == (1, channels, 112, 112)
    assert rows["pool1"] == (1, channels, 56, 56)
    for index, (layers, side) in enumerate(zip(repeats, (56, 28, 14, 7), strict=True), start=1):
        channels += layers * growth_rate
        assert rows[f"block{index}"] == (1, channels, side, side)
        if index < len(repeats):
            channels //= 2
            assert rows[f"transition{index}"] == (1, channels, side // 2, side // 2)
    assert rows["fc"] == (1, 1000)


def test_densenet_264_of_growth_rate_48_is_the_one_that_timm_listed():
    analysis = netcost.analyze(netcost.resolve("densenet264", {"growth_rate": 48}))
    assert analysis.params == 72_686_632
    assert analysis.mult_adds == pytest.approx(12_850.694e6, rel=1e-6)
    assert analysis.mult_adds == pytest.approx(12.95e9, rel=0.01)  # its own count, with more than convolutions in it


def test_a_bottleneck_of_twice_the_growth_rate_is_not_densenet_121():
    with torch.device("meta"):
        narrow = DenseNet((6, 12, 24, 16), bottleneck=2)
    assert sum(parameter.numel() for parameter in narrow.parameters()) == 4_885_096


def test_a_dense_block_is_one_building_block_of_two_convolutions_a_layer():
    assert analyze("densenet121").max_fragments == 2 * 24


@pytest.mark.parametrize("growth_rate", [0, -32, 2.5])
def test_a_growth_rate_that_is_no_number_of_channels_is_refused(growth_rate):
    with pytest.raises(TargetError, match=r"growth_rate is .*; expected a whole number of channels"):
        netcost.build("densenet121", growth_rate=growth_rate)


@pytest.mark.parametrize("reduction", [0, -16, 0.5])
def test_a_reduction_that_is_no_number_of_channels_is_refused(reduction):
    with pytest.raises(TargetError, match=r"reduction is .*; expected how many channels share a hidden unit"):
        netcost.build("se_resnet50", reduction=reduction)
