"""`netcost choose`: shipped counts against live ones, the front, the limits, what is refused, what was measured."""

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from commands import refused
from hypothesis import given
from hypothesis import strategies as st
from made_up import figures, machine, measurement

import netcost
from netcost.cli.app import run
from netcost.comparison import Comparison, Entry, Run
from netcost.prediction import Prediction
from netcost.prediction.coefficients import Coefficients, shipped
from netcost.search import Candidate, ChoiceLimits, NetworkChoice, choosing
from netcost.search.choice import pareto_front
from netcost.search.pretrained import WAYS, CountedNetwork, Pretrained, counted_networks, pretrained, rows_for
from netcost.targets import Target
from netcost.timing import Timing


def own_device(**changes: Any) -> Coefficients:
    """A processor in eager mode, as `calibrate` finds it from a few networks: 100 GMult-adds/s, 10 GB/s, 5 µs."""
    seconds = {"mult-adds": 1e-11, "bytes": 1e-10, "kernels": 5e-6}
    plain = replace(
        shipped("i9-10940x"),
        device="board",
        title="Board",
        mode="eager",
        few_columns=True,
        seconds=seconds,
        largest_shares=dict.fromkeys(seconds, 1.0),
        interval=(0.8, 1.25),
        batches=(1, 8),
    )
    return replace(plain, **changes)


BOARD = own_device()


@pytest.fixture
def board(tmp_path: Path) -> str:
    path = tmp_path / "board.json"
    path.write_text(BOARD.to_text())
    return str(path)


# --- the facts


@pytest.mark.parametrize(
    ("device", "mode", "batch"),
    [
        ("rtx4090", "eager", 256),
        ("rtx5090", "compiled", 16),
        ("rtx4090", "compiled", 1024),
        ("i9-10940x", None, 1),
        ("board", None, 8),
    ],
)
def test_shipped_counts_predict_as_live_ones_do(device: str, mode: str | None, batch: int, board: str) -> None:
    on = board if device == "board" else device
    known = {one.label: one.latency_s for one in netcost.choose(on, batch=batch, mode=mode).everything}
    some = ("mobilenetv3_small_100.lamb_in1k", "resnet18.a1_in1k", "vit_tiny_patch16_224.augreg_in21k_ft_in1k")
    weights = [one for one in pretrained() if one.model in some and one.image_size == 224]
    assert len(weights) == len(some)
    for one in weights:
        [live] = netcost.predict(choosing.target_of(one), on, batch=batch, mode=mode).predictions
        expected = None if live.latency_s is None else pytest.approx(live.latency_s, rel=0.01)
        assert known.get(one.label) == expected


def test_the_facts_are_small_and_complete() -> None:
    folder = files("netcost.search") / "data"
    assert sum(len(entry.read_bytes()) for entry in folder.iterdir() if entry.name.endswith(".xz")) < 230_000
    assert {entry.name.partition(".")[0] for entry in folder.iterdir()} == {"accuracy", "networks", "zoo", *WAYS}
    assert len({one.label for one in pretrained()}) == len(pretrained()) > 1500
    for way, running in WAYS.items():
        known = replace(BOARD, mode=running.mode, precision=running.precision)
        rows, owner = rows_for(known, 1)
        assert len({*owner}) == len(counted_networks()) == owner[-1] + 1, way
        assert (rows["count"] >= 1).all()


def test_multiply_adds_are_the_same_in_every_way_of_running() -> None:
    place = [*counted_networks()].index("resnet50-224")
    for running in WAYS.values():
        rows, owner = rows_for(replace(BOARD, mode=running.mode, precision=running.precision), 1)
        own = rows[owner == place]
        assert (own["mult_adds"] * own["count"]).sum() == pytest.approx(4.09e9, rel=0.005)  # ResNet-50: 4.09 G


def test_nothing_but_the_facts_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    assert netcost.choose("rtx4090", "<= 60 ms").front


# --- the front


def candidate(model: str, latency_s: float, top1: float) -> Candidate:
    weights = Pretrained(model, 224, top1, CountedNetwork(f"{model}-224", "resnet", 25_000_000, frozenset()))
    return Candidate(weights, Prediction(model, BOARD, 1, latency_s))


def test_the_front_leaves_out_what_is_slower_and_no_more_accurate() -> None:
    several = [
        candidate("fast", 1.0, 70),
        candidate("slow", 3.0, 70),
        candidate("best", 2.0, 80),
        candidate("twin", 2.0, 79),
    ]
    assert [one.network.model for one in pareto_front(several)] == ["best", "fast"]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(60, 69)), min_size=1, max_size=20))
def test_a_front_is_what_nothing_beats(places: Sequence[tuple[int, int]]) -> None:
    several = [candidate(f"n{index}", *place) for index, place in enumerate(places)]
    front = {(one.latency_s, one.network.top1_percent) for one in pareto_front(several)}
    beaten = {
        (latency, top1)
        for latency, top1 in places
        if any(other <= latency and better >= top1 and (other, better) != (latency, top1) for other, better in places)
    }
    assert front == {*places} - beaten


# --- limits


def test_every_limit_holds_for_every_network() -> None:
    choice = netcost.choose(
        "rtx4090", "<= 80 ms", min_accuracy=78, max_params="30M", families=["resnet", "regnet"], image_size=224
    )
    assert choice.candidates
    for one in choice.candidates:
        assert one.latency_s <= 0.080 and one.network.top1_percent >= 78 and one.network.counted.params <= 30e6
        assert one.network.counted.family in ("resnet", "regnet") and one.network.image_size == 224
    assert all(one.interval_s[0] < one.latency_s < one.interval_s[1] for one in choice.front)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--latency 20ms", "netcost calibrate -o my.json"),
        ("--device cpu --latency 20ms", "netcost calibrate -o my.json"),
        ("--on rtx4080", "did you mean rtx4090"),
        ("--on rtx4090 --latency 20", "'20' is not a time; write a number above 0 with s, ms"),
        ("--on rtx4090 --latency >=20ms", "expected text like '<= 20 ms'"),
        ("--on rtx4090 --min-accuracy 95", "at most the 90.056 published of eva02"),
        ("--on rtx4090 --min-accuracy 0.8", "expected percent"),
        ("--on rtx4090 --min-accuracy nan", "expected percent"),
        ("--on rtx4090 --max-params 30MB", "leave out the B"),
        ("--on rtx4090 --family resnets", "unknown family 'resnets'; did you mean resnet"),
        ("--on rtx4090 --family resnet50", "did you mean resnet, which has it?"),
        ("--on rtx4090 --image-size 225", "the nearest sizes are 196, 208, 224, 240"),
        ("--on rtx4090 --batch 1", "was measured at batches of 4 to 1,024"),
        (
            "--on rtx4090 --latency 1us --family vgg",
            "alone, latency <= 1.00 µs leaves 0, family vgg leaves 8; loosen one",
        ),
        ("--on rtx4090 --measure 3", "say where: --device cpu"),
        ("--on rtx4090 --measure 3 --device cuda", "limit --latency as well"),
        (
            "--on rtx4090 --measure 3 --device cuda --latency 60ms",
            "autocast to half precision, contiguous, which is not",
        ),
        ("--on i9-10940x --measure 3 --device cuda --latency 60ms", "the predictions are for Intel Core i9-10940X"),
        ("--on rtx4090 --threads 2", "are for --measure"),
    ],
)
def test_a_bad_request_is_one_line(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told in refused(capsys, ["choose", *words.split()])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"memory_format": "channels_last"}, "Board runs networks eager, single precision, channels last"),
        ({"few_columns": False}, "Board runs networks eager, single precision, contiguous"),
        ({"mode": "compiled", "few_columns": False}, "for a last cache of 19.25 MB and batch 1"),
    ],
)
def test_a_device_that_runs_networks_otherwise_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(netcost.NetcostError, match=told):
        rows_for(own_device(**changes), 8)


def test_a_device_of_which_nothing_is_known_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    path.write_text(own_device(kinds=()).to_text())
    with pytest.raises(netcost.NetcostError, match=r"nothing can be predicted on Board; .*: no measured network had"):
        netcost.choose(str(path))


# --- what is shown


def test_a_network_unlike_those_measured_has_no_number_and_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    choice = netcost.choose("rtx4090")
    refused_models = {one.model: one for one in choice.refused}
    assert "recurrent" in refused_models["sequencer2d_s.in1k, 224"].reasons[0]
    assert not {*refused_models} & {one.label for one in choice.everything}
    assert len(choice.everything) + len(choice.refused) == len(pretrained())
    assert run(["choose", "--on", "rtx4090", "--top", "3"]) == 0
    out = capsys.readouterr().out
    assert f"{len(choice.refused)} networks are not like those measured" in out
    assert out.count(" ms to ") + out.count(" s to ") == 3


def test_each_figure_says_if_it_is_published_predicted_or_measured(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["choose", "--on", "rtx4090", "--latency", "<= 60 ms", "--family", "resnet", "--format"]
    printed = {}
    for name in ("table", "markdown", "csv", "json"):
        assert run([*words, name]) == 0
        printed[name] = capsys.readouterr().out
    assert all(
        "Top-1, published" in printed[name] and "Predicted latency" in printed[name] for name in ("table", "markdown")
    )
    records = list(csv.DictReader(printed["csv"].splitlines()))
    front = [record["model"] for record in records if record["on_front"] == "yes"]
    networks = json.loads(printed["json"])["networks"]
    assert front == [one["model"] for one in networks if one["on_front"]] and len(records) == len(networks)
    assert all(
        {"published_top1_percent", "predicted_latency_s", "predicted_interval90_s"} <= {*one} for one in networks
    )


def test_measured_times_are_beside_the_predicted_ones(board: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def compared(targets: Sequence[Target], *, batch: int, timing: Timing, progress: object) -> Comparison:
        asked.update(batch=batch, timing=timing)
        times = [predicted[target.name] * factor for target, factor in zip(targets, (1.0, 1.2, 1.3), strict=True)]
        entries = [
            Entry(target.name, figures(target.name), measurement=measurement(seconds, batch))
            for target, seconds in zip(targets, times, strict=True)
        ]
        return Comparison(tuple(entries), (Run(machine()),)).with_ratios([0] * len(entries))

    monkeypatch.setattr(choosing, "compare", compared)
    predicted = {one.label: one.latency_s for one in netcost.choose(board).everything}
    choice = netcost.choose(board, "<= 40 ms", batch=8, measure=3, timing=Timing("cpu", threads=1))
    assert asked == {"batch": 8, "timing": Timing("cpu", threads=1, backend="eager")}
    assert [choice.is_inside(one) for one in choice.front[:4]] == [True, True, False, None]  # the interval ends at 1.25
    assert "2 of 3 measured times lie within" in " ".join(choice.notes())
    [table] = choice.tables()
    assert [column.heading for column in table.columns][-3:] == ["Measured latency", "In the interval", "Verdict"]
    base, *others = [choice.measured_s(one) for one in choice.front[:3]]
    verdicts = ["faster" if seconds < base else "slower" for seconds in others]
    assert [row[-1] for row in table.rows[:4]] == [None, *verdicts, None]


def test_a_finalist_is_built_at_the_size_of_its_accuracy() -> None:
    weights = next(one for one in pretrained() if one.model == "vit_tiny_patch16_384.augreg_in21k_ft_in1k")
    target = choosing.target_of(weights)
    assert target.required_inputs()[0].shape == (1, 3, 384, 384)
    assert netcost.analyze(target).params_total == weights.counted.params


def test_limits_are_written_as_they_hold() -> None:
    limits = ChoiceLimits(0.02, 78, 30e6, ("resnet",), 224)
    assert [*limits.named()] == [
        "latency <= 20.0 ms",
        "accuracy >= 78 %",
        "params <= 30.0 M",
        "family resnet",
        "image size 224",
    ]
    assert NetworkChoice(BOARD, 1, limits, (candidate("a", 0.01, 80),)).candidates
