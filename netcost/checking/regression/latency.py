"""How long a target takes in units of something else, and whether that fails.

A shared machine is noisy, so a rule is broken only where the whole interval of the ratio lies above its bound, in two
samplings that know nothing of each other. Where an interval reaches to both sides, or the samplings disagree, nothing
can be told, and that passes with a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netcost.checking.regression.changes import CheckVerdict
from netcost.text import units

if TYPE_CHECKING:
    from netcost.timing.doubts import Doubt
    from netcost.timing.measurement import Measurement
    from netcost.timing.ratios import Ratio

SAMPLINGS = 2
"""What breaks a rule was measured so often."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Both sides, timed in the same rounds.

    Args:
        base: what the target is held against.
        now: the target.
        ratio: now / base; None where the clock saw no time.
    """

    base: Measurement
    now: Measurement
    ratio: Ratio | None

    def verdict(self, bound: float) -> CheckVerdict:
        """Where the ratio's interval lies: above the bound, not above it, or on both sides."""
        interval = None if self.ratio is None or self.ratio.against else self.ratio.ci95
        if interval is None:
            return CheckVerdict.CANNOT_TELL
        low, high = interval
        if low > bound:
            return CheckVerdict.FAILS
        return CheckVerdict.HOLDS if high <= bound else CheckVerdict.CANNOT_TELL

    @property
    def words(self) -> str:
        """`2.03 x (95 % interval 1.99 to 2.07, 31 rounds: 1.2 ms, 2.44 ms)`."""
        if self.ratio is None:
            return "no ratio, because the clock saw no time pass"
        ends = "none" if self.ratio.ci95 is None else " to ".join(map(units.ratio, self.ratio.ci95))
        medians = ", ".join(units.seconds(each.median_s) for each in (self.base, self.now))
        rounds = self.ratio.estimate.rounds
        return f"{units.times(self.ratio.median)} (95 % interval {ends}, {rounds} rounds: {medians})"

    def to_dict(self) -> dict[str, Any]:
        """Plain values: the ratio, and every time that it was made of."""
        return {
            "ratio": None if self.ratio is None else self.ratio.to_dict(),
            "base": self.base.to_dict(),
            "now": self.now.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """What a rule for the latency of a target came to.

    Args:
        to: what the target is held against, in words.
        bound: the largest ratio that passes.
        samplings: in the order that they were taken; a second one only where the first was above the bound.
        is_relative: whether the rule is a target's own, `max_ratio`, and not the limit against a revision.
    """

    to: str
    bound: float
    samplings: tuple[Attempt, ...]
    is_relative: bool = False

    @property
    def rule(self) -> str:
        """In words."""
        if self.is_relative:
            return f"at most {units.times(self.bound)} that of {self.to}"
        return f"at most {units.percent(self.bound - 1)} more than at {self.to}"

    @property
    def verdict(self) -> CheckVerdict:
        """What all samplings say; nothing where they disagree, or one alone is above the bound."""
        said = {sampling.verdict(self.bound) for sampling in self.samplings}
        alone = CheckVerdict.FAILS in said and len(self.samplings) < SAMPLINGS
        return CheckVerdict.CANNOT_TELL if alone or len(said) != 1 else said.pop()

    @property
    def share(self) -> float | None:
        """Ratio - 1 of the last sampling."""
        ratio = self.samplings[-1].ratio
        return None if ratio is None else ratio.median - 1

    @property
    def words(self) -> tuple[str, ...]:
        """The verdict with its figures; unless the rule holds, what speaks against them, and what would mend it."""
        openings = {CheckVerdict.HOLDS: "latency holds", CheckVerdict.FAILS: "latency FAILS"}
        opening = openings.get(self.verdict, "warning: latency cannot tell")
        seen = "; measured again: ".join(sampling.words for sampling in self.samplings)
        line = f"{opening} ({self.rule}): {seen}"
        doubts = self._doubts()
        if self.verdict is CheckVerdict.HOLDS or not (doubts or self._against):
            return (line,)
        remedies = dict.fromkeys(doubt.remedy for doubt in doubts.values())
        notable = [*self._against, *(f"{of}{doubt}" for (of, _), doubt in doubts.items())]
        mending = (
            [f"what may help: {'; '.join(remedies)}"] if remedies and self.verdict is CheckVerdict.CANNOT_TELL else []
        )
        return (line, f"doubts: {'; '.join(notable)}", *mending)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The names of the warnings among these words."""
        return () if self.verdict is CheckVerdict.HOLDS else tuple(kind.__name__ for _, kind in self._doubts())

    @property
    def _against(self) -> tuple[str, ...]:
        """Why the two sides cannot be compared at all."""
        return () if self.samplings[-1].ratio is None else self.samplings[-1].ratio.against

    def _doubts(self) -> dict[tuple[str, type], Doubt]:
        """Each kind of doubt once, as the last sampling has it; of the base only those that the target has not."""
        last = self.samplings[-1]
        own = {("", type(doubt)): doubt for doubt in last.now.doubts}
        kinds = {kind for _, kind in own}
        return own | {(f"of {self.to}, ", type(d)): d for d in last.base.doubts if type(d) not in kinds}

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return {
            "to": self.to,
            "max_ratio": self.bound,
            "rule": self.rule,
            "verdict": str(self.verdict),
            "samplings": [sampling.to_dict() for sampling in self.samplings],
        }
