"""When a guideline holds: a verdict that follows from the times, and a sentence that is made of them.

The rule. A guideline puts variants in order: each step of the order says that one variant takes longer a mult-add than
another. Both ran in the same rounds, so that their ratio is taken round by round and has a 95 % interval. A step is

- *slower* where the whole interval lies above 1.01: the step is there, and no trifle;
- *not slower* where the whole interval lies below 1.01: if there is a difference, it is below 1 % or the other way;
- *open* where the interval reaches across 1.01, or there were too few rounds for one.

The guideline **holds** where every step of the order is slower, **does not hold** where any step is not slower, and
otherwise one **cannot tell**. Holding needs every interval on one side at once, so that more steps make it harder and
never a matter of luck. With k steps exactly at the threshold, at most k times 2.5 % are wrongly called not slower.

On a CPU, x4 and the filled batch have the first and the last variant of an order only: their one step is the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from netcost.guidelines.guideline import Order
from netcost.guidelines.trial import Trial
from netcost.text import units
from netcost.timing import stats

THRESHOLD = 0.01
"""A slow-down of less is none in practice; the same as in `stats.verdict`."""


class GuidelineVerdict(StrEnum):
    """What the times say of a guideline in one setting."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    CANNOT_TELL = "cannot tell"


class StepOutcome(StrEnum):
    """What the times say of one step of an order."""

    SLOWER = "slower"
    NOT_SLOWER = "not slower"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Step:
    """Two variants of which a guideline says that the second is slower, and how much slower it is.

    Args:
        fast, slow: their names.
        ratio: time a mult-add of the second / that of the first; None where either failed.
    """

    fast: str
    slow: str
    ratio: stats.RatioEstimate | None

    @property
    def outcome(self) -> StepOutcome:
        """By the rule of this module."""
        if self.ratio is None or self.ratio.ci95 is None:
            return StepOutcome.OPEN
        low, high = self.ratio.ci95
        if low > 1 + THRESHOLD:
            return StepOutcome.SLOWER
        return StepOutcome.NOT_SLOWER if high < 1 + THRESHOLD else StepOutcome.OPEN

    @property
    def seen(self) -> str:
        """The ratio and its interval in words."""
        if self.ratio is None:
            return "not measured"
        if self.ratio.ci95 is None:
            return f"{units.times(self.ratio.median)} in {self.ratio.rounds} rounds, too few for an interval"
        low, high = self.ratio.ci95
        return f"{units.times(self.ratio.median)}, 95 % interval {units.times(low)} to {units.times(high)}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        ci95 = None if self.ratio is None or self.ratio.ci95 is None else list(self.ratio.ci95)
        median = None if self.ratio is None else self.ratio.median
        return {"fast": self.fast, "slow": self.slow, "ratio": median, "ci95": ci95, "outcome": str(self.outcome)}


@dataclass(frozen=True, slots=True)
class GuidelineFinding:
    """What one trial says of one order of a guideline.

    Args:
        trial: the times.
        order: what was judged.
        steps: each with what was seen.
        extent: from the first to the last variant of the order.
    """

    trial: Trial
    order: Order
    steps: tuple[Step, ...]
    extent: Step

    @property
    def verdict(self) -> GuidelineVerdict:
        """By the rule of this module."""
        outcomes = {step.outcome for step in self.steps}
        if StepOutcome.NOT_SLOWER in outcomes:
            return GuidelineVerdict.DOES_NOT_HOLD
        return GuidelineVerdict.HOLDS if outcomes == {StepOutcome.SLOWER} else GuidelineVerdict.CANNOT_TELL

    @property
    def sentence(self) -> str:
        """By how much, and which steps speak against it."""
        far = f"{self.extent.slow} against {self.extent.fast}: {self.extent.seen}"
        match self.verdict:
            case GuidelineVerdict.HOLDS:
                why = f"; every step of {self._ordered} is slower" if len(self.steps) > 1 else ""
            case GuidelineVerdict.DOES_NOT_HOLD:
                why = self._listed(StepOutcome.NOT_SLOWER, "is not slower than")
            case _:
                why = self._listed(StepOutcome.OPEN, "may or may not be slower than")
        label = f"{self.order.label}, " if self.order.label else ""
        return f"{label}{self.verdict}: {far}{why}."

    @property
    def _ordered(self) -> str:
        return " and ".join(" < ".join(chain) for chain in self._chains())

    def _chains(self) -> list[list[str]]:
        present = {name for step in self.steps for name in (step.fast, step.slow)}
        return [[name for name in chain if name in present] for chain in self.order.chains]

    def _listed(self, outcome: StepOutcome, words: str) -> str:
        """The steps of one outcome that have an interval; nothing where the only one has been told already."""
        if len(self.steps) == 1:
            return ""
        found = [step for step in self.steps if step.outcome is outcome and step.ratio and step.ratio.ci95]
        return "".join(f"; {step.slow} {words} {step.fast} ({step.seen})" for step in found)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "order": self.order.label or None,
            "verdict": str(self.verdict),
            "sentence": self.sentence,
            "steps": [step.to_dict() for step in self.steps],
            "extent": self.extent.to_dict(),
        }


def judge(trial: Trial) -> tuple[GuidelineFinding, ...]:
    """One finding for each order of the trial's guideline."""
    present = tuple(series.name for series in trial.series)
    return tuple(_finding(trial, order, present) for order in trial.task.guideline.orders)


def _finding(trial: Trial, order: Order, present: tuple[str, ...]) -> GuidelineFinding:
    steps = tuple(_step(trial, *names) for names in order.steps(present))
    return GuidelineFinding(trial, order, steps, _step(trial, *order.ends(present)))


def _step(trial: Trial, fast: str, slow: str) -> Step:
    return Step(fast, slow, trial.slow_down(slow, fast))
