"""Counting targets in a process of its own, where another folder's code comes first.

A revision's code cannot be imported beside the working tree's: Python keeps one module of a name. So `record_in` starts
a process for each side, which hands back what it counted as the text of a baseline, read as strictly as any.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from netcost.checking.baseline import Baseline, parse, render
from netcost.checking.config import Guard, Subject
from netcost.checking.recording import Record, record_all
from netcost.checking.regression import Place
from netcost.text.errors import NetcostError, RequestError

HOME = str(Path(__file__).parents[2])
"""Where this netcost is, for a process that would not find it by itself."""
CHILD = "import sys; sys.path.append(sys.argv[1]); from netcost.checking.process import answer; answer()"


class ElsewhereError(NetcostError):
    """What the other process said, with the exit code that it is worth."""

    def __init__(self, said: str, exit_code: int) -> None:
        super().__init__(said)
        self.exit_code = exit_code


def record_in(root: Path, folder: Path, guards: Sequence[Guard], instead_of: Path | None = None) -> dict[str, Record]:
    """Count targets with a folder's code, in a process of its own.

    Args:
        root: of the tree that the code is in.
        folder: in it, where models' files and modules are looked for.
        guards: the targets.
        instead_of: root of the tree whose code must not be imported; what Python would find there it finds in `root`.

    Raises:
        NetcostError: a target cannot be counted there.
    """
    request = {
        "root": str(root),
        "folder": str(folder),
        "instead_of": None if instead_of is None else str(instead_of),
        # As Python writes it: an argument may be a tuple, which JSON has not.
        "guards": repr([(asdict(guard.subject), guard.place) for guard in guards]),
    }
    done = subprocess.run(
        [sys.executable, "-P", "-c", CHILD, HOME],
        input=json.dumps(request),
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return _records(done)


def _records(done: subprocess.CompletedProcess[str]) -> dict[str, Record]:
    """What the process answered."""
    try:
        answered: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise RequestError(f"the process that counts ended with {done.returncode}: {last}") from None
    if "error" in answered:
        raise ElsewhereError(answered["error"], answered["exit_code"])
    targets = parse(answered["baseline"].encode(), "the process that counts").targets
    places = {name: Place(*place) for name, place in answered["places"].items()}
    return {name: Record(snapshot, places.get(name)) for name, snapshot in targets.items()}


def answer() -> None:
    """Be the other process: read what to count from standard input, and write what came of it to standard output."""
    request = json.load(sys.stdin)
    channel = os.dup(1)
    os.dup2(2, 1)  # what a model's code prints is no answer
    try:
        answered = _answer(request)
    except NetcostError as error:
        answered = {"error": str(error), "exit_code": error.exit_code}
    with os.fdopen(channel, "w", encoding="utf-8") as answers:
        json.dump(answered, answers)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    root, folder = Path(request["root"]), Path(request["folder"])
    instead_of = None if request["instead_of"] is None else Path(request["instead_of"])
    guards = [Guard(Subject(**subject), place=place) for subject, place in ast.literal_eval(request["guards"])]
    sys.path[:] = search_path(sys.path, root, folder, instead_of)
    records = record_all(guards, folder)
    if instead_of is not None:
        _refuse_strays(instead_of, root)
    return {
        "baseline": render(Baseline({name: record.snapshot for name, record in records.items()})),
        "places": {name: record.place for name, record in records.items() if record.place is not None},
    }


def search_path(path: Sequence[str], root: Path, folder: Path, instead_of: Path | None) -> list[str]:
    """Where Python looks for modules: first in the folder and its `src`, and never in the tree that it replaces."""
    moved = [
        str(root / Path(entry).resolve().relative_to(instead_of))
        if instead_of is not None and _is_of(entry, instead_of)
        else entry
        for entry in path
    ]
    own = [folder, *(each for each in (folder / "src", root / "src") if each.is_dir())]
    return [*dict.fromkeys(map(str, own)), *moved]


def _is_of(file: str, tree: Path) -> bool:
    """Whether a file or folder is of the tree's own code, and not installed in it."""
    path = Path(file).resolve()
    return path.is_relative_to(tree) and "site-packages" not in path.parts


def _refuse_strays(tree: Path, root: Path) -> None:
    """Refuse a count that was made with the working tree's code: it would say that nothing changed."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        # The temporary folder may lie in the working tree.
        if isinstance(file, str) and _is_of(file, tree) and not _is_of(file, root):
            raise RequestError(
                f"{name!r} was imported from the working tree and not from the revision: it is installed from there "
                "(pip install -e); name its file as the target, path/to/file.py:Net, or install it without -e"
            )
