"""Inputs on the command line: values by name, and code that makes them, for each command that counts or times."""

import json
from pathlib import Path

import pytest

from netcost.cli import app

CODE = """
import torch
from torch import nn
class Net(nn.Linear):
    def __init__(self):
        super().__init__(8, 4)
    def forward(self, x, step=None, how="none"):
        assert how == "sum" and getattr(step, "ndim", 0) == 0
        return super().forward(x) * step
def make():
    return (torch.ones(2, 8),), {"step": 3, "how": "sum"}
"""
COMMANDS = [["show"], ["compare", "--device", "none"], ["profile", "--budget", "0"]]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("step", ["step=50", "step=:int64", "step=0.5", None])
def test_values_and_code_reach_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str], step: str
) -> None:
    (tmp_path / "net.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    given = ["--inputs", "net.py:make"] if step is None else ["-i", "2x8", "-i", step, "-i", "how=sum"]
    name, *more = command
    assert app.run([name, "net.py:Net", *more, *given, "--format", "json", "--quiet"]) == 0
    result = json.loads(capsys.readouterr().out)
    counted = result["models"][0] if name == "compare" else result
    assert counted["mult_adds"] == 2 * 8 * 4
    assert counted["input"] == [[2, 8], {"step=50": 50, "step=:int64": [], "step=0.5": 0.5, None: 3}[step], "sum"]


def test_a_file_without_a_function_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["show", "lenet5", "--inputs", "net.py"]) == 2
    assert "--inputs 'net.py' does not parse" in capsys.readouterr().err
