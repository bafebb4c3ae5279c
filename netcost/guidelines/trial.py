"""Models timed side by side: raw times, and what follows from those of a guideline's variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from torch import nn

from netcost.guidelines.grid import Task
from netcost.text.errors import MeasurementError
from netcost.text.reading import NonNegativeFloat, PositiveInt
from netcost.timing import stats
from netcost.timing.conversion import Call
from netcost.timing.measurement import Measurement
from netcost.timing.sampling import Progress, Stop
from netcost.timing.setting import Timing

Timed = Sequence[tuple[str, nn.Module, Call]]
TimeAll = Callable[[Timed, Timing, Progress | None], list[Measurement | MeasurementError]]
"""What `timing.measure_all` does; a test brings its own."""


@dataclass(frozen=True)
class VariantTimes:
    """Every time of one variant or network, in seconds a call, one a round; or the error instead."""

    name: str
    times_s: tuple[NonNegativeFloat, ...] = ()
    device_times_s: tuple[NonNegativeFloat, ...] | None = None
    first_call_s: NonNegativeFloat | None = None
    calls_per_sample: PositiveInt | None = None
    doubts: tuple[Mapping[str, Any], ...] = ()
    """As `Doubt.to_dict` gives them."""
    error: str | None = None
    elementwise_time_share: NonNegativeFloat | None = None

    @cached_property
    def median_s(self) -> float | None:
        """The median time of a call (seconds); None where there is none."""
        return stats.median(self.times_s) if self.times_s else None

    @cached_property
    def ci95_s(self) -> stats.Interval | None:
        """The 95 % interval of the median (seconds), or None with too few rounds."""
        return stats.ci95(self.times_s)

    def ratio_to(self, base: VariantTimes, factor: float = 1.0) -> stats.RatioEstimate | None:
        """Time of this one / time of `base`, round by round, times `factor`; None where either failed."""
        rounds = min(len(self.times_s), len(base.times_s))
        mine, its = self.times_s[:rounds], base.times_s[:rounds]
        if self.error or base.error or min((*mine, *its), default=0.0) <= 0:
            return None
        plain = stats.ratio(its, mine)
        interval = None if plain.ci95 is None else (factor * plain.ci95[0], factor * plain.ci95[1])
        return stats.RatioEstimate(factor * plain.median, interval, plain.rounds)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; what a reader could compute (median and interval) is there, too."""
        return {
            "name": self.name,
            "median_s": self.median_s,
            "ci95_s": None if self.ci95_s is None else list(self.ci95_s),
            "times_s": list(self.times_s),
            "device_times_s": None if self.device_times_s is None else list(self.device_times_s),
            "first_call_s": self.first_call_s,
            "calls_per_sample": self.calls_per_sample,
            "doubts": [dict(doubt) for doubt in self.doubts],
            "error": self.error,
            "elementwise_time_share": self.elementwise_time_share,
        }


def series_of(name: str, result: Measurement | MeasurementError, share: float | None = None) -> VariantTimes:
    """The series of a measurement, or of the error in its place."""
    if isinstance(result, MeasurementError):
        return VariantTimes(name, error=str(result))
    return VariantTimes(
        name,
        result.times_s,
        result.device_times_s,
        result.first_call_s,
        result.calls_per_sample,
        tuple(doubt.to_dict() for doubt in result.doubts),
        None,
        share,
    )


def stop_of(results: Sequence[Measurement | MeasurementError]) -> str:
    """What ended a sampling."""
    return next((str(each.stopped) for each in results if isinstance(each, Measurement)), str(Stop.FAILED))


class Goal(NamedTuple):
    """When to stop sampling: after so many seconds, or when every ratio's interval has this half width."""

    budget_s: float
    precision: float


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Models timed side by side.

    Args:
        goal: when it was to stop.
        stopped: what ended it.
        series: one a model; ratios are to the first.
    """

    goal: Goal
    stopped: str
    series: tuple[VariantTimes, ...]

    def suffices(self, goal: Goal) -> bool:
        """Whether measuring again, with that goal, would promise nothing better."""
        if self.stopped == Stop.FAILED or any(each.error for each in self.series):
            return False
        was_precise = self.stopped == Stop.PRECISE and self.goal.precision <= goal.precision
        return self.goal.budget_s >= goal.budget_s or was_precise

    def to_dict(self) -> dict[str, Any]:
        """Plain values, but for the series."""
        return {**self.goal._asdict(), "stopped": self.stopped}


@dataclass(frozen=True, kw_only=True)
class Trial(Sampling):
    """One guideline in one setting, timed; the first series is the base."""

    task: Task

    def series_of(self, variant: str) -> VariantTimes | None:
        """The series of a variant; None where it was not timed."""
        return next((each for each in self.series if each.name == variant), None)

    def slow_down(self, variant: str, base: str | None = None) -> stats.RatioEstimate | None:
        """Time a mult-add of a variant / that of another, or of the base; None where either is missing."""
        fast, slow = self.series_of(self.series[0].name if base is None else base), self.series_of(variant)
        if fast is None or slow is None:
            return None
        work = {each.name: each.closed_form.mult_adds for each in self.task.variants}
        return slow.ratio_to(fast, work[fast.name] / work[slow.name])
