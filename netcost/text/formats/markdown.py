"""A table as GitHub's Markdown: for pull requests and reports."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from urllib.parse import quote

from netcost.text.tables import Column, Table, printable

_SPECIAL = re.compile(r"[\\`*<>|~&\[\]]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
"""What Markdown or HTML would read as its own; an underscore within a word is not."""


def render(table: Table) -> str:
    """Title in bold, a pipe table with its numbers flush right, notes as a list."""
    title = [f"**{escaped(table.title)}**"] if table.title else []
    notes = ["\n".join(f"- {escaped(note)}" for note in table.notes)] if table.notes else []
    return "\n\n".join([*title, *_grid(table), *notes]) + "\n"


def _grid(table: Table) -> list[str]:
    """The pipe table; none where there are no columns, and the title and notes are all there is to say."""
    lines = [
        _row(escaped(column.heading) for column in table.columns),
        _row(map(_rule, table.columns)),
        *(_row(_cells(table, index)) for index in range(len(table.rows))),
    ]
    return ["\n".join(lines)] if table.columns else []


def _row(cells: Iterable[str]) -> str:
    """One line of a pipe table."""
    return f"| {' | '.join(cells)} |"


def _rule(column: Column) -> str:
    """What stands under a heading and says on which side its cells are flush."""
    return "---:" if column.is_number else "---"


def _cells(table: Table, row: int) -> Iterable[str]:
    return (escaped(table.text(row, column)) for column in range(len(table.columns)))


def link(path: str) -> str:
    """`path`, relative to the document, as a link's target: quoted, so that no name ends it."""
    return quote(os.fsencode(path))


def code(text: str) -> str:
    """`text` on one line as code, within more backticks than it holds in a row."""
    shown = printable(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    padding = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{padding}{shown}{padding}{fence}"


def escaped(text: str) -> str:
    """`text` on one line, so that it reads literally."""
    return _SPECIAL.sub(r"\\\g<0>", printable(text))
