"""Times several subjects side by side: rounds in random order, every time kept, failures kept as failures."""

import gc
import math
import random
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from netcost.timing import stats

Run = Callable[[], object]
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Series:
    """Result of one subject.

    Args:
        times_s: seconds of each round's run.
        result: result of the first run.
        failure: reason why there are no times, or "".
    """

    times_s: tuple[float, ...] = ()
    result: object = None
    failure: str = ""

    @property
    def median_s(self) -> float | None:
        """Return the median time (seconds); None for a failure, never 0."""
        return stats.median(self.times_s) if self.times_s else None


def interleave(
    runs: Mapping[Name, Run],
    rounds: int,
    budget_s: float = math.inf,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Name, Series]:
    """Run each subject once to warm up, then once per round, in random order.

    Garbage is collected before each run, outside its time, so that no subject pays for another's garbage.

    Args:
        runs: subjects by name; one that raises is a failure and is not run again.
        rounds: timed runs of each subject.
        budget_s: time for the rounds of one subject (seconds), by the time of its first run; if that
            alone is longer, it is the only run, and counts.
        seed: seed of the order.
        clock: seconds, from any origin.
    """
    order = random.Random(seed)
    first = {name: _first(runs[name], clock) for name in order.sample(list(runs), len(runs))}
    times: dict[Name, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        going = [
            name
            for name, series in first.items()
            if any((number + 1) * seconds <= budget_s for seconds in series.times_s)
        ]
        for name in order.sample(going, len(going)):
            times[name].append(_timed(runs[name], clock)[0])
    return {name: replace(first[name], times_s=tuple(times[name]) or first[name].times_s) for name in runs}


def _first(run: Run, clock: Callable[[], float]) -> Series:
    """Return the time and result of a first run, or its failure."""
    try:
        first_s, result = _timed(run, clock)
    except Exception as error:  # a tool that cannot do a model is a finding, not the end of the benchmark
        return Series(failure=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
    return Series((first_s,), result)


def _timed(run: Run, clock: Callable[[], float]) -> tuple[float, object]:
    gc.collect()
    begun = clock()
    result = run()
    return clock() - begun, result
