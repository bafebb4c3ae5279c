"""How well a count explains latency over many networks: rank correlation, and the error of one constant for all."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from netcost.timing.stats import MIN_ROUNDS, Interval

RESAMPLES = 2000
"""Bootstrap resamples: the 2.5 % tail then rests on 50 of them."""

FEWEST = MIN_ROUNDS
"""Fewer networks than this give no interval: the percentile bootstrap is too narrow then, as it is for rounds."""


@dataclass(frozen=True, slots=True)
class MetricFit:
    """What one metric knows of latency.

    Args:
        metric: its identifier.
        networks: how many.
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
        """Plain values."""
        return {
            "metric": self.metric,
            "networks": self.networks,
            "spearman": self.rho,
            "spearman_ci95": None if self.rho_ci95 is None else list(self.rho_ci95),
            "median_error": self.error,
            "median_error_ci95": None if self.error_ci95 is None else list(self.error_ci95),
        }


def explain(metric: str, values: Sequence[float], latencies_s: Sequence[float], families: Sequence[str]) -> MetricFit:
    """How well a metric explains latency.

    Args:
        values: of the metric, one a network.
        latencies_s: seconds, above 0.
        families: to which each network belongs; variants of one network would otherwise predict each other.
    """
    errors = [abs(each - 1) for each in leave_one_family_out(values, latencies_s, families)]

    def rho(chosen: Sequence[int]) -> float | None:
        return spearman([values[index] for index in chosen], [latencies_s[index] for index in chosen])

    def error(chosen: Sequence[int]) -> float | None:
        return median(errors[index] for index in chosen) if errors else None

    everyone = range(len(values))
    return MetricFit(
        metric,
        len(values),
        rho(everyone),
        bootstrap_interval(len(values), rho),
        error(everyone),
        bootstrap_interval(len(values), error),
    )


def leave_one_family_out(values: Sequence[float], latencies_s: Sequence[float], families: Sequence[str]) -> list[float]:
    """Predicted / measured, c·value / latency, of each network, with c the median of latency / value over the other
    families.

    The median ratio is the constant that leaves as many networks above as below it. Empty where there are fewer than
    two families, or a value is not above 0.
    """
    if len(set(families)) < 2 or min(values) <= 0:
        return []
    ratios = [latency / value for value, latency in zip(values, latencies_s, strict=True)]
    fitted = {
        family: median(ratio for ratio, its in zip(ratios, families, strict=True) if its != family)
        for family in set(families)
    }
    return [fitted[family] / ratio for ratio, family in zip(ratios, families, strict=True)]


def ranks(values: Sequence[float]) -> list[float]:
    """The place of each value in rising order, from 1; equal values share the mean of their places."""
    order = sorted(range(len(values)), key=values.__getitem__)
    placed = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for index in order[start:end]:
            placed[index] = (start + 1 + end) / 2
        start = end
    return placed


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, -1 to 1; None with fewer than 3 pairs, or where all of one side are equal.

    The correlation of the ranks themselves, which the formula of squared differences is not where there are ties.
    """
    if len(first) != len(second):
        raise ValueError(f"a correlation needs pairs, got {len(first)} and {len(second)} values")
    if len(first) < 3:
        return None
    middle = (len(first) + 1) / 2
    one, other = ([rank - middle for rank in ranks(values)] for values in (first, second))
    spread = (sum(rank * rank for rank in one) * sum(rank * rank for rank in other)) ** 0.5
    # Rounding may leave a perfect correlation a hair beyond 1.
    return max(-1.0, min(1.0, sum(map(float.__mul__, one, other)) / spread)) if spread else None


def bootstrap_interval(count: int, statistic: Callable[[Sequence[int]], float | None]) -> Interval | None:
    """The 95 % percentile bootstrap interval of a statistic over `count` units; None with fewer than `FEWEST`.

    Args:
        statistic: of the units with these indices, some of which are there several times; where it is None for too
            many draws to leave 95 % of them, so is the interval.
    """
    if count < FEWEST:
        return None
    rng = random.Random(0)
    drawn = (statistic(rng.choices(range(count), k=count)) for _ in range(RESAMPLES))
    known = sorted(value for value in drawn if value is not None)
    if len(known) < 0.95 * RESAMPLES:
        return None
    tail = round(0.025 * len(known))
    return known[tail - 1], known[-tail]
