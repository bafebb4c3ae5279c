"""Robust statistics of times: medians, exact intervals, ratios and verdicts.

Times are seconds per call. Nothing is averaged: the median stands for a series, and its interval says how well it is
known. `doubts` holds the warnings about a series.

The ends of an interval are two of the values themselves: those of ranks k and n + 1 - k, with k as large as the
binomial distribution allows. It covers the true median in at least 95 % of the cases, for any distribution and from
six values on, because a value lies below its median with a chance of one half, whatever the distribution. A percentile
bootstrap, used here before, promises that for many values only. Driven by `sample_rounds`, which stops at the first
interval that is narrow enough, it covered the true ratio in 89 % to 96 % of the cases on the simulated machines of
`tests/noise.py`, where this interval covers it in 95 % to 99 %; and it called equals unequal three times as often. The
exact interval is also a hundred times quicker, draws no random numbers, and inverts when base and other are exchanged.

For ratios, the chance of one half needs the random order of `sample_rounds`: of two networks that cost the same,
either one may run in a slow moment, and each ratio lies above or below 1 by chance alone. Bursts of load by other
programs that last for many rounds, drifting clocks and heavy tails leave the chance of each sign at one half.

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

MISSED_ONE_IN = 20  # intervals of 95 %: one in this many may miss the true median
MIN_QUARTILE_SAMPLES = 4  # quartiles of fewer samples would be interpolations between their extremes
RESAMPLES = 2000  # of the bootstrap: the 2.5 % tail then rests on 50 of them
SAME_ROUNDS = 0.01  # threshold of a verdict within a run: a difference below 1 % is too small to act on

MIN_ROUNDS = 10
"""Fewer rounds than this give no interval, and so no verdict.

Six would do for an interval, from the smallest to the largest of them. But a search for a narrow interval after every
round finds one by chance, the more likely the fewer rounds there are.
"""

APART = 2.0
FEWEST_APART = 3
"""Rounds and factor from which a verdict needs no interval: no load of a machine that is not throttled doubles every
time of one network and none of the other's in the same rounds."""

BETWEEN_RUNS = 0.05
"""Threshold of a verdict between two runs: the same network, timed twice on the same quiet machine, differs by a few
percent, which the interval of neither run can know."""


def quantile(times: Sequence[float], share: float) -> float:
    """Return the time that a `share` of the times does not exceed (seconds), linear between neighbours."""
    if not times:
        raise ValueError("a quantile needs at least one time, got none")
    return float(np.quantile(np.asarray(times, dtype=np.float64), share))


def median(times: Sequence[float]) -> float:
    """Return the middle time (seconds)."""
    return quantile(times, 0.5)


def iqr(times: Sequence[float]) -> float | None:
    """Return the range of the middle half (seconds), or None with fewer than `MIN_QUARTILE_SAMPLES` times."""
    if len(times) < MIN_QUARTILE_SAMPLES:
        return None
    return quantile(times, 0.75) - quantile(times, 0.25)


def ci95(values: Sequence[float]) -> Interval | None:
    """Return the exact 95 % interval of the median, or None with fewer than `MIN_ROUNDS` values."""
    if len(values) < MIN_ROUNDS:
        return None
    ordered, rank = sorted(values), interval_rank(len(values))
    return float(ordered[rank - 1]), float(ordered[-rank])


@cache
def interval_rank(count: int) -> int:
    """Return the rank of the interval's lower end among `count` values, from 1; the upper end's, from the top.

    The chance that fewer than `rank` values lie below the median is that of fewer than `rank` heads in `count` tosses
    of a coin. Either end may miss with half of the chance that the interval may miss with.
    """
    rank, ways = 0, 1
    while 2 * MISSED_ONE_IN * ways <= 2**count:
        rank += 1
        ways += math.comb(count, rank)
    return rank


@dataclass(frozen=True, slots=True)
class RatioEstimate:
    """The time of one subject divided by that of another, from `rounds` rounds.

    Two subjects are `apart` if every time of one is more than `APART` times every time of the other.
    """

    median: float
    ci95: Interval | None
    rounds: int
    apart: bool = False


def ratio(rounds_base: Sequence[float], rounds_other: Sequence[float]) -> RatioEstimate:
    """Return the ratio other / base of the seconds of the same rounds, round by round; below 1, the other is faster.

    A slow round (a busy neighbour, a falling clock) cancels. The median of an even number of ratios is the geometric
    mean of the middle two, so that exchanging base and other inverts the estimate exactly.
    """
    if len(rounds_base) != len(rounds_other) or not rounds_base:
        raise ValueError(f"a ratio needs the same rounds of both, got {len(rounds_base)} and {len(rounds_other)}")
    _require_positive(rounds_base, rounds_other)
    ratios = np.asarray(rounds_other, dtype=np.float64) / np.asarray(rounds_base, dtype=np.float64)
    ordered = np.sort(ratios)
    middle = math.sqrt(ordered[(len(ordered) - 1) // 2] * ordered[len(ordered) // 2])
    return RatioEstimate(middle, ci95(ratios.tolist()), len(ratios), are_apart(rounds_base, rounds_other))


def ratio_between_runs(
    times_base: Sequence[float], times_other: Sequence[float], generator: np.random.Generator | None = None
) -> RatioEstimate:
    """Return the ratio other / base of the medians of two series from different rounds.

    Nothing cancels here: the interval comes from two independent bootstraps, one of each median, and is wider than
    that of `ratio` on a machine whose speed wanders. Even so it covers only the variation within the two runs, not the
    one between runs (placement in memory, the clock that the machine keeps), for which a verdict allows
    `BETWEEN_RUNS`.

    Args:
        generator: source of the resamples [default: one with a fixed seed].

    Reference: Kalibera and Jones, "Rigorous Benchmarking in Reasonable Time" (ISMM 2013).
    """
    _require_positive(times_base, times_other)
    generator = np.random.default_rng(0) if generator is None else generator
    base, other = (_resampled_medians(times, generator) for times in (times_base, times_other))
    interval = None
    if base is not None and other is not None:
        ordered, tail = np.sort(other / base), round(0.025 * RESAMPLES)
        interval = float(ordered[tail - 1]), float(ordered[-tail])
    middle, rounds = median(times_other) / median(times_base), min(len(times_base), len(times_other))
    return RatioEstimate(middle, interval, rounds, are_apart(times_base, times_other))


def are_apart(base: Sequence[float], other: Sequence[float], factor: float = APART) -> bool:
    """True where every time of one is more than `factor` times every time of the other, in three rounds or more."""
    if min(len(base), len(other)) < FEWEST_APART:
        return False
    return min(other) > factor * max(base) or min(base) > factor * max(other)


def relative_half_width(interval: Interval | None, centre: float) -> float | None:
    """Return half the width of an interval as a share of its centre: 0.02 is ± 2 %. None without an interval."""
    if interval is None or centre <= 0:
        return None
    low, high = interval
    return (high - low) / 2 / centre


class SpeedVerdict(StrEnum):
    """The result of a comparison, about the other subject."""

    FASTER = "faster"
    SLOWER = "slower"
    CANNOT_TELL = "cannot tell"


def verdict(interval: Interval | None, threshold: float = SAME_ROUNDS) -> SpeedVerdict:
    """Return faster or slower where the whole interval of the ratio lies beyond 1 -/+ `threshold`; else, cannot tell.

    Without an interval (fewer than `MIN_ROUNDS` rounds), it is cannot tell. Exchanging base and other turns faster
    into slower; the reverse holds but for intervals within threshold² of the upper bound, as 1 / 1.01 is above 0.99.
    """
    if interval is None:
        return SpeedVerdict.CANNOT_TELL
    low, high = interval
    if high < 1 - threshold:
        return SpeedVerdict.FASTER
    return SpeedVerdict.SLOWER if low > 1 + threshold else SpeedVerdict.CANNOT_TELL


def settled(times: Sequence[float], window: int = 3, tolerance: float = 0.05) -> bool:
    """True where warm-up is over: the medians of the last two windows of calls lie within `tolerance` of each other.

    Callers need a cap of their own: a series with two modes may never settle, and shows it as `WideSpread`.
    """
    if len(times) < 2 * window:
        return False
    before, last = median(times[-2 * window : -window]), median(times[-window:])
    return abs(last - before) <= tolerance * before


def _require_positive(base: Sequence[float], other: Sequence[float]) -> None:
    if min(*base, *other) <= 0:
        raise ValueError("a ratio needs times above 0 s; make more calls per sample")


def _resampled_medians(values: Sequence[float], generator: np.random.Generator) -> Floats | None:
    """Return the medians of `RESAMPLES` resamples, (R,), or None with fewer than `MIN_ROUNDS` values."""
    if len(values) < MIN_ROUNDS:
        return None
    chosen = generator.integers(0, len(values), size=(RESAMPLES, len(values)))
    medians: Floats = np.median(np.asarray(values, dtype=np.float64)[chosen], axis=1)
    return medians
