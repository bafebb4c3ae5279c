"""Searching: counts the candidates that a strategy proposes, keeps each in a file, and times the finalists."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from netcost.comparison import compare
from netcost.prediction.predicting import coefficients
from netcost.search import strategies
from netcost.search.counted import target_of
from netcost.search.engine import WorkerSetup, counted_by, number_of_jobs, require_engine
from netcost.search.journal import Journal, SearchRow
from netcost.search.objectives import Objective, column_of, parse_search_budget
from netcost.search.result import SearchResult
from netcost.search.spaces import SearchCandidate, Space, space_of
from netcost.text import units
from netcost.text.errors import RequestError
from netcost.timing import Timing

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Strategy:
    """The choice of the candidates that are counted.

    Args:
        name: one of `strategies.STRATEGIES`; None for "all", or "random" with a sample.
        sample: most candidates to count; None for all of them.
        seed: of chance.

    Raises:
        RequestError: the name is unknown, or a sample is missing.
    """

    name: str | None = None
    sample: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.name not in (None, *strategies.STRATEGIES):
            raise RequestError(f"unknown strategy {self.name!r}; expected one of {', '.join(strategies.STRATEGIES)}")
        if self.name == "all" and self.sample is not None:
            raise RequestError("the strategy 'all' counts every candidate; leave out --sample")
        if self.name in ("random", *strategies.OPTIMISERS) and self.sample is None:
            raise RequestError(f"the strategy {self.name!r} needs a number of candidates: --sample 1000")

    @property
    def chosen(self) -> str:
        """The name of the strategy."""
        return self.name or ("all" if self.sample is None else "random")

    @property
    def words(self) -> str:
        """The strategy in words."""
        return "all of them" if self.chosen == "all" else f"{self.chosen}, seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Engine:
    """The processes that count.

    Args:
        name: "processes" of this machine, "ray" or "dask".
        jobs: number of workers; 0 for one per core.
        timeout_s: seconds that a candidate may take.
        memory_limit: bytes that a worker may allocate; None for no limit.
    """

    name: str = "processes"
    jobs: int = 0
    timeout_s: float = 60.0
    memory_limit: int | None = None


def search(
    space: Space | str | Sequence[str],
    *,
    choices: Mapping[str, Sequence[Any]] | None = None,
    inputs: Sequence[str] = (),
    budgets: Sequence[str] = (),
    minimize: Sequence[str] = (),
    maximize: Sequence[str] = (),
    on: Sequence[str] = (),
    strategy: Strategy = Strategy(),
    engine: Engine = Engine(),
    results: str | Path | None = None,
    top: int = 20,
    progress: Progress | None = None,
) -> SearchResult:
    """Count the candidates of a space side by side, and rank them.

    Args:
        space: "file.py:function" whose parameters carry their choices or which yields targets, names of targets, or
            patterns such as "timm:*".
        choices: values by name for each target: {"width": (0.5, 1.0), "resolution": (160, 224)}.
        inputs: of each candidate in place of its own, like "1x3x224x224".
        budgets: limits such as "mult_adds <= 300M", "peak_memory_bytes <= 64MB" or "latency <= 3 ms".
        minimize: metrics, the first of which orders the front.
        maximize: metrics to be made large.
        on: devices such as "rtx4090", or files of `netcost calibrate`, whose predicted latency is a metric.
        strategy: which candidates are counted.
        engine: the processes that count them.
        results: file of JSON lines, from which an interrupted search goes on; None for no file.
        top: most candidates in the table.
        progress: told the share that is done, and what is being done.

    Raises:
        RequestError: the space, a metric, a budget or the file makes no sense, or no candidate is within the budgets.
        MeasurementError: the engine failed.
    """
    require_engine(engine.name)
    known = [replace(coefficients(name), device=name) for name in on]
    objectives = _objectives(minimize, maximize, on)
    limits = tuple(parse_search_budget(written, on) for written in budgets)
    if strategy.chosen in strategies.OPTIMISERS and not objectives:
        raise RequestError(
            f"the strategy {strategy.chosen!r} needs objectives: --minimize memory_access --maximize params"
        )
    written = [space] if isinstance(space, str) else space
    whole = written if isinstance(written, Space) else space_of(written, choices, inputs)
    path = None if results is None else Path(results)
    journal = Journal(path, whole, on)
    setup = WorkerSetup(whole.inputs, tuple(one.device for one in known), engine.timeout_s, engine.memory_limit)
    empty = SearchResult(whole, (), objectives, limits, tuple(on), top, strategy.words, path)
    number = min(strategy.sample or len(whole), len(whole))
    run = counted_by(engine.name, number_of_jobs(engine.name, engine.jobs), setup)
    order: dict[SearchCandidate, None] = {}
    try:
        meter = _Meter(number, progress)
        for batch in _batches(whole, strategy, partial(_told, empty, whole, journal), len(objectives)):
            order |= dict.fromkeys(whole[index] for index in batch)
            missing = {index: whole[index] for index in batch if whole[index] not in journal.rows}
            meter.skip(len(batch) - len(missing))
            for index, found in run((index, one.to_dict()) for index, one in missing.items()):
                row = SearchRow.of_dict({"candidate": missing[index].to_dict(), **found})
                journal.add(row)
                meter.count(row)
        journal.end(order)
    finally:
        journal.close()
    return replace(empty, rows=tuple(journal.rows[candidate] for candidate in order)).require_candidates()


def measure_finalists(
    result: SearchResult, number: int, timing: Timing, progress: Progress | None = None
) -> SearchResult:
    """Time the first candidates of the front here, in one comparison with verdicts.

    Args:
        number: of finalists.
        timing: how they are timed.

    Raises:
        MeasurementError: there is no such device.
    """
    rows = (result.front or result.within)[:number]
    targets = [target_of(row.candidate, result.space.inputs) for row in rows]
    return replace(result, measured=compare(targets, timing=timing, progress=progress))


def _objectives(minimize: Sequence[str], maximize: Sequence[str], on: Sequence[str]) -> tuple[Objective, ...]:
    """Return the objectives; refuse an unknown metric, or one that is named twice."""
    objectives = (*map(Objective, minimize), *(Objective(name, is_larger_better=True) for name in maximize))
    for index, one in enumerate(objectives):
        column_of(one.name, on)
        if one.name in {other.name for other in objectives[:index]}:
            raise RequestError(f"the objective {one.name!r} is named twice; name each metric once")
    return objectives


def _batches(space: Space, strategy: Strategy, told: strategies.Told, objectives: int) -> Iterator[list[int]]:
    """Yield the numbers of candidates to be counted, a batch at a time."""
    if strategy.chosen == "all":
        return strategies.every(space)
    assert strategy.sample is not None, "a strategy with a sample has its size"
    if strategy.chosen == "random":
        return strategies.sampled(space, strategy.sample, strategy.seed)
    return strategies.optimised(space, strategy.sample, strategy.seed, told, objectives, strategy.chosen)


def _told(result: SearchResult, space: Space, journal: Journal, index: int) -> tuple[list[float] | None, list[float]]:
    """Return the values of a counted candidate, less is better, and its excess over each budget."""
    row = journal.rows[space[index]]
    values = [value for value in result.signed(row) if value is not None]
    return (values if len(values) == len(result.objectives) else None), result.excesses(row)


class _Meter:
    """Tells the share that is done, the rate, and the time left.

    Args:
        total: candidates to count.
        progress: is told.
    """

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._progress = total, progress
        self._done = self._skipped = self._failed = 0
        self._begun: float | None = None

    def skip(self, number: int) -> None:
        """Leave out candidates that the file has already."""
        self._done += number
        self._skipped += number

    def count(self, row: SearchRow) -> None:
        """Count one more candidate, and tell."""
        now = time.monotonic()
        self._done += 1
        self._failed += row.error is not None
        if self._begun is None:  # workers take seconds to start: the rate begins with the first answer
            self._begun, self._skipped = now, self._done
        if self._progress is None:
            return
        words = f"{units.exact(self._done)} of {units.exact(self._total)} candidates"
        counted, spent = self._done - self._skipped, now - self._begun
        if counted and spent:
            rate = counted / spent
            left = (self._total - self._done) / rate
            words += f", {units.significant(rate)}/s, {_time_left(left)} left"
        words += f", {units.exact(self._failed)} failed" if self._failed else ""
        self._progress(self._done / self._total, words)


def _time_left(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
