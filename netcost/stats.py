"""Times in, honest statistics out: medians, bootstrap intervals, ratios and verdicts.

Times are seconds a call. Nothing is averaged away: the median stands for a series, its bootstrap interval says how well
it is known. What speaks against a series is said by `doubts`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

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

SAME_ROUNDS = 0.01
"""The practical threshold of a verdict within a run: a difference below 1 % is none to act on."""

BETWEEN_RUNS = 0.05
"""The practical threshold of a verdict between two runs: the same network, timed twice on the same quiet machine,
differs by a few percent, which the interval of neither run can know."""

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
    base = _resampled(times_base, _arithmetic, generator)
    other = _resampled(times_other, _arithmetic, generator)
    interval = None if base is None or other is None else _middle_95(other / base)
    return RatioEstimate(median(times_other) / median(times_base), interval, min(len(times_base), len(times_other)))


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


def verdict(interval: Interval | None, threshold: float = SAME_ROUNDS) -> Verdict:
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
    medians = _resampled(values, mean, np.random.default_rng(0) if generator is None else generator)
    return None if medians is None else _middle_95(medians)


def _resampled(
    values: Sequence[float] | Floats, mean: Callable[[Floats, Floats], Floats], generator: np.random.Generator
) -> Floats | None:
    """The medians of `RESAMPLES` resamples, (R,), or None with fewer than `MIN_ROUNDS` values."""
    if len(values) < MIN_ROUNDS:
        return None
    chosen = generator.integers(0, len(values), size=(RESAMPLES, len(values)))
    return _middle(np.asarray(values, dtype=np.float64)[chosen], mean)


def _middle_95(resampled: Floats) -> Interval:
    """The ends of the middle 95 % of the values."""
    ordered, tail = np.sort(resampled), round(0.025 * RESAMPLES)
    return float(ordered[tail - 1]), float(ordered[-tail])
