"""Judges a guideline: a verdict that follows from the times, and a sentence that explains it.

The rule. A guideline puts variants in order: each step of the order says that one variant takes longer per mult-add
than another. Both ran in the same rounds, so their ratio is taken round by round and has a 95 % interval. A step is

- *slower* where the whole interval lies above 1.01: the difference is real and not negligible;
- *not slower* where the whole interval lies below 1.01: any difference is below 1 % or in the other direction;
- *open* where the interval contains 1.01, or there were too few rounds for an interval.

The guideline **holds** where every step of the order is slower, **does not hold** where any step is not slower, and
otherwise one **cannot tell**. Holding needs every interval on one side at once, so more steps make it harder and never
a matter of luck. With k steps exactly at the threshold, at most k times 2.5 % are wrongly called not slower.

On a CPU, x4 and the filled batch have only the first and the last variant of an order: their one step is the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from netcost.guidelines.guideline import Order
from netcost.guidelines.trial import Trial, plain
from netcost.text import units
from netcost.timing import stats

THRESHOLD = 0.01
"""A smaller slow-down does not count in practice; `stats.verdict` uses the same threshold."""


class GuidelineVerdict(StrEnum):
    """The verdict on a guideline in one setting."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    CANNOT_TELL = "cannot tell"


class StepOutcome(StrEnum):
    """The outcome of one step of an order."""

    SLOWER = "slower"
    NOT_SLOWER = "not slower"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Step:
    """Two variants of which a guideline says that the second is slower.

    Args:
        fast, slow: their names.
        ratio: time per mult-add of the second / that of the first; None where either failed.
    """

    fast: str
    slow: str
    ratio: stats.RatioEstimate | None

    @property
    def slow_down(self) -> float | None:
        """Return the median ratio; None where either variant failed."""
        return None if self.ratio is None else self.ratio.median

    @property
    def ci95(self) -> stats.Interval | None:
        """Return the 95 % interval of the ratio; None without a ratio, or with too few rounds."""
        return None if self.ratio is None else self.ratio.ci95

    @property
    def outcome(self) -> StepOutcome:
        """Return the outcome by the rule of this module."""
        if self.ci95 is None:
            return StepOutcome.OPEN
        low, high = self.ci95
        if low > 1 + THRESHOLD:
            return StepOutcome.SLOWER
        return StepOutcome.NOT_SLOWER if high < 1 + THRESHOLD else StepOutcome.OPEN

    @property
    def seen(self) -> str:
        """Return the ratio and its interval in words."""
        if self.ratio is None:
            return "not measured"
        if self.ratio.ci95 is None:
            return f"{units.times(self.ratio.median)} in {self.ratio.rounds} rounds, too few for an interval"
        low, high = self.ratio.ci95
        return f"{units.times(self.ratio.median)}, 95 % interval {units.times(low)} to {units.times(high)}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        measured = {"ratio": self.slow_down, "ci95": plain(self.ci95)}
        return {"fast": self.fast, "slow": self.slow, **measured, "outcome": str(self.outcome)}


@dataclass(frozen=True, slots=True)
class GuidelineFinding:
    """The finding on one order of a guideline in one trial; `extent` goes from the first to the last variant."""

    trial: Trial
    order: Order
    steps: tuple[Step, ...]
    extent: Step

    @property
    def verdict(self) -> GuidelineVerdict:
        """Return the verdict by the rule of this module."""
        outcomes = {step.outcome for step in self.steps}
        if StepOutcome.NOT_SLOWER in outcomes:
            return GuidelineVerdict.DOES_NOT_HOLD
        return GuidelineVerdict.HOLDS if outcomes == {StepOutcome.SLOWER} else GuidelineVerdict.CANNOT_TELL

    @property
    def sentence(self) -> str:
        """Return the verdict, the slow-down from end to end, and the steps that decided it."""
        end_to_end = f"{self.extent.slow} against {self.extent.fast}: {self.extent.seen}"
        match self.verdict:
            case GuidelineVerdict.HOLDS:
                names = tuple({name: None for step in self.steps for name in (step.fast, step.slow)})
                ordered = " and ".join(" < ".join(chain) for chain in self.order.present_chains(names))
                why = f"; every step of {ordered} is slower" if len(self.steps) > 1 else ""
            case GuidelineVerdict.DOES_NOT_HOLD:
                why = self._listed(StepOutcome.NOT_SLOWER, "is not slower than")
            case _:
                why = self._listed(StepOutcome.OPEN, "may or may not be slower than")
        label = f"{self.order.label}, " if self.order.label else ""
        return f"{label}{self.verdict}: {end_to_end}{why}."

    def _listed(self, outcome: StepOutcome, words: str) -> str:
        """Return the steps of one outcome that have an interval; "" for a single step, which is the extent itself."""
        steps = [step for step in self.steps if step.outcome is outcome and step.ci95]
        return "".join(f"; {step.slow} {words} {step.fast} ({step.seen})" for step in steps if len(self.steps) > 1)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "order": self.order.label or None,
            "verdict": str(self.verdict),
            "sentence": self.sentence,
            "steps": [step.to_dict() for step in self.steps],
            "extent": self.extent.to_dict(),
        }


def judge(trial: Trial) -> tuple[GuidelineFinding, ...]:
    """Return one finding per order of the trial's guideline."""
    present = tuple(series.name for series in trial.series)

    def step(fast: str, slow: str) -> Step:
        return Step(fast, slow, trial.slow_down(slow, fast))

    return tuple(
        GuidelineFinding(
            trial, order, tuple(step(*names) for names in order.steps(present)), step(*order.ends(present))
        )
        for order in trial.task.guideline.orders
    )
