"""Writes findings as SARIF, for code scanning: a result per rule and line."""

from __future__ import annotations

from netcost.linting.report import LintReport
from netcost.text.formats import sarif
from netcost.text.tables import printable


def render(report: LintReport) -> str:
    """Write one run, whose rules are those that found something."""
    rules = {row.first.code: row.title for row in report.rows}
    results = [
        sarif.result(
            row.first.code,
            "warning",
            "\n".join(map(printable, row.sentences)),
            row.own_place,
            properties={"modules": [finding.module for finding in row.findings], "share": row.share},
        )
        for row in report.rows
    ]
    return sarif.document(rules, results, [*report.headlines, *report.notes()])
