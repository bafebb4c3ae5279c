"""All targets that were compared, as tables for people and as plain values for programs."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from operator import methodcaller
from typing import Any

from netcost.checking.limits import FIGURES
from netcost.checking.regression.changes import Change, CheckVerdict
from netcost.checking.regression.latency import LatencyResult
from netcost.checking.regression.modules import ModuleChange
from netcost.checking.regression.results import TargetResult
from netcost.checking.snapshot import Snapshot
from netcost.counting.breakdown import ADDITIVE, NEED_A_RULE, WHOLE
from netcost.text.explanations import more_about
from netcost.text.tables import METRICS, Column, Table, from_records, table_of
from netcost.text.units import AtLeast
from netcost.text.version import __version__

SCHEMA = 1

MODULES_SHOWN = 20
"""Modules that people are shown; JSON has them all."""
READ_FIRST = ("params", "mult_adds", "memory_access", "memory_access_fused", "kernels")
"""The figures of a module that people are shown, where one of them changed."""
UPDATE = ("netcost", "baseline", "update")


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check came to.

    Args:
        results: one a target.
        against: what they were compared with, in words; empty for budgets alone.
        baseline: the baseline's file as messages name it; empty where none is compared with.
        settings: the file that says what is guarded.
        updating: the command that records what is: it takes names of targets.
        takes_names: whether it does.
        stale: names in the baseline that are no targets any more.
        remarks: what holds for all of them.
        exact: whether any difference fails.
    """

    results: tuple[TargetResult, ...]
    against: str = ""
    baseline: str = ""
    settings: str = ""
    updating: tuple[str, ...] = UPDATE
    takes_names: bool = True
    stale: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    exact: bool = False

    @property
    def fails(self) -> bool:
        """Whether any rule is broken."""
        return any(result.fails for result in self.results) or (self.exact and bool(self.stale))

    @property
    def unknown_ops(self) -> dict[str, int]:
        """Operators that no rule counts, of all targets."""
        found: dict[str, int] = {}
        for result in self.results:
            for name, times in result.new.unknown_ops.items():
                found[name] = found.get(name, 0) + times
        return found

    @property
    def notable(self) -> tuple[TargetResult, ...]:
        """The results that there is something to say about, those that fail first."""
        found = [each for each in self.results if each.fails or each.notes or each.work_changed or each.modules]
        return tuple(sorted(found, key=lambda result: not result.fails))

    @property
    def headline(self) -> str:
        """The outcome in a sentence."""
        total, failing = len(self.results), sum(result.fails for result in self.results)
        changed = sum(result.work_changed for result in self.results)
        less = sum(result.improves for result in self.results)
        outcome = f"{failing} of {total} targets {'fails' if failing == 1 else 'fail'}" if failing else ""
        outcome = outcome or f"{total} {'target passes' if total == 1 else 'targets pass'}"
        change = f"{changed} changed" if changed else "nothing changed"
        change += f", {less} cost less" if less else ""
        work = f" against {self.against}: {change}" if self.against else " (budgets alone, no baseline)"
        return f"{outcome}{work}{self._pace()}"

    def _pace(self) -> str:
        """How many targets were timed and do not plainly hold."""
        slower = sum(result.is_slower for result in self.results)
        unclear = sum(result.warns for result in self.results)
        said = f", {slower} slower than allowed" if slower else ""
        return said + (f", latency of {unclear} unclear" if unclear else "")

    @property
    def notes(self) -> tuple[str, ...]:
        """What holds for all targets, and names without one."""
        stale = ", ".join(self.stale)
        remedy = f"; to drop them: {self.command()}"
        return (*self.remarks, *([f"in the baseline, and no target any more: {stale}{remedy}"] if stale else []))

    def command(self, *names: str) -> str:
        """The command that records those targets, or all of them, as they are."""
        if not self.takes_names:
            return shlex.join(self.updating)
        # A name may begin with a dash, and then it is no option.
        ending = ("--", *names) if any(name.startswith("-") for name in names) else names
        return shlex.join([*self.updating, *ending])

    def acceptance(self, result: TargetResult) -> tuple[str, ...]:
        """What to do so that a target passes as it is: the command, or the entry to raise, with the file."""
        grown = [change.figure for change in result.failures if not change.is_budget]
        over = [f"budget.{change.figure}" for change in result.failures if change.is_budget]
        lines = []
        if self.baseline and (grown or result.problems):
            lines.append(f"to accept: {self.command(result.name)} (writes {self.baseline!r})")
        elif grown:
            lines.append(
                f"to accept: merge it, or state tolerance.{grown[0]} … of {result.name!r} in {self.settings!r}"
            )
        if over:
            lines.append(f"to accept: change {', '.join(over)} of {result.name!r} in {self.settings!r}")
        for latency in result.latencies:
            if latency.verdict is CheckVerdict.FAILS:
                lines.append(f"to accept: {self._slower_allowed(result, latency)}")
        if result.improves and self.baseline:
            lines.append(f"costs less than recorded; to keep it so: {self.command(result.name)}")
        return tuple(lines)

    def _slower_allowed(self, result: TargetResult, latency: LatencyResult) -> str:
        if latency.is_relative:
            return f"change latency.max_ratio of {result.name!r} in {self.settings!r}"
        return "merge it, or allow more with --latency-limit"

    def words(self, result: TargetResult) -> tuple[str, ...]:
        """All that is said about a target besides its figures."""
        return (*result.problems, *result.notes, *self.acceptance(result))

    def tables(self) -> list[Table]:
        """For people: the outcome, what is to be said of each target, and its modules that changed."""
        found = [Table((), (), f"netcost check: {self.headline}", self.notes)]
        for result in self.notable:
            found.append(self.figures_table(result))
            if result.modules:
                found.append(modules_table(result))
        return found

    def figures_table(self, result: TargetResult) -> Table:
        """The figures that changed or have a budget."""
        title = f"{result.name}: {'FAILS' if result.fails else 'passes'}"
        explained = more_about(warning for latency in result.latencies for warning in latency.warnings)
        notes = (*self.words(result), *explained)
        shown = [change for change in result.changes if change.fails or change.is_budget or change.old != change.new]
        if not shown and not result.latencies:
            return Table((), (), title, notes)
        records = [{**_record(result, change), "metric": FIGURES[change.figure].heading} for change in shown]
        records += [{**_latency_record(latency), "metric": "Latency"} for latency in result.latencies]
        return from_records(FIGURE_COLUMNS, records, title, notes)

    def records(self) -> Table:
        """For programs: a row a figure and rule."""
        columns = (Column("target", "Target"), *FIGURE_COLUMNS)
        records = [
            {"target": result.name, **record}
            for result in self.results
            for record in (
                *(_record(result, change) for change in result.changes),
                *map(_latency_record, result.latencies),
            )
        ]
        return from_records(columns, records)

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return {
            "schema": SCHEMA,
            "netcost": __version__,
            "fails": self.fails,
            "against": self.against or None,
            "targets": [self._target(result) for result in self.results],
            "stale": list(self.stale),
            "notes": list(self.notes),
        }

    def _target(self, result: TargetResult) -> dict[str, Any]:
        return {
            "target": result.name,
            "model": result.new.model,
            "input": list(result.new.inputs),
            "fails": result.fails,
            "changes": [
                {**_plain(change), "rule": change.rule or None, "verdict": str(change.verdict)}
                for change in result.changes
            ],
            "latency": [latency.to_dict() for latency in result.latencies],
            "modules": [_module(change) for change in result.modules],
            "renamed": dict(result.renamed),
            "operators": {name: list(counts) for name, counts in result.operators.items()},
            "unknown_ops": dict(result.new.unknown_ops),
            "problems": list(result.problems),
            "notes": [*result.notes, *self.acceptance(result)],
        }


FIGURE_COLUMNS = (
    Column("metric", "Metric"),
    Column("old", "Before", "exact"),
    Column("new", "Now", "exact"),
    Column("delta", "Change", "signed"),
    Column("share", "Change, %", "signed_percent"),
    Column("rule", "Rule"),
    Column("verdict", "Verdict"),
)


def modules_table(result: TargetResult) -> Table:
    """For people: the modules that changed, largest first, with what each has more or less."""
    shown = result.modules[:MODULES_SHOWN]
    figures = _changed(READ_FIRST, shown) or _changed(ADDITIVE, shown)
    columns = (
        Column("module", "Module", of=lambda change: change.path or WHOLE),
        Column("type", "Type"),
        Column("status", "Is", of=lambda change: str(change.status)),
        *(Column(figure, METRICS[figure].heading, "signed", of=methodcaller("delta", figure)) for figure in figures),
    )
    more = len(result.modules) - len(shown)
    notes = [f"and {more} more modules; --format json has them all"] if more else []
    return table_of(columns, shown, f"{result.name}: modules that changed, largest first", notes)


def _changed(figures: Iterable[str], changes: Iterable[ModuleChange]) -> list[str]:
    """The figures that any of the modules has more or less of."""
    changes = list(changes)
    return [figure for figure in figures if any(change.delta(figure) for change in changes)]


def _record(result: TargetResult, change: Change) -> dict[str, Any]:
    """One row of figures."""
    return {
        **_plain(change),
        "old": _lower_bound(result.old, change.figure, change.old),
        "new": _lower_bound(result.new, change.figure, change.new),
        "share": change.share,
        "rule": change.rule or None,
        "verdict": str(change.verdict),
    }


def _latency_record(latency: LatencyResult) -> dict[str, Any]:
    """One row of figures that only holds a share: the times are in the words and in the JSON."""
    return {"metric": "latency", "share": latency.share, "rule": latency.rule, "verdict": str(latency.verdict)}


def _plain(change: Change) -> dict[str, Any]:
    return {"metric": change.figure, "old": change.old, "new": change.new, "delta": change.delta}


def _lower_bound(snapshot: Snapshot | None, figure: str, value: int | None) -> int | AtLeast | None:
    """The value, marked where operators that no rule counts are left out of it."""
    incomplete = snapshot is not None and snapshot.unknown_ops and figure in NEED_A_RULE and value is not None
    return AtLeast(value) if incomplete and value is not None else value


def _module(change: ModuleChange) -> dict[str, Any]:
    old, new = change.old, change.new
    return {
        "module": change.path,
        "type": change.type,
        "status": str(change.status),
        "old": None if old is None else dict(old.figures),
        "new": None if new is None else dict(new.figures),
        "delta": change.deltas,
    }
