"""Finds the source file and line of a model, for a reviewer, and the modules of a tree that came from elsewhere."""

from __future__ import annotations

import ast
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from netcost.checking.regression import Place

INSTALLED = ("site-packages", "dist-packages")
"""Folders of installed packages."""


class CountedCode(NamedTuple):
    """The code of a model that was counted."""

    place: Place | None  # of its model, where that is in the repository
    file: str  # relative to the root of the repository, or of an installed package
    elsewhere: Mapping[str, str]  # packages of this repository that came from elsewhere, with the file used


def named_file(target: str) -> Path | None:
    """Return the file that a target like "net.py:Net" names, links followed; None for a target of another kind.

    It is asked for before the model's code runs, which may change the folder that the name is relative to.
    """
    location = target.rpartition(":")[0]
    return Path(location).resolve() if location.endswith(".py") else None


def counted_code(
    source: Callable[..., Any], target: str, named: Path | None, root: Path, own: Mapping[str, str]
) -> CountedCode:
    """Return whose code was counted.

    Args:
        source: class of the built model, or the function that was counted.
        target: as the user wrote it; "" for an object.
        named: its file, as `named_file` returns it.
        root: of the repository.
        own: modules of the repository, as `revision.own_modules` makes them.
    """
    place = place_of(source, target, named, root)
    away = {}
    if named is not None and not is_own_code(named, root):  # as where a link leads out of the repository
        away = {target.rpartition(":")[0]: shown_file(named)}
    return CountedCode(place, place.file if place else shown_file(source), {**away, **elsewhere(root, own)})


def place_of(source: Callable[..., Any], target: str, named: Path | None, root: Path) -> Place | None:
    """Return where the model's class is written, or else what the target names; None where both are outside the tree.

    The arguments are those of `counted_code`.
    """
    file = _source_file(source)
    if is_own_code(file, root):
        return Place(file.relative_to(root).as_posix(), _source_line(source))
    location, _, attribute = target.rpartition(":")
    module = getattr(sys.modules.get(location), "__file__", None)
    file = named or (Path(module).resolve() if module else None)
    if is_own_code(file, root):
        return Place(file.relative_to(root).as_posix(), _line_of(file, attribute.partition(".")[0]))
    return None


def is_own_code(file: Path | None, tree: Path) -> TypeGuard[Path]:
    """Return True where a resolved path is part of the tree's own code, not installed in it."""
    if file is None or file.parts[: len(tree.parts)] != tree.parts:  # is_relative_to() takes 75 times as long
        return False
    return not any(part in INSTALLED for part in file.parts)


def shown_file(source: Callable[..., Any] | Path) -> str:
    """Return the file of a class or function, or a file, outside of the tree, without the folders of this machine."""
    file = source if isinstance(source, Path) else _source_file(source)
    if file is None:
        return ""
    installed = [index for index, part in enumerate(file.parts) if part in INSTALLED]
    return "/".join(file.parts[installed[-1] :] if installed else ("…", *file.parts[-3:]))


def module_names(paths: Sequence[str]) -> dict[str, str]:
    """Return the names by which a tree's files can be imported, each with its file, relative to the tree.

    A file has a name from each folder above it that is in no package itself: `python/shop/nets.py` is `shop.nets`.

    Args:
        paths: of the tree's Python files, relative to it.
    """
    packages = {path.removesuffix("/__init__.py") for path in paths if path.endswith("/__init__.py")}
    names: dict[str, str] = {}
    for path in paths:
        parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
        for first in range(len(parts)):
            if "/".join(parts[:first]) in packages:
                break
            if parts[first] not in sys.stdlib_module_names:
                names[".".join(parts[first:])] = path
    return names


def elsewhere(tree: Path, own: Mapping[str, str]) -> dict[str, str]:
    """Return the packages and modules of the tree that were imported from elsewhere, with a file that was used instead.

    Args:
        own: what the tree holds, as `revision.own_modules` makes it.
    """
    found: dict[str, str] = {}
    for name, file in _module_files():  # a file of the tree that git still lists may be gone
        package = name.partition(".")[0]
        if name not in own or package in found or not (tree / own[name]).exists():
            continue
        if not is_own_code(path := _resolved(file), tree):
            found[package] = shown_file(path)
    return found


def strays(tree: Path, other: Path) -> list[str]:
    """Return the files that were imported from `tree`, relative to it, and not from `other`, which may lie in it."""
    paths = (_resolved(file) for _, file in _module_files())
    return [
        path.relative_to(tree).as_posix() for path in paths if is_own_code(path, tree) and not is_own_code(path, other)
    ]


def modules_in(folders: Sequence[Path]) -> list[str]:
    """Return the modules that were imported from files in these folders, but for those installed there."""
    return [name for name, file in _module_files() if any(is_own_code(_resolved(file), folder) for folder in folders)]


def _module_files() -> list[tuple[str, str]]:
    """Return the name and file of every module that was imported from one; the "_ops.py" of torch.ops is none."""
    named = [(name, getattr(module, "__file__", None)) for name, module in list(sys.modules.items())]
    return [(name, file) for name, file in named if isinstance(file, str) and os.path.isabs(file)]  # noqa: PTH117  # fast


@cache  # torch has two thousand modules, and their files are asked for with each target
def _resolved(file: str) -> Path:
    return Path(file).resolve()


def _source_file(source: Callable[..., Any]) -> Path | None:
    try:
        file = inspect.getsourcefile(source)
    except (OSError, TypeError):
        return None
    return None if file is None else Path(file).resolve()


@cache
def _source_line(source: Callable[..., Any]) -> int:
    try:
        return max(1, inspect.getsourcelines(source)[1])
    except (OSError, TypeError):  # made at run time, or the file is gone
        return 1


def _line_of(file: Path, name: str) -> int:
    """Return the line on which the file defines the name; 1 where it does not."""
    try:
        statements = ast.parse(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return 1
    return next((statement.lineno for statement in statements if getattr(statement, "name", None) == name), 1)
