"""Models that end, hang or change their process: each is its own error, and every other target is counted."""

import json
from pathlib import Path

from misbehaving import KINDS, MOMENTS, check, faults, write_project

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
