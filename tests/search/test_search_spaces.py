"""Spaces and strategies of `netcost search`: candidates are values, and bad spaces are one line."""

import json
import random
from pathlib import Path

import pytest

import netcost
from netcost.search import SearchCandidate, strategies
from netcost.search.counted import compare_words, target_of
from netcost.search.spaces import Choice, Range, Space, matching_names, space_of

CODE = """
from __future__ import annotations
from typing import Annotated
from torch import nn
from netcost.search import Choice, Range

def space(width: Annotated[int, Choice[8, 4]], depth: Range[1, 5, 2], bias: bool = True) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, width, 1, bias=bias), *[nn.Conv2d(width, width, 1) for _ in range(depth)])

def sized(resolution: Choice[8, 16]) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * resolution**2, 10))

def targets():
    yield "mobilenet_v2", {"width": 0.5}
    yield "googlenet"

def faulty():
    yield from ["googlenet"] * 499
    raise ValueError("no more")

def modules():
    yield nn.ReLU()

def endless():
    while True:
        yield "googlenet"

def unannotated(width: Choice[1, 2], depth: int) -> nn.Module: ...
def plain() -> nn.Module: ...
def empty(width: Choice[()]) -> nn.Module: ...
def backwards(width: Range[5, 1]) -> nn.Module: ...
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_space.py").write_text(CODE)
    return "own_space.py"


def test_a_function_carries_its_choices(code: str) -> None:
    space = space_of([f"{code}:space"], inputs=["1x3x8x8"])
    assert [dict(space[index].arguments) for index in range(len(space))] == [
        {"width": width, "depth": depth} for width in (8, 4) for depth in (1, 3, 5)
    ]
    target = target_of(space[0], space.inputs)
    assert netcost.analyze(target).mult_adds == 8 * 8 * (3 * 8 + 8 * 8)
    assert compare_words(target, False) == f"{code}:space --arg width=8 --arg depth=1 --input 1x3x8x8"


def test_a_resolution_sizes_the_input_and_reaches_a_function_that_takes_it(code: str) -> None:
    space = space_of([f"{code}:sized"], inputs=["1x3x224x224"])
    assert netcost.analyze(target_of(space[1], space.inputs)).mult_adds == 3 * 16 * 16 * 10
    grid = space_of(["mobilenet_v2"], {"resolution": [96, 128], "batch": [2]})
    assert [spec.shape for spec in target_of(grid[1]).required_inputs()] == [(2, 3, 128, 128)]
    [fixed] = target_of(SearchCandidate("timm:vit_tiny_patch16_224", resolution=160)).required_inputs()
    assert fixed.shape == (1, 3, 160, 160)


def test_a_generator_yields_targets_and_a_pattern_names_them(code: str) -> None:
    space = space_of([f"{code}:targets"], {"resolution": [64, 96]})
    assert [space[index].label for index in (0, 3)] == [
        "mobilenet_v2 width=0.5 resolution=64",
        "googlenet resolution=96",
    ]
    assert len(space_of(["timm:*"])) == len(matching_names("timm:*")) > 1300
    assert {"module:inception_v1", "torchvision:resnet50"} <= {
        *matching_names("module:*"),
        *matching_names("torchvision:res*"),
    }


def test_a_candidate_is_what_its_line_says() -> None:
    one = SearchCandidate("net.py:Net", (("sizes", (1, (2, 3))), ("act", "relu"), ("bias", None)), 64)
    assert SearchCandidate.of_dict(json.loads(json.dumps(one.to_dict()))) == one


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("faulty", "raised at item 500: ValueError: no more"),
        ("modules", "item 1: a ReLU; expected the name of a target"),
        ("endless", "yields more than 1,000 candidates"),
        ("unannotated", "the parameter 'depth' has no choices; annotate it"),
        ("plain", "has no choices; annotate its parameters"),
        ("empty", "no choices; expected values"),
        ("backwards", r"Range\[5, 1\] is empty"),
        ("space", "has no input of its own; give one: --input"),
        ("nothing", "has no 'nothing'"),
    ],
)
def test_a_bad_space_is_one_line(code: str, name: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netcost.search.spaces.LARGEST_LISTED", 1000)
    with pytest.raises(netcost.NetcostError, match=told) as refused:
        space_of([f"{code}:{name}"])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("written", "told"), [(["mobilnet"], "did you mean mobilenet_v2"), (["googlenet"], "is the only candidate")]
)
def test_names_without_choices_are_refused(written: list[str], told: str) -> None:
    with pytest.raises(netcost.NetcostError, match=told):
        space_of(written)


def test_ranges_hold_both_ends() -> None:
    assert Range[1, 3].values == (1, 2, 3) and Range[8, 30, 8].values == (8, 16, 24)
    assert Range[0.1, 0.5, 0.1].values == (0.1, 0.2, 0.3, 0.4, 0.5) and Choice["a"].values == ("a",)
    for bad in (lambda: Range[1], lambda: Range[0.5, 1.0], lambda: Choice[1, 1], lambda: Choice[[1]]):
        with pytest.raises(netcost.NetcostError):
            bad()


# --- strategies

GRID = Space((), (("a", ()),), {"x": tuple(range(20)), "y": tuple(range(25))})
"""500 candidates."""


def test_a_sample_has_each_candidate_once_and_begins_as_a_smaller_one() -> None:
    [few], [many], [whole] = (list(strategies.sampled(GRID, number, 7))[0:1] for number in (10, 100, 600))
    assert many[:10] == few and sorted(whole) == list(range(500)) and whole != sorted(whole)
    huge = Space((), (("a", ()),), {f"x{index}": tuple(range(10)) for index in range(18)})
    [some] = strategies.sampled(huge, 5, 0)
    assert len({*some}) == 5
    with pytest.raises(netcost.NetcostError, match="--sample 10000"):
        next(strategies.every(huge))


def front_volume(points: set[tuple[float, float]], worst: float) -> float:
    """The area that points dominate up to (worst, worst)."""
    area, least = 0.0, worst
    for first, second in sorted(points):
        if second < least:
            area += (worst - first) * (least - second)
            least = second
    return area


def values(index: int) -> tuple[float, float]:
    """Two objectives against each other: x helps the first and hurts the second, y hurts both, unevenly."""
    x, y = divmod(index, 25)
    rough = random.Random(index).random()
    return x + 0.3 * y + rough, (19 - x) ** 1.3 + 0.5 * abs(y - x) + rough


@pytest.mark.parametrize("optimiser", strategies.OPTIMISERS)
def test_an_optimiser_finds_the_front_with_a_quarter_of_the_evaluations_and_again(optimiser: str) -> None:
    pytest.importorskip("optuna")
    whole = front_volume({values(index) for index in range(500)}, 60)
    shares = []
    for seed in range(3):
        found = [
            list(strategies.optimised(GRID, 125, seed, lambda index: (values(index), ()), 2, optimiser))
            for _ in range(2)
        ]
        assert found[0] == found[1]
        counted = [index for batch in found[0] for index in batch]
        assert len({*counted}) == len(counted) <= 125
        shares.append(front_volume({values(index) for index in counted}, 60) / whole)
    assert sorted(shares)[1] >= 0.9
