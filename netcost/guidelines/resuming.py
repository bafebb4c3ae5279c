"""Tasks measured one after the other with a common budget, going on from results that were saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from netcost.guidelines.options import Options
from netcost.guidelines.trial import Goal
from netcost.timing.sampling import Progress

T = TypeVar("T")
R = TypeVar("R")


def measure_missing(
    tasks: Sequence[T],
    saved: Mapping[T, R],
    measure: Callable[..., R],
    *,
    suffices: Callable[[R], bool],
    options: Options,
    goal: Goal,
    keep: Callable[[tuple[R, ...]], None],
    progress: Progress | None,
) -> tuple[R, ...]:
    """Measure each task without a sufficient saved result.

    Each task has the budget of `goal`; time that one leaves over is shared by those after it.

    Args:
        measure: takes a task, the seconds that it may take, its own progress, options and goal.
        suffices: True for a saved result that is not to be measured again.
        keep: handed all results so far after each task.
        progress: told the share of all tasks that is done, and what goes on.

    Returns:
        the results of other tasks that were saved, then those of these tasks in their order.
    """
    results = dict(saved)

    def in_order() -> tuple[R, ...]:
        others = [task for task in results if task not in tasks]
        return tuple(results[task] for task in (*others, *tasks) if task in results)

    missing = [task for task in tasks if task not in results or not suffices(results[task])]
    left_s = goal.budget_s * len(missing)
    for index, task in enumerate(missing):
        begun = options.clock()
        granted_s = max(0.0, left_s) / (len(missing) - index)
        label = f"{index + 1} of {len(missing)}: {task}: "
        own_progress = part_of(progress, index, len(missing), label)
        results[task] = measure(task, granted_s, own_progress, options=options, goal=goal)
        keep(in_order())
        left_s -= options.clock() - begun
    return in_order()


def part_of(progress: Progress | None, index: int, parts: int, label: str = "") -> Progress | None:
    """Return the progress of one of several equal parts, reported as that of the whole."""
    if progress is None:
        return None
    return lambda share, text: progress((index + share) / parts, f"{label}{text}")
