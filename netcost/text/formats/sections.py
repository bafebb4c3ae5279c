"""Sections of a report as text for people: headings and paragraphs around tables, or tables alone."""

from __future__ import annotations

from collections.abc import Sequence

from netcost.text.formats import latex, markdown, terminal
from netcost.text.tables import Section

WIDTH = 80
"""Characters in a line of a report where no terminal says otherwise; tables alone are as wide as they need to be."""


def as_markdown(sections: Sequence[Section]) -> str:
    """Headings, paragraphs and pipe tables."""
    parts = [part for section in sections for part in _markdown(section)]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def as_terminal(sections: Sequence[Section], *, width: int | None = None, color: bool = False) -> str:
    """The same for a terminal, words folded to its width."""
    parts = [part for section in sections for part in _terminal(section, width, color)]
    return "\n".join(parts)


def as_latex(sections: Sequence[Section]) -> str:
    """The same for a paper: a `table` float per table."""
    return "\n".join(part for section in sections for part in _latex(section))


def _markdown(section: Section) -> list[str]:
    return [*words(section), *map(markdown.render, section.tables)]


def words(section: Section) -> list[str]:
    """Heading, if there is one, and paragraphs."""
    title = [f"{'#' * section.level} {markdown.escaped(section.title)}"] if section.title else []
    return [*title, *map(markdown.escaped, section.paragraphs)]


def _terminal(section: Section, width: int | None, color: bool) -> list[str]:
    lines = [(section.title, "bold")] if section.title else []
    lines += [(paragraph, "") for paragraph in section.paragraphs]
    width = WIDTH if lines and width is None else width
    words = [terminal.words(text, style, width=width, color=color) for text, style in lines]
    return [*words, *(terminal.render(table, width=width, color=color) for table in section.tables)]


def _latex(section: Section) -> list[str]:
    title = [latex.heading(section.title, section.level)] if section.title else []
    paragraphs = [f"{latex.escaped(paragraph)}\n" for paragraph in section.paragraphs]
    return [*title, *paragraphs, *map(latex.render, section.tables)]
