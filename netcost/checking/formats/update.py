"""What an update of the baseline came to, for people in a terminal or a log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netcost.checking.regression import CheckReport
from netcost.text.formats import terminal
from netcost.text.tables import Table, printable, selected

UPDATED = ("metric", "old", "new", "delta", "share")
"""The columns of what a new baseline changes: rules do not matter to it."""


def render(report: CheckReport, dropped: Sequence[str], remarks: Sequence[str]) -> str:
    """What a new baseline changes: the file, and each target with other figures than before."""
    known = [result for result in report.results if result.old is not None]
    changed = sum(result.work_changed for result in known)
    parts = [
        f"{len(report.results)} {'target' if len(report.results) == 1 else 'targets'} recorded",
        f"{len(report.results) - len(known)} new",
        f"{changed} changed",
        f"{len(dropped)} dropped",
    ]
    named = [f"dropped: {', '.join(dropped)}"] if dropped else []
    heading = Table((), (), f"{report.baseline}: {', '.join(parts)}", tuple(map(printable, [*remarks, *named])))
    tables = [
        replace(selected(report.figures_table(result), UPDATED), title=result.name, notes=result.notes)
        for result in known
        if result.work_changed
    ]
    return "\n".join(terminal.render(table) for table in [heading, *tables])
