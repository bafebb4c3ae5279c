"""One figure then and now, and what the rule for it says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from netcost.checking.limits import FIGURES, NO_TOLERANCE, Limits
from netcost.checking.snapshot import Snapshot
from netcost.counting.breakdown import ADDITIVE

GUARDED = frozenset({*ADDITIVE, "unknown_ops"})
"""What may not grow by one unit unless a tolerance says so."""


class CheckVerdict(StrEnum):
    """What becomes of one figure."""

    SAME = "same"
    LESS = "less"
    TOLERATED = "tolerated"
    UNGUARDED = "not guarded"
    HOLDS = "holds"
    CANNOT_TELL = "cannot tell"
    FAILS = "FAILS"


@dataclass(frozen=True, slots=True)
class Change:
    """One figure against one rule.

    Args:
        figure: its name in `FIGURES`.
        old: what it was; None where nothing is known of that.
        new: what it is.
        rule: in words; empty where there is none.
        verdict: what the rule makes of it.
        is_budget: whether the rule is a bound that does not ask what the figure was.
    """

    figure: str
    old: int | None
    new: int | None
    rule: str
    verdict: CheckVerdict
    is_budget: bool = False

    @property
    def delta(self) -> int | None:
        """New - old (units)."""
        return None if self.old is None or self.new is None else self.new - self.old

    @property
    def share(self) -> float | None:
        """(new - old) / old; None where there was nothing to be a share of."""
        return None if self.delta is None or not self.old else self.delta / self.old

    @property
    def fails(self) -> bool:
        """Whether the rule is broken."""
        return self.verdict is CheckVerdict.FAILS


def changes(old: Snapshot, new: Snapshot, limits: Limits, exact: bool) -> tuple[Change, ...]:
    """Every figure against what it was.

    Args:
        exact: whether any difference fails, for the better too.
    """
    return tuple(_change(name, old.figure(name), new.figure(name), limits, exact) for name in FIGURES)


def budget_changes(old: Snapshot | None, new: Snapshot, limits: Limits) -> tuple[Change, ...]:
    """Every figure that has a budget against it."""
    found = []
    for name, budget in limits.budget.items():
        value = new.figure(name)
        holds = value is not None and budget.holds(value)
        verdict = CheckVerdict.HOLDS if holds else CheckVerdict.FAILS
        before = None if old is None else old.figure(name)
        found.append(Change(name, before, value, f"budget {budget.written}", verdict, is_budget=True))
    return tuple(found)


def _change(name: str, old: int | None, new: int | None, limits: Limits, exact: bool) -> Change:
    if exact:
        return Change(name, old, new, "exactly the same", CheckVerdict.SAME if old == new else CheckVerdict.FAILS)
    tolerance = limits.tolerance_of(name) or (NO_TOLERANCE if name in GUARDED else None)
    if tolerance is None:
        return Change(name, old, new, "", CheckVerdict.SAME if old == new else CheckVerdict.UNGUARDED)
    if old is None or new is None:
        # Fragments of a network that had, or has, no blocks: neither more nor less.
        return Change(name, old, new, tolerance.rule, CheckVerdict.SAME if old == new else CheckVerdict.FAILS)
    return Change(name, old, new, tolerance.rule, _verdict(old, new, tolerance.allowed(old)))


def _verdict(old: int, new: int, allowed: int) -> CheckVerdict:
    if new > allowed:
        return CheckVerdict.FAILS
    if new > old:
        return CheckVerdict.TOLERATED
    return CheckVerdict.SAME if new == old else CheckVerdict.LESS
