"""Describes a target in plain lines, for annotations and test reports."""

from __future__ import annotations

from netcost.checking.limits import FIGURES
from netcost.checking.regression import Change, CheckReport, TargetResult, modules_table
from netcost.text import units
from netcost.text.tables import printable

LARGEST_MODULES = 3
"""Modules that are named; a table has more."""


def lines(report: CheckReport, result: TargetResult) -> list[str]:
    """Return the figures that changed, the modules that changed most, and the notes and remedies."""
    figures = [_figure(change) for change in result.changes if change.fails or change.old != change.new]
    counted = [f"{result.verdict}; counted in {printable(result.file)}"] if result.file else [str(result.verdict)]
    return [*figures, *_modules(result), *map(printable, report.words(result)), *counted]


def _figure(change: Change) -> str:
    """Return `Params: 7,850 → 7,851 (+1, +0.0127 %); no increase: FAILS`."""
    then, now = units.text(change.old, "exact"), units.text(change.new, "exact")
    delta, share = units.text(change.delta, "signed"), units.text(change.share, "signed_percent")
    verdict = f"{change.rule}: {change.verdict}" if change.rule else str(change.verdict)
    return f"{FIGURES[change.figure].heading}: {then} → {now} ({delta}, {share}); {printable(verdict)}"


def _modules(result: TargetResult) -> list[str]:
    """Return lines like `changed conv2 (Conv2d): Params +1,152, Mult-adds +294,912`."""
    table = modules_table(result)
    headings = [column.heading for column in table.columns[3:]]
    named = []
    for row in range(min(LARGEST_MODULES, len(table.rows))):
        module, kind, status, *deltas = (table.text(row, index) for index in range(len(table.columns)))
        figures = ", ".join(f"{heading} {delta}" for heading, delta in zip(headings, deltas, strict=True))
        named.append(f"{status} {module} ({kind}): {figures}")
    more = len(result.modules) - len(named)
    return [*named, *([f"and {more} more modules"] if more else [])]
