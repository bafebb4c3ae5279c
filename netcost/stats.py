"""Times in, honest statistics out: medians, bootstrap intervals, verdicts and doubts.

Times are seconds a call. Nothing is averaged away: the median stands for a series, its bootstrap interval says how well
it is known, and whatever speaks against a series is a `Doubt` with its numbers and a remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from netcost import units

Floats = NDArray[np.float64]
Interval = tuple[float, float]

RESAMPLES = 2000
"""Bootstrap resamples: the 2.5 % tail then rests on 50 of them."""

MIN_ROUNDS = 10
"""Fewer rounds than this give no interval, and so no verdict.

A percentile bootstrap of a handful of rounds is too narrow: by the binomial distribution of the order statistics, the
interval that calls itself 95 % covers the true median in 75 % of the cases with 3 rounds and in 87.5 % with 7. From
9 on it stays above 90 %, and the practical threshold of the verdict makes up for the rest.
"""

MIN_QUARTILE_SAMPLES = 4
"""Quartiles of fewer samples would be interpolations between their extremes."""

SAMPLES_BEYOND = 10
"""A percentile outside the 10th to the 90th needs this many samples beyond it: 200 for the 95th, 1000 for the 99th."""


def quantile(times: Sequence[float], share: float) -> float:
    """The time that a `share` of the times does not exceed (seconds), linear between neighbours."""
    if not times:
        raise ValueError("a quantile needs at least one time, got none")
    return float(np.quantile(np.asarray(times, dtype=np.float64), share))


def median(times: Sequence[float]) -> float:
    """The middle time (seconds)."""
    return quantile(times, 0.5)


def iqr(times: Sequence[float]) -> float | None:
    """The range of the middle half (seconds), or None with fewer than `MIN_QUARTILE_SAMPLES` times."""
    if len(times) < MIN_QUARTILE_SAMPLES:
        return None
    return quantile(times, 0.75) - quantile(times, 0.25)


def percentile(times: Sequence[float], percent: float) -> float | None:
    """The `percent`-th percentile (seconds), or None where too few samples lie beyond it (`SAMPLES_BEYOND`)."""
    share = percent / 100
    beyond = round(len(times) * min(share, 1 - share), 9)  # 0.01 is no binary fraction: 1000 samples must do for p99
    central = 10 <= percent <= 90 and len(times) > 0
    return quantile(times, share) if central or beyond >= SAMPLES_BEYOND else None


def ci95(times: Sequence[float], generator: np.random.Generator | None = None) -> Interval | None:
    """The 95 % bootstrap interval of the median (seconds), or None with fewer than `MIN_ROUNDS` times.

    The same times give the same interval: without a `generator`, one with a fixed seed is made.
    """
    return _bootstrap(times, _arithmetic, generator)


@dataclass(frozen=True, slots=True)
class RatioEstimate:
    """How long one subject takes in units of another, from `rounds` rounds in which both ran side by side."""

    median: float
    ci95: Interval | None
    rounds: int


def ratio(
    rounds_base: Sequence[float], rounds_other: Sequence[float], generator: np.random.Generator | None = None
) -> RatioEstimate:
    """The ratio other / base, taken round by round; below 1, the other is faster.

    What slows a whole round down (a neighbour, a falling clock) cancels. The median of an even number of ratios is
    the geometric mean of the middle two, so that exchanging base and other inverts the estimate exactly.

    Args:
        rounds_base: seconds of the base, one a round.
        rounds_other: seconds of the other in the same rounds.
        generator: source of the resamples; one with a fixed seed unless given.
    """
    if len(rounds_base) != len(rounds_other) or not rounds_base:
        raise ValueError(f"a ratio needs the same rounds of both, got {len(rounds_base)} and {len(rounds_other)}")
    if min(*rounds_base, *rounds_other) <= 0:
        raise ValueError("a ratio needs times above 0 s; make more calls a sample")
    ratios = np.asarray(rounds_other, dtype=np.float64) / np.asarray(rounds_base, dtype=np.float64)
    middle = float(_middle(ratios[np.newaxis, :], _geometric)[0])
    return RatioEstimate(middle, _bootstrap(ratios, _geometric, generator), len(ratios))


def relative_half_width(interval: Interval | None, centre: float) -> float | None:
    """Half the width of an interval as a share of its centre: 0.02 is ± 2 %. None without an interval."""
    if interval is None or centre <= 0:
        return None
    low, high = interval
    return (high - low) / 2 / centre


class Verdict(StrEnum):
    """What a comparison says of the other subject."""

    FASTER = "faster"
    SLOWER = "slower"
    CANNOT_TELL = "cannot tell"


def verdict(interval: Interval | None, threshold: float = 0.01) -> Verdict:
    """Faster or slower where the whole interval of the ratio lies beyond 1 -/+ `threshold`; otherwise, cannot tell.

    Without an interval (fewer than `MIN_ROUNDS` rounds) nothing can be told. Exchanging base and other turns faster
    into slower; the reverse holds but for intervals within threshold² of the upper bound, as 1 / 1.01 is above 0.99.
    """
    if interval is None:
        return Verdict.CANNOT_TELL
    low, high = interval
    if high < 1 - threshold:
        return Verdict.FASTER
    return Verdict.SLOWER if low > 1 + threshold else Verdict.CANNOT_TELL


def settled(times: Sequence[float], window: int = 3, tolerance: float = 0.05) -> bool:
    """Whether warm-up is over: the medians of the last two windows of calls lie within `tolerance` of each other.

    What calls this has a cap of its own: a series with two modes may never settle, and shows it as `WideSpread`.
    """
    if len(times) < 2 * window:
        return False
    before, last = median(times[-2 * window : -window]), median(times[-window:])
    return abs(last - before) <= tolerance * before


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
    found = (wide_spread(times), drift(times), too_fast(times), slow_first_call(first_call_s, times))
    return tuple(doubt for doubt in found if doubt is not None)


def _arithmetic(low: Floats, high: Floats) -> Floats:
    return (low + high) / 2


def _geometric(low: Floats, high: Floats) -> Floats:
    return np.asarray(np.sqrt(low * high))


def _middle(rows: Floats, mean: Callable[[Floats, Floats], Floats]) -> Floats:
    """The median of each row, (R, N) -> (R,); with N even, `mean` of the middle two."""
    low, high = (rows.shape[1] - 1) // 2, rows.shape[1] // 2
    parted = np.partition(rows, (low, high), axis=1)
    return mean(parted[:, low], parted[:, high])


def _bootstrap(
    values: Sequence[float] | Floats,
    mean: Callable[[Floats, Floats], Floats],
    generator: np.random.Generator | None,
) -> Interval | None:
    """The middle 95 % of the medians of resamples; its ends are medians that occurred, never interpolated."""
    if len(values) < MIN_ROUNDS:
        return None
    generator = np.random.default_rng(0) if generator is None else generator
    chosen = generator.integers(0, len(values), size=(RESAMPLES, len(values)))
    medians = np.sort(_middle(np.asarray(values, dtype=np.float64)[chosen], mean))
    tail = round(0.025 * RESAMPLES)
    return float(medians[tail - 1]), float(medians[-tail])
