"""ResNet, ResNeXt, SENet and DenseNet against their papers' tables and against torchvision and timm."""

import functools

import pytest
import torch
from torch import nn
from zoo_layouts import on_meta, zoo_pass

import netcost
from netcost.text.errors import TargetError
from netcost.zoo import ARCHITECTURES
from netcost.zoo.densenet import DenseNet
from netcost.zoo.resnet import Bottleneck
from netcost.zoo.resnext import unit_32x4d
from netcost.zoo.senet import SENet154Bottleneck, SqueezeExcitation

analyze = functools.cache(netcost.analyze)


def test_torchvisions_densenet_also_copies_the_input_of_each_block_before_its_first_layer():
    copied = 64 * 56**2 + 128 * 28**2 + 256 * 14**2 + 512 * 7**2  # read and written
    assert analyze("torchvision:densenet121").memory_access - analyze("densenet121").memory_access == 2 * copied


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
        for key, module in on_meta(ARCHITECTURES.get(name).build).named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and not any(part in key for part in beside)
    ]
    assert len(layers) == depth


@pytest.mark.parametrize(
    ("name", "widths"), [("resnet34", (64, 128, 256, 512)), ("resnext101_64x4d", (256, 512, 1024, 2048))]
)
def test_resnet_has_the_rows_of_its_table(name, widths):
    rows = zoo_pass(name)
    assert rows["conv1"].shape == (1, 64, 112, 112)
    for row, width, side in zip(("conv2_x", "conv3_x", "conv4_x", "conv5_x"), widths, (56, 28, 14, 7), strict=True):
        assert rows[row].shape == (1, width, side, side)
    assert rows["fc"].shape == (1, 1000)


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
    rows = zoo_pass(name)
    channels = 2 * growth_rate
    assert rows["conv1"].shape == (1, channels, 112, 112)
    assert rows["pool1"].shape == (1, channels, 56, 56)
    for index, (layers, side) in enumerate(zip(repeats, (56, 28, 14, 7), strict=True), start=1):
        channels += layers * growth_rate
        assert rows[f"block{index}"].shape == (1, channels, side, side)
        if index < len(repeats):
            channels //= 2
            assert rows[f"transition{index}"].shape == (1, channels, side // 2, side // 2)
    assert rows["fc"].shape == (1, 1000)


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


@pytest.mark.parametrize(
    ("name", "argument", "said"),
    [
        ("densenet121", "growth_rate", "a whole number of channels"),
        ("se_resnet50", "reduction", "how many channels share a hidden unit"),
    ],
)
@pytest.mark.parametrize("value", [0, -16, 2.5])
def test_what_is_no_number_of_channels_is_refused(name, argument, said, value):
    with pytest.raises(TargetError, match=rf"{argument} is .*; expected {said}"):
        netcost.build(name, **{argument: value})
