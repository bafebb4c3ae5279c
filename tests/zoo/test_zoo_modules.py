"""The targets `module:…`: what each module costs at its own widths and at others, and that its network has the same."""

import csv
import functools
import io
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
import torch

import netcost
from netcost.cli.app import run
from netcost.counting.recount import RecountStatus, recount
from netcost.graph.structure import width
from netcost.text.errors import RequestError
from netcost.zoo import ARCHITECTURES, MODULES


class Case(NamedTuple):
    """One module at certain widths, and the products of its layers."""

    name: str
    arguments: Mapping[str, Any]
    input: tuple[int, int, int]
    output: tuple[int, int, int]
    mult_adds: int

    @property
    def target(self) -> netcost.Target:
        return netcost.resolve(f"module:{self.name}", self.arguments, [f"2x{'x'.join(map(str, self.input))}"])


# CS231n (Stanford) 2017, lecture 9: 64 channels before the 3x3, before the 5x5 and after the pooling.
SLIDE = {"n1x1": 128, "reduce_3x3": 64, "n3x3": 192, "reduce_5x5": 64, "n5x5": 96, "pool_proj": 64}
# GoogLeNet (arXiv:1409.4842) Table 1.
ROW_3A = {"n1x1": 64, "reduce_3x3": 96, "n3x3": 128, "reduce_5x5": 16, "n5x5": 32, "pool_proj": 32}
# BN-Inception (arXiv:1502.03167) Figure 5.
ROW_3C = {
    "n1x1": 0,
    "reduce_3x3": 128,
    "n3x3": 160,
    "reduce_double": 64,
    "double_3x3": 96,
    "pool": "max",
    "pool_proj": 0,
    "stride": 2,
}
V1_C = {"branches": ((192,), (192, 192, 192))}  # Inception-ResNet-v1 (arXiv:1602.07261) Figure 13

CASES = [
    Case("inception_naive", {}, (256, 28, 28), (672, 28, 28), 28 * 28 * 256 * (128 + 9 * 192 + 25 * 96)),
    Case(
        "inception_naive",
        {"n1x1": 64, "n3x3": 128, "n5x5": 32},
        (192, 14, 9),
        (64 + 128 + 32 + 192, 14, 9),
        14 * 9 * 192 * (64 + 9 * 128 + 25 * 32),
    ),
    Case(
        "inception_v1",
        {},
        (256, 28, 28),
        (128 + 192 + 96 + 64, 28, 28),
        28 * 28 * (256 * (128 + 128 + 32 + 64) + 9 * 128 * 192 + 25 * 32 * 96),
    ),
    Case(
        "inception_v1",
        SLIDE,
        (256, 28, 28),
        (480, 28, 28),
        28 * 28 * (256 * 64 + 256 * 64 + 256 * 128 + 9 * 64 * 192 + 25 * 64 * 96 + 256 * 64),
    ),
    Case(
        "inception_v1",
        ROW_3A,
        (192, 28, 14),
        (256, 28, 14),
        28 * 14 * (192 * (64 + 96 + 16 + 32) + 9 * 96 * 128 + 25 * 16 * 32),
    ),
    Case(
        "inception_v2",
        {},
        (256, 28, 28),
        (64 + 96 + 96 + 64, 28, 28),
        28 * 28 * (256 * (64 + 64 + 64 + 64) + 9 * (64 * 96) + 9 * (64 * 96 + 96 * 96)),
    ),
    Case(
        "inception_v2",
        ROW_3C,
        (320, 28, 28),
        (160 + 96 + 320, 14, 14),
        28 * 28 * (320 * (128 + 64) + 9 * 64 * 96) + 14 * 14 * 9 * (128 * 160 + 96 * 96),
    ),
    Case(
        "inception_v3_a",
        {},
        (288, 35, 35),
        (64 + 64 + 96 + 64, 35, 35),
        35 * 35 * (288 * (64 + 48 + 64 + 64) + 25 * 48 * 64 + 9 * (64 * 96 + 96 * 96)),
    ),
    Case(
        "inception_v3_a",
        {"pool_proj": 32},
        (192, 17, 9),
        (64 + 64 + 96 + 32, 17, 9),
        17 * 9 * (192 * (64 + 48 + 64 + 32) + 25 * 48 * 64 + 9 * (64 * 96 + 96 * 96)),
    ),
    Case(
        "inception_v3_nxn",
        {},
        (768, 17, 17),
        (4 * 192, 17, 17),
        17 * 17 * (768 * (192 + 128 + 128 + 192) + 7 * (128 * 128 + 128 * 192) + 7 * (3 * 128 * 128 + 128 * 192)),
    ),
    Case(
        "inception_v3_nxn",
        {"n": 3, "width": 16, "nxn": 32},
        (64, 10, 9),
        (192 + 32 + 32 + 192, 10, 9),
        10 * 9 * (64 * (192 + 16 + 16 + 192) + 3 * (16 * 16 + 16 * 32) + 3 * (3 * 16 * 16 + 16 * 32)),
    ),
    Case(
        "inception_v3_c",
        {},
        (1280, 8, 8),
        (320 + 2 * 384 + 2 * 384 + 192, 8, 8),
        8 * 8 * (1280 * (320 + 384 + 448 + 192) + 9 * 448 * 384 + 2 * (3 + 3) * 384 * 384),
    ),
    Case(
        "inception_v3_c",
        {"reduce_short": 8, "reduce_long": 12, "n3x3": 10, "split": 6},
        (20, 7, 5),
        (320 + 4 * 6 + 192, 7, 5),
        7 * 5 * (20 * (320 + 8 + 12 + 192) + 9 * 12 * 10 + (3 + 3) * (8 * 6 + 10 * 6)),
    ),
    Case(
        "grid_reduction",
        {},
        (288, 35, 35),
        (384 + 96 + 288, 17, 17),
        35 * 35 * (288 * 64 + 9 * 64 * 96) + 17 * 17 * 9 * (288 * 384 + 96 * 96),
    ),
    Case(
        "grid_reduction",
        {"n3x3": 10, "reduce_double": 6, "double_3x3": 8},
        (20, 9, 8),
        (10 + 8 + 20, 4, 3),
        9 * 8 * (20 * 6 + 9 * 6 * 8) + 4 * 3 * 9 * (20 * 10 + 8 * 8),
    ),
    Case(
        "inception_residual_a",
        {},
        (320, 35, 35),
        (320, 35, 35),
        35 * 35 * (320 * 3 * 32 + 9 * (32 * 32 + 32 * 48 + 48 * 64) + (32 + 32 + 64) * 320),
    ),
    Case(
        "inception_residual_a",
        {"branches": ((4,), (5, 6))},
        (10, 9, 7),
        (10, 9, 7),
        9 * 7 * (10 * (4 + 5) + 9 * 5 * 6 + (4 + 6) * 10),
    ),
    Case(
        "inception_residual_b",
        {},
        (1088, 17, 17),
        (1088, 17, 17),
        17 * 17 * (1088 * (192 + 128) + 7 * (128 * 160 + 160 * 192) + (192 + 192) * 1088),
    ),
    Case(
        "inception_residual_b",
        {"branches": ((4,), (5, 6, 7))},
        (10, 9, 8),
        (10, 9, 8),
        9 * 8 * (10 * (4 + 5) + 7 * (5 * 6 + 6 * 7) + (4 + 7) * 10),
    ),
    Case(
        "inception_residual_c",
        {},
        (2080, 8, 8),
        (2080, 8, 8),
        8 * 8 * (2080 * (192 + 192) + 3 * (192 * 224 + 224 * 256) + (192 + 256) * 2080),
    ),
    Case(
        "inception_residual_c",
        V1_C,
        (1792, 4, 8),
        (1792, 4, 8),
        4 * 8 * (1792 * (192 + 192) + 3 * (192 * 192 + 192 * 192) + (192 + 192) * 1792),
    ),
    Case("miniception", {}, (96, 32, 32), (32 + 32, 32, 32), 32 * 32 * 96 * (32 + 9 * 32)),
    Case("miniception", {"n1x1": 176, "n3x3": 160}, (240, 7, 7), (176 + 160, 7, 7), 7 * 7 * 240 * (176 + 9 * 160)),
    Case("bottleneck", {}, (256, 56, 56), (256, 56, 56), 56 * 56 * (256 * 64 + 9 * 64 * 64 + 64 * 256)),
    Case(
        "bottleneck",
        {"stride": 2},
        (256, 56, 56),
        (512, 28, 28),
        56 * 56 * 256 * 128 + 28 * 28 * (9 * 128 * 128 + 128 * 512) + 28 * 28 * 256 * 512,
    ),
    Case(
        "bottleneck",
        {"stride": 2, "stride_in_1x1": True},
        (256, 56, 56),
        (512, 28, 28),
        28 * 28 * (256 * 128 + 9 * 128 * 128 + 128 * 512) + 28 * 28 * 256 * 512,
    ),
    Case(
        "bottleneck",
        {"out_channels": 256, "base_width": 24},
        (64, 9, 7),
        (256, 9, 7),
        9 * 7 * (64 * 24 + 9 * 24 * 24 + 24 * 256 + 64 * 256),
    ),
    Case("basic_unit", {}, (64, 56, 56), (64, 56, 56), 56 * 56 * 2 * 9 * 64 * 64),
    Case(
        "basic_unit",
        {"stride": 2},
        (64, 56, 56),
        (128, 28, 28),
        28 * 28 * (9 * 64 * 128 + 9 * 128 * 128 + 64 * 128),
    ),
    Case("basic_unit", {"out_channels": 6}, (4, 9, 7), (6, 9, 7), 9 * 7 * (9 * 4 * 6 + 9 * 6 * 6 + 4 * 6)),
    Case("resnext_unit", {}, (256, 56, 56), (256, 56, 56), 56 * 56 * (256 * 128 + 32 * 9 * 4 * 4 + 128 * 256)),
    Case(
        "resnext_unit",
        {"stride": 2},
        (256, 56, 56),
        (512, 28, 28),
        56 * 56 * 256 * 256 + 28 * 28 * (32 * 9 * 8 * 8 + 256 * 512 + 256 * 512),
    ),
    Case(
        "resnext_unit",
        {"groups": 64, "group_width": 4},
        (256, 7, 9),
        (256, 7, 9),
        7 * 9 * (256 * 256 + 64 * 9 * 4 * 4 + 256 * 256),
    ),
    Case("depthwise_separable", {}, (512, 14, 14), (512, 14, 14), 14 * 14 * (9 * 512 + 512 * 512)),
    Case("depthwise_separable", {"stride": 2}, (64, 12, 9), (128, 6, 5), 6 * 5 * (9 * 64 + 64 * 128)),
    Case(
        "shufflenet_v1_unit",
        {},
        (240, 28, 28),
        (240, 28, 28),
        28 * 28 * (240 * 60 // 3 + 9 * 60 + 60 * 240 // 3),
    ),
    Case(
        "shufflenet_v1_unit",
        {"stride": 2},
        (240, 28, 28),
        (480, 14, 14),
        28 * 28 * 240 * 120 // 3 + 14 * 14 * (9 * 120 + 120 * (480 - 240) // 3),
    ),
    Case(  # the first of stage 2, whose 24 input channels are too few for groups
        "shufflenet_v1_unit",
        {"out_channels": 240, "stride": 2, "first_groups": 1},
        (24, 56, 56),
        (240, 28, 28),
        56 * 56 * 24 * 60 + 28 * 28 * (9 * 60 + 60 * (240 - 24) // 3),
    ),
    Case("shufflenet_v2_unit", {}, (116, 28, 28), (116, 28, 28), 28 * 28 * (58 * 58 + 9 * 58 + 58 * 58)),
    Case(
        "shufflenet_v2_unit",
        {"stride": 2},
        (116, 28, 28),
        (232, 14, 14),
        14 * 14 * (9 * 116 + 116 * 116) + 28 * 28 * 116 * 116 + 14 * 14 * (9 * 116 + 116 * 116),
    ),
    Case(
        "shufflenet_v2_unit",
        {"out_channels": 20},
        (12, 9, 7),
        (20, 9, 7),
        9 * 7 * (9 * 12 + 12 * 10 + 12 * 10 + 9 * 10 + 10 * 10),
    ),
    Case("inverted_residual", {}, (24, 56, 56), (24, 56, 56), 56 * 56 * (24 * 144 + 9 * 144 + 144 * 24)),
    Case(
        "inverted_residual",
        {"out_channels": 32, "stride": 2, "expansion": 3},
        (24, 10, 7),
        (32, 5, 4),
        10 * 7 * 24 * 72 + 5 * 4 * (9 * 72 + 72 * 32),
    ),
    Case(
        "dense_block",
        {},
        (64, 56, 56),
        (64 + 6 * 32, 56, 56),
        56 * 56 * sum((64 + before * 32) * 128 + 9 * 128 * 32 for before in range(6)),
    ),
    Case(
        "dense_block",
        {"repeats": 2, "growth_rate": 5, "bottleneck": 3},
        (8, 9, 7),
        (8 + 5 + 5, 9, 7),
        9 * 7 * (8 * 15 + 9 * 15 * 5 + (8 + 5) * 15 + 9 * 15 * 5),
    ),
    Case("transition", {}, (256, 56, 56), (128, 28, 28), 56 * 56 * 256 * 128),
    Case("transition", {"out_channels": 10}, (30, 8, 6), (10, 4, 3), 8 * 6 * 30 * 10),
    Case("squeeze_excitation", {}, (256, 56, 56), (256, 56, 56), 256 * 16 + 16 * 256),
    Case("squeeze_excitation", {"reduction": 4}, (48, 7, 9), (48, 7, 9), 48 * 12 + 12 * 48),
]

# Where each module stands in its network with the widths that are its defaults.
PLACES = {
    "inception_v1": ("googlenet", "inception_3b"),
    "inception_v2": ("bn_inception", "inception_3b"),
    "inception_v3_a": ("inception_v3", "inception_a.2"),
    "inception_v3_nxn": ("inception_v3", "inception_b.0"),
    "inception_v3_c": ("inception_v3", "inception_c.0"),
    "grid_reduction": ("inception_v3", "reduction_a"),
    "inception_residual_a": ("inception_resnet_v2", "inception_resnet_a.0"),
    "inception_residual_b": ("inception_resnet_v2", "inception_resnet_b.0"),
    "inception_residual_c": ("inception_resnet_v2", "inception_resnet_c.0"),
    "miniception": ("mini_googlenet", "inception_1a"),
    "bottleneck": ("resnet50", "conv2_x.1"),
    "basic_unit": ("resnet18", "conv2_x.0"),
    "resnext_unit": ("resnext50_32x4d", "conv2_x.1"),
    "depthwise_separable": ("mobilenet_v1", "pairs.7"),
    "shufflenet_v1_unit": ("shufflenet_v1_g3_x1_0", "stage2.1"),
    "shufflenet_v2_unit": ("shufflenet_v2_x1_0", "stage2.1"),
    "inverted_residual": ("mobilenet_v2", "bottlenecks.2"),
    "dense_block": ("densenet121", "block1"),
    "transition": ("densenet121", "transition1"),
    "squeeze_excitation": ("se_resnet50", "conv2_x.0.residual.3"),
}

names = [name.removeprefix("module:") for name in MODULES]
of_network = functools.cache(netcost.analyze)


def case_id(case: Case) -> str:
    return f"{case.name}({', '.join(case.arguments)})"


def mult_adds_under(analysis: netcost.Analysis, path: str) -> int:
    pairs = zip(analysis.graph.ops, analysis.count.costs, strict=True)
    return sum(cost.mult_adds for op, cost in pairs if f"{op.module}.".startswith(f"{path}."))


@pytest.mark.parametrize("name", names)
def test_every_module_is_tried_at_its_own_widths_and_at_others(name: str) -> None:
    cases = [case for case in CASES if case.name == name]
    own = MODULES.get(f"module:{name}").input_shape
    assert [case.input for case in cases if not case.arguments] == [own[1:]]
    assert any(case.arguments and case.input != own[1:] for case in cases)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_its_mult_adds_are_the_products_of_its_layers(case: Case) -> None:
    analysis = netcost.analyze(case.target)
    assert analysis.unknown_ops == {}
    assert analysis.mult_adds == 2 * case.mult_adds
    assert [analysis.graph.ops[analysis.graph.output_sources[0]].outputs[0].shape] == [(2, *case.output)]


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_it_runs_for_real(case: Case) -> None:
    real = case.target.build().eval()
    assert not any(weight.is_meta for weight in real.parameters())
    before = torch.randn(2, *case.input)
    given = before.clone()
    with torch.inference_mode():
        made = real(given)
    assert made.shape == (2, *case.output)
    assert made.isfinite().all()
    assert given.equal(before)  # nothing in place reaches what the module was handed


@pytest.mark.parametrize("name", names)
def test_it_takes_its_own_input_where_none_is_given_and_allocates_nothing_to_be_counted(name: str) -> None:
    target = netcost.resolve(f"module:{name}")
    assert all(weight.is_meta for weight in target.build_weightless().parameters())
    analysis = netcost.analyze(target)
    assert analysis.graph.inputs[0].shape == MODULES.get(target.name).input_shape
    assert analysis.params == analysis.params_total > 0


@pytest.mark.parametrize("name", PLACES)
def test_it_is_the_module_of_its_network(name: str) -> None:
    network, path = PLACES[name]
    with netcost.weightless():
        alone, there = netcost.build(f"module:{name}"), netcost.build(network).get_submodule(path)
    assert repr(alone) == repr(there)
    assert netcost.analyze(f"module:{name}").mult_adds == mult_adds_under(of_network(network), path)
    assert MODULES.get(f"module:{name}").paper == ARCHITECTURES.get(network).paper


def test_only_the_naive_module_is_in_no_network() -> None:
    assert set(names) - set(PLACES) == {"inception_naive"}


@pytest.mark.parametrize("name", names)
def test_its_figures_are_the_published_ones(name: str) -> None:
    [counted] = recount(f"module:{name}")
    assert counted.agreement in (RecountStatus.AGREES, RecountStatus.UNPUBLISHED), counted
    assert bool(MODULES.get(f"module:{name}").published.source) == (counted.agreement is RecountStatus.AGREES)


# --- structure ---


@pytest.mark.parametrize(
    ("name", "fragments", "widest"),
    [
        ("inception_naive", 4, 4),
        ("inception_v1", 7, 4),
        ("inception_v2", 8, 4),
        ("inception_v3_a", 8, 4),
        ("inception_v3_nxn", 11, 4),
        ("inception_v3_c", 10, 6),
        ("grid_reduction", 5, 3),
        ("miniception", 2, 2),
        ("bottleneck", 3, 1),
        ("basic_unit", 2, 1),
    ],
)
def test_fragments_and_width_are_those_of_the_drawing(name: str, fragments: int, widest: int) -> None:
    analysis = netcost.analyze(f"module:{name}")
    assert analysis.max_fragments == fragments
    [block] = [block for block in analysis.count.structure.blocks if block.fragments]
    assert width(analysis.graph, block) == widest


def test_a_channel_shuffle_is_one_copy_without_arithmetic() -> None:
    unit = netcost.analyze("module:shufflenet_v1_unit")
    [copy] = [
        cost
        for op, cost in zip(unit.graph.ops, unit.count.costs, strict=True)
        if op.module == "residual.1" and not op.is_view
    ]
    assert (copy.mult_adds, copy.flops) == (0, 0)
    assert copy.memory_access == 2 * 28 * 28 * 60  # read and written


# --- as targets ---


def test_a_module_is_as_wide_as_its_input() -> None:
    by_input = netcost.resolve("module:inception_v1", {}, ["1x192x7x7"])
    by_argument = netcost.resolve("module:inception_v1", {"in_channels": 192})
    assert by_argument.required_inputs()[0].shape == (1, 192, 28, 28)
    assert netcost.analyze(by_argument).mult_adds == 16 * netcost.analyze(by_input).mult_adds
    assert netcost.analyze(by_input.with_batch(3)).mult_adds == 3 * netcost.analyze(by_input).mult_adds
    assert netcost.build("module:miniception", in_channels=5)(torch.zeros(1, 5, 4, 4)).shape == (1, 64, 4, 4)


def test_the_command_line_takes_widths_and_input(capsys: pytest.CaptureFixture[str]) -> None:
    widths = [part for name, value in ROW_3A.items() for part in ("--arg", f"{name}={value}")]
    assert run(["show", "module:inception_v1", "--input", "1x192x28x28", *widths, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    # GoogLeNet Table 1, inception (3a): 128M operations.
    assert sum(int(row["mult_adds"]) for row in rows) == 128_049_152


def test_the_list_has_architectures_first_and_modules_after(capsys: pytest.CaptureFixture[str]) -> None:
    assert netcost.list_models() == [*ARCHITECTURES, *MODULES]
    assert netcost.list_models("module:*") == list(MODULES)
    assert run(["list", "*inception*", "--why", "--format", "csv"]) == 0
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert {"bn_inception", "module:inception_v1", "module:inception_v2"} <= set(rows)
    assert float(rows["module:inception_v1"]["published_mult_adds"]) == 304e6
    assert rows["module:inception_v2"]["published_mult_adds"] == ""


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("inception_v9", {}, "unknown module 'module:inception_v9'; did you mean .*module:inception_v1"),
        ("shuffelnet_v1_unit", {}, "did you mean module:shufflenet_v1_unit"),
        ("bottleneck", {"widht": 2}, "(?i)widht.*it takes.*in_channels, out_channels, stride, base_width"),
        ("inception_v3_nxn", {"n": 4}, "n is 4; expected an odd side"),
        ("shufflenet_v1_unit", {"stride": 3}, "stride is 3; expected 1 or 2"),
        ("shufflenet_v1_unit", {"out_channels": 480}, "480; expected as many as the 240 that come in, at stride 1"),
        ("shufflenet_v1_unit", {"out_channels": 240, "stride": 2}, "240; expected more than the 240"),
        ("shufflenet_v1_unit", {"groups": 7}, "divisible by groups"),
        ("shufflenet_v2_unit", {"in_channels": 117}, "makes 117 channels; expected an even number"),
        ("squeeze_excitation", {"reduction": 0}, "reduction is 0"),
    ],
)
def test_what_cannot_be_built_says_why(name: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        netcost.resolve(f"module:{name}", arguments).build()


@pytest.mark.parametrize("inputs", [["3x4"], ["1x8x4x4", "1x8x4x4"]])
def test_an_input_that_is_no_single_map_is_refused(inputs: list[str]) -> None:
    with pytest.raises(RequestError, match=r"takes one input \(N, C, H, W\), like --input 1x256x56x56"):
        netcost.resolve("module:bottleneck", {}, inputs)
