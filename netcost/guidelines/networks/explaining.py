"""Statistics of a count and a latency over many networks: rank correlation, and the error of one constant for all."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from netcost.guidelines.trial import plain
from netcost.timing.stats import MIN_ROUNDS, RESAMPLES, Interval


@dataclass(frozen=True, slots=True)
class MetricFit:
    """The relation of one metric to latency over many networks.

    Args:
        networks: number of them.
        rho: Spearman's rank correlation with latency; None where it is not defined.
        rho_ci95: its 95 % interval, by a bootstrap over networks.
        error: median of |predicted / measured - 1|, where the constant for a family's networks was fitted to those of
            all other families; None with one family only.
        error_ci95: its 95 % interval, by a bootstrap over networks with these fits.
    """

    metric: str
    networks: int
    rho: float | None
    rho_ci95: Interval | None
    error: float | None
    error_ci95: Interval | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        ranking = {"spearman": self.rho, "spearman_ci95": plain(self.rho_ci95)}
        misses = {"median_error": self.error, "median_error_ci95": plain(self.error_ci95)}
        return {"metric": self.metric, "networks": self.networks, **ranking, **misses}


def explain(metric: str, values: Sequence[float], latencies_s: Sequence[float], families: Sequence[str]) -> MetricFit:
    """Fit latency to a metric.

    Args:
        values: of the metric, one per network.
        latencies_s: seconds, above 0.
        families: one per network; variants of one network would otherwise predict each other.
    """
    errors = [abs(ratio - 1) for ratio in leave_one_family_out(values, latencies_s, families)]

    def error(units: Sequence[int]) -> float | None:
        return median(errors[index] for index in units) if errors else None

    misses = error(range(len(values))), bootstrap_interval(len(values), error)
    return MetricFit(metric, len(values), *rank_correlation(values, latencies_s), *misses)


def leave_one_family_out(values: Sequence[float], latencies_s: Sequence[float], families: Sequence[str]) -> list[float]:
    """Return predicted / measured, c·value / latency, per network; c is the median of latency / value over the other
    families.

    The median ratio is the constant that leaves as many networks above as below it. Empty with fewer than two
    families, or where a value is not above 0.
    """
    if len(set(families)) < 2 or min(values) <= 0:
        return []
    ratios = [latency / value for value, latency in zip(values, latencies_s, strict=True)]
    fitted = {
        family: median(ratio for ratio, other in zip(ratios, families, strict=True) if other != family)
        for family in set(families)
    }
    return [fitted[family] / ratio for ratio, family in zip(ratios, families, strict=True)]


def ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value in rising order, from 1; equal values share the mean of their ranks."""
    ordered = sorted(values)
    return [(bisect_left(ordered, value) + 1 + bisect_right(ordered, value)) / 2 for value in values]


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation, -1 to 1; None with fewer than 3 pairs, or where one side is all equal.

    It is the correlation of the ranks themselves: the formula of squared differences is wrong with ties.
    """
    if len(first) != len(second):
        raise ValueError(f"a correlation needs pairs, got {len(first)} and {len(second)} values")
    if len(first) < 3:
        return None
    middle = (len(first) + 1) / 2
    one, other = ([rank - middle for rank in ranks(values)] for values in (first, second))
    spread = (sum(rank * rank for rank in one) * sum(rank * rank for rank in other)) ** 0.5
    # Rounding may leave a perfect correlation slightly beyond 1.
    return max(-1.0, min(1.0, sum(map(float.__mul__, one, other)) / spread)) if spread else None


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> tuple[float | None, Interval | None]:
    """Return Spearman's rank correlation and its 95 % interval, by a bootstrap over pairs."""

    def rho(units: Sequence[int]) -> float | None:
        return spearman([first[index] for index in units], [second[index] for index in units])

    return rho(range(len(first))), bootstrap_interval(len(first), rho)


def bootstrap_interval(count: int, statistic: Callable[[Sequence[int]], float | None]) -> Interval | None:
    """Return the 95 % percentile bootstrap interval of a statistic over `count` units.

    None with fewer than `MIN_ROUNDS` units: as for rounds, a percentile bootstrap is too narrow then.

    Args:
        statistic: of the units with these indices, which may repeat. Where it is None for more than 5 % of the draws,
            so is the interval.
    """
    if count < MIN_ROUNDS:
        return None
    rng = random.Random(0)
    drawn = (statistic(rng.choices(range(count), k=count)) for _ in range(RESAMPLES))
    known = sorted(value for value in drawn if value is not None)
    if len(known) < 0.95 * RESAMPLES:
        return None
    tail = round(0.025 * len(known))
    return known[tail - 1], known[-tail]
