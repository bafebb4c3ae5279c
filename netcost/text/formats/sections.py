"""Sections of a report as text for people: headings and paragraphs around tables, or tables alone."""

from __future__ import annotations

from collections.abc import Sequence

from netcost.text.formats import latex, markdown, terminal
from netcost.text.tables import Section

WIDTH = 80
"""Characters in a line of a report where no terminal says otherwise; tables alone are as wide as they need to be."""


def as_markdown(sections: Sequence[Section]) -> str:
    """Write headings, paragraphs and pipe tables."""
    parts = [part for section in sections for part in (*words(section), *map(markdown.render, section.tables))]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def words(section: Section) -> list[str]:
    """Write the heading, if there is one, and the paragraphs in Markdown."""
    title = [f"{'#' * section.level} {markdown.escaped(section.title)}"] if section.title else []
    return [*title, *map(markdown.escaped, section.paragraphs)]


def as_terminal(sections: Sequence[Section], *, width: int | None = None, color: bool = False) -> str:
    """Write sections for a terminal, words folded to its width."""
    parts: list[str] = []
    for section in sections:
        lines = [(section.title, "bold")] if section.title else []
        lines += [(paragraph, "") for paragraph in section.paragraphs]
        line_width = WIDTH if lines and width is None else width
        parts += [terminal.words(text, style, width=line_width, color=color) for text, style in lines]
        parts += [terminal.render(table, width=line_width, color=color) for table in section.tables]
    return "\n".join(parts)


def as_latex(sections: Sequence[Section]) -> str:
    """Write sections for a paper: a `table` float per table."""
    parts: list[str] = []
    for section in sections:
        parts += [latex.heading(section.title, section.level)] if section.title else []
        parts += [f"{latex.escaped(paragraph)}\n" for paragraph in section.paragraphs]
        parts += map(latex.render, section.tables)
    return "\n".join(parts)
