"""Models that end, hang or change their process: each is its own error, and every other target is counted."""

import json
from pathlib import Path

import pytest
import torch
from misbehaving import KINDS, MOMENTS, faults, write_project
from torch import nn

from netcost.checking.counter import count_target
from netcost.cli.app import run
from netcost.timing.workers import Recipe

WORST = ("exit", "leave", "raise", "kill", "fork", "daemon", "print", "close", "chdir", "clear", "signals", "exit hook")
CHOSEN = [(kind, MOMENTS[index % len(MOMENTS)]) for index, kind in enumerate(WORST)]


@pytest.mark.usefixtures("forked_workers")
def test_whatever_a_model_does_the_others_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(WORST) <= set(KINDS)
    write_project(tmp_path, CHOSEN)
    monkeypatch.chdir(tmp_path)
    assert run("check --config netcost.toml --timeout 120 --format json".split()) == 2
    out, err = capsys.readouterr()
    assert faults(CHOSEN, 2, json.loads(out)["targets"]) == []
    assert "no json" in err


@pytest.mark.parametrize(("kind", "is_clean"), [("patch", False), ("dtype", False), ("print", True)])
def test_a_process_whose_torch_was_changed_counts_nothing_else(
    kind: str, is_clean: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, [(kind, "import")])
    monkeypatch.setattr(nn.Linear, "forward", nn.Linear.forward)  # put back after the test, as the type is here
    before = torch.get_default_dtype()
    try:
        recipe = Recipe(f"{tmp_path}/bad1.py:Net", {}, ("2x4",)).to_dict()
        answer = count_target(recipe, str(tmp_path), "", train=False, concrete=False, depth=None)
    finally:
        torch.set_default_dtype(before)
    assert answer["clean"] is is_clean
