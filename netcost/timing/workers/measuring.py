"""Networks timed side by side, each in a process of its own: one worker at a time takes a sample, in random order."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from netcost.text.errors import MeasurementError, NetcostError
from netcost.timing.doubts import throttled
from netcost.timing.environment import LoadMeter, busy_seconds
from netcost.timing.measurement import Effort, Measurement
from netcost.timing.measuring import Context
from netcost.timing.sampling import Clock, Progress, Run, Series, sample_rounds
from netcost.timing.setting import BUDGET_S, PRECISION, EffectiveSetting, Timing
from netcost.timing.workers.messages import Message
from netcost.timing.workers.recipes import Recipe
from netcost.timing.workers.worker import Worker


def measure_in(
    workers: Sequence[tuple[Worker, Recipe]],
    timing: Timing = Timing(),
    progress: Progress | None = None,
    *,
    backends: Sequence[str] | None = None,
    clock: Clock = time.perf_counter,
    busy: Callable[[], float | None] = busy_seconds,
) -> list[Measurement | NetcostError]:
    """Measure the time of each recipe in its worker, which stays alive; a recipe that fails yields its error.

    Args:
        timing: of all of them, as for `measure_all`.
        backends: of each recipe, instead of that of `timing`.
        clock: of the budget; each sample is timed by its worker.
        busy: core-seconds used by all programs.
    """
    budget_s, precision = timing.goal(BUDGET_S, PRECISION)
    report = progress or (lambda _share, _text: None)
    results: dict[int, Measurement | NetcostError] = {}
    remotes: dict[int, _Remote] = {}
    if backends is None:
        timing.require_one_backend()
    for index, (worker, recipe) in enumerate(workers):
        own = timing if backends is None else replace(timing, backend=backends[index])
        report(0.0, f"building {recipe.target}")
        try:
            built = worker.ask("build", recipe=recipe.to_dict(), timing=asdict(own))
            remotes[index] = _Remote(recipe.target, worker, built, built.get("is_single", False))
        except NetcostError as error:
            died = isinstance(error, MeasurementError)
            results[index] = MeasurementError(f"{recipe.target} failed while it was built: {error}") if died else error
    load = LoadMeter(busy, lambda: time.process_time() + sum(worker.cpu_s for worker, _ in workers), clock)
    begun, subjects = clock(), list(remotes.values())
    rounds = sample_rounds(subjects, clock=clock, budget_s=budget_s, precision=precision, progress=progress)
    effort = Effort(precision, budget_s, clock() - begun, rounds.stopped)
    endings = [_finish(remote, series) for remote, series in zip(subjects, rounds.series, strict=True)]
    other = load.doubt()
    for (index, remote), series, end in zip(remotes.items(), rounds.series, endings, strict=True):
        if isinstance(end, MeasurementError):
            results[index] = end
            continue
        context = Context(timing.device, remote.built["threads"], effort, (other, throttled(end["throttle_reasons"])))
        setting = EffectiveSetting(**end["setting"])
        results[index] = context.measurement(series, remote.built["batch"], setting, end["compile_s"], end["times"])
    return [results[index] for index in range(len(workers))]


@dataclass(frozen=True, slots=True)
class _Remote:
    """A network to be timed in the worker that has built it, with the worker's answer."""

    name: str
    worker: Worker
    built: Message
    is_single: bool

    def seconds(self, calls: int, _clock: Clock, _synchronize: Run) -> float:
        """Time the calls on the worker's own clock: sending the order and the answer is not included."""
        seconds: float = self.worker.ask("sample", calls=calls)["seconds"]
        return seconds

    def set_up(self) -> object:
        return self.worker.ask("set_up")


def _finish(remote: _Remote, series: Series) -> Message | MeasurementError:
    """Have the worker finish, and return its answer, or the error of one that failed."""
    if series.error is not None:
        return series.error
    try:
        return remote.worker.ask("finish")
    except NetcostError as error:
        return MeasurementError(f"{remote.name} failed after its last round: {error}")
