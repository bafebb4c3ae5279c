"""Writes the outcome of `netcost baseline update`, for a terminal or a log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netcost.checking.regression import CheckReport
from netcost.text.formats import terminal
from netcost.text.tables import Table, printable, selected

UPDATED = ("metric", "old", "new", "delta", "share")
"""Columns of a new baseline's changes: it has no rules."""


def render(report: CheckReport, dropped: Sequence[str], remarks: Sequence[str]) -> str:
    """Write a summary of the new baseline, and a table per target with other figures than before."""
    known = [result for result in report.results if result.old is not None]
    changed = [result for result in known if result.work_changed]
    total = len(report.results)
    counts = (
        f"{total} {'target' if total == 1 else 'targets'} recorded, {total - len(known)} new, "
        f"{len(changed)} changed, {len(dropped)} dropped"
    )
    names = [f"dropped: {', '.join(dropped)}"] if dropped else []
    summary = Table((), (), f"{report.baseline}: {counts}", tuple(map(printable, [*remarks, *names])))
    tables = [
        replace(selected(report.figures_table(result), UPDATED), title=result.name, notes=result.notes)
        for result in changed
    ]
    return "\n".join(map(terminal.render, [summary, *tables]))
