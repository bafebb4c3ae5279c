"""A page: a result for readers, as headings, words, charts and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

from netcost.reports.charts import Figure
from netcost.text import tables, units
from netcost.text.formats import Tabled
from netcost.text.version import __version__
from netcost.timing.environment import Environment


@dataclass(frozen=True, slots=True)
class PageSection(tables.Section):
    """A part of a report, with the parts that only a page has.

    Args:
        figures: charts; they come before the words and tables.
        folded: True where a reader has to open it, with all parts of a lower level that follow it.
    """

    figures: tuple[Figure, ...] = ()
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page.

    Args:
        title: its subject.
        lead: the result, in a sentence or two.
        sections: its parts.
        made_by: the command that makes it again.
        made_with: versions and environment, one fact per item.
        has_contents: True where it begins with a list of its parts.
        has_search: True where a reader can search it.
    """

    title: str
    lead: str
    sections: tuple[PageSection, ...]
    made_by: str = ""
    made_with: tuple[str, ...] = ()
    has_contents: bool = False
    has_search: bool = False

    @property
    def figures(self) -> list[Figure]:
        """The charts of all sections."""
        return [figure for section in self.sections for figure in section.figures]


def illustrated(section: tables.Section, figures: Sequence[Figure] = ()) -> PageSection:
    """Return a part of a text report with charts."""
    return PageSection(section.title, section.paragraphs, section.tables, section.level, tuple(figures))


def timed_on(environment: Environment) -> tuple[str, ...]:
    """Return the facts about the machine of a measurement that a page names."""
    where = environment.gpu.name if environment.gpu else environment.cpu or environment.machine
    return f"torch {environment.torch}", where, f"threads: {units.exact(environment.threads)}"


@singledispatch
def page_of(result: Any) -> Page:
    """Return the page of a result of any type: its own, or its tables alone."""
    return tables_page(result)


def tables_page(result: Tabled) -> Page:
    """Return a page of tables alone: each under its title, with its notes."""
    sections = tuple(
        PageSection(table.title or "netcost", tables=(replace(table, title=""),)) for table in result.tables()
    )
    return Page("netcost", "", sections, made_with=(f"netcost {__version__}",))
