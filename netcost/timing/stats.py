"""Times in, honest statistics out: medians, exact intervals, ratios and verdicts.

Times are seconds a call. Nothing is averaged away: the median stands for a series, its interval says how well it is
known. What speaks against a series is said by `doubts`.

An interval's ends are two of the values themselves: those of ranks k and n + 1 - k, with k as large as the binomial
distribution allows. It covers the true median in at least 95 % of the cases, for any distribution and from six values
on, because a value lies below its median with a chance of one half, whatever else is true of it. A percentile
bootstrap, which stood here before, promises that for many values only: driven by `sample_rounds`, which stops at the
first interval that is narrow enough, it covered the true ratio in 89 % to 96 % of the cases on the made-up machines of
`tests/noise.py`, where this covers it in 95 % to 99 %; and it called equals unequal three times as often. This is also
a hundred times quicker, draws no random numbers, and inverts when base and other are exchanged.

For ratios there is more to it. `sample_rounds` draws the order of each round by lot, so that of two networks that
cost the same either one may stand in a slow moment, and each ratio lies above or below 1 by chance alone: bursts of
load by others that last for many rounds, drifting clocks and heavy tails leave the chance of each sign at one half.

Reference: Conover, "Practical Nonparametric Statistics", 3rd edition, section 3.2 (confidence interval for a
quantile) and section 3.4 (the sign test).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Interval = tuple[float, float]

MISSED_ONE_IN = 20
"""One interval in so many may miss the true median: they are 95 % intervals."""

MIN_ROUNDS = 10
"""Fewer rounds than this give no interval, and so no verdict.

Six would do for an interval, from the smallest to the largest of them. But whoever looks for a narrow interval after
every round finds one by chance, and that is likelier the fewer there are.
"""

RESAMPLES = 2000
"""Bootstrap resamples: the 2.5 % tail then rests on 50 of them."""

SAME_ROUNDS = 0.01
"""The practical threshold of a verdict within a run: a difference below 1 % is none to act on."""

BETWEEN_RUNS = 0.05
"""The practical threshold of a verdict between two runs: the same network, timed twice on the same quiet machine,
differs by a few percent, which the interval of neither run can know."""

MIN_QUARTILE_SAMPLES = 4
"""Quartiles of fewer samples would be interpolations between their extremes."""


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


def ci95(values: Sequence[float]) -> Interval | None:
    """The exact 95 % interval of the median, or None with fewer than `MIN_ROUNDS` values; its ends are values."""
    if len(values) < MIN_ROUNDS:
        return None
    ordered, rank = sorted(values), interval_rank(len(values))
    return float(ordered[rank - 1]), float(ordered[-rank])


@cache
def interval_rank(count: int) -> int:
    """The rank of the interval's lower end among `count` values, from 1, and of the upper one from the top.

    The chance that fewer than `rank` of the values lie below the median is that of so few heads in `count` throws of
    a coin; on either side, it may be half of what an interval may miss.
    """
    rank, ways = 0, 1
    while 2 * MISSED_ONE_IN * ways <= 2**count:
        rank += 1
        ways += math.comb(count, rank)
    return rank


@dataclass(frozen=True, slots=True)
class RatioEstimate:
    """How long one subject takes in units of another, from `rounds` rounds in which both ran side by side."""

    median: float
    ci95: Interval | None
    rounds: int


def ratio(rounds_base: Sequence[float], rounds_other: Sequence[float]) -> RatioEstimate:
    """The ratio other / base, taken round by round; below 1, the other is faster.

    What slows a whole round down (a neighbour, a falling clock) cancels. The median of an even number of ratios is
    the geometric mean of the middle two, so that exchanging base and other inverts the estimate exactly.

    Args:
        rounds_base: seconds of the base, one a round.
        rounds_other: seconds of the other in the same rounds.
    """
    if len(rounds_base) != len(rounds_other) or not rounds_base:
        raise ValueError(f"a ratio needs the same rounds of both, got {len(rounds_base)} and {len(rounds_other)}")
    if min(*rounds_base, *rounds_other) <= 0:
        raise ValueError("a ratio needs times above 0 s; make more calls a sample")
    ratios = np.asarray(rounds_other, dtype=np.float64) / np.asarray(rounds_base, dtype=np.float64)
    ordered = np.sort(ratios)
    middle = math.sqrt(ordered[(len(ordered) - 1) // 2] * ordered[len(ordered) // 2])
    return RatioEstimate(middle, ci95(ratios.tolist()), len(ratios))


def ratio_between_runs(
    times_base: Sequence[float], times_other: Sequence[float], generator: np.random.Generator | None = None
) -> RatioEstimate:
    """The ratio other / base of the medians of two series that were not taken in the same rounds.

    Nothing cancels here: the interval comes from two independent bootstraps, one of each median, and is wider than
    that of `ratio` on a machine whose speed wanders. Even so it knows only what happened within the two runs, not what
    differs from run to run (where memory lies, which clock the machine keeps), for which a verdict allows
    `BETWEEN_RUNS`.

    Args:
        times_base: seconds of the base.
        times_other: seconds of the other, in a run of its own.
        generator: source of the resamples; one with a fixed seed unless given.

    Reference: Kalibera and Jones, "Rigorous Benchmarking in Reasonable Time" (ISMM 2013).
    """
    if min(*times_base, *times_other) <= 0:
        raise ValueError("a ratio needs times above 0 s; make more calls a sample")
    generator = np.random.default_rng(0) if generator is None else generator
    base = _resampled(times_base, generator)
    other = _resampled(times_other, generator)
    interval = None if base is None or other is None else _middle_95(other / base)
    return RatioEstimate(median(times_other) / median(times_base), interval, min(len(times_base), len(times_other)))


def relative_half_width(interval: Interval | None, centre: float) -> float | None:
    """Half the width of an interval as a share of its centre: 0.02 is ± 2 %. None without an interval."""
    if interval is None or centre <= 0:
        return None
    low, high = interval
    return (high - low) / 2 / centre


class SpeedVerdict(StrEnum):
    """What a comparison says of the other subject."""

    FASTER = "faster"
    SLOWER = "slower"
    CANNOT_TELL = "cannot tell"


def verdict(interval: Interval | None, threshold: float = SAME_ROUNDS) -> SpeedVerdict:
    """Faster or slower where the whole interval of the ratio lies beyond 1 -/+ `threshold`; otherwise, cannot tell.

    Without an interval (fewer than `MIN_ROUNDS` rounds) nothing can be told. Exchanging base and other turns faster
    into slower; the reverse holds but for intervals within threshold² of the upper bound, as 1 / 1.01 is above 0.99.
    """
    if interval is None:
        return SpeedVerdict.CANNOT_TELL
    low, high = interval
    if high < 1 - threshold:
        return SpeedVerdict.FASTER
    return SpeedVerdict.SLOWER if low > 1 + threshold else SpeedVerdict.CANNOT_TELL


def settled(times: Sequence[float], window: int = 3, tolerance: float = 0.05) -> bool:
    """Whether warm-up is over: the medians of the last two windows of calls lie within `tolerance` of each other.

    What calls this has a cap of its own: a series with two modes may never settle, and shows it as `WideSpread`.
    """
    if len(times) < 2 * window:
        return False
    before, last = median(times[-2 * window : -window]), median(times[-window:])
    return abs(last - before) <= tolerance * before


def _resampled(values: Sequence[float], generator: np.random.Generator) -> Floats | None:
    """The medians of `RESAMPLES` resamples, (R,), or None with fewer than `MIN_ROUNDS` values."""
    if len(values) < MIN_ROUNDS:
        return None
    chosen = generator.integers(0, len(values), size=(RESAMPLES, len(values)))
    medians: Floats = np.median(np.asarray(values, dtype=np.float64)[chosen], axis=1)
    return medians


def _middle_95(resampled: Floats) -> Interval:
    """The ends of the middle 95 % of the values."""
    ordered, tail = np.sort(resampled), round(0.025 * RESAMPLES)
    return float(ordered[tail - 1]), float(ordered[-tail])
