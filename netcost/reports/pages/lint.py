"""The page of findings: an overview, and each finding with its place, its reason and the change."""

from __future__ import annotations

from netcost.linting.finding import Network
from netcost.linting.report import LintReport, Row, place_text
from netcost.linting.running import all_findings
from netcost.reports.pages.page import Page, PageSection, page_of
from netcost.text.tables import Column, Table, table_of
from netcost.timing.environment import versions

OVERVIEW = (
    Column("code", "NC code", of=lambda row: row.first.code),
    Column("title", "Finding"),
    Column("saves", "Saves"),
    Column("module", "Module", of=lambda row: row.first.module or "(the network)"),
    Column("place", "Line of code", of=lambda row: place_text(row.line) or None),
)


@page_of.register
def _(report: LintReport) -> Page:
    lead, *others = report.headlines
    sections = [PageSection("Findings", (*others, *report.notes()), tables=_overview(report))]
    sections += [_part(row) for row in report.rows]
    return Page(report.model, lead, tuple(sections), made_with=versions())


def findings_section(network: Network, name: str) -> PageSection:
    """Return what `netcost lint` finds in a network that is shown, by module."""
    report = LintReport(name, network, tuple(all_findings(network)))
    words = f"`netcost lint {name}` names the lines of code, and says what to do instead."
    return PageSection("What to change", (words, *report.notes()), tables=_overview(report))


def _overview(report: LintReport) -> tuple[Table, ...]:
    return (table_of(OVERVIEW, report.rows),) if report.rows else ()


def _part(row: Row) -> PageSection:
    place = f" at {place_text(row.line)}" if row.line is not None else ""
    return PageSection(f"{row.first.code} {row.title}{place}", row.sentences, level=3)
