"""A page as Markdown, with still pictures of its charts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netcost.reports import pages
from netcost.reports.charts import Figure
from netcost.text.formats import markdown
from netcost.text.formats.sections import words


def page_as_markdown(page: pages.Page, pictures: Mapping[str, str]) -> str:
    """Return a page as Markdown, without its folded tables, which the formats for programs have.

    Args:
        pictures: the path of each chart's still picture, by the chart's name.
    """
    shown = [section for section in page.sections if section.figures or not section.folded]
    parts = [part for section in shown for part in _with_pictures(section, pictures)]
    lead = [markdown.escaped(page.lead)] if page.lead else []
    everything = [f"# {markdown.escaped(page.title)}", *lead, *parts, made(page)]
    return "\n\n".join(part.rstrip("\n") for part in everything) + "\n"


def made(page: pages.Page) -> str:
    """Return the command and the versions that made a page, in a sentence of Markdown."""
    made_by = [f"Made by {markdown.code(page.made_by)}"] if page.made_by else []
    return " with ".join([*made_by, markdown.escaped(", ".join(page.made_with))]) + "."


def picture(figure: Figure, path: str) -> str:
    """Return a chart's still picture in Markdown, with its description for readers who cannot see it."""
    return f"![{markdown.escaped(figure.description)}]({markdown.link(path)})"


def _with_pictures(section: pages.PageSection, pictures: Mapping[str, str]) -> Iterable[str]:
    """Yield a part of a page, its pictures before its tables."""
    yield from words(section)
    yield from (picture(figure, pictures[figure.name]) for figure in section.figures)
    if not section.folded:
        yield from map(markdown.render, section.tables)
