"""Compares one figure with its old value and its budget, and gives the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from netcost.checking.limits import FIGURES, NO_TOLERANCE, Limits
from netcost.checking.snapshot import Snapshot
from netcost.counting.breakdown import ADDITIVE
from netcost.text.metrics import TRAIN_METRICS

GUARDED = frozenset({*ADDITIVE, *TRAIN_METRICS, "unknown_ops"})
"""Figures that may not increase unless a tolerance allows it."""


class CheckVerdict(StrEnum):
    """The verdict on one figure."""

    SAME = "same"
    LESS = "less"
    TOLERATED = "tolerated"
    UNGUARDED = "not guarded"
    HOLDS = "holds"
    CANNOT_TELL = "cannot tell"
    FAILS = "FAILS"


@dataclass(frozen=True, slots=True)
class Change:
    """One figure under one rule."""

    figure: str  # its name in `FIGURES`
    old: int | None  # None where it is not recorded
    new: int | None
    rule: str  # in words; empty without a rule
    verdict: CheckVerdict
    is_budget: bool = False  # True where the rule is an absolute bound

    @property
    def delta(self) -> int | None:
        """New - old (units)."""
        return None if self.old is None or self.new is None else self.new - self.old

    @property
    def share(self) -> float | None:
        """(new - old) / old; None where the old figure is 0 or missing."""
        return None if self.delta is None or not self.old else self.delta / self.old

    @property
    def fails(self) -> bool:
        """True where the rule is broken."""
        return self.verdict is CheckVerdict.FAILS


def changes(old: Snapshot, new: Snapshot, limits: Limits, exact: bool) -> tuple[Change, ...]:
    """Compare every figure with its old value; with `exact`, any difference fails."""
    names = [name for name in FIGURES if name not in TRAIN_METRICS or name in (*old.totals, *new.totals)]
    return tuple(_change(name, old.figure(name), new.figure(name), limits, exact) for name in names)


def budget_changes(old: Snapshot | None, new: Snapshot, limits: Limits) -> tuple[Change, ...]:
    """Compare every figure that has a budget with it."""
    compared = []
    for name, budget in limits.budget.items():
        before, value = None if old is None else old.figure(name), new.figure(name)
        verdict = CheckVerdict.HOLDS if value is not None and budget.holds(value) else CheckVerdict.FAILS
        compared.append(Change(name, before, value, f"budget {budget.written}", verdict, is_budget=True))
    return tuple(compared)


def _change(name: str, old: int | None, new: int | None, limits: Limits, exact: bool) -> Change:
    tolerance = limits.tolerance_of(name) or (NO_TOLERANCE if name in GUARDED else None)
    rule = "exactly the same" if exact else tolerance.rule if tolerance else ""
    is_first = name in TRAIN_METRICS and old is None  # the settings did not ask for a training step before
    if old == new:
        verdict = CheckVerdict.SAME
    elif (tolerance is None or is_first) and not exact:
        verdict = CheckVerdict.UNGUARDED
    elif exact or tolerance is None or old is None or new is None:
        # None: the fragments of a network without blocks, which are neither more nor less than a number.
        verdict = CheckVerdict.FAILS
    elif new > tolerance.allowed(old):
        verdict = CheckVerdict.FAILS
    else:
        verdict = CheckVerdict.TOLERATED if new > old else CheckVerdict.LESS
    return Change(name, old, new, rule, verdict)
