"""Sections of a report as text for people: headings and paragraphs around tables."""

from __future__ import annotations

from collections.abc import Sequence

from netcost.text.formats import markdown, terminal
from netcost.text.tables import Section

WIDTH = 80
"""Characters in a line of words where no terminal says otherwise."""


def as_markdown(sections: Sequence[Section]) -> str:
    """Headings, paragraphs and pipe tables."""
    parts = [part for section in sections for part in _markdown(section)]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def as_terminal(sections: Sequence[Section], *, width: int = WIDTH, color: bool = False) -> str:
    """The same for a terminal, words folded to its width."""
    parts = [part for section in sections for part in _terminal(section, width, color)]
    return "\n".join(parts)


def _markdown(section: Section) -> list[str]:
    return [*words(section), *map(markdown.render, section.tables)]


def words(section: Section) -> list[str]:
    """Heading and paragraphs."""
    return [f"{'#' * section.level} {markdown.escaped(section.title)}", *map(markdown.escaped, section.paragraphs)]


def _terminal(section: Section, width: int, color: bool) -> list[str]:
    lines = [(section.title, "bold"), *((paragraph, "") for paragraph in section.paragraphs)]
    words = [terminal.words(text, style, width=width, color=color) for text, style in lines]
    return [*words, *(terminal.render(table, width=width, color=color) for table in section.tables)]
