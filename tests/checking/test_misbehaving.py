"""Models that end, hang or change their process: each is its own error, and every other target is counted."""

import json
from pathlib import Path

import pytest
import torch
from misbehaving import KINDS, MOMENTS, check, faults, write_project
from torch import nn

from netcost.checking.counter import count_target
from netcost.timing.workers import Recipe

WORST = ("exit", "leave", "raise", "kill", "fork", "daemon", "print", "close", "chdir", "clear", "signals", "exit hook")
CHOSEN = [(kind, MOMENTS[index % len(MOMENTS)]) for index, kind in enumerate(WORST)]


def test_whatever_a_model_does_the_others_are_counted(tmp_path: Path) -> None:
    assert set(WORST) <= set(KINDS)
    write_project(tmp_path, CHOSEN)
    done = check(tmp_path, "--format", "json", timeout=120)
    targets = json.loads(done.stdout)["targets"]
    assert faults(CHOSEN, done.returncode, targets) == []
    assert done.returncode == 2
    assert b"no json" in done.stderr


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
