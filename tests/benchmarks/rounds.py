"""Timing several things side by side: rounds in random order, every time kept, a failure kept as a failure."""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from netcost import stats

Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Series:
    """What was seen of one subject.

    Args:
        times_s: seconds a run, one a round.
        result: of the first run.
        failure: why there are no times; "" where there are.
    """

    times_s: tuple[float, ...] = ()
    result: object = None
    failure: str = ""

    @property
    def median_s(self) -> float | None:
        """The middle time (seconds); None for a failure, never 0."""
        return stats.median(self.times_s) if self.times_s else None


def interleave(
    runs: Mapping[str, Run],
    rounds: int,
    patience_s: float = math.inf,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Series]:
    """Run each subject once to warm up, then once a round, each round in another order.

    Garbage is collected before each run, outside its time, so that none pays for what another has left.

    Args:
        runs: subjects by name; one that raises is a failure and is not run again.
        rounds: timed runs of each.
        patience_s: a first run that takes longer (seconds) is the subject's only one, and counts.
        seed: of the order.
        clock: seconds, from any origin.
    """
    order = random.Random(seed)
    seen = {name: _first(runs[name], clock) for name in order.sample(list(runs), len(runs))}
    times: dict[str, list[float]] = {
        name: [] for name, (series, first_s) in seen.items() if not series.failure and first_s <= patience_s
    }
    for _ in range(rounds):
        for name in order.sample(list(times), len(times)):
            times[name].append(_timed(runs[name], clock)[0])
    found = {}
    for name in runs:
        series, first_s = seen[name]
        kept = tuple(times.get(name, ())) or (() if series.failure else (first_s,))
        found[name] = Series(kept, series.result, series.failure)
    return found


def _first(run: Run, clock: Callable[[], float]) -> tuple[Series, float]:
    """The result of a first run, or its failure; and its time (seconds)."""
    try:
        first_s, result = _timed(run, clock)
    except Exception as error:  # a tool that cannot do a model is a finding, not the end of the benchmark
        return Series(failure=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"), math.nan
    return Series(result=result), first_s


def _timed(run: Run, clock: Callable[[], float]) -> tuple[float, object]:
    gc.collect()
    begun = clock()
    result = run()
    return clock() - begun, result
