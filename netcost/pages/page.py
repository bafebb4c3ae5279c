"""A page: what a reader who was not there is shown of a result, as headings, words, charts and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from netcost._version import __version__
from netcost.charts import Figure
from netcost.tables import Table


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page.

    Args:
        heading: of the part.
        words: a paragraph each.
        figures: charts.
        tables: in the order in which they are read.
        folded: whether the tables are shown only when asked for.
    """

    heading: str
    words: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page.

    Args:
        title: what it is about.
        lead: what it says, in a sentence or two.
        sections: its parts.
        made_by: the command that makes it again.
        made_with: versions and environment, a fact each.
    """

    title: str
    lead: str
    sections: tuple[Section, ...]
    made_by: str = ""
    made_with: tuple[str, ...] = ()


def tables_page(tables: Sequence[Table], title: str = "netcost") -> Page:
    """A page of tables alone: each under its title, with its notes."""
    sections = tuple(Section(table.title or title, tables=(replace(table, title=""),)) for table in tables)
    return Page(title, "", sections, made_with=(f"netcost {__version__}",))
