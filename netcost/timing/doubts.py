"""Reasons to trust a measurement less: each is a value with its numbers and a remedy, and has one detector.

Times are seconds a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from netcost.text import units
from netcost.timing.stats import MIN_QUARTILE_SAMPLES, MIN_ROUNDS, iqr, median, quantile


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reason to trust a measurement less: as text, what was seen; `remedy` says what would mend it."""

    remedy: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """The doubt's name, its own numbers (times in seconds), what was seen and the remedy."""
        numbers = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in numbers.items()}
        return {"doubt": type(self).__name__, **plain, "seen": str(self), "remedy": self.remedy}


@dataclass(frozen=True, slots=True)
class TooFewRounds(Doubt):
    """The budget was spent before there were rounds enough for an interval, and so for a verdict."""

    remedy = "give it more time: a larger --budget"
    rounds: int
    needed: int

    def __str__(self) -> str:
        return f"the budget was spent after {self.rounds} rounds, and an interval needs {self.needed}"


@dataclass(frozen=True, slots=True)
class WideSpread(Doubt):
    """The middle half of the times lies far apart."""

    remedy = "quiet the machine, fix its clock frequency, or use fewer --threads than it has cores"
    median_s: float
    iqr_s: float

    def __str__(self) -> str:
        return f"the middle half of the times spans {units.percent(self.iqr_s / self.median_s)} of their median"


@dataclass(frozen=True, slots=True)
class Drift(Doubt):
    """The times moved while they were taken."""

    remedy = "let the machine reach a steady temperature and measure again; trust the ratios more than the times"
    first_s: float
    last_s: float

    def __str__(self) -> str:
        return f"the median moved from {units.seconds(self.first_s)} to {units.seconds(self.last_s)} during sampling"


@dataclass(frozen=True, slots=True)
class OtherLoad(Doubt):
    """Other programs worked on the same cores."""

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
    """A call is so short that Python's own work is a good part of it."""

    remedy = "use a larger --batch; at this size the interpreter is measured too"
    median_s: float

    def __str__(self) -> str:
        return f"a call takes {units.seconds(self.median_s)}"


@dataclass(frozen=True, slots=True)
class SlowFirstCall(Doubt):
    """The first call took far longer than the later ones."""

    remedy = "count it where processes are short-lived, or make one call before serving"
    first_call_s: float
    median_s: float

    def __str__(self) -> str:
        return f"the first call took {units.seconds(self.first_call_s)}, later ones {units.seconds(self.median_s)}"


@dataclass(frozen=True, slots=True)
class LaunchBound(Doubt):
    """The GPU waited for the host: its kernels are shorter than the work of launching them."""

    remedy = "use a larger --batch or --backend compile; a faster GPU would not help"
    wall_s: float
    host_s: float
    device_s: float

    def __str__(self) -> str:
        wall, host, device = (units.seconds(value) for value in (self.wall_s, self.host_s, self.device_s))
        return f"a call takes {wall}, of which the host spends {host} on launching; between GPU events lie {device}"


def too_few_rounds(times: Sequence[float]) -> TooFewRounds | None:
    """A doubt where there are fewer than the `MIN_ROUNDS` times that an interval needs."""
    return TooFewRounds(len(times), MIN_ROUNDS) if len(times) < MIN_ROUNDS else None


def wide_spread(times: Sequence[float]) -> WideSpread | None:
    """A doubt where the interquartile range exceeds 10 % of the median."""
    middle, spread = median(times), iqr(times)
    return WideSpread(middle, spread) if spread is not None and spread > 0.10 * middle > 0 else None


def drift(times: Sequence[float]) -> Drift | None:
    """A doubt where the median of the last third differs from that of the first by more than 5 %.

    The interquartile ranges of the two must lie apart, too, so that mere noise is no drift; fewer than 12 times (4 a
    third, what a quartile needs) cannot show one.
    """
    third = len(times) // 3
    if third < MIN_QUARTILE_SAMPLES:
        return None
    first, last = times[:third], times[-third:]
    before, after = median(first), median(last)
    low, high = sorted((first, last), key=median)
    apart = quantile(low, 0.75) < quantile(high, 0.25)
    return Drift(before, after) if apart and abs(after - before) > 0.05 * before else None


def too_fast(times: Sequence[float]) -> TooFast | None:
    """A doubt where the median call takes under 10 µs, a few times what calling a module costs Python itself."""
    middle = median(times)
    return TooFast(middle) if middle < 10e-6 else None


def slow_first_call(first_call_s: float, times: Sequence[float]) -> SlowFirstCall | None:
    """A doubt where the first call took over 10 times the median, and over 0.1 s longer: less goes unnoticed."""
    middle = median(times)
    slow = first_call_s > 10 * middle and first_call_s - middle > 0.1
    return SlowFirstCall(first_call_s, middle) if slow else None


def other_load(busy_s: float | None, own_s: float, elapsed_s: float, cores: int) -> OtherLoad | None:
    """A doubt where others kept over 10 % of the available cores busy while we sampled.

    None too where the machine does not say, and where under half a core-second went by: the kernel counts in ticks of
    10 ms. A machine whose count misses our own work says nothing of others' either, and the difference is negative.

    Args:
        busy_s: core-seconds worked on our cores by everybody, or None if unknown.
        own_s: core-seconds worked by this process.
        elapsed_s: seconds that went by.
        cores: cores available to us.
    """
    if busy_s is None or elapsed_s * cores < 0.5:
        return None
    share = (busy_s - own_s) / (elapsed_s * cores)
    return OtherLoad(share, cores) if share > 0.10 else None


def throttled(reasons: tuple[str, ...] | None) -> Throttled | None:
    """A doubt where the device names any reason for lower clocks; None where it names none or cannot tell."""
    return Throttled(reasons) if reasons else None


def launch_bound(wall: Sequence[float], host: Sequence[float], device: Sequence[float]) -> LaunchBound | None:
    """A doubt where the host is busy launching for 90 % of a call, or the wall shows 25 % more than the events.

    Both are needed. GPU events alone do not tell: between them lie the gaps in which the GPU waits for the next
    launch, so that the events of a launch-bound network nearly fill the wall's time.
    """
    wall_s, host_s, device_s = median(wall), median(host), median(device)
    bound = host_s >= 0.9 * wall_s or wall_s > 1.25 * device_s
    return LaunchBound(wall_s, host_s, device_s) if bound else None


def doubts_about(first_call_s: float, times: Sequence[float]) -> tuple[Doubt, ...]:
    """Every doubt that a series of times raises by itself."""
    found = (
        too_few_rounds(times),
        wide_spread(times),
        drift(times),
        too_fast(times),
        slow_first_call(first_call_s, times),
    )
    return tuple(doubt for doubt in found if doubt is not None)
