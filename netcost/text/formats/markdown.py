"""Tables as GitHub's Markdown: for pull requests and reports."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from urllib.parse import quote

from netcost.text.tables import Table, printable

_SPECIAL = re.compile(r"[\\`*<>|~&\[\]]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
"""Signs that Markdown or HTML would read as its own; an underscore within a word is none."""


def render(table: Table) -> str:
    """Write the title in bold, a pipe table with its numbers flush right (if it has columns), and notes as a list."""
    indices = range(len(table.columns))
    title = f"**{escaped(table.title)}**" if table.title else ""
    grid = [
        _line(escaped(column.heading) for column in table.columns),
        _line("---:" if column.is_number else "---" for column in table.columns),
        *(_line(escaped(table.text(row, index)) for index in indices) for row in range(len(table.rows))),
    ]
    notes = "\n".join(f"- {escaped(note)}" for note in table.notes)
    parts = [title, "\n".join(grid) if table.columns else "", notes]
    return "\n\n".join(part for part in parts if part) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def link(path: str) -> str:
    """Quote a path, relative to the document, as a link's target, so that no name ends it."""
    return quote(os.fsencode(path))


def code(text: str) -> str:
    """Write `text` on one line as code, between more backticks than it holds in a row."""
    shown = printable(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    padding = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{padding}{shown}{padding}{fence}"


def escaped(text: str) -> str:
    """Write `text` on one line, so that it reads literally."""
    return _SPECIAL.sub(r"\\\g<0>", printable(text))
