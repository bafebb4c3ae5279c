"""One target then and now: every rule, and what to say beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from netcost.checking.limits import Limits
from netcost.checking.regression.changes import Change, CheckVerdict, budget_changes, changes
from netcost.checking.regression.latency import LatencyResult
from netcost.checking.regression.modules import ModuleChange, diff
from netcost.checking.snapshot import Snapshot

LISTED = 5
"""Names that a note lists before it says how many there are."""


class Place(NamedTuple):
    """Where the model is written: file, from the root of the repository, and line."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class TargetResult:
    """What the comparison of one target came to.

    Args:
        name: of the target.
        new: as it is.
        old: as it was; None where nothing is known of that.
        changes: every figure against its old value, where there is one, and against its budgets.
        modules: those that changed, largest first.
        renamed: modules that only have another name: old path -> new path.
        operators: how often each ran then and now, where that differs.
        problems: what fails besides figures, in words.
        place: where the model is written, if that is known.
        latencies: what rules for its latency came to, where it was timed.
    """

    name: str
    new: Snapshot
    old: Snapshot | None = None
    changes: tuple[Change, ...] = ()
    modules: tuple[ModuleChange, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    operators: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    place: Place | None = None
    latencies: tuple[LatencyResult, ...] = ()

    @property
    def fails(self) -> bool:
        """Whether any rule is broken."""
        return bool(self.problems or self.failures) or self.is_slower

    @property
    def failures(self) -> tuple[Change, ...]:
        """The figures that broke a rule."""
        return tuple(change for change in self.changes if change.fails)

    @property
    def is_slower(self) -> bool:
        """Whether a rule for its latency is broken."""
        return any(latency.verdict is CheckVerdict.FAILS for latency in self.latencies)

    @property
    def warns(self) -> bool:
        """Whether nothing can be told of its latency, which passes."""
        return any(latency.verdict is CheckVerdict.CANNOT_TELL for latency in self.latencies)

    @property
    def work_changed(self) -> bool:
        """Whether any figure is another than before."""
        return any(
            change.verdict not in (CheckVerdict.SAME, CheckVerdict.HOLDS) and change.delta != 0
            for change in self.changes
        )

    @property
    def improves(self) -> bool:
        """Whether it passes, and some figure is less than before."""
        return not self.fails and any(change.verdict is CheckVerdict.LESS for change in self.changes)

    @property
    def notes(self) -> tuple[str, ...]:
        """What else a reader should know."""
        found = (self._renames(), self._moves(), self._other_operators(), self._unknown())
        return (*(note for note in found if note), *(line for latency in self.latencies for line in latency.words))

    def _renames(self) -> str:
        """That modules have other names, and their work is the same."""
        pairs = [f"{old} → {new}" for old, new in self.renamed.items()]
        return f"renamed, with the same work: {_listed(pairs)}" if pairs else ""

    def _moves(self) -> str:
        moved = self.modules and self.old is not None and not self.work_changed
        return "work moved between modules; the whole is the same" if moved else ""

    def _other_operators(self) -> str:
        """That the same work is done by other operators."""
        if not self.operators or self.work_changed:
            return ""
        counts = [f"{name} {old} → {new}" for name, (old, new) in self.operators.items()]
        return f"only the operators changed and not the work, as with another torch: {_listed(counts)}"

    def _unknown(self) -> str:
        unknown = [f"{name} ({times})" for name, times in self.new.unknown_ops.items()]
        return f"no rule counts {_listed(unknown)}; totals marked ≥ leave that work out" if unknown else ""


def compare(
    name: str,
    old: Snapshot | None,
    new: Snapshot,
    limits: Limits | None = None,
    *,
    exact: bool = False,
    problems: tuple[str, ...] = (),
    place: Place | None = None,
) -> TargetResult:
    """Hold one target against what it was, and against its limits.

    Args:
        old: what it was; None for limits alone.
        exact: whether any difference of a figure fails, of a module's too.
        problems: what fails already.
        place: where the model is written.
    """
    limits = limits or Limits()
    budgets = budget_changes(old, new, limits)
    if old is None:
        return TargetResult(name, new, None, budgets, problems=problems, place=place)
    modules, renamed = diff(old.modules, new.modules) if old.depth == new.depth else ((), {})
    figures = changes(old, new, limits, exact)
    if old.inputs != new.inputs:
        problems = (
            *problems,
            f"counted on input {_inputs(new)}, and on {_inputs(old)} before: the two cannot be compared",
        )
    if exact and modules and not any(change.fails for change in figures):
        problems = (*problems, "work moved between modules, which --exact does not pass")
    return TargetResult(
        name, new, old, (*figures, *budgets), modules, renamed, _operators(old, new), problems=problems, place=place
    )


def _inputs(snapshot: Snapshot) -> str:
    return ", ".join(snapshot.inputs) or "nothing"


def _operators(old: Snapshot, new: Snapshot) -> dict[str, tuple[int, int]]:
    names = sorted({*old.operators, *new.operators})
    counts = {name: (old.operators.get(name, 0), new.operators.get(name, 0)) for name in names}
    return {name: (before, now) for name, (before, now) in counts.items() if before != now}


def _listed(names: list[str]) -> str:
    """The names, the first few where there are many."""
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")
