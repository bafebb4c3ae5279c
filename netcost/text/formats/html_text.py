"""Sections as plain HTML for a notebook: headings, paragraphs, tables and notes, without style or script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from netcost.text.tables import Section, Table, printable


def render(sections: Sequence[Section]) -> str:
    """Write the sections; a heading of level 1 or 2 becomes an h3, as a notebook has larger ones of its own."""
    return "\n".join(line for section in sections for line in _section(section)) + "\n"


def _section(section: Section) -> Iterator[str]:
    if section.title:
        yield f"<h{max(3, section.level)}>{_text(section.title)}</h{max(3, section.level)}>"
    yield from (f"<p>{_text(paragraph)}</p>" for paragraph in section.paragraphs)
    for table in section.tables:
        yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    """Write the title as caption, numbers flush right, and the notes below."""
    aligned = [f' style="text-align: {"right" if column.is_number else "left"}"' for column in table.columns]
    yield "<table>"
    if table.title:
        yield f"<caption>{_text(table.title)}</caption>"
    yield _row("th", aligned, [column.heading for column in table.columns])
    for row in range(len(table.rows)):
        yield _row("td", aligned, [table.text(row, column) for column in range(len(table.columns))])
    yield "</table>"
    yield from (f"<p><small>{_text(note)}</small></p>" for note in table.notes)


def _row(tag: str, aligned: Sequence[str], cells: Sequence[str]) -> str:
    written = (f"<{tag}{style}>{_text(cell)}</{tag}>" for style, cell in zip(aligned, cells, strict=True))
    return f"<tr>{''.join(written)}</tr>"


def _text(text: str) -> str:
    """Write `text` so that it reads literally; leading blanks indent."""
    written = printable(text)
    indent = len(written) - len(written.lstrip(" "))
    return "&nbsp;" * indent + escape(written[indent:])
