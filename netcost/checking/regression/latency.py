"""Verdicts on latency: the ratio of a target to its base against a bound.

A shared machine is noisy, so a rule is broken only where the whole interval of the ratio is above its bound in two
independent attempts. Where an interval contains the bound, or the attempts disagree, the verdict is "cannot tell",
which passes with a warning. A budget of predicted latency is judged alike, by the prediction's 90 % interval: it fails
only where no time within meets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from netcost.checking.limits import Budget
from netcost.checking.regression.verdicts import CheckVerdict
from netcost.text import units

if TYPE_CHECKING:
    from netcost.timing.doubts import Doubt
    from netcost.timing.measurement import Measurement
    from netcost.timing.ratios import Ratio

SAMPLINGS = 2
"""Attempts that must agree before a rule is broken."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Both sides, timed in the same rounds."""

    base: Measurement
    now: Measurement  # of the target
    ratio: Ratio | None  # now / base; None where the clock measured no time

    def verdict(self, bound: float) -> CheckVerdict:
        """Compare the ratio's interval with the bound: above it, not above it, or undecided."""
        if self.ratio is None or self.ratio.against or self.ratio.ci95 is None:
            return CheckVerdict.CANNOT_TELL
        low, high = self.ratio.ci95
        if low > bound:
            return CheckVerdict.FAILS
        return CheckVerdict.HOLDS if high <= bound else CheckVerdict.CANNOT_TELL

    @property
    def words(self) -> str:
        """`2.03 x (95 % interval 1.99 to 2.07, 31 rounds: 1.2 ms, 2.44 ms)`."""
        if self.ratio is None:
            return "no ratio, because the clock measured no time"
        ends = "none" if self.ratio.ci95 is None else " to ".join(map(units.ratio, self.ratio.ci95))
        medians = f"{units.seconds(self.base.median_s)}, {units.seconds(self.now.median_s)}"
        rounds = self.ratio.estimate.rounds
        return f"{units.times(self.ratio.median)} (95 % interval {ends}, {rounds} rounds: {medians})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: the ratio, and every time behind it."""
        ratio = None if self.ratio is None else self.ratio.to_dict()
        return {"ratio": ratio, "base": self.base.to_dict(), "now": self.now.to_dict()}


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """The outcome of one latency rule."""

    to: str  # what the target is compared with, in words
    bound: float  # the largest ratio that passes
    samplings: tuple[Attempt, ...]  # in order; a second one only where the first was above the bound
    is_relative: bool = False  # True for a target's own `max_ratio`, False for the limit against a revision
    metric: ClassVar[str] = "latency"
    heading: ClassVar[str] = "Latency"

    @property
    def rule(self) -> str:
        """The rule in words."""
        if self.is_relative:
            return f"at most {units.times(self.bound)} that of {self.to}"
        return f"at most {units.percent(self.bound - 1)} more than at {self.to}"

    def acceptance(self, entry: str) -> str:
        """Return the way to accept the latency as it is; `entry` names the target's settings."""
        return (
            f"change latency.max_ratio {entry}" if self.is_relative else "merge it, or allow more with --latency-limit"
        )

    @property
    def verdict(self) -> CheckVerdict:
        """The verdict of all attempts; "cannot tell" where they disagree, or only one is above the bound."""
        verdicts = {attempt.verdict(self.bound) for attempt in self.samplings}
        unconfirmed = CheckVerdict.FAILS in verdicts and len(self.samplings) < SAMPLINGS
        return CheckVerdict.CANNOT_TELL if unconfirmed or len(verdicts) != 1 else verdicts.pop()

    @property
    def share(self) -> float | None:
        """Ratio - 1 of the last attempt."""
        ratio = self.samplings[-1].ratio
        return None if ratio is None else ratio.median - 1

    @property
    def words(self) -> tuple[str, ...]:
        """The verdict with its figures; unless the rule holds, the warnings and their remedies."""
        openings = {CheckVerdict.HOLDS: "latency holds", CheckVerdict.FAILS: "latency FAILS"}
        opening = openings.get(self.verdict, "warning: cannot tell whether latency holds")
        attempts = "; measured again: ".join(attempt.words for attempt in self.samplings)
        lines = [f"{opening} ({self.rule}): {attempts}"]
        if self.verdict is CheckVerdict.HOLDS:
            return tuple(lines)
        doubts = self._doubts()
        ratio = self.samplings[-1].ratio
        incomparable = () if ratio is None else ratio.against  # why the two sides cannot be compared at all
        warnings = [*incomparable, *(f"{of}{doubt}" for (of, _), doubt in doubts.items())]
        if warnings:
            lines.append(f"warnings: {'; '.join(warnings)}")
        if doubts and self.verdict is CheckVerdict.CANNOT_TELL:
            lines.append(f"what may help: {'; '.join(dict.fromkeys(doubt.remedy for doubt in doubts.values()))}")
        return tuple(lines)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The names of the warnings among these words."""
        return () if self.verdict is CheckVerdict.HOLDS else tuple(kind.__name__ for _, kind in self._doubts())

    def _doubts(self) -> dict[tuple[str, type], Doubt]:
        """Return one warning per kind, from the last attempt; of the base, only kinds that the target lacks."""
        last = self.samplings[-1]
        own = {("", type(doubt)): doubt for doubt in last.now.doubts}
        kinds = {kind for _, kind in own}
        of_base = {(f"of {self.to}, ", type(doubt)): doubt for doubt in last.base.doubts if type(doubt) not in kinds}
        return own | of_base

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under stable keys."""
        return {
            "to": self.to,
            "max_ratio": self.bound,
            "rule": self.rule,
            "verdict": str(self.verdict),
            "samplings": [attempt.to_dict() for attempt in self.samplings],
        }


@dataclass(frozen=True, slots=True)
class PredictedResult:
    """The outcome of one budget of predicted latency, for which nothing is timed."""

    to: str  # the device, or the file of its coefficients
    budget: Budget
    latency_s: float | None  # predicted; None where nothing can be told
    interval_s: tuple[float, float] | None  # of 90 %
    reasons: tuple[str, ...] = ()  # why nothing can be told
    differences: tuple[str, ...] = ()  # between the calibration and this torch
    metric: ClassVar[str] = "predicted_latency"
    heading: ClassVar[str] = "Predicted latency"
    share: ClassVar[None] = None  # there is no other latency
    warnings: ClassVar[tuple[str, ...]] = ()  # of a timer

    @classmethod
    def of(cls, to: str, budget: Budget, plain: Mapping[str, Any]) -> PredictedResult:
        """Judge the plain values of a prediction by a budget."""
        ends = plain["predicted_interval90_s"]
        told = tuple(plain["reasons"]), tuple(plain["differences"])
        return cls(to, budget, plain["predicted_latency_s"], None if ends is None else (ends[0], ends[1]), *told)

    @property
    def rule(self) -> str:
        """The rule in words."""
        return f"predicted {self.budget.written} on {self.to}"

    @property
    def verdict(self) -> CheckVerdict:
        """The verdict: "cannot tell" without a prediction, or where the interval contains the bound."""
        held = {self.budget.holds(end) for end in self.interval_s or ()}
        if len(held) != 1:
            return CheckVerdict.CANNOT_TELL
        return CheckVerdict.HOLDS if held.pop() else CheckVerdict.FAILS

    @property
    def words(self) -> tuple[str, ...]:
        """The verdict with its figures, or the reasons for which there are none; and differences in the setting."""
        openings = {CheckVerdict.HOLDS: "predicted latency holds", CheckVerdict.FAILS: "predicted latency FAILS"}
        opening = openings.get(self.verdict, "warning: cannot tell whether the predicted latency holds")
        figures = "; ".join(self.reasons)
        if self.latency_s is not None and self.interval_s is not None:
            ends = " to ".join(map(units.seconds, self.interval_s))
            figures = f"{units.seconds(self.latency_s)} (90 % interval {ends})"
        return (f"{opening} ({self.rule}): {figures}", *self.differences)

    def acceptance(self, entry: str) -> str:
        """Return the way to accept the latency as it is; `entry` names the target's settings."""
        return f'change budget."latency.{self.to}" {entry}'

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under stable keys."""
        return {
            "to": self.to,
            "rule": self.rule,
            "verdict": str(self.verdict),
            "predicted_latency_s": self.latency_s,
            "predicted_interval90_s": None if self.interval_s is None else list(self.interval_s),
            "reasons": list(self.reasons),
            "differences": list(self.differences),
        }
