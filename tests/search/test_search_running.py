"""Runs of `netcost search`: figures, budgets and fronts, the file, and what happens to workers."""

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import refused
from hypothesis import given
from hypothesis import strategies as st
from made_up import figures, machine, measurement
from torch import Tensor, nn

import netcost
from netcost.cli.app import run
from netcost.comparison import Comparison, Entry, Run
from netcost.search import Engine, Strategy, counted, search, searching, strategies
from netcost.search.engine import WorkerSetup
from netcost.search.objectives import front_of
from netcost.search.structures import MOST_KEPT, Structures
from netcost.targets import Target
from netcost.timing import Timing

pytest.importorskip("joblib")

GRID = {"width": (0.5, 0.35, 1.0), "resolution": (96, 64)}
BOTH = {"minimize": ["mult_adds"], "maximize": ["params"]}
Order = tuple[int, Mapping[str, Any]]

TROUBLE = """
import os, signal, time
from torch import nn
from netcost.search import Choice
DO = {
    "fine": lambda: None,
    "raise": lambda: 1 / 0,
    "exit": lambda: exit(3),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: time.sleep(3600),
    "eat": lambda: bytearray(40 * 10**9),
}
def space(trouble: Choice["fine", "raise", "exit", "kill", "hang", "eat"], width: int = 4) -> nn.Module:
    DO[trouble]()
    return nn.Conv2d(3, width, 1)
"""


class Here:
    """Counts in this process, and can be cut off after some candidates."""

    def __init__(self) -> None:
        self.counted = 0
        self.most = 10**9

    def __call__(self, _engine: str, _jobs: int, setup: WorkerSetup) -> Callable[[Sequence[Order]], Iterator[Any]]:
        counted.set_up(list(setup.inputs), list(setup.on), None)

        def passed(candidates: Sequence[Order]) -> Iterator[Any]:
            for index, plain in reversed([*candidates]):  # workers answer in any order
                if self.counted == self.most:
                    raise KeyboardInterrupt
                self.counted += 1
                found = counted.count_candidate(plain)
                yield index, {"error": found["failure"]} if "failure" in found else found

        return passed


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Here:
    own = Here()
    monkeypatch.setattr(searching, "counted_by", own)
    monkeypatch.chdir(tmp_path)
    return own


def test_figures_are_those_of_a_single_analysis(here: Here) -> None:
    result = search("mobilenet_v2", choices=GRID, **BOTH)
    assert len(result.rows) == here.counted == 6
    for row in result.rows:
        sides = row.candidate.resolution
        single = netcost.analyze(netcost.build("mobilenet_v2", **dict(row.candidate.arguments)), (1, 3, sides, sides))
        assert dict(row.figures) == single.metrics()
    widths = [dict(row.candidate.arguments)["width"] for row in result.front]
    assert widths == [0.35, 0.5, 1.0] and all(row.candidate.resolution == 64 for row in result.front)


def test_the_file_of_a_resumed_run_is_that_of_an_uninterrupted_one(here: Here, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    search("mobilenet_v2", choices=GRID, results=whole, **BOTH)
    here.most = here.counted + 4
    with pytest.raises(KeyboardInterrupt):
        search("mobilenet_v2", choices=GRID, results=cut, **BOTH)
    assert len(cut.read_text().splitlines()) == 1 + 4
    cut.write_text(cut.read_text() + '{"candidate": {"targ')  # as a run that was killed leaves its last line
    here.most = 10**9
    before = here.counted
    search("mobilenet_v2", choices=GRID, results=cut, **BOTH)
    assert here.counted == before + 2 and cut.read_bytes() == whole.read_bytes()
    search("mobilenet_v2", choices=GRID, results=cut, **BOTH)
    assert here.counted == before + 2
    with pytest.raises(netcost.NetcostError, match="of a search with other choices or code"):
        search("mobilenet_v2", choices={"width": (0.5, 1.0)}, results=cut)
    with pytest.raises(netcost.NetcostError, match="other space"):
        search("googlenet", choices={"resolution": (64, 96)}, results=cut)
    cut.write_text("not that\n")
    with pytest.raises(netcost.NetcostError, match="is not a file of netcost search"):
        search("mobilenet_v2", choices=GRID, results=cut)


@pytest.mark.parametrize("optimiser", strategies.OPTIMISERS)
def test_an_optimiser_goes_on_as_it_would_have(optimiser: str, here: Here, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    files = [tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"]
    asked: Any = {
        "choices": {"width": (0.25, 0.5, 0.75, 1.0), "resolution": (32, 64, 96, 128)},
        "budgets": ["mult_adds <= 40M"],
        "strategy": Strategy(optimiser, 10, seed=3),
        **BOTH,
    }
    search("mobilenet_v1", results=files[0], **asked)
    here.most = here.counted + 6
    with pytest.raises(KeyboardInterrupt):
        search("mobilenet_v1", results=files[1], **asked)
    here.most = 10**9
    search("mobilenet_v1", results=files[1], **asked)
    assert files[0].read_bytes() == files[1].read_bytes() and here.counted == 10 + 10


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), max_size=20))
def test_a_front_is_what_nothing_beats(places: list[tuple[int, int, int]]) -> None:
    beaten = {
        one
        for one in places
        if any(other != one and all(a <= b for a, b in zip(other, one, strict=True)) for other in places)
    }
    assert front_of(places, lambda place: place) == sorted({*places} - beaten)
    assert front_of([(1, None)], lambda place: place) == []


def test_budgets_hold_for_what_is_shown(here: Here) -> None:
    result = search(
        "mobilenet_v2",
        choices=GRID,
        budgets=["mult_adds <= 40M", "intensity >= 1.5", "latency <= 1 s"],
        on=["i9-10940x"],
    )
    assert 0 < len(result.within) < 6
    for row in result.within:
        assert row.figures["mult_adds"] <= 40e6 and row.figures["intensity"] >= 1.5
        assert row.predicted["i9-10940x"]["predicted_latency_s"] <= 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--budget mult_adds<=1M", "nearest: mobilenet_v2 width=0.35 resolution=64 with mult_adds "),
        ("--budget mult_adds<=1M --budget params<=9M", "alone, mult_adds <=1M leaves 0, params <=9M leaves 6"),
        ("--budget mult_add<=1M", "did you mean mult_adds"),
        ("--budget mult_adds", "expected a metric and its bound"),
        ("--budget mult_adds<=1MB", "leave out the B"),
        ("--minimize latency", "name a device: --on rtx4090"),
        ("--minimize speed", "expected one of params"),
        ("--minimize params --maximize params", "named twice"),
        ("--on rtx4080", "did you mean rtx4090"),
        ("--strategy nsga2", "--sample 1000"),
        ("--strategy nsga2 --sample 3", "needs objectives"),
        ("--strategy best", "expected one of all, random, tpe, nsga2"),
        ("--engine spark", "expected one of processes, ray, dask"),
        ("--vary width", "expected name=value,value"),
        ("--vary width=1,2", "given twice"),
        ("--vary batch=x", "whole numbers of 1 or more"),
        ("--vary wide=1,2", "none of 12 candidates could be counted"),
        ("--finalists 2", "say where: --device cpu"),
        ("--threads 2", "are for --finalists"),
    ],
)
def test_a_bad_request_is_one_line(words: str, told: str, here: Here, capsys: pytest.CaptureFixture[str]) -> None:
    grid = "--vary width=0.5,0.35,1.0 --vary resolution=96,64"
    assert told in refused(capsys, ["search", "mobilenet_v2", *grid.split(), *words.split()])


def test_a_search_is_shown_in_every_format(here: Here, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = "search mobilenet_v2 --vary width=0.5,1.0 --vary resolution=64,96 --minimize mult_adds"
    words += " --maximize params --results rows.jsonl --format"
    shown = {}
    for name in ("table", "csv", "json"):
        assert run([*words.split(), name]) == 0
        shown[name] = capsys.readouterr().out
    assert "netcost compare mobilenet_v2 --arg width=0.5 --input 1x3x64x64" in shown["table"]
    records = list(csv.DictReader(shown["csv"].splitlines()))
    found = json.loads(shown["json"])
    assert [record["on_front"] == "yes" for record in records] == [row["on_front"] for row in found["rows"]]
    assert found["front"][0] == "mobilenet_v2 --arg width=0.5 --input 1x3x64x64"
    assert here.counted == 4 and (tmp_path / "rows.jsonl").exists()


def test_finalists_are_timed_in_one_comparison(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def compared(targets: Sequence[Target], *, timing: Timing, progress: object) -> Comparison:
        entries = [
            Entry(target.name, figures(target.name), measurement=measurement(1.0 + index))
            for index, target in enumerate(targets)
        ]
        return Comparison(tuple(entries), (Run(machine()),)).with_ratios([0] * len(entries))

    monkeypatch.setattr(searching, "compare", compared)
    result = search("mobilenet_v2", choices=GRID, **BOTH)
    [table] = searching.measure_finalists(result, 2, Timing("cpu")).tables()
    assert [row[-2:] for row in table.rows] == [(1.0, None), (2.0, "slower"), (None, None)]


def test_workers_that_hang_die_or_eat_memory_cost_their_candidate_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trouble.py").write_text(TROUBLE)
    result = search("trouble.py:space", inputs=["1x3x8x8"], engine=Engine(jobs=2, timeout_s=8, memory_limit=20 * 10**9))
    told = {row.candidate.values["trouble"]: str(row.error) for row in result.rows}
    words = {
        "fine": "None",
        "raise": "ZeroDivisionError",
        "exit": "SystemExit: 3",
        "kill": "killed by SIGKILL",
        "hang": "--timeout allows (8 s)",
        "eat": "--memory-limit allows (20 GB)",
    }
    assert {trouble for trouble, error in told.items() if words[trouble] in error} == {*words}, told


def test_ctrl_c_keeps_what_is_done_and_leaves_no_worker(tmp_path: Path) -> None:
    words = "search mobilenet_v2 --vary width=0.5,0.6,0.7,0.8,0.9,1.0 --vary resolution=32,64,96,128,160,192,224,256"
    command = [sys.executable, "-m", "netcost", *words.split(), "--jobs", "1", "--results", "rows.jsonl"]
    file = tmp_path / "rows.jsonl"
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 200
        while time.monotonic() < until and not (file.exists() and file.read_text().count("\n") > 3):
            time.sleep(0.05)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "the same command goes on" in err and "Traceback" not in err
    assert 3 < file.read_text().count("\n") <= 48
    assert children and not any(Path(f"/proc/{child}").exists() for child in children)


class Odd(nn.Module):
    """Its graph hangs on its attribute alone."""

    def __init__(self, times: int, kept: object = None) -> None:
        super().__init__()
        self.times, self.kept, self.conv = times, kept, nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.times):
            x = self.conv(x)
        return x


@pytest.mark.parametrize(
    ("one", "other", "is_equal"),
    [
        (lambda: Odd(1), lambda: Odd(1), True),
        (lambda: Odd(1), lambda: Odd(2), False),
        (lambda: Odd(1, {"a": [1, torch.float32]}), lambda: Odd(1, {"a": [1, torch.float32]}), True),
        (lambda: Odd(1, object()), lambda: Odd(1, object()), False),
        (lambda: Odd(1, lambda: 1), lambda: Odd(1, lambda: 2), False),
        (lambda: nn.BatchNorm2d(3), lambda: nn.BatchNorm2d(3, momentum=0.2), False),
        (lambda: nn.Sequential(nn.Linear(3, 3), nn.ReLU()), lambda: nn.Sequential(nn.Linear(3, 3), nn.GELU()), False),
        (lambda: nn.Sequential(*[nn.Linear(3, 3)] * 2), lambda: nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), False),
    ],
)
def test_an_equal_structure_is_counted_once(one: Any, other: Any, is_equal: bool) -> None:
    kept = Structures()
    kept.keep(one(), (1,), "figures")
    assert kept.find(other(), (1,)) == ("figures" if is_equal else None)
    assert kept.find(other(), (2,)) is None
    for _ in range(2 * MOST_KEPT):
        kept.keep(nn.ReLU(), (1,), "others")
    assert kept.find(other(), (1,)) is None
