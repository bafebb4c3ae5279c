"""Writes findings as GitHub's workflow commands: an annotation at the line of each."""

from __future__ import annotations

from netcost.linting.report import LintReport
from netcost.text.formats.workflow import command
from netcost.text.tables import printable


def render(report: LintReport) -> str:
    """Write an annotation per row, and one for the network."""
    written = []
    for row in report.rows:
        place = row.own_place
        where = {} if place is None else {"file": place[0], "line": str(place[1])}
        title = printable(f"netcost: {row.first.code} {row.title}")
        written.append(command("warning", {**where, "title": title}, [*map(printable, row.sentences)]))
    whole = [*map(printable, (*report.headlines, *report.notes()))]
    return "".join([*written, command("notice", {"title": "netcost lint"}, whole)])
