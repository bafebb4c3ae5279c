"""Compares one target with its old snapshot and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from netcost.checking.limits import Limits
from netcost.checking.regression.latency import LatencyResult, PredictedResult
from netcost.checking.regression.modules import ModuleChange, diff
from netcost.checking.regression.verdicts import Change, CheckVerdict, budget_changes, changes
from netcost.checking.snapshot import Snapshot
from netcost.text.errors import NetcostError
from netcost.text.tables import Alarm

LISTED = 5
"""Names that a note lists; it only counts the rest."""


class Place(NamedTuple):
    """The source line that defines a model."""

    file: str  # relative to the root of the repository
    line: int


class TargetVerdict(StrEnum):
    """The verdict on one target, the worst first."""

    ERROR = "NOT CHECKED"
    FAILS = "FAILS"
    CANNOT_TELL = "cannot tell"
    NEW = "new"
    MOVED = "moved"
    LESS = "costs less"
    PASSES = "passes"


@dataclass(frozen=True, slots=True)
class TargetResult:
    """The outcome of one target's comparison."""

    name: str
    new: Snapshot | None  # None where it could not be counted
    old: Snapshot | None = None  # None where it is not recorded, or new
    changes: tuple[Change, ...] = ()  # every figure against its old value, if there is one, and against its budgets
    modules: tuple[ModuleChange, ...] = ()  # those that changed, largest first
    renamed: Mapping[str, str] = field(default_factory=dict)  # old path -> new path of modules with the same cost
    operators: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # calls before and now, where they differ
    problems: tuple[str, ...] = ()  # failures besides figures, in words
    place: Place | None = None
    latencies: tuple[LatencyResult | PredictedResult, ...] = ()  # per rule that was timed, or budget that was predicted
    file: str = ""  # whose code was counted: relative to the root of the repository, or of an installed package
    elsewhere: Mapping[str, str] = field(default_factory=dict)  # packages of this tree that others' files stood in for
    error: NetcostError | None = None  # why it could not be counted or timed, now or at the revision
    absence: str = ""  # why the revision has no such target; empty where it has
    was: str = ""  # the model that it was at the revision, where that has another name

    @property
    def verdict(self) -> TargetVerdict:
        """The verdict on the target as a whole."""
        holds = {
            TargetVerdict.ERROR: self.error is not None,
            TargetVerdict.FAILS: self.fails,
            TargetVerdict.CANNOT_TELL: self.warns,
            TargetVerdict.NEW: bool(self.absence),
            TargetVerdict.MOVED: bool(self.was),
            TargetVerdict.LESS: self.improves,
        }
        return next((verdict for verdict, is_so in holds.items() if is_so), TargetVerdict.PASSES)

    @property
    def fails(self) -> bool:
        """True where any rule is broken, or the target could not be judged."""
        return bool(self.problems or self.failures or self.error) or self.is_slower

    @property
    def failures(self) -> tuple[Change, ...]:
        """The figures that broke a rule."""
        return tuple(change for change in self.changes if change.fails)

    @property
    def is_slower(self) -> bool:
        """True where a latency rule is broken."""
        return any(latency.verdict is CheckVerdict.FAILS for latency in self.latencies)

    @property
    def warns(self) -> bool:
        """True where the verdict on its latency is "cannot tell", which passes."""
        return any(latency.verdict is CheckVerdict.CANNOT_TELL for latency in self.latencies)

    @property
    def work_changed(self) -> bool:
        """True where any figure changed."""
        unchanged = (CheckVerdict.SAME, CheckVerdict.HOLDS)
        return any(change.verdict not in unchanged and change.delta != 0 for change in self.changes)

    @property
    def improves(self) -> bool:
        """True where it passes and some figure decreased."""
        return not self.fails and any(change.verdict is CheckVerdict.LESS for change in self.changes)

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks beside the figures."""
        notes: list[str] = []
        if self.error is not None:
            notes.append(Alarm(f"not checked: {self.error}"))
        if self.absence:
            notes.append(f"new, so that only its budgets are checked: {self.absence}")
        if self.was:
            notes.append(f"moved: compared with {self.was!r}")
        notes += self.warnings
        if self.renamed:
            pairs = [f"{old} → {new}" for old, new in self.renamed.items()]
            notes.append(f"renamed, with the same work: {_first_few(pairs)}")
        if self.modules and self.old is not None and not self.work_changed:
            notes.append("work moved between modules; the total is the same")
        if self.operators and not self.work_changed:
            counts = [f"{name} {old} → {new}" for name, (old, new) in self.operators.items()]
            notes.append(f"only the operators changed, not the work, as with another torch: {_first_few(counts)}")
        if self.new is not None and self.new.unknown_ops:
            unknown = [f"{name} ({times})" for name, times in self.new.unknown_ops.items()]
            notes.append(f"no rule counts {_first_few(unknown)}; totals marked ≥ leave that work out")
        return (*notes, *(line for latency in self.latencies for line in latency.words))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Packages of this tree whose code here was not counted, with the way out."""
        return tuple(
            Alarm(
                f"warning: {package!r} was imported from {file!r} and not from this tree, whose code was not counted; "
                "add the folder that holds it to `path` in [tool.netcost] (in pytest, to `pythonpath`), or install it "
                "with pip install -e"
            )
            for package, file in self.elsewhere.items()
        )


def compare(
    name: str,
    old: Snapshot | None,
    new: Snapshot,
    limits: Limits | None = None,
    *,
    exact: bool = False,
    problems: tuple[str, ...] = (),
) -> TargetResult:
    """Compare one target with its old snapshot and its limits.

    Args:
        old: None to check budgets alone.
        exact: fail on any difference, of a module too.
        problems: failures that are already known.
    """
    limits = limits or Limits()
    budgets = budget_changes(old, new, limits)
    if old is None:
        return TargetResult(name, new, None, budgets, problems=problems)
    modules, renamed = diff(old.modules, new.modules) if old.depth == new.depth else ((), {})
    figures = changes(old, new, limits, exact)
    if old.inputs != new.inputs:
        now, then = (", ".join(snapshot.inputs) or "nothing" for snapshot in (new, old))
        problems = (*problems, f"counted on input {now}, before on {then}: the two cannot be compared")
    if exact and modules and not any(change.fails for change in figures):
        problems = (*problems, "work moved between modules, which fails under --exact")
    operators = _operators(old, new)
    return TargetResult(name, new, old, (*figures, *budgets), modules, renamed, operators, problems)


def _operators(old: Snapshot, new: Snapshot) -> dict[str, tuple[int, int]]:
    names = sorted({*old.operators, *new.operators})
    counts = {name: (old.operators.get(name, 0), new.operators.get(name, 0)) for name in names}
    return {name: (before, now) for name, (before, now) in counts.items() if before != now}


def _first_few(names: list[str]) -> str:
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")
