"""Judges counts by measured times: rank correlation, error on families not seen, pairs of networks, and intervals.

An interval is the 2.5th to 97.5th percentile over draws of whole families, with replacement; the fits stay, and so does
each network's error. A draw is a weight per network: the number of times that its family was drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netcost.prediction import model

Floats = NDArray[np.float64]
Weights = NDArray[np.floating[Any]]
Interval = tuple[float, float]

DRAWS = 200
"""Draws of families per interval."""

PARTS = 5
"""Parts into which families are dealt; each is predicted by a fit to the others."""

LEAST_FAMILIES = 5
"""Families below which no interval is given."""

MANY = 300
"""Networks from which on they alone decide the coefficients."""

STEPS = 100
"""Steps of a fit at most; most end after 10 to 40."""

CLOSE = 1e-6
"""Share of the loss by which a step must lower it, or the fit ends."""

MEASURES = {
    "mult_adds": "Mult-adds",
    "params": "Params",
    "activations": "Activations",
    "memory_access_eager": "Memory access, eager",
    "memory_access_fused": "Memory access, fused",
    "memory_access": "Memory access",
    "kernels": "Kernels",
    "three": "Three coefficients",
}
"""Headings of the measures. "memory_access" is the one of eager and fused that the setting runs."""


class Estimate(NamedTuple):
    """A figure with its 95 % interval, which is None where there are too few families."""

    value: float
    ci95: Interval | None


@dataclass(frozen=True, slots=True)
class Draws:
    """Draws of families, as weights.

    Args:
        networks: weight of each network in each draw, (draws, n).
        families: the same per family, (draws, families).
        family_of: number of each network's family, (n,).
    """

    networks: Weights
    families: Floats
    family_of: NDArray[np.int64]

    @classmethod
    def of(cls, families: Sequence[str], among: Iterable[str] = (), draws: int = DRAWS) -> Draws:
        """Draw families with replacement, as many as there are, from a fixed seed.

        Args:
            families: of each network.
            among: further families to draw from; settings with the same families then share their draws.
        """
        names, family_of = np.unique(np.asarray([*families, *among]), return_inverse=True)
        family_of = family_of[: len(families)]
        drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), draws)
        return cls(drawn[:, family_of].astype(np.float32), drawn.astype(np.float64), family_of)

    def estimate(self, value: float, drawn: Floats) -> Estimate:
        """Return a figure with the interval of its draws; draws without a value are left out."""
        known = drawn[np.isfinite(drawn)]
        if self.families.shape[1] < LEAST_FAMILIES or len(known) < 0.95 * len(drawn):
            return Estimate(value, None)
        low, high = np.percentile(known, (2.5, 97.5))
        return Estimate(value, (float(low), float(high)))


def weighted_median(values: Floats, weights: Weights) -> Floats:
    """Return the median of the values in each draw: where half of its weight is reached, from below and from above.

    It is NaN in a draw without any weight.

    Args:
        values: (n,).
        weights: (draws, n), whole numbers.
    """
    order = np.argsort(values)
    ordered, reached = values[order], np.cumsum(weights[:, order], axis=1)
    half = reached[:, -1:] / 2
    below = np.argmax(reached >= half, axis=1)
    above = np.argmax(reached > half, axis=1)
    return np.where(half[:, 0] > 0, (ordered[below] + ordered[above]) / 2, np.nan)


def weighted_ranks(values: Floats, weights: Weights) -> Weights:
    """Return the rank of each value in each draw; equal values share the mean of their ranks."""
    order = np.argsort(values, kind="stable")
    ordered, sorted_weights = values[order], weights[:, order]
    first = np.concatenate([[True], ordered[1:] > ordered[:-1]])  # of equal values
    together = np.add.reduceat(sorted_weights, np.flatnonzero(first), axis=1)
    shared = np.cumsum(together, axis=1) - together / 2
    ranks = np.empty_like(weights)
    ranks[:, order] = shared[:, np.cumsum(first) - 1]
    return ranks


def weighted_rho(first: Weights, second: Weights, weights: Weights) -> Floats:
    """Return Spearman's rank correlation in each draw; NaN where one side is all equal.

    Args:
        first, second: ranks in each draw, (draws, n).
    """
    whole = weights.sum(axis=1, keepdims=True)
    one, other = (ranks - (weights * ranks).sum(axis=1, keepdims=True) / whole for ranks in (first, second))
    spread = (weights * one * one).sum(axis=1) * (weights * other * other).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights * one * other).sum(axis=1) / np.sqrt(spread))


def parts_of(families: Sequence[str]) -> NDArray[np.int64]:
    """Deal whole families into parts."""
    return model.folds(families, parts=min(PARTS, len(set(families))))


def by_one_constant(counts: Floats, seconds: Floats, part: NDArray[np.int64]) -> Floats:
    """Predict each network by its count times one constant: the median of seconds per count over the other parts."""
    predicted = np.zeros(len(seconds))
    for number in np.unique(part):
        held = part == number
        predicted[held] = counts[held] * np.median((seconds / counts)[~held])
    return predicted


def by_three(counts: Floats, seconds: Floats, part: NDArray[np.int64]) -> Floats:
    """Predict each network by three coefficients fitted to the other parts.

    It minimises what `model.fit` does, from coefficients with which each count takes as long in the median network. All
    parts are fitted at once, by Gauss-Newton steps on the absolute errors' rounded tips (iteratively reweighted).

    Args:
        counts: (n, 3), above 0.
    """
    numbers = np.unique(part)
    fitted_to = (part != numbers[:, None]).astype(np.float64)  # (parts, n)
    held = model.HELD if len(seconds) >= MANY else model.HELD_BY_FEW
    apart = np.eye(3) - 1 / 3  # a common factor of all coefficients takes no penalty
    start = -np.log(np.median(counts, axis=0))
    measured = np.log(seconds)
    begin = np.median(measured - np.log(counts @ np.exp(start)))
    free = np.tile(start + begin, (len(numbers), 1))
    damping = np.full(len(numbers), 1e-3)

    def miss(tried: Floats) -> tuple[Floats, Floats, Floats]:
        shares = counts * np.exp(tried)[:, None, :]  # (parts, n, 3)
        predicted = shares.sum(axis=2)
        error = np.log(predicted) - measured
        away = (tried - start) @ apart
        loss = (fitted_to * np.sqrt(error**2 + model.TIP**2)).sum(axis=1) + held * (away**2).sum(axis=1)
        return shares / predicted[:, :, None], error, loss

    slopes, error, loss = miss(free)
    for _ in range(STEPS):
        weight = fitted_to / np.sqrt(error**2 + model.TIP**2)
        gradient = ((weight * error)[:, None, :] @ slopes)[:, 0] + 2 * held * (free - start) @ apart
        curvature = slopes.transpose(0, 2, 1) @ (weight[:, :, None] * slopes) + 2 * held * apart
        size = curvature[:, 0, 0] + curvature[:, 1, 1] + curvature[:, 2, 2]
        damped = curvature + ((damping + 1e-9) * size)[:, None, None] * np.eye(3)
        tried = free - np.linalg.solve(damped, gradient[:, :, None])[:, :, 0]
        new_slopes, new_error, new_loss = miss(tried)
        better = new_loss < loss
        gained = np.where(better, loss - new_loss, 0.0)
        free = np.where(better[:, None], tried, free)
        slopes = np.where(better[:, None, None], new_slopes, slopes)
        error, loss = np.where(better[:, None], new_error, error), np.where(better, new_loss, loss)
        damping = np.where(better, damping / 10, damping * 10)
        if not (np.where(better, gained > CLOSE * loss, damping < 1)).any():
            break
    predicted = np.zeros(len(seconds))
    for place, number in enumerate(numbers):
        predicted[part == number] = counts[part == number] @ np.exp(free[place])
    return predicted


class Pairs(NamedTuple):
    """Pairs of networks that are alike by one measure, and the share of which each measure picks the faster one.

    Args:
        alike: the measure.
        number: of pairs.
        picked: share of pairs whose faster network has the smaller count, by measure.
    """

    alike: str
    number: int
    picked: dict[str, Estimate]


ALIKE, APART = 1.2, 1.1
"""Largest ratio of two counts that are alike; smallest ratio of two times that are apart."""


def pairs(alike: str, measures: Sequence[str], counts: dict[str, Floats], seconds: Floats, draws: Draws) -> Pairs:
    """Judge the measures by pairs of networks that are alike by one of them and apart in time; equal counts pick half.

    Args:
        alike: the measure whose counts are within 20 %.
    """
    logs = {name: np.log(counts[name]) for name in {alike, *measures}}
    time = np.log(seconds)
    # Of two networks the one with more time comes first, so that each pair counts once.
    slower = time[:, None] - time[None, :] > np.log(APART)
    chosen = slower & (np.abs(logs[alike][:, None] - logs[alike][None, :]) <= np.log(ALIKE))
    slow, fast = np.nonzero(chosen)
    size = draws.families.shape[1]
    place = draws.family_of[slow] * size + draws.family_of[fast]

    def by_family(values: Floats | None) -> Floats:
        return np.bincount(place, values, size * size).reshape(size, size).astype(np.float64)

    def drawn(matrix: Floats) -> Floats:
        return np.asarray(((draws.families @ matrix) * draws.families).sum(axis=1))

    every = drawn(by_family(None))
    picked = {}
    for name in measures:
        hits = (np.sign(logs[name][slow] - logs[name][fast]) + 1) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = drawn(by_family(hits)) / every
        picked[name] = draws.estimate(float(hits.mean()) if len(hits) else float("nan"), shares)
    return Pairs(alike, len(slow), picked)
