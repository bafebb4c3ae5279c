"""Finds the source file and line of a model, for a reviewer, and the packages that a tree holds."""

from __future__ import annotations

import ast
import inspect
import os
import sys
from functools import cache
from pathlib import Path
from typing import TypeGuard

from netcost.checking.regression import Place

INSTALLED = ("site-packages", "dist-packages")
"""Folders of installed packages."""


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
    return file is not None and file.is_relative_to(tree) and not any(part in INSTALLED for part in file.parts)


def shown_file(source: type | Path) -> str:
    """Return the file of a class, or a file, outside of the tree, without the folders of this machine."""
    file = source if isinstance(source, Path) else _class_file(source)
    if file is None:
        return ""
    installed = [index for index, part in enumerate(file.parts) if part in INSTALLED]
    return "/".join(file.parts[installed[-1] :] if installed else ("…", *file.parts[-3:]))


@cache
def packages_in(tree: Path) -> frozenset[str]:
    """Return the names of the packages that the tree holds at any depth, without those installed in it."""
    names = set()
    for folder, folders, files in os.walk(tree):
        if "__init__.py" in files:
            names.add(Path(folder).name)
            folders.clear()
        elif "pyvenv.cfg" in files:
            folders.clear()
        folders[:] = [name for name in folders if not name.startswith(".") and name not in (*INSTALLED, "node_modules")]
    return frozenset(names - sys.stdlib_module_names)


def elsewhere(tree: Path) -> dict[str, str]:
    """Return the packages of the tree that were imported from elsewhere, with a file that was used instead."""
    own = packages_in(tree)
    found: dict[str, str] = {}
    for name, file in _module_files():
        package = name.partition(".")[0]
        if package in own and package not in found and not is_own_code(path := _resolved(file), tree):
            found[package] = shown_file(path)
    return found


def strays(tree: Path, other: Path) -> list[str]:
    """Return the modules that were imported from `tree` and not from `other`, which may lie in it."""
    return [
        name
        for name, file in _module_files()
        if is_own_code(path := _resolved(file), tree) and not is_own_code(path, other)
    ]


def _module_files() -> list[tuple[str, str]]:
    """Return the name and the file of every module that was imported from a file."""
    named = [(name, getattr(module, "__file__", None)) for name, module in list(sys.modules.items())]
    return [(name, file) for name, file in named if isinstance(file, str)]


@cache  # torch has two thousand modules, and their files are asked for with each target
def _resolved(file: str) -> Path:
    return Path(file).resolve()


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
