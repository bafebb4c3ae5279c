"""Warnings about a measurement: each is a value with its numbers and a remedy, and has one detector.

Times are seconds per call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from netcost.text import units
from netcost.timing.stats import MIN_QUARTILE_SAMPLES, MIN_ROUNDS, iqr, median, quantile


@dataclass(frozen=True, slots=True)
class Doubt:
    """A warning: a reason to trust a measurement less. Its text is the observation; `remedy` is the way out."""

    remedy: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the warning's name, its numbers (times in seconds), the observation and the remedy."""
        numbers = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in numbers.items()}
        return {"doubt": type(self).__name__, **plain, "seen": str(self), "remedy": self.remedy}


@dataclass(frozen=True, slots=True)
class TooFewRounds(Doubt):
    """The budget was spent before there were enough rounds for an interval, and so for a verdict."""

    remedy = "give it more time: a larger --budget"
    rounds: int
    needed: int

    def __str__(self) -> str:
        return f"the budget was spent after {self.rounds} rounds, and an interval needs {self.needed}"


@dataclass(frozen=True, slots=True)
class WideSpread(Doubt):
    """The middle half of the times spans a wide range."""

    remedy = "quiet the machine, fix its clock frequency, or use fewer --threads than it has cores"
    median_s: float
    iqr_s: float

    def __str__(self) -> str:
        return f"the middle half of the times spans {units.percent(self.iqr_s / self.median_s)} of their median"


@dataclass(frozen=True, slots=True)
class Drift(Doubt):
    """The times rose or fell during sampling."""

    remedy = "let the machine reach a steady temperature and measure again; trust the ratios more than the times"
    first_s: float
    last_s: float

    def __str__(self) -> str:
        return f"the median moved from {units.seconds(self.first_s)} to {units.seconds(self.last_s)} during sampling"


@dataclass(frozen=True, slots=True)
class OtherLoad(Doubt):
    """Other programs used the same cores."""

    remedy = "stop other programs, or measure on a machine that has nothing else to do"
    share: float
    cores: int

    def __str__(self) -> str:
        return f"other programs kept {units.percent(self.share)} of the {self.cores} available cores busy"


@dataclass(frozen=True, slots=True)
class Throttled(Doubt):
    """The device held its clocks back."""

    remedy = "cool the device or raise its power limit, or lock a clock that it can hold"
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"the device lowered its clocks: {', '.join(self.reasons)}"


@dataclass(frozen=True, slots=True)
class TooFast(Doubt):
    """A call is so short that Python's own overhead is a large part of it."""

    remedy = "use a larger --batch; at this size the interpreter is measured too"
    median_s: float

    def __str__(self) -> str:
        return f"a call takes {units.seconds(self.median_s)}"


@dataclass(frozen=True, slots=True)
class SlowFirstCall(Doubt):
    """The first call took much longer than the later ones."""

    remedy = "count it where processes are short-lived, or make one call before serving"
    first_call_s: float
    median_s: float

    def __str__(self) -> str:
        return f"the first call took {units.seconds(self.first_call_s)}, later ones {units.seconds(self.median_s)}"


@dataclass(frozen=True, slots=True)
class LaunchBound(Doubt):
    """The GPU waited for the host: its kernels are shorter than the work of launching them."""

    remedy = "use a larger --batch, --backend cudagraph or compile; a faster GPU would not help"
    wall_s: float
    host_s: float
    device_s: float

    def __str__(self) -> str:
        wall, host, device = (units.seconds(value) for value in (self.wall_s, self.host_s, self.device_s))
        return f"a call takes {wall}, of which the host spends {host} on launching; between GPU events lie {device}"


def too_few_rounds(times: Sequence[float]) -> TooFewRounds | None:
    """Warn where there are fewer than the `MIN_ROUNDS` times that an interval needs."""
    return TooFewRounds(len(times), MIN_ROUNDS) if len(times) < MIN_ROUNDS else None


def wide_spread(times: Sequence[float]) -> WideSpread | None:
    """Warn where the interquartile range exceeds 10 % of the median."""
    middle, spread = median(times), iqr(times)
    return WideSpread(middle, spread) if spread is not None and spread > 0.10 * middle > 0 else None


def drift(times: Sequence[float]) -> Drift | None:
    """Warn where the median of the last third differs from that of the first by more than 5 %.

    The interquartile ranges of the two must not overlap, so that noise is no drift. Fewer than 12 times (4 per third,
    the number that a quartile needs) cannot show one.
    """
    third = len(times) // 3
    if third < MIN_QUARTILE_SAMPLES:
        return None
    first, last = times[:third], times[-third:]
    before, after = median(first), median(last)
    low, high = sorted((first, last), key=median)
    overlapping = quantile(low, 0.75) >= quantile(high, 0.25)
    return Drift(before, after) if not overlapping and abs(after - before) > 0.05 * before else None


def too_fast(times: Sequence[float]) -> TooFast | None:
    """Warn where the median call takes under 10 µs, a few times Python's own overhead of calling a module."""
    middle = median(times)
    return TooFast(middle) if middle < 10e-6 else None


def slow_first_call(first_call_s: float, times: Sequence[float]) -> SlowFirstCall | None:
    """Warn where the first call took over 10 times the median, and over 0.1 s longer: less goes unnoticed."""
    middle = median(times)
    slow = first_call_s > 10 * middle and first_call_s - middle > 0.1
    return SlowFirstCall(first_call_s, middle) if slow else None


def other_load(busy_s: float | None, own_s: float, elapsed_s: float, cores: int) -> OtherLoad | None:
    """Warn where other programs kept over 10 % of the available cores busy during sampling.

    None too where the load is unknown, and for less than half a core-second: the kernel counts in ticks of 10 ms. On a
    machine whose count misses our own work, the difference is negative and there is no warning.

    Args:
        busy_s: core-seconds that all programs used on our cores, or None if unknown.
        own_s: core-seconds that this process used.
        elapsed_s: seconds of sampling.
        cores: cores available to us.
    """
    if busy_s is None or elapsed_s * cores < 0.5:
        return None
    share = (busy_s - own_s) / (elapsed_s * cores)
    return OtherLoad(share, cores) if share > 0.10 else None


def throttled(reasons: Sequence[str] | None) -> Throttled | None:
    """Warn where the device names a reason for lower clocks; None where it names none, or the reasons are unknown."""
    return Throttled(tuple(reasons)) if reasons else None


def launch_bound(wall: Sequence[float], host: Sequence[float], device: Sequence[float]) -> LaunchBound | None:
    """Warn where the host is busy launching for 90 % of a call, or for half of it while the wall clock shows 25 % more
    than the events.

    Both tests are needed. GPU events alone are not enough: they include the gaps in which the GPU waits for the next
    launch, so that the events of a launch-bound network nearly fill its time on the wall clock. And they miss the work
    on other streams, during which the host is idle.
    """
    wall_s, host_s, device_s = median(wall), median(host), median(device)
    bound = host_s >= 0.9 * wall_s or (host_s >= 0.5 * wall_s > 0.5 * 1.25 * device_s)
    return LaunchBound(wall_s, host_s, device_s) if bound else None


def doubts_about(first_call_s: float, times: Sequence[float], *others: Doubt | None) -> tuple[Doubt, ...]:
    """Return the warnings about a series of times, followed by those of `others` that are not None."""
    own = (too_few_rounds(times), wide_spread(times), drift(times), too_fast(times))
    first = slow_first_call(first_call_s, times)
    return tuple(doubt for doubt in (*own, first, *others) if doubt is not None)
