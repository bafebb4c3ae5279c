"""Sections of a report as text for people: headings and paragraphs around tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from netcost.formats import markdown, terminal
from netcost.tables import Section

if TYPE_CHECKING:  # pages bring charts and claims, which a report in a terminal does without
    from netcost import pages
    from netcost.charts import Figure

WIDTH = 80
"""Characters in a line of words where no terminal says otherwise."""


def as_markdown(sections: Sequence[Section]) -> str:
    """Headings, paragraphs and pipe tables."""
    parts = [part for section in sections for part in _markdown(section)]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def page_as_markdown(page: pages.Page, pictures: Mapping[str, str]) -> str:
    """A page as far as Markdown can show it; tables that it folds away are left to the formats for programs.

    Args:
        pictures: the path of each chart's still picture, by the chart's name.
    """
    parts = [part for section in page.sections if not section.folded for part in _with_pictures(section, pictures)]
    lead = [markdown.escaped(page.lead)] if page.lead else []
    everything = [f"# {markdown.escaped(page.title)}", *lead, *parts, made(page)]
    return "\n\n".join(part.rstrip("\n") for part in everything) + "\n"


def made(page: pages.Page) -> str:
    """What made a page, in a sentence of Markdown."""
    made_by = [f"Made by {markdown.code(page.made_by)}"] if page.made_by else []
    return " with ".join([*made_by, markdown.escaped(", ".join(page.made_with))]) + "."


def picture(figure: Figure, path: str) -> str:
    """A chart's still picture in Markdown, its description for those who cannot see it."""
    return f"![{markdown.escaped(figure.description)}]({markdown.link(path)})"


def _with_pictures(section: pages.Section, pictures: Mapping[str, str]) -> Iterable[str]:
    """A part of a page, its pictures before its tables, as the page has them."""
    yield from _words(section)
    yield from (picture(each, pictures[each.name]) for each in section.figures)
    yield from map(markdown.render, section.tables)


def as_terminal(sections: Sequence[Section], *, width: int = WIDTH, color: bool = False) -> str:
    """The same for a terminal, words folded to its width."""
    parts = [part for section in sections for part in _terminal(section, width, color)]
    return "\n".join(parts)


def _markdown(section: Section) -> list[str]:
    return [*_words(section), *map(markdown.render, section.tables)]


def _words(section: Section) -> list[str]:
    """Heading and paragraphs."""
    return [f"{'#' * section.level} {markdown.escaped(section.title)}", *map(markdown.escaped, section.paragraphs)]


def _terminal(section: Section, width: int, color: bool) -> list[str]:
    lines = [(section.title, "bold"), *((paragraph, "") for paragraph in section.paragraphs)]
    words = [terminal.words(text, style, width=width, color=color) for text, style in lines]
    return [*words, *(terminal.render(table, width=width, color=color) for table in section.tables)]
