"""A target in plain lines: what annotations and test reports say of it."""

from __future__ import annotations

from netcost.checking.limits import FIGURES
from netcost.checking.regression import Change, CheckReport, TargetResult, modules_table
from netcost.text import units
from netcost.text.tables import printable

LARGEST_MODULES = 3
"""Modules that are named; a table has more."""


def lines(report: CheckReport, result: TargetResult) -> list[str]:
    """The figures that changed, the modules that did most of it, and what to do."""
    figures = [_figure(change) for change in result.changes if change.fails or change.old != change.new]
    return [*figures, *_modules(result), *map(printable, report.words(result))]


def _figure(change: Change) -> str:
    """`Params: 7,850 → 7,851 (+1, +0.0127 %); not one more: FAILS`."""
    then, now = (units.text(value, "exact") for value in (change.old, change.new))
    delta, share = units.text(change.delta, "signed"), units.text(change.share, "signed_percent")
    verdict = f"{change.rule}: {change.verdict}" if change.rule else str(change.verdict)
    return f"{FIGURES[change.figure].heading}: {then} → {now} ({delta}, {share}); {printable(verdict)}"


def _modules(result: TargetResult) -> list[str]:
    """`changed conv2 (Conv2d): Params +1,152, Mult-adds +294,912`."""
    table = modules_table(result)
    found = []
    for row in range(min(LARGEST_MODULES, len(table.rows))):
        module, kind, status, *deltas = (table.text(row, index) for index in range(len(table.columns)))
        changed = [f"{column.heading} {delta}" for column, delta in zip(table.columns[3:], deltas, strict=True)]
        found.append(f"{status} {module} ({kind}): {', '.join(changed)}")
    more = len(result.modules) - len(found)
    return [*found, *([f"and {more} more modules"] if more else [])]
