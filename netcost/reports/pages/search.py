"""The page of a search: the front over two objectives, all candidates in parallel coordinates, and the tables."""

from __future__ import annotations

from dataclasses import replace

from netcost.reports.charts import search as charts
from netcost.reports.pages.page import Page, PageSection, page_of, timed_on
from netcost.search import SearchResult
from netcost.text import units
from netcost.text.tables import Table
from netcost.text.version import __version__

MOST_ROWS = 1000
"""Candidates of the last table: more would make a page that no browser likes."""


@page_of.register
def search_page(result: SearchResult, made_by: str = "") -> Page:
    """Return the front, parallel coordinates, and a table of the candidates."""
    [table] = result.tables()
    drawn = charts.front(result), charts.coordinates(result)
    figures = [(figure,) if figure else () for figure in drawn]
    name = "The Pareto front" if result.objectives else "The candidates"
    sections = (
        PageSection(name, tables=(replace(table, title="", notes=()),), paragraphs=table.notes, figures=figures[0]),
        PageSection("Values and figures", figures=figures[1]),
        PageSection("Every candidate", tables=(_cut(result.records()),), folded=True),
    )
    run = None if result.measured is None else result.measured.runs[0].environment
    facts = (f"netcost {__version__}", *(() if run is None else timed_on(run)))
    return Page(result.title, _lead(result), tuple(sections), made_by, facts)


def _lead(result: SearchResult) -> str:
    best = result.best
    assert best is not None, "a result has a candidate within the budgets"
    named = [result.column(name) for name in result.shown_names()]
    cells = [(column.heading, column.value(best), column.unit) for column in named]
    told = ", ".join(f"{heading} {units.text(value, unit)}" for heading, value, unit in cells)
    of = f"{units.exact(len(result.within))} of {units.exact(len(result.counted))} candidates"
    front = f"; {units.exact(len(result.front))} are on the Pareto front" if result.objectives else ""
    budgets = " are within the budgets" if result.budgets else ""
    return f"{of}{budgets}{front}. The first is {best.candidate.label}: {told}."


def _cut(table: Table) -> Table:
    if len(table.rows) <= MOST_ROWS:
        return table
    note = f"The first {units.exact(MOST_ROWS)} of {units.exact(len(table.rows))}; --format csv has all."
    return replace(table, rows=table.rows[:MOST_ROWS], notes=(*table.notes, note))
