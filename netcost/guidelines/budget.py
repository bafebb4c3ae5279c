"""One budget for many measurements: an equal share for each, and what one leaves over goes to those after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from netcost.timing.sampling import Clock, Progress

T = TypeVar("T")
R = TypeVar("R")


def share_out(
    tasks: Sequence[T],
    own_s: float,
    measure: Callable[[T, float, Progress | None], R],
    after: Callable[[T, R], None],
    *,
    clock: Clock,
    progress: Progress | None = None,
) -> None:
    """Measure one task after the other.

    Args:
        own_s: seconds for each.
        measure: takes a task, the seconds that it may take, and the progress of it alone.
        after: handed each task and what was measured.
        progress: told the share of all tasks that is done, and what goes on.
    """
    left_s = own_s * len(tasks)
    for index, task in enumerate(tasks):
        begun = clock()
        granted_s = max(0.0, left_s) / (len(tasks) - index)
        after(task, measure(task, granted_s, _part(progress, index, len(tasks), str(task))))
        left_s -= clock() - begun


def _part(progress: Progress | None, at: int, parts: int, doing: str) -> Progress | None:
    """The progress of one of several parts, told as that of the whole."""
    if progress is None:
        return None
    return lambda share, text: progress((at + share) / parts, f"{at + 1} of {parts}: {doing}: {text}")
