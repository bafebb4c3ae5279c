"""The model: seconds per sample = sum over columns of coefficient x count, with coefficients above 0.

It minimises the sum over networks of sqrt((log predicted - log measured)² + 0.02²), the absolute error of the logarithm
with a rounded tip, plus 0.15 x the sum over columns of (log coefficient - log start - common constant)². The common
constant takes no penalty: a device may be off its datasheet by one factor.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TIP = 0.02
"""Log error below which the loss is round: two measurements of one network differ by as much."""

HELD = 0.15
"""Weight of the distance from the start, for a fit to hundreds of networks."""

HELD_BY_FEW = 1.0
"""The same for a fit to a few networks."""

STEPS = 400
"""Steps of L-BFGS at most; most fits end after 100 to 200."""


def fit(counts: Floats, seconds: Floats, start: Floats, held: float = HELD) -> Floats:
    """Return the coefficients (seconds per count).

    Args:
        counts: (networks, columns), per sample.
        seconds: measured, (networks,), per sample.
        start: coefficients to begin at, and to stay near.
        held: weight of the distance from the start.
    """
    offset = float(np.median(np.log(seconds) - np.log(counts @ start)))
    near = torch.from_numpy(np.log(start))
    logs, measured = torch.from_numpy(counts), torch.from_numpy(np.log(seconds))
    free = torch.cat([near + offset, torch.tensor([offset], dtype=torch.float64)]).requires_grad_()
    solver = torch.optim.LBFGS(
        [free],
        max_iter=STEPS,
        max_eval=2 * STEPS,
        tolerance_grad=1e-7,
        tolerance_change=1e-12,
        history_size=30,
        line_search_fn="strong_wolfe",
    )

    def loss() -> torch.Tensor:
        solver.zero_grad()
        error = torch.log(logs @ torch.exp(free[:-1])) - measured
        distance = free[:-1] - near - free[-1]
        total = torch.sqrt(error**2 + TIP**2).sum() + held * (distance**2).sum()
        total.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        return total

    solver.step(loss)  # type: ignore[no-untyped-call]  # torch leaves it so
    return np.asarray(np.exp(free.detach().numpy()[:-1]))


def folds(families: Sequence[str], seed: int = 0, parts: int = 5) -> NDArray[np.int64]:
    """Deal whole families into parts of about equal size; return the part of each network."""
    generator = np.random.default_rng(seed)
    names, sizes = np.unique(np.asarray(families), return_counts=True)
    filled, part_of = np.zeros(parts), {}
    for index in sorted(range(len(names)), key=lambda index: -sizes[index] * (1 + 0.5 * generator.random())):
        part = int(np.argmin(filled + 0.01 * generator.random(parts)))
        part_of[names[index]] = part
        filled[part] += sizes[index]
    return np.array([part_of[name] for name in families])


def held_out(counts: Floats, seconds: Floats, start: Floats, part: NDArray[np.int64], held: float = HELD) -> Floats:
    """Predict each network (seconds per sample) by a fit to the networks of the other parts."""
    predicted = np.zeros(len(seconds))
    for number in np.unique(part):
        others = part != number
        predicted[~others] = counts[~others] @ fit(counts[others], seconds[others], start, held)
    return predicted


def interval(predicted: Floats, measured: Floats, coverage: float = 0.9) -> tuple[float, float]:
    """Return the factors on a prediction between which a measurement lies, by split conformal calibration.

    The ends are ranks of the held-out ratios: with n of them, the k-th smallest and largest, k = (n + 1)·(1 - c)/2. A
    new network of the same kind falls between them with chance c, whatever the distribution. Where there are too few
    for k to be 1, no rank has that chance: the interval is then twice as wide, in logarithms, as the largest error.

    Reference: Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World", section 2; Lei et al., JASA 2018.
    """
    ratios = np.sort(measured / predicted)
    rank = int((len(ratios) + 1) * (1 - coverage) / 2 + 1e-9)  # 1 - 0.9 is a little below 0.1
    if rank == 0:
        widest = float(np.exp(2 * np.abs(np.log(ratios)).max()))
        return 1 / widest, widest
    return float(ratios[rank - 1]), float(ratios[-rank])


def median_error(predicted: Floats, measured: Floats) -> float:
    """Return the median of |predicted / measured - 1|."""
    return float(np.median(np.abs(predicted / measured - 1)))
