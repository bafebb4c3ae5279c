"""The guidelines, tried setting by setting -> Findings; what is finished is kept, and what was saved not done again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from netcost.environment import read_environment, require_device
from netcost.guidelines import g1, g2, g3, g4
from netcost.guidelines.findings import Findings
from netcost.guidelines.grid import FULL_S, QUICK_S, Setting, Task, grid
from netcost.guidelines.guideline import GUIDELINES
from netcost.guidelines.saved import Saved
from netcost.guidelines.trial import ElementwiseShare, TimeAll, Trial, measure_trial
from netcost.sampling import Clock, Progress
from netcost.timing import measure_all

ALL = tuple(each.name for each in (g1.G1, g2.G2, g3.G3, g4.G4))
NO_DEVICE = "none"

Keep = Callable[[Findings], None]
Key = tuple[str, Setting]


def run(
    names: Sequence[str] = ALL,
    device: str = "cpu",
    *,
    threads: int | None = None,
    quick: bool = False,
    budget_s: float | None = None,
    precision: float = 0.02,
    saved: Saved | None = None,
    keep: Keep | None = None,
    progress: Progress | None = None,
    time_all: TimeAll = measure_all,
    clock: Clock = time.perf_counter,
    elementwise_share: ElementwiseShare | None = None,
) -> Findings:
    """Try guidelines on a device.

    Each setting of the grid has the same share of the budget; what one leaves over goes to those after it.

    Args:
        names: of guidelines: "g1" to "g4".
        device: "cpu", "cuda", "cuda:1", or "none" to time nothing: the variants are counted, and `saved` is shown.
        threads: of the CPU; one and torch's own number unless given.
        quick: x1, batch 1 and the largest number of threads only.
        budget_s: seconds for all settings together; `grid.FULL_S` or `grid.QUICK_S` unless given.
        precision: half width of every slow-down's 95 % interval at which a setting may stop before.
        saved: a run to go on with; its settings that suffice are taken over, and those of other guidelines stay in.
        keep: handed what there is after each setting.
        progress: told the share done and what is being done.
        time_all, clock: how times are taken, and the budget is watched; a test brings its own.
        elementwise_share: asked what part of a variant's time is element-wise.

    Raises:
        RequestError: no such guideline, or `saved` is from another environment.
        MeasurementError: there is no such device.
    """
    asked = [GUIDELINES.get(name) for name in names]
    done = {} if saved is None else {trial.task.key: trial for trial in saved.trials}
    shown = {each.name for each in asked} | {name for name, _ in done}
    guidelines = tuple(GUIDELINES.get(name) for name in GUIDELINES if name in shown)
    if device == NO_DEVICE:
        return _as_saved(Findings(guidelines), saved)
    environment = read_environment(require_device(device), threads)
    if saved is not None:
        saved.require(environment.to_dict())
    numbers = sorted({1, environment.threads}) if device == "cpu" and threads is None else [environment.threads]
    tasks = grid([each for each in guidelines if each in asked], device, numbers, quick=quick)
    own_s = (budget_s if budget_s is not None else QUICK_S if quick else FULL_S) / len(tasks)
    found = Findings(guidelines, (), environment.to_dict(), len(tasks), own_s, precision)
    todo = [task for task in tasks if task.key not in done or not done[task.key].suffices(own_s, precision)]
    left_s = own_s * len(todo)
    for at, task in enumerate(todo):
        begun = clock()
        done[task.key] = measure_trial(
            task,
            max(0.0, left_s) / (len(todo) - at),
            budget_s=own_s,
            precision=precision,
            progress=_part(progress, at, len(todo), str(task)),
            time_all=time_all,
            elementwise_share=elementwise_share,
        )
        left_s -= clock() - begun
        if keep is not None:
            keep(replace(found, trials=_in_order(done, tasks)))
    return replace(found, trials=_in_order(done, tasks))


def _in_order(done: Mapping[Key, Trial], tasks: Sequence[Task]) -> tuple[Trial, ...]:
    """The trials of the grid in its order, after those that were saved beside it."""
    planned = [task.key for task in tasks]
    beside = [key for key in done if key not in planned]
    return tuple(done[key] for key in (*beside, *planned) if key in done)


def _as_saved(nothing: Findings, saved: Saved | None) -> Findings:
    """A saved run, or the guidelines with nothing measured."""
    if saved is None:
        return nothing
    return replace(
        nothing,
        trials=saved.trials,
        environment=saved.environment,
        planned=saved.planned,
        budget_s=saved.budget_s,
        precision=saved.precision,
    )


def _part(progress: Progress | None, at: int, parts: int, doing: str) -> Progress | None:
    """The progress of one of several parts, told as that of the whole."""
    if progress is None:
        return None
    return lambda share, text: progress((at + share) / parts, f"{at + 1} of {parts}: {doing}: {text}")
