"""Made-up times for the guidelines: whatever a test wants a device to say."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import made_up

from netcost.guidelines.grid import Conditions, Task
from netcost.guidelines.guideline import GUIDELINES
from netcost.guidelines.options import Options
from netcost.guidelines.trial import Goal, Trial, VariantTimes
from netcost.text.errors import MeasurementError
from netcost.timing.measurement import Measurement
from netcost.timing.sampling import Stop
from netcost.timing.setting import Timing

ROUNDS = 20


def measurement(times: Sequence[float], stopped: Stop = Stop.PRECISE) -> Measurement:
    effort = replace(made_up.measurement().effort, stopped=stopped)
    return made_up.measurement(threads=1, first_call_s=times[0], times_s=tuple(times), effort=effort)


def options_of(**given) -> Options:
    """Options whose parts of the timing are named beside the others."""
    parts = {option.name: given.pop(option.name) for option in fields(Timing) if option.name in given}
    return Options(Timing(**parts), **given)


class FakeTimer:
    """Stands in for `measure_all`: every model takes a second a round, or what `times` says of its name.

    Args:
        times: seconds of each round, by the model's name.
        spend: told the seconds granted, before anything is returned.
    """

    def __init__(
        self,
        times: Callable[[str], Sequence[float]] = lambda _: [1.0] * ROUNDS,
        spend: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._times, self._spend = times, spend
        self.calls: list[tuple[tuple[str, ...], int | None, float]] = []

    def __call__(self, models, timing, progress=None) -> list[Measurement | MeasurementError]:
        self.calls.append((tuple(name for name, _, _ in models), timing.threads, timing.budget_s))
        self._spend(timing.budget_s)
        if progress is not None:
            progress(1.0, "done")
        return [measurement(self._times(name)) for name, _, _ in models]


def trial(name: str, times: dict[str, Sequence[float]], widths: str | None = None) -> Trial:
    """A trial of a guideline with these times, by variant; a variant without times failed."""
    guideline = GUIDELINES.get(name)
    setting = Conditions("cpu", 1, 1, widths or guideline.width_sets[0], 1)
    task = Task(guideline, setting)
    series = tuple(
        VariantTimes(variant.name, tuple(times[variant.name]))
        if variant.name in times
        else VariantTimes(variant.name, error="out of memory")
        for variant in task.variants
    )
    return Trial(task=task, goal=Goal(1.0, 0.02), stopped=str(Stop.PRECISE), series=series)
