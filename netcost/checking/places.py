"""Finds the source file and line of a model, for a reviewer."""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from pathlib import Path
from typing import TypeGuard

from netcost.checking.regression import Place


def place_of(kind: type, target: str, root: Path) -> Place | None:
    """Return where the model's class is written, or else what the target names; None where both are outside the tree.

    Args:
        kind: class of the built model.
        target: as the user wrote it.
        root: of the repository.
    """
    file = _class_file(kind)
    if is_own_code(file, root):
        return Place(file.relative_to(root).as_posix(), _class_line(kind))
    location, _, attribute = target.rpartition(":")
    named = location if location.endswith(".py") else getattr(sys.modules.get(location), "__file__", None)
    file = Path(named).resolve() if named else None
    if is_own_code(file, root):
        return Place(file.relative_to(root).as_posix(), _line_of(file, attribute.partition(".")[0]))
    return None


def is_own_code(file: Path | None, tree: Path) -> TypeGuard[Path]:
    """Return True where a resolved path is part of the tree's own code, not installed in it."""
    return file is not None and file.is_relative_to(tree) and "site-packages" not in file.parts


def _class_file(kind: type) -> Path | None:
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


def _line_of(file: Path, name: str) -> int:
    """Return the line on which the file defines the name; 1 where it does not."""
    try:
        statements = ast.parse(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return 1
    return next((statement.lineno for statement in statements if getattr(statement, "name", None) == name), 1)
