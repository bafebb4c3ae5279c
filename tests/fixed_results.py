"""What the commands that time something are given instead: results that are the same on every machine and every day.

All that tests of fixed results replace inside netcost is named here, and nowhere else.
"""

import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

import forked_worker
import made_up
import pytest
import torch

import netcost
from netcost.profiling.roofline import Peaks, read_peaks
from netcost.timing.workers import Worker

PROFILE, PEAKS, REPORT = "netcost.profiling.profile", "netcost.profiling.roofline.measure_peaks", "netcost.reports.made"
"""What `netcost profile`, `netcost device` and `netcost report` call."""

WORKER = "netcost.checking.recording.Worker"  # counts the targets of `netcost check`

INPUTS = Path(__file__).parent / "golden" / "inputs"

NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, bias=False)
        self.body = nn.Conv2d(8, width, 3, bias=False)
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        x = self.body(self.stem(x).relu()).relu()
        return self.head(x.mean((2, 3)))
"""

SETTINGS = """
baseline = "baseline.json"

[[targets]]
name = "small"
model = "net.py:Net"
input = "1x3x34x34"
budget = { mult_adds = "<= 1.5M" }

[[targets]]
name = "narrow"
model = "net.py:Net"
input = "1x3x34x34"
args = { width = 8 }
"""


def put_in_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go to a folder that has a network, its settings and its baseline, and everything saved; time nothing there."""
    monkeypatch.chdir(folder)
    for name in ("GITHUB_STEP_SUMMARY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for saved in INPUTS.iterdir():
        shutil.copy(saved, folder)
    (folder / "net.py").write_text(NET)
    (folder / "netcost.toml").write_text(SETTINGS)
    monkeypatch.setattr(torch, "__version__", torch.torch_version.TorchVersion("2.99.0"))
    assert netcost.profile and netcost.measure_peaks  # the facade keeps what it handed out: the real ones
    monkeypatch.setattr(PROFILE, fixed_profile)
    monkeypatch.setattr(PEAKS, lambda *_, **__: read_peaks(INPUTS / "peaks.json"))
    monkeypatch.setattr(WORKER, AnsweredWorker)
    monkeypatch.setattr("netcost.timing.workers.worker.subprocess", forked_worker.SUBPROCESS)
    monkeypatch.setattr(REPORT, lambda *_: {"README.md": "# Reports\n", "zoo.md": "# The zoo\n"})


class AnsweredWorker:
    """Starts a process only for a question that none has answered yet: all folders hold the same."""

    answers: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(self, place: object, **options: Any) -> None:
        self._how = place, options

    def __enter__(self) -> "AnsweredWorker":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, do: str, **details: Any) -> dict[str, Any]:
        question = json.dumps([details["args"][0], details["kwargs"]])
        if question not in self.answers:
            place, options = self._how
            with Worker(place, **options) as worker:
                self.answers[question] = worker.ask(do, **details)
        return self.answers[question]


def fixed_profile(target: netcost.Target, *, peaks: Peaks | None, **_: object) -> netcost.Profile:
    """A made-up profile on the machine of the saved comparison."""
    saved = netcost.load_comparison(INPUTS / "compare.json")
    assert isinstance(saved, netcost.Comparison)
    assert saved.environment is not None
    return made_up.profile(netcost.analyze(target), saved.environment, peaks)
