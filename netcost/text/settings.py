"""The project's settings: `[tool.netcost]` of pyproject.toml, or a file of its own like netcost.toml."""

from __future__ import annotations

from pathlib import Path

from netcost.text.documents import TOML, Source, shown
from netcost.text.errors import RequestError
from netcost.text.reading import Node

PROJECT_FILE = "pyproject.toml"
LARGEST_FILE = 4 * 2**20
"""Largest settings file (bytes): reading TOML takes seconds per megabyte."""


def settings(path: str | None = None) -> tuple[Path, Node] | None:
    """Return the file at `path`, or else the nearest pyproject.toml that has settings, and them; None without one.

    Raises:
        RequestError: the file is missing, is not TOML or has no settings.
    """
    if path is not None:
        file = Path(path).absolute()
        node = _settings(file)
        if node is None:
            raise RequestError(f"{shown(file)}: has no [tool.netcost]; expected the settings there")
        return file, node
    here = Path.cwd()
    for folder in (here, *here.parents):
        file = folder / PROJECT_FILE
        node = _settings(file) if file.is_file() else None
        if node is not None:
            return file, node
        if (folder / ".git").exists():
            break
    return None


def _settings(file: Path) -> Node | None:
    """Return netcost's settings in the file; None for a pyproject.toml without them."""
    document = Node.of_file(file, Source(shown(file), format=TOML), LARGEST_FILE)
    if file.name != PROJECT_FILE:
        return document
    table = document.get("tool", {}).get("netcost")
    return None if table.value is None else table
