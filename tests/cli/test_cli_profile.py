"""`netcost profile`, `netcost device` and `--peaks` as a user meets them."""

import csv
import io
import json
from functools import partial
from pathlib import Path

import pytest
import torch
from commands import refused
from fake_bench import made_up_peaks

from netcost.cli.app import run
from netcost.profiling.roofline import measure_peaks, saved, workbench
from netcost.text.formats.json_text import render

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)
        self.norm = nn.BatchNorm2d(width)
    def forward(self, x):
        return self.norm(self.conv(x)).relu().flatten(1)
"""

NETWORK = ["net.py:Net", "--input", "1x3x8x8"]
PROFILE = ["profile", *NETWORK, "--budget", "0.1", "--threads", "1"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a network and a file of peaks, to run in; whatever is measured is made up."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "peaks.json").write_text(render(made_up_peaks(threads=1).to_dict()))
    return tmp_path


@pytest.fixture
def made_up_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workbench that takes no time to speak of, on the real clock."""

    class Small(workbench.TorchWorkbench):
        def __init__(self, name: str) -> None:
            super().__init__(name)
            self.sizes = (16,)

        def available_memory(self) -> int:
            return 1 << 20

    monkeypatch.setattr(workbench, "TorchWorkbench", Small)
    monkeypatch.setattr(saved, "measure_peaks", partial(measure_peaks, budget_s=0.0))


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


@pytest.mark.parametrize("by", ["op", "kind", "module", "block"])
def test_every_grouping_is_a_partition_of_the_run(by: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*PROFILE, "--by", by, "--format", "csv"]) == 0
    found = rows(capsys)
    assert sum(float(row["share"]) for row in found) == pytest.approx(1.0)
    assert sum(int(row["mult_adds"] or 0) for row in found) == 6 * 6 * 4 * 3 * 9
    assert next(iter(found[-1].values())) == "(gap)"


def test_profile_json_has_every_operator_and_every_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*PROFILE, "--by", "module", "--format", "json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert [op["op"] for op in plain["ops"]] == ["aten.conv2d", "aten.batch_norm", "aten.relu", "aten.flatten"]
    assert len({len(op["samples_s"]) for op in plain["ops"]}) == 1
    assert plain["by"] == "module"
    assert sum(row["time_s"] for row in plain["rows"]) == pytest.approx(plain["total_s"])
    assert plain["roofline"] is None


def test_a_trace_is_saved_beside_the_result(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*PROFILE, "--trace", "trace.json", "-o", "profile.txt"]) == 0
    assert capsys.readouterr().out == ""
    trace = json.loads((folder / "trace.json").read_text())
    assert {"aten.conv2d", "conv", "(model)"} <= {event["name"] for event in trace["traceEvents"]}
    assert "batch_norm" in (folder / "profile.txt").read_text()


def test_arguments_batch_and_input_reach_the_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*PROFILE, "--arg", "width=6", "--batch", "2", "--format", "json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["input"] == [2, 3, 8, 8]
    assert plain["mult_adds"] == 2 * 6 * 6 * 6 * 3 * 9


def test_peaks_of_a_file_give_the_share_of_the_roofline(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*PROFILE, "--peaks", "peaks.json", "--format", "json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["roofline"]["bound_s"] > 0
    assert plain["roofline"]["share"] == plain["roofline"]["bound_s"] / plain["plain"]["median_s"]
    assert run([*PROFILE, "--peaks", "peaks.json", "--by", "kind"]) == 0
    assert "Roof" in capsys.readouterr().out


def test_peaks_are_measured_when_asked_to(made_up_device: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*PROFILE, "--peaks", "measure", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["roofline"]["bound_s"] > 0


def test_what_device_saves_can_be_given_as_peaks(
    made_up_device: None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["device", "--budget", "0", "--threads", "1", "--format", "json", "-o", "mine.json"]) == 0
    assert json.loads((folder / "mine.json").read_text())["schema"] == 1
    assert run([*PROFILE, "--peaks", "mine.json"]) == 0
    assert "Not of one run" not in capsys.readouterr().out


def test_compare_says_how_much_of_the_device_each_network_uses(capsys: pytest.CaptureFixture[str]) -> None:
    both = ["compare", "net.py:Net", *NETWORK, "--threads", "1", "--budget", "0.2", "--peaks", "peaks.json"]
    assert run(both) == 0
    out = capsys.readouterr().out
    for words in ("Roofline bound", "bound by", "Attained", "of the roofline", "Roofline of"):
        assert words in out
    assert run([*both, "--format", "json"]) == 0
    for model in json.loads(capsys.readouterr().out)["models"]:
        roofline, seconds = model["roofline"], model["latency"]["median_s"]
        assert roofline["flops_per_s"] == model["flops"] / seconds
        assert roofline["bytes_per_s"] == model["memory_access_bytes"] / seconds
        assert roofline["share"] == roofline["bound_s"] / seconds
    assert run([*both, "--format", "csv"]) == 0
    assert all(float(row["roofline_share"]) > 0 for row in rows(capsys))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["profile", *NETWORK, "--by", "colour"], "block"),
        (["profile", *NETWORK, "--trace", "no/such/folder/t.json"], "no folder"),
        (["profile", *NETWORK, "--peaks", "nothere.json"], "netcost device"),
        (["profile", *NETWORK, "--peaks", "net.py"], "not JSON"),
        (["profile", *NETWORK, "--threads", "0"], "--threads"),
        (["compare", *NETWORK, "--peaks", "nothere.json"], "netcost device"),
        (["device", "--device", "tpu"], "tpu"),
    ],
)
def test_a_wrong_request_gets_one_line_and_its_exit_code(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(capsys, arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["guidelines", "g9"], "g9"),
        (["guidelines", "g1"], "networks --peaks"),
        (["guidelines", "networks", "--device", "tpu"], "tpu"),
        (["compare", "googlnet"], "did you mean googlenet"),
        (["compare", "net.py:Net"], "--input 1x3x224x224"),
        (["compare", *NETWORK, "--dtype", "fp12"], "fp12"),
        (["compare", *NETWORK, "--batch", "1,2", "--device", "tpu"], "tpu"),
        (["show", *NETWORK, "--by", "colour"], "module, kind, block, op"),
        (["show", "net.py:Net"], "--input 1x3x224x224"),
        (["profile", "net.py:Net"], "--input 1x3x224x224"),
        (["profile", *NETWORK, "--device", "none"], "not one to measure on"),
    ],
)
def test_a_wrong_request_is_refused_before_peaks_are_measured(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workbench, "TorchWorkbench", lambda _: pytest.fail("peaks were measured"))
    assert said in refused(capsys, [*arguments, "--peaks", "measure"])


def test_guidelines_without_a_device_measure_the_peaks_of_the_cpu(
    made_up_device: None, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["guidelines", "networks", "--device", "none", "--peaks", "measure", "--format", "json"]
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["networks"]["peaks"]["device"] == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("arguments", [["profile", *NETWORK], ["device"]])
def test_cuda_without_a_gpu_cannot_be_measured(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "--device cpu" in refused(capsys, [*arguments, "--device", "cuda"], 3)
