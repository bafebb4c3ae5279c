"""The report of a check: tables for people, plain values for programs."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import methodcaller
from typing import Any

from netcost.checking.limits import FIGURES
from netcost.checking.regression.latency import LatencyResult, PredictedResult
from netcost.checking.regression.modules import ModuleChange
from netcost.checking.regression.results import TargetResult, TargetVerdict
from netcost.checking.regression.verdicts import Change, CheckVerdict
from netcost.checking.snapshot import Snapshot
from netcost.counting.breakdown import ADDITIVE, NEED_A_RULE, WHOLE
from netcost.text import units
from netcost.text.explanations import more_about
from netcost.text.metrics import METRICS
from netcost.text.tables import Alarm, Column, Table, from_records, table_of
from netcost.text.units import AtLeast
from netcost.text.version import __version__

SCHEMA = 1

MODULES_SHOWN = 20
"""Modules in a table; JSON has them all."""
READ_FIRST = ("params", "mult_adds", "memory_access", "memory_access_fused", "kernels")
"""The columns of the modules' table, where one of them changed; else all that changed."""
UPDATE = ("netcost", "baseline", "update")


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The outcome of a check."""

    results: tuple[TargetResult, ...]  # one per target
    against: str = ""  # what they were compared with, in words; empty for budgets alone
    baseline: str = ""  # the baseline's file as messages name it; empty without one
    settings: str = ""  # the file that lists the targets
    updating: tuple[str, ...] = UPDATE  # the command that records the present figures
    takes_names: bool = True  # True where that command takes names of targets
    stale: tuple[str, ...] = ()  # names in the baseline that are no longer targets
    remarks: tuple[str, ...] = ()  # notes on the check as a whole
    exact: bool = False  # any difference fails

    @property
    def fails(self) -> bool:
        """True where any rule is broken."""
        return any(result.fails for result in self.results) or (self.exact and bool(self.stale))

    @property
    def exit_code(self) -> int:
        """Exit code of the command: that of a target's error, else 1 where a rule is broken, else 0."""
        codes = [result.error.exit_code for result in self.results if result.error is not None]
        return max(codes, default=int(self.fails))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about code that was not counted, which fail under --strict."""
        return tuple(f"{result.name}: {warning}" for result in self.results for warning in result.warnings)

    @property
    def unknown_ops(self) -> dict[str, int]:
        """Calls of each operator without a counting rule, over all targets."""
        calls: Counter[str] = Counter()
        for result in self.results:
            calls.update({} if result.new is None else result.new.unknown_ops)
        return dict(calls)

    @property
    def notable(self) -> tuple[TargetResult, ...]:
        """Results worth showing, failures first."""
        return tuple(result for result in self.ranked if result.fails or result.notes or result.work_changed)

    @property
    def ranked(self) -> tuple[TargetResult, ...]:
        """All results, the worst verdict first."""
        return tuple(sorted(self.results, key=lambda result: list(TargetVerdict).index(result.verdict)))

    @property
    def headline(self) -> str:
        """The outcome in a sentence."""
        verdicts = Counter(result.verdict for result in self.results)
        uncounted, new = verdicts[TargetVerdict.ERROR], sum(bool(result.absence) for result in self.results)
        total, failing = len(self.results), sum(result.fails for result in self.results) - uncounted
        changed = sum(result.work_changed for result in self.results)
        less = sum(result.improves for result in self.results)
        slower = sum(result.is_slower for result in self.results)
        unclear = sum(result.warns for result in self.results)
        passing = f"{total} {'target passes' if total == 1 else 'targets pass'}"
        outcome = f"{failing} of {total} targets {'fails' if failing == 1 else 'fail'}" if failing else passing
        if uncounted:
            missing = f"{uncounted} of {total} targets {'is' if uncounted == 1 else 'are'} not checked"
            outcome = f"{missing}, {failing} {'fails' if failing == 1 else 'fail'}" if failing else missing
        change = f"{changed} changed" if changed else "nothing changed"
        change += f", {less} cost less" if less else ""
        change += f", {new} new" if new else ""
        work = f" against {self.against}: {change}" if self.against else " (budgets alone, no baseline)"
        pace = f", {slower} slower than allowed" if slower else ""
        pace += f", latency of {unclear} unclear" if unclear else ""
        return f"{outcome}{work}{pace}"

    @property
    def notes(self) -> tuple[str, ...]:
        """The remarks, and the recorded names that are no longer targets."""
        if not self.stale:
            return self.remarks
        stale = ", ".join(self.stale)
        return (*self.remarks, f"in the baseline, but no longer a target: {stale}; to drop: {self.command()}")

    def command(self, *names: str) -> str:
        """Return the command that records the named targets, or all of them, as they are."""
        if not self.takes_names:
            return shlex.join(self.updating)
        # A name may begin with a dash without being an option.
        ending = ("--", *names) if any(name.startswith("-") for name in names) else names
        return shlex.join([*self.updating, *ending])

    def acceptance(self, result: TargetResult) -> tuple[str, ...]:
        """Return the ways to make a target pass as it is: a command, or the entry to raise and its file."""
        grown = [change.figure for change in result.failures if not change.is_budget]
        over = [f"budget.{change.figure}" for change in result.failures if change.is_budget]
        entry = f"of {result.name!r} in {self.settings!r}"
        lines = []
        if result.error is not None:
            lines.append("to do: mend what the message names, and run the check again")
        if self.baseline and (grown or result.problems):
            lines.append(f"to accept: {self.command(result.name)} (writes {self.baseline!r})")
        elif grown:
            lines.append(f"to accept: merge it, or set tolerance.{grown[0]} {entry}")
        if over:
            lines.append(f"to accept: change {', '.join(over)} {entry}")
        for latency in result.latencies:
            if latency.verdict is CheckVerdict.FAILS:
                lines.append(f"to accept: {latency.acceptance(entry)}")
        if result.improves and self.baseline:
            lines.append(f"costs less than recorded; to record that: {self.command(result.name)}")
        return tuple(lines)

    def words(self, result: TargetResult) -> tuple[str, ...]:
        """Return the problems, notes and remedies of a target."""
        return (*map(Alarm, result.problems), *result.notes, *self.acceptance(result))

    def tables(self) -> list[Table]:
        """Return, for people, the outcome, each notable target and its modules that changed."""
        tables = [
            replace(self.targets_table(), title=_word(f"netcost check: {self.headline}", self.fails), notes=self.notes)
        ]
        for result in self.notable:
            tables.append(self.figures_table(result))
            if result.modules:
                tables.append(modules_table(result))
        return tables

    def targets_table(self) -> Table:
        """Return a row per target, the worst verdict first."""
        columns = (
            Column("verdict", "Verdict", of=lambda result: _word(result.verdict, result.fails)),
            Column("name", "Target"),
            Column("change", "Change", of=_first_change),
            Column("file", "Counted in", of=lambda result: result.file or None),
        )
        return table_of(columns, self.ranked)

    def figures_table(self, result: TargetResult) -> Table:
        """Return the figures that changed or have a budget."""
        title = _word(f"{result.name}: {result.verdict}", result.fails)
        explained = more_about(warning for latency in result.latencies for warning in latency.warnings)
        notes = (*self.words(result), *explained)
        shown = _merged(
            [change for change in result.changes if change.fails or change.is_budget or change.old != change.new]
        )
        if not shown and not result.latencies:
            return Table((), (), title, notes)
        records = [{**_record(result, change), "metric": FIGURES[change.figure].heading} for change in shown]
        records += [{**_latency_record(latency), "metric": latency.heading} for latency in result.latencies]
        for record in records:
            record["verdict"] = _word(record["verdict"], record["verdict"] == CheckVerdict.FAILS)
        return replace(from_records(FIGURE_COLUMNS, records, title, notes), keys=2)

    def records(self) -> Table:
        """Return, for programs, a row per figure and rule."""
        records = []
        for result in self.results:
            rows = [_record(result, change) for change in result.changes] + [*map(_latency_record, result.latencies)]
            target = {"target": result.name, "target_verdict": str(result.verdict), "file": result.file or None}
            target["advice"] = "; ".join(self.words(result)) or None
            records += [{**target, **row} for row in rows or [{}]]
        return from_records((*TARGET_COLUMNS, *FIGURE_COLUMNS, Column("advice", "Notes")), records)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under stable keys."""
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
            "model": None if result.new is None else result.new.model,
            "input": None if result.new is None else list(result.new.inputs),
            "file": result.file or None,
            "verdict": str(result.verdict),
            "fails": result.fails,
            "error": None if result.error is None else str(result.error),
            "was": result.was or None,
            "elsewhere": dict(result.elsewhere),
            "changes": [_plain(change) for change in result.changes],
            "latency": [latency.to_dict() for latency in result.latencies],
            "modules": [_module(change) for change in result.modules],
            "renamed": dict(result.renamed),
            "operators": {name: list(counts) for name, counts in result.operators.items()},
            "unknown_ops": {} if result.new is None else dict(result.new.unknown_ops),
            "problems": list(result.problems),
            "notes": [*result.notes, *self.acceptance(result)],
        }


TARGET_COLUMNS = (
    Column("target", "Target"),
    Column("target_verdict", "Verdict of the target"),
    Column("file", "Counted in"),
)
FIGURE_COLUMNS = (
    Column("verdict", "Verdict"),
    Column("metric", "Metric"),
    Column("old", "Before", "exact"),
    Column("new", "Now", "exact"),
    Column("delta", "Change", "signed"),
    Column("share", "Change, %", "signed_percent"),
    Column("rule", "Rule"),
)


def _word(verdict: str, fails: bool) -> str:
    return Alarm(verdict) if fails else str(verdict)


def _first_change(result: TargetResult) -> str | None:
    """Return `Mult-adds +12.3 %` for the first figure that failed, else the first that changed; None without any."""
    change = next((change for change in (*result.failures, *result.changes) if change.fails or change.delta), None)
    if change is None:
        return None
    value, unit = (change.delta, "signed") if change.share is None else (change.share, "signed_percent")
    return f"{FIGURES[change.figure].heading} {units.text(value, unit)}"


def _merged(shown: Sequence[Change]) -> list[Change]:
    """Return one change per figure, with all its rules and the worst verdict.

    All parameters are left out where they changed as the trainable ones did, and no rule of their own is broken.
    """
    merged: dict[str, Change] = {}
    for change in shown:
        other = merged.get(change.figure)
        if other is None:
            merged[change.figure] = change
            continue
        rule = "; ".join(filter(None, (other.rule, change.rule)))
        verdict = change.verdict if change.fails or not other.rule else other.verdict
        merged[change.figure] = replace(change, rule=rule, verdict=verdict)
    first, every = merged.get("params"), merged.get("params_total")
    if first is not None and every is not None and not every.rule and first.delta == every.delta:
        del merged["params_total"]
    return list(merged.values())


def modules_table(result: TargetResult) -> Table:
    """Return the modules that changed, largest first, with the change of each figure."""
    shown = result.modules[:MODULES_SHOWN]
    figures = _changed(READ_FIRST, shown) or _changed(ADDITIVE, shown)
    columns = (
        Column("module", "Module", of=lambda change: change.path or WHOLE),
        Column("type", "Type"),
        Column("status", "Status", of=lambda change: str(change.status)),
        *(Column(figure, METRICS[figure].heading, "signed", of=methodcaller("delta", figure)) for figure in figures),
    )
    more = len(result.modules) - len(shown)
    notes = [f"and {more} more modules; --format json has them all"] if more else []
    return table_of(columns, shown, f"{result.name}: modules that changed, largest first", notes)


def _changed(figures: Iterable[str], changes: Sequence[ModuleChange]) -> list[str]:
    return [figure for figure in figures if any(change.delta(figure) for change in changes)]


def _plain(change: Change) -> dict[str, Any]:
    return {
        "metric": change.figure,
        "old": change.old,
        "new": change.new,
        "delta": change.delta,
        "rule": change.rule or None,
        "verdict": str(change.verdict),
    }


def _record(result: TargetResult, change: Change) -> dict[str, Any]:
    """Return a row of figures, each marked as a lower bound where operators without a rule are missing from it."""
    old = _lower_bound(result.old, change.figure, change.old)
    new = _lower_bound(result.new, change.figure, change.new)
    return {**_plain(change), "old": old, "new": new, "share": change.share}


def _lower_bound(snapshot: Snapshot | None, figure: str, value: int | None) -> int | AtLeast | None:
    if value is None or snapshot is None or not snapshot.unknown_ops or figure not in NEED_A_RULE:
        return value
    return AtLeast(value)


def _latency_record(latency: LatencyResult | PredictedResult) -> dict[str, Any]:
    """Return a row that only holds a share; the times are in the notes and in the JSON."""
    return {"metric": latency.metric, "share": latency.share, "rule": latency.rule, "verdict": str(latency.verdict)}


def _module(change: ModuleChange) -> dict[str, Any]:
    old, new = change.old, change.new
    return {
        "module": change.path,
        "type": change.type,
        "fate": str(change.status),  # the key that readers of this JSON have
        "old": None if old is None else dict(old.figures),
        "new": None if new is None else dict(new.figures),
        "delta": change.deltas,
    }
