"""Models timed side by side: raw times, and the ratios between a guideline's variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any

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
"""The signature of `timing.measure_all`; a test brings its own."""


def plain(value: Any) -> Any:
    """Return a value as JSON has it: dataclasses, named tuples and mappings as objects, other tuples as lists."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, tuple | list) else value


@dataclass(frozen=True)
class VariantTimes:
    """All times of one variant or network, in seconds per call, one per round; or the error instead."""

    name: str
    times_s: tuple[NonNegativeFloat, ...] = ()
    device_times_s: tuple[NonNegativeFloat, ...] | None = None
    first_call_s: NonNegativeFloat | None = None
    calls_per_sample: PositiveInt | None = None
    doubts: tuple[Mapping[str, Any], ...] = ()
    """As `Doubt.to_dict` gives them."""
    error: str | None = None
    elementwise_time_share: NonNegativeFloat | None = None

    @classmethod
    def of(cls, name: str, result: Measurement | MeasurementError) -> VariantTimes:
        """Return the times of a measurement, or its error."""
        if isinstance(result, MeasurementError):
            return cls(name, error=str(result))
        doubts = tuple(doubt.to_dict() for doubt in result.doubts)
        return cls(name, result.times_s, result.device_times_s, result.first_call_s, result.calls_per_sample, doubts)

    @cached_property
    def median_s(self) -> float | None:
        """Return the median time of a call (seconds); None without times."""
        return stats.median(self.times_s) if self.times_s else None

    @cached_property
    def ci95_s(self) -> stats.Interval | None:
        """Return the 95 % interval of the median (seconds); None with too few rounds."""
        return stats.ci95(self.times_s)

    def ratio_to(self, base: VariantTimes, factor: float = 1.0) -> stats.RatioEstimate | None:
        """Return `factor` times this time / the time of `base`, taken round by round; None where either failed."""
        rounds = min(len(self.times_s), len(base.times_s))
        own_s, base_s = self.times_s[:rounds], base.times_s[:rounds]
        if self.error or base.error or min((*own_s, *base_s), default=0.0) <= 0:
            return None
        ratio = stats.ratio(base_s, own_s)
        interval = None if ratio.ci95 is None else (factor * ratio.ci95[0], factor * ratio.ci95[1])
        return stats.RatioEstimate(factor * ratio.median, interval, ratio.rounds)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, with the median and its interval, which a reader could compute."""
        return {"name": self.name, "median_s": self.median_s, "ci95_s": plain(self.ci95_s), **plain(self)}


@dataclass(frozen=True, slots=True)
class Goal:
    """The end of sampling: after these seconds, or when the interval of every ratio has this half width."""

    budget_s: NonNegativeFloat
    precision: NonNegativeFloat


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Models timed side by side.

    Args:
        goal: when sampling was to stop.
        stopped: the reason why it did, a `Stop`.
        series: one per model; ratios are to the first.
    """

    goal: Goal
    stopped: str
    series: tuple[VariantTimes, ...]

    @cached_property
    def by_name(self) -> dict[str, VariantTimes]:
        """Return the series by the names of their models."""
        return {series.name: series for series in self.series}

    def suffices(self, goal: Goal) -> bool:
        """True where measuring again with that goal would promise nothing better."""
        if self.stopped == Stop.FAILED or any(series.error for series in self.series):
            return False
        was_precise = self.stopped == Stop.PRECISE and self.goal.precision <= goal.precision
        return self.goal.budget_s >= goal.budget_s or was_precise

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**plain(self.goal), "stopped": self.stopped, "series": [series.to_dict() for series in self.series]}


@dataclass(frozen=True, kw_only=True)
class Trial(Sampling):
    """One guideline in one setting, timed; the first series is the base."""

    task: Task

    def slow_down(self, variant: str, base: str | None = None) -> stats.RatioEstimate | None:
        """Return time per mult-add of a variant / that of another or of the base; None where either is missing."""
        fast, slow = self.by_name.get(base or self.series[0].name), self.by_name.get(variant)
        if fast is None or slow is None:
            return None
        work = {made.name: made.closed_form.mult_adds for made in self.task.variants}
        return slow.ratio_to(fast, work[fast.name] / work[slow.name])
