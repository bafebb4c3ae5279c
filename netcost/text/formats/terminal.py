"""Tables for a terminal: numbers flush right, and never a digit cut off.

Without a width the table is as wide as it needs to be: for files and pipes. In a terminal that is too narrow,
words are folded first; what still does not fit beside the first column goes into further tables below.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from netcost.text.tables import Alarm, Table, printable
from netcost.text.units import AtLeast

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

GAP = 2
"""Blank characters between two columns."""
NARROWEST = 8
"""Words are never folded to fewer characters."""

_ENDLESS = 1_000_000
_TAIL = re.compile(r"(?: |\x1b\[[0-9;]*m)+$", re.MULTILINE)


class ColumnWidth(NamedTuple):
    """A column of the table, and its width in characters with its words folded (`least`) and unfolded (`natural`)."""

    column: int
    least: int
    natural: int


def render(table: Table, *, width: int | None = None, color: bool = False) -> str:
    """Write title, table and notes, in lines of at most `width` characters where the numbers allow it.

    Args:
        width: characters in a line; None never folds and never splits.
        color: use bold, dim, yellow and red.
    """
    title = (
        words(table.title, "bold red" if isinstance(table.title, Alarm) else "bold", width=width, color=color)
        if table.title
        else ""
    )
    # The columns have their widths, so the line needs none: it would cut a number that is wider.
    grids = [
        _printed(_grid(table, group), None, color) for group in groups(_column_widths(table, width), width, table.keys)
    ]
    notes = "".join(
        words(note, "red" if isinstance(note, Alarm) else "dim", width=width, color=color) for note in table.notes
    )
    return "\n".join(part for part in (title, *grids, notes) if part)


def words(text: str, style: str = "", *, width: int | None = None, color: bool = False) -> str:
    """Write a paragraph in a style of rich's ("bold"), in lines of at most `width` characters."""
    return _printed(_words(text, style), width, color)


def groups(spans: Sequence[ColumnWidth], width: int | None, keys: int = 1) -> list[list[tuple[int, int]]]:
    """Group the columns that stand side by side, as (column, characters); the first `keys` are in each group."""
    if not spans:  # title and notes alone
        return []
    if width is None:
        return [[(span.column, span.natural) for span in spans]]
    first, others = list(spans[:keys]), spans[keys:]
    members = [first[:]]
    for span in others:
        if len(members[-1]) > keys and _extent([*members[-1], span]) > width:
            members.append(first[:])
        members[-1].append(span)
    return [_widened(group, width) for group in members]


def _extent(group: Sequence[ColumnWidth]) -> int:
    """Add up the least characters that the columns take side by side."""
    return sum(span.least for span in group) + GAP * (len(group) - 1)


def _widened(group: Sequence[ColumnWidth], width: int) -> list[tuple[int, int]]:
    """Share out the rest of the line, first to the columns that lack least, so that most of them fold nothing."""
    left = max(0, width - _extent(group))
    widths = {span.column: span.least for span in group}
    for span in sorted(group, key=lambda span: span.natural - span.least):
        grown = min(span.natural, span.least + left)
        left -= grown - span.least
        widths[span.column] = grown
    return list(widths.items())


def _column_widths(table: Table, width: int | None) -> list[ColumnWidth]:
    """Measure each column: numbers keep their width, words and headings fold to a third of the line."""
    from rich.cells import cell_len

    folded = max(NARROWEST, (width or 0) // 3)
    spans = []
    for index, column in enumerate(table.columns):
        heading = printable(column.heading)
        cells = max((cell_len(table.text(row, index)) for row in range(len(table.rows))), default=0)
        natural = max(cells, cell_len(heading))
        longest_word = max(map(cell_len, heading.split()), default=0)
        least = max(cells, min(longest_word, folded)) if column.is_number else min(natural, folded)
        spans.append(ColumnWidth(index, least, natural))
    return spans


def _grid(table: Table, group: Sequence[tuple[int, int]]) -> RenderableType:
    """Make a table of rich's from a group of columns; missing and incomplete values stand out."""
    from rich import box
    from rich.table import Table as Grid

    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for index, width in group:
        heading = _words(table.columns[index].heading, "bold")
        grid.add_column(heading, justify="right" if table.columns[index].is_number else "left", width=width)
    for row in range(len(table.rows)):
        grid.add_row(*(_words(table.text(row, index), _style(table.rows[row][index])) for index, _ in group))
    return grid


def _style(cell: object) -> str:
    if isinstance(cell, Alarm):
        return "bold red"
    return "dim" if cell is None else "yellow" if isinstance(cell, AtLeast) else ""


def _words(text: str, style: str) -> Text:
    """Protect words from rich, which would read `[red]` in a plain string as its own."""
    from rich.text import Text

    return Text(printable(text), style=style, overflow="fold")


def _printed(part: RenderableType, width: int | None, color: bool) -> str:
    """Print with rich, independently of the terminal and without blanks at line ends."""
    from rich.console import Console

    lines = io.StringIO()
    # Every setting that rich would otherwise take from the environment: the same table is the same text everywhere.
    console = Console(
        file=lines,
        width=_ENDLESS if width is None else max(width, NARROWEST),
        height=_ENDLESS,
        color_system="standard" if color else None,
        force_terminal=color,
        no_color=not color,
        force_jupyter=False,
        force_interactive=False,
        legacy_windows=False,
    )
    console.print(part)
    return _TAIL.sub(lambda tail: tail.group().replace(" ", ""), lines.getvalue())
