"""The Inception families against their papers' tables, and against torchvision's and timm's models of one layout."""

import csv
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn
from zoo_layouts import on_meta, with_lively_weights, with_weights_of

import netcost
from netcost import build
from netcost.text.errors import TargetError
from netcost.zoo import ARCHITECTURES
from netcost.zoo.blocks import Branches, Conv
from netcost.zoo.bn_inception import InceptionV2
from netcost.zoo.googlenet import GoogLeNetLogits
from netcost.zoo.inception_resnet import V1, InceptionResidual, residual_a, residual_c
from netcost.zoo.inception_v3 import (
    FactorizedReduction,
    InceptionC,
    InceptionV3Logits,
)
from netcost.zoo.mini_googlenet import Downsample
from netcost.zoo.xception import XceptionModule

REFERENCE = Path(__file__).parents[1] / "reference"


@functools.cache
def analysis(target: str, mode: str = "eval") -> netcost.Analysis:
    name = target if target in ARCHITECTURES else "inception_v3"
    return netcost.analyze(target, (2 if mode == "train" else 1, *ARCHITECTURES.get(name).input_shape[1:]), mode=mode)


def output_shape(module: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(module.eval()(torch.empty(shape, device="meta")).shape)


# --- the whole networks ---


# --- Inception v3's head ---


def test_the_head_of_inception_v3_runs_in_training_only() -> None:
    # 1x1 to 128, 5x5 to 768, each with a scale and a shift, and a linear layer.
    head = 768 * 128 + 2 * 128 + 25 * 128 * 768 + 2 * 768 + (768 + 1) * 1000
    used, trained = analysis("inception_v3"), analysis("inception_v3", "train")
    assert used.params + head == used.params_total == trained.params == 27_161_264  # torchvision's num_params
    assert trained.mult_adds == 2 * (used.mult_adds + 5 * 5 * 768 * 128 + 25 * 128 * 768 + 768 * 1000)
    assert trained.mult_adds == analysis("torchvision:inception_v3", "train").mult_adds
    assert not [op for op in used.graph.ops if op.module.startswith("aux")]


@torch.inference_mode()
def test_the_head_of_inception_v3_gives_torchvisions_output_in_training() -> None:
    torch.manual_seed(0)
    theirs = on_meta(lambda: torchvision.models.inception_v3(init_weights=False))
    theirs = with_lively_weights(theirs, torch.randn(2, 3, 75, 75))
    ours = with_weights_of(theirs, lambda: build("inception_v3"))
    images = torch.randn(2, 3, 299, 299)
    found = ours.train()(images)
    assert isinstance(found, InceptionV3Logits)
    assert found.logits.shape == found.aux.shape == (2, 1000)
    torch.testing.assert_close(found.aux, theirs.train()(images)[1])


# --- tables, row by row ---


def rows(file: str) -> list[dict[str, str]]:
    with (REFERENCE / file).open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def module_rows(name: str) -> dict[str, tuple[tuple[int, ...], int, int]]:
    """Output size, parameters and mult-adds by top-level module, as `by_module(depth=1)` has them."""
    frame = analysis(name).by_module(depth=1)
    return {
        row.module: (tuple(map(int, row.output.split("x"))), row.params, row.mult_adds) for row in frame.itertuples()
    }


def named(kind: str, seen: dict[str, int]) -> str:
    """The child that is a row of a table: "inception (3a)" is inception_3a, the second "max pool" pool2."""
    if kind.startswith("inception"):
        return "inception_" + kind.removeprefix("inception (").removesuffix(")")
    child = {"convolution": "conv", "convolution*": "conv", "max pool": "pool"}.get(kind, kind.replace(" ", ""))
    seen[child] = seen.get(child, 0) + 1
    return f"{child}{seen[child]}" if child in ("conv", "pool") else child


def table(file: str) -> Iterator[tuple[str, dict[str, int | str]]]:
    """Rows under the names of their children; entries that are numbers are ints, and empty ones 0."""
    seen: dict[str, int] = {}
    for row in rows(file):
        yield named(row["type"], seen), {key: int(text) if text.isdigit() else text or 0 for key, text in row.items()}


BN_ROWS = dict(table("bn_inception_table.csv"))
GOOGLENET_ROWS = {
    name: row
    for name, row in table("googlenet_table1.csv")
    if name not in ("dropout(40%)", "softmax")  # cost nothing
}


def convolution_channels(row: dict) -> int:
    """Outputs of all convolutions in a row of Figure 5."""
    if row["type"].startswith("convolution"):
        return row["n3x3_reduce"] + row["out_c_printed"]
    pool_proj = 0 if row["pool_proj"] == "pass through" else row["pool_proj"]
    return row["n1x1"] + row["n3x3_reduce"] + row["n3x3"] + row["double_3x3_reduce"] + 2 * row["double_3x3"] + pool_proj


@pytest.mark.parametrize("name", BN_ROWS)
def test_each_row_of_bn_inceptions_table_holds(name: str) -> None:
    row = BN_ROWS[name]
    output, params, mult_adds = module_rows("bn_inception")[name]
    assert output == (1, row["out_c_computed"], row["out_h_computed"], row["out_h_computed"])
    assert params == row["weights_computed"] + 3 * convolution_channels(row)  # a bias, a scale and a shift each
    assert mult_adds == row["mult_adds_computed"]
    if row["agrees"] == "yes":
        assert output == (1, row["out_c_printed"], row["out_h_printed"], row["out_w_printed"])


def test_the_children_of_bn_inception_are_the_rows_of_its_table() -> None:
    assert [*module_rows("bn_inception")] == [*BN_ROWS, "flatten", "linear"]
    assert module_rows("bn_inception")["linear"] == ((1, 1000), 1025 * 1000, 1024 * 1000)


@pytest.mark.parametrize("name", GOOGLENET_ROWS)
def test_each_row_of_googlenets_table_holds(name: str) -> None:
    row, found = GOOGLENET_ROWS[name], module_rows("googlenet")
    columns = ("n1x1", "n3x3_reduce", "n3x3", "n5x5_reduce", "n5x5", "pool_proj")
    biases = sum(row[column] for column in columns) or (row["out_c"] if row["weights_computed"] else 0)
    members = ["conv2_reduce", "conv2"] if name == "conv2" else [name]  # one row in the table, with depth 2
    size = (1, row["out_c"]) if name == "linear" else (1, row["out_c"], row["out_h"], row["out_w"])
    assert found[name][0] == size
    assert sum(found[member][1] for member in members) == row["weights_computed"] + biases
    assert sum(found[member][2] for member in members) == row["mult_adds_computed"]


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


def test_each_row_of_mini_googlenets_table_holds() -> None:
    found = [entry for name, entry in module_rows("mini_googlenet").items() if name != "flatten"]
    inputs, sides = 3, iter([32] * 3 + [15] * 5 + [7] * 3)
    for row, (output, params, mult_adds) in zip(rows("mini_googlenet_architecture.csv")[:-1], found, strict=False):
        n1x1, n3x3 = int(row["out_1x1"] or 0), int(row["out_3x3"] or row["out_conv"])
        side, weights = next(sides), inputs * n1x1 + 9 * inputs * n3x3
        assert output == (1, int(row["out_channels"]), side, side)
        assert params == weights + 3 * (n1x1 + n3x3)  # a bias, a scale and a shift for each channel
        assert mult_adds == side * side * weights
        inputs = output[1]
    assert found[-2:] == [((1, 336, 1, 1), 0, 0), ((1, 10), 337 * 10, 336 * 10)]


# Outputs by child: Inception v3, Table 1 (its rows print input sizes); v4 and Inception-ResNet-v1, Figures 9 and 15;
# Xception, Figure 5.
OUTPUTS = {
    "inception_v3": {
        "conv1": (32, 149),
        "conv2": (32, 147),
        "conv3": (64, 147),
        "pool1": (64, 73),
        "conv5": (192, 71),
        "inception_a": (288, 35),
        "inception_b": (768, 17),
        "reduction_b": (1280, 8),
        "inception_c": (2048, 8),
    },
    "inception_v4": {
        "stem": (384, 35),
        "inception_a": (384, 35),
        "reduction_a": (1024, 17),
        "inception_b": (1024, 17),
        "reduction_b": (1536, 8),
        "inception_c": (1536, 8),
    },
    "inception_resnet_v1": {
        "stem": (256, 35),
        "inception_resnet_a": (256, 35),
        "reduction_a": (896, 17),
        "inception_resnet_b": (896, 17),
        "reduction_b": (1792, 8),
        "inception_resnet_c": (1792, 8),
    },
    "xception": {"entry_flow": (728, 19), "middle_flow": (728, 19), "exit_flow": (2048, 10)},
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_grids_and_channels_are_those_of_the_papers_drawing(name: str) -> None:
    found = module_rows(name)
    for child, (channels, side) in OUTPUTS[name].items():
        assert found[child][0] == (1, channels, side, side), child


# --- what the papers leave open, and what their drawings say ---


def test_4c_and_4d_of_bn_inception_sum_to_608_and_with_projections_of_96_to_the_printed_576() -> None:
    assert (160 + 160 + 160 + 128, 192 + 192 + 96 + 128) == (608, 608)
    printed = on_meta(lambda: build("bn_inception", printed_widths=True, conv_bias=False))
    assert sum(own.numel() for own in printed.parameters()) == 11_194_984  # NASNet's Table 2 has 11.2 million
    for child, channels in (("inception_4c", 576), ("inception_4d", 576)):
        assert output_shape(printed.get_submodule(child), (1, 576, 14, 14)) == (1, channels, 14, 14)
    assert output_shape(printed.get_submodule("inception_4e"), (1, 576, 14, 14)) == (1, 192 + 256 + 576, 7, 7)


def modules_of(model: nn.Module) -> list[int]:
    return [len(model.get_submodule(f"inception_resnet_{grid}")) for grid in "abc"]


@pytest.mark.parametrize(
    ("name", "released"), [("inception_resnet_v1", [5, 10, 6]), ("inception_resnet_v2", [10, 20, 10])]
)
def test_an_argument_builds_the_drawn_inception_resnet_instead_of_the_released(name: str, released: list[int]) -> None:
    assert modules_of(on_meta(lambda: build(name))) == released
    assert modules_of(on_meta(lambda: build(name, drawn=True))) == [5, 10, 5]
    assert modules_of(on_meta(lambda: build(name, modules=(5, 10, 5)))) == [5, 10, 5]


def test_drawn_inception_resnet_v1_lacks_a_module_and_the_embedding() -> None:
    # 1x1 to 192; 1x1, 1x3 and 3x1 to 192, four scales and shifts; the 1x1 with bias back to 1792.
    module = 2 * 1792 * 192 + 2 * 3 * 192 * 192 + 4 * 2 * 192 + (384 + 1) * 1792
    embedding = 1792 * 512 + 2 * 512 + (512 + 1) * 1000 - (1792 + 1) * 1000
    drawn = on_meta(lambda: build("inception_resnet_v1", drawn=True))
    assert sum(own.numel() for own in drawn.parameters()) == 23_995_624 - module - embedding


def test_drawn_inception_resnet_v2_has_the_stem_of_v4_and_the_channels_its_reductions_make() -> None:
    drawn = on_meta(lambda: build("inception_resnet_v2", drawn=True))
    v4 = on_meta(lambda: build("inception_v4"))
    shapes = [[tuple(own.shape) for own in model.get_submodule("stem").parameters()] for model in (drawn, v4)]
    assert shapes[0] == shapes[1]
    assert drawn.get_submodule("inception_resnet_b.0.mix").out_channels == 384 + 384 + 384  # 1154 is printed
    assert drawn.get_submodule("linear").in_features == 384 + 288 + 320 + 1152  # 2048 is printed


def test_only_the_last_released_module_neither_scales_nor_activates() -> None:
    units = [
        unit for unit in on_meta(lambda: build("inception_resnet_v2")).modules() if type(unit) is InceptionResidual
    ]
    assert [unit.scale for unit in units] == [0.17] * 10 + [0.10] * 20 + [0.20] * 9 + [1.0]
    assert [unit.relu is None for unit in units] == [False] * 39 + [True]
    drawn = on_meta(lambda: build("inception_resnet_v2", drawn=True)).modules()
    assert not [unit for unit in drawn if isinstance(unit, InceptionResidual) and unit.relu is None]


@pytest.mark.parametrize("modules", [5, (5, 10), (0, 10, 5), (), "5-10-5", (5.0, 10, 5)])
def test_a_number_of_modules_that_fits_no_grid_is_refused(modules: object) -> None:
    with pytest.raises(TargetError, match=r"modules is .*; expected a count for each of three grids"):
        build("inception_resnet_v2", modules=modules)


# --- building blocks on their own ---

# Those that are targets are tried at other widths in `test_zoo_modules`.
BLOCKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int], tuple[int, int, int]]] = {
    "v2, stride 2": (lambda: InceptionV2(10, 0, 2, 4, 2, 5, "max", stride=2), (10, 9, 8), (4 + 5 + 10, 5, 4)),
    "v2, stride 2, 1x1": (lambda: InceptionV2(10, 3, 2, 4, 2, 5, "avg", 6, stride=2), (10, 8, 7), (18, 4, 4)),
    "v3, 8x8": (lambda: InceptionC(10, 3, (Conv(2),), (Conv(4, 3),), 5, 6), (10, 9, 7), (3 + 4 * 5 + 6, 9, 7)),
    "factorized reduction": (lambda: FactorizedReduction(10, (2, 4), (2, 3, 4, 5)), (10, 9, 8), (4 + 5 + 10, 4, 3)),
    "residual c, last": (lambda: residual_c(10, V1.c, last=True), (10, 9, 7), (10, 9, 7)),
    "downsample": (lambda: Downsample(10, 3), (10, 9, 8), (3 + 10, 4, 3)),
    "xception": (lambda: XceptionModule(10, (4, 10)), (10, 9, 7), (10, 9, 7)),
    "xception, wider": (lambda: XceptionModule(10, (4, 12)), (10, 9, 7), (12, 9, 7)),
    "xception, stride 2": (lambda: XceptionModule(10, (4, 12), stride=2), (10, 9, 8), (12, 5, 4)),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_building_block_takes_any_width_and_size(name: str) -> None:
    builder, inputs, outputs = BLOCKS[name]
    assert output_shape(on_meta(builder), (2, *inputs)) == (2, *outputs)


def test_an_unknown_pooling_is_refused() -> None:
    with pytest.raises(TargetError, match="pool is 'mean'; expected one of avg, max"):
        InceptionV2(10, 3, 2, 4, 2, 5, "mean")


def test_branches_are_concatenated_in_their_order() -> None:
    branches = Branches(once=nn.Identity(), negative=nn.Threshold(9.0, -1.0))
    assert branches(torch.tensor([[[[2.0]], [[3.0]]]])).flatten().tolist() == [2.0, 3.0, -1.0, -1.0]


def test_a_residual_is_scaled_before_it_is_added() -> None:
    unit = residual_a(2, V1.a).eval()
    nn.init.zeros_(unit.mix.weight)
    nn.init.ones_(unit.mix.bias)
    assert unit(torch.full((1, 2, 3, 3), 0.5)).unique().item() == pytest.approx(0.5 + 0.17)
