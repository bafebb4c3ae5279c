"""The bench for claims about speed: networks timed side by side on one device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netcost.comparison.result import Comparison
from netcost.comparison.running import compare
from netcost.guidelines.grid import PRECISION, Conditions, Task
from netcost.guidelines.guideline import GUIDELINES
from netcost.guidelines.judging import GuidelineFinding, judge
from netcost.guidelines.options import Options
from netcost.guidelines.running import measure_trial
from netcost.guidelines.trial import Goal, TimeAll
from netcost.targets.naming import Target
from netcost.text.errors import MeasurementError
from netcost.timing.environment import read_environment
from netcost.timing.measuring import measure_all
from netcost.timing.setting import Timing


@dataclass(frozen=True, slots=True)
class Bench:
    """A device, and the time that a claim may take on it.

    Args:
        timing: of the networks of one claim together; 10 s unless it has a budget.
        time_all: times the variants of a guideline; a test brings its own.
    """

    timing: Timing = Timing()
    time_all: TimeAll = measure_all

    @property
    def on_gpu(self) -> bool:
        """True where the device is a GPU."""
        return self.timing.device.startswith("cuda")

    def compare(self, models: Sequence[str | Target], batch: int | None = None) -> Comparison:
        """Count and time the networks; the first is the base of the ratios.

        Raises:
            MeasurementError: one of them could not be timed.
        """
        result = compare(models, batch=batch, timing=self.timing)
        if result.errors:
            raise MeasurementError(str(result.errors[0]))
        return result

    def judge(self, name: str) -> tuple[Task, tuple[GuidelineFinding, ...]]:
        """Try a guideline ("g1" to "g4") in the paper's widths for its GPU, x1, at batch 1.

        Returns: the task, and the guidelines' own finding on each order of variants.

        Raises:
            MeasurementError: a variant could not be timed.
        """
        guideline = GUIDELINES.get(name)
        device = self.timing.device
        threads = read_environment(device, self.timing.threads).threads
        task = Task(guideline, Conditions(device, threads, 1, guideline.width_sets[0], 1))
        goal = Goal(*self.timing.goal(10.0, PRECISION))
        options = Options(self.timing, time_all=self.time_all)
        trial = measure_trial(task, goal.budget_s, options=options, goal=goal)
        failed = [series.error for series in trial.series if series.error]
        if failed:
            raise MeasurementError(failed[0])
        return task, tuple(judge(trial))
