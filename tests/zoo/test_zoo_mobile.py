"""MobileNet and ShuffleNet, both generations, against their papers' tables and against torchvision and timm."""

import doctest
import functools

import pytest
import torch
from torch import nn
from zoo_layouts import COUNTS, on_meta, under, zoo_pass

import netcost
from netcost import build
from netcost.text.errors import TargetError
from netcost.zoo import mobilenet, shufflenet_v1
from netcost.zoo.mobilenet import InvertedResidual, multiple_of_8
from netcost.zoo.senet import SqueezeExcitation
from netcost.zoo.shufflenet_v1 import STAGE2_CHANNELS, VARIANTS, ChannelShuffle, ShuffleNetV1, stem_channels
from netcost.zoo.shufflenet_v2 import BasicUnitV2, ShuffleNetV2

analyze = functools.cache(netcost.analyze)


def test_a_width_that_timm_does_not_list_counts_as_torchvisions_argument_does():
    theirs = netcost.analyze(netcost.resolve("torchvision:mobilenet_v2", {"width_mult": 1.3}))
    assert (theirs.params, round(theirs.mult_adds / 1e6, 3)) == COUNTS["mobilenet_v2_1_3"]


# MobileNet, Table 7 and, for half the width, Table 9: printed millions of mult-adds; then ours.
@pytest.mark.parametrize(
    ("name", "side", "printed", "counted"),
    [
        ("mobilenet_v1", 224, 569, 568.740),
        ("mobilenet_v1", 192, 418, 418.122),
        ("mobilenet_v1", 160, 290, 290.675),
        ("mobilenet_v1", 128, 186, 186.401),
        ("mobilenet_v1_0_5", 160, 76, 76.525),
    ],
)
def test_a_smaller_input_costs_mobilenet_what_its_table_says(name, side, printed, counted):
    analysis = netcost.analyze(netcost.resolve(name, {}, [f"1x3x{side}x{side}"]))
    assert round(analysis.mult_adds / 1e6, 3) == counted
    assert counted == pytest.approx(printed, rel=0.01)
    assert analysis.params == COUNTS[name][0]


@pytest.mark.parametrize("side", [224, 192, 160, 128])
@pytest.mark.parametrize("name", [name for name in COUNTS if name.startswith("mobilenet_v1")])
def test_mobilenets_convolutions_cost_in_proportion_to_the_area_of_their_input(name, side):
    classifier = zoo_pass(name)["fc"].mult_adds
    mult_adds = netcost.analyze(netcost.resolve(name, {}, [f"1x3x{side}x{side}"])).mult_adds - classifier
    assert mult_adds * 7**2 == (analyze(name).mult_adds - classifier) * (side // 32) ** 2


@pytest.mark.parametrize("name", [name for name in COUNTS if name.startswith(("mobilenet_v1_", "mobilenet_v2_"))])
def test_a_registered_width_is_mobilenet_at_that_width(name):
    version, _, width = name.partition("_v")[2].partition("_")
    target = netcost.resolve(f"mobilenet_v{version}", {"width": float(width.replace("_", "."))})
    assert netcost.analyze(target).params == COUNTS[name][0]


def test_mobilenet_v2_adds_its_input_in_10_of_17_units():
    units = [unit for unit in build("mobilenet_v2").modules() if isinstance(unit, InvertedResidual)]
    assert (len(units), sum(unit.has_shortcut for unit in units)) == (17, 17 - 4 - 3)  # 4 stride, 3 widen at stride 1


def test_a_rounded_width_is_a_multiple_of_8_and_never_more_than_a_tenth_too_small():
    rounded = {channels: multiple_of_8(channels) for channels in range(1, 400)}
    assert all(width % 8 == 0 and width >= 0.9 * channels for channels, width in rounded.items())
    assert all(width - channels < 8 for channels, width in rounded.items())


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(mobilenet) == (0, 1)
    assert doctest.testmod(shufflenet_v1) == (0, 1)


@pytest.mark.parametrize("width", [0, -0.5, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "shufflenet_v1_g3_x1_0"])
def test_a_width_that_is_no_multiplier_is_refused(name, width):
    with pytest.raises(TargetError, match=r"width is .*; expected a positive multiplier"):
        build(name, width=width)


# ShuffleNet, Table 1: groups, output channels of stages 2 to 4, printed complexity in millions of mult-adds (without
# the classifier).
@pytest.mark.parametrize(
    ("groups", "channels", "printed"),
    [
        (1, (144, 288, 576), 143),
        (2, (200, 400, 800), 140),
        (3, (240, 480, 960), 137),
        (4, (272, 544, 1088), 133),
        (8, (384, 768, 1536), 137),
    ],
)
def test_shufflenet_v1_has_the_channels_and_costs_of_its_table(groups, channels, printed):
    ran = zoo_pass(f"shufflenet_v1_g{groups}_x1_0")
    stages = [ran[f"stage{stage}"].shape for stage in (2, 3, 4)]
    assert stages == [(1, width, side, side) for width, side in zip(channels, (28, 14, 7), strict=True)]
    assert round((under(ran, "")[1] - ran["fc"].mult_adds) / 1e6) == printed


@pytest.mark.parametrize("name", [name for name in COUNTS if name.startswith("shufflenet_v1")])
def test_a_width_scales_the_stages_and_keeps_the_bottlenecks_near_a_quarter(name):
    groups, width = next(
        (row.groups, row.width) for row in VARIANTS if name.endswith(f"g{row.groups}_x{row.width}".replace(".", "_"))
    )
    ran = zoo_pass(name)
    for stage, side in ((2, 28), (3, 14), (4, 7)):
        out = width * STAGE2_CHANNELS[groups] * 2 ** (stage - 2)
        assert ran[f"stage{stage}"].shape == (1, out, side, side)
        hidden = ran[f"stage{stage}.0.residual.0"].shape[1]
        assert hidden % groups == 0
        assert abs(hidden - out / 4) <= groups / 2


def test_the_stems_that_the_printed_costs_fit():
    stems = {(row.groups, row.width): stem_channels(row.width, row.groups) for row in VARIANTS}
    assert {stem for (_, width), stem in stems.items() if width in (1.0, 1.5)} == {24}
    assert {stem for (_, width), stem in stems.items() if width == 2.0} == {48}
    assert [stems[groups, 0.5] for groups in (1, 2, 3, 4, 8)] == [12, 12, 12, 12, 16]
    assert [stems[groups, 0.25] for groups in (1, 2, 3, 4, 8)] == [6, 6, 6, 8, 8]


@pytest.mark.parametrize(
    ("name", "printed", "other_stem"),
    [("shufflenet_v1_g3_x0_5", 38, 24), ("shufflenet_v1_g3_x1_5", 292, 36), ("shufflenet_v1_g3_x2_0", 524, 24)],
)
def test_another_stem_does_not_fit_the_printed_cost(name, printed, other_stem):
    other = netcost.analyze(netcost.resolve(name, {"stem": other_stem})).mult_adds / 1e6
    assert round(COUNTS[name][1]) == printed
    assert abs(other / printed - 1) > 0.02


@pytest.mark.parametrize("groups", [1, 2, 3, 4])
def test_a_quarter_of_the_width_costs_the_printed_13_million_with_the_stem_of_half_the_width(groups):
    wider = netcost.analyze(netcost.resolve(f"shufflenet_v1_g{groups}_x0_25", {"stem": 12})).mult_adds
    classifier = STAGE2_CHANNELS[groups] * 1000  # a quarter of four times stage 2, to 1000 classes
    assert round((wider - classifier) / 1e6) == 13


def test_only_the_first_pointwise_layer_of_shufflenet_v1_is_not_grouped():
    model = on_meta(lambda: ShuffleNetV1(8))
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    pointwise = [module.groups for module in convolutions if module.kernel_size == (1, 1)]
    assert pointwise == [1] + [8] * (2 * 16 - 1)  # two a unit, 4 + 8 + 4 units


def test_a_shuffle_deals_the_channels_of_each_group_out_over_all_groups():
    channels = torch.arange(6.0).reshape(1, 6, 1, 1)
    assert ChannelShuffle(2)(channels).flatten().tolist() == [0, 3, 1, 4, 2, 5]
    assert ChannelShuffle(3)(channels).flatten().tolist() == [0, 2, 4, 1, 3, 5]


def test_a_number_of_groups_without_a_column_in_the_table_is_refused():
    with pytest.raises(TargetError, match="groups is 5; Table 1 of the paper has 1, 2, 3, 4, 8"):
        ShuffleNetV1(5)


@pytest.mark.parametrize("stem", [12, 0, -8, 192])
def test_a_stem_that_the_groups_do_not_divide_or_that_fills_stage_2_is_refused(stem):
    with pytest.raises(TargetError, match=f"stem is {stem}; expected a multiple of the 8 groups"):
        build("shufflenet_v1_g8_x0_5", stem=stem)


# ShuffleNet V2, Table 5, and the large forms: output channels of the stages and of the convolution after them.
@pytest.mark.parametrize(
    ("name", "channels", "last"),
    [
        ("shufflenet_v2_x0_5", (48, 96, 192), 1024),
        ("shufflenet_v2_x1_0", (116, 232, 464), 1024),
        ("shufflenet_v2_x1_5", (176, 352, 704), 1024),
        ("shufflenet_v2_x2_0", (244, 488, 976), 2048),
        ("shufflenet_v2_50", (244, 488, 976, 1952), 2048),
        ("se_shufflenet_v2_164", (340, 680, 1360, 2720), 2048),
    ],
)
def test_shufflenet_v2_has_the_rows_of_its_table(name, channels, last):
    ran = zoo_pass(name)
    sides = (56, 28, 14, 7)[-len(channels) :]
    stages = [ran[f"stage{stage}"].shape for stage in range(2, len(channels) + 2)]
    assert stages == [(1, width, side, side) for width, side in zip(channels, sides, strict=True)]
    assert ran[f"conv{len(channels) + 2}"].shape == (1, last, 7, 7)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("shufflenet_v2_50", 1 + 3 * (3 + 4 + 6 + 3) + 1),
        ("se_shufflenet_v2_164", 3 + 3 * (10 + 10 + 23 + 10) + 1 + 1),  # counts the classifier, as v2-50 does not
    ],
)
def test_the_number_in_the_name_of_a_large_form_counts_its_layers(name, layers):
    assert layers == int(name.rpartition("_")[2])
    on_the_way = [
        key for key, row in zoo_pass(name).items() if row.mult_adds and "shortcut" not in key and "excit" not in key
    ]
    assert len(on_the_way) == layers + (name == "shufflenet_v2_50")


def test_squeeze_excitation_and_residuals_cost_the_large_form_two_small_layers_a_unit_and_an_addition():
    widths, repeats = (340, 680, 1360, 2720), (10, 10, 23, 10)
    plain = netcost.analyze(
        on_meta(lambda: ShuffleNetV2(widths, repeats=repeats, stem=(64, 64, 128), last=2048)), (1, 3, 224, 224)
    )
    halves = [width // 2 for width, count in zip(widths, repeats, strict=True) for _ in range(count)]
    assert analyze("se_shufflenet_v2_164").mult_adds - plain.mult_adds == sum(2 * half * (half // 2) for half in halves)
    weights_and_biases = sum(2 * half * (half // 2) + half + half // 2 for half in halves)
    assert analyze("se_shufflenet_v2_164").params - plain.params == weights_and_biases


def test_a_residual_unit_whose_branch_says_nothing_passes_its_input_on():
    unit = BasicUnitV2(8, residual=True).eval()
    nn.init.zeros_(unit.branch[-1][1].weight)  # of the last batch norm
    x = torch.rand(1, 8, 3, 3)
    torch.testing.assert_close(unit(x), ChannelShuffle(2)(x))
    assert not any(isinstance(module, SqueezeExcitation) for module in unit.modules())
