"""Where a model is written: the file and line that a reviewer should look at."""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from pathlib import Path

from netcost.checking.regression import Place


def place_of(kind: type, target: str, root: Path) -> Place | None:
    """Where the class that a target builds is written, or else what the target names; None where neither is ours.

    Args:
        kind: class of the built model.
        target: as it was asked for.
        root: the repository; what lies outside of it, or is installed in it, is not its own.
    """
    file = _source(kind)
    if file is not None and _is_own(file, root):
        return _place(file, _class_line(kind), root)
    file, name = _named(target)
    return _place(file, _line_of(file, name), root) if file is not None and _is_own(file, root) else None


def _place(file: Path, line: int, root: Path) -> Place:
    return Place(file.relative_to(root).as_posix(), line)


def _is_own(file: Path, root: Path) -> bool:
    return file.is_relative_to(root) and "site-packages" not in file.parts


def _source(kind: type) -> Path | None:
    try:
        file = inspect.getsourcefile(kind)
    except (OSError, TypeError):
        return None
    return None if file is None else Path(file).resolve()


@cache
def _class_line(kind: type) -> int:
    try:
        return max(1, inspect.getsourcelines(kind)[1])
    except (OSError, TypeError):  # made at run time, or the file is gone
        return 1


def _named(target: str) -> tuple[Path | None, str]:
    """The file that a target of the user's own code names, and what it names there."""
    place, _, attribute = target.rpartition(":")
    file = place if place.endswith(".py") else getattr(sys.modules.get(place), "__file__", None)
    return (None if not file else Path(file).resolve()), attribute.partition(".")[0]


def _line_of(file: Path, name: str) -> int:
    """The line on which the file defines the name; its first where it does not."""
    try:
        statements = ast.parse(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return 1
    return next((each.lineno for each in statements if getattr(each, "name", None) == name), 1)
