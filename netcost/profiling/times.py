"""The time of each operator of one network, the gap between them, and what the roofline allows them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from netcost.counting.analysis import Analysis
from netcost.counting.count import Count
from netcost.profiling.probes import Pass
from netcost.profiling.roofline import Peaks, bounds_s
from netcost.timing import stats


@dataclass(frozen=True, kw_only=True)
class OperatorTimes:
    """The time of one network's forward pass, or of its training step, divided among its operators.

    Args:
        analysis: the counted graph; with a training step, that was timed.
        plain_s: seconds of each run without instruments, one per round.
        passes: the instrumented runs, operator by operator; one sample of them per round.
        peaks: of the device, for the bounds of the roofline.
    """

    analysis: Analysis
    plain_s: tuple[float, ...]
    passes: tuple[Pass, ...]
    peaks: Peaks | None = None

    @cached_property
    def count(self) -> Count:
        """The counted graph of what was timed: the training step where there is one, else the forward pass."""
        return self.analysis.count if self.analysis.training is None else self.analysis.training.as_count()

    @property
    def median_s(self) -> float:
        """The median time of the whole, plain run (seconds)."""
        return stats.median(self.plain_s)

    @cached_property
    def times_s(self) -> tuple[float, ...]:
        """The time of each operator of the graph (seconds): its median, times `scale`."""
        return tuple(self.scale * median_s for median_s in self._medians_s)

    @cached_property
    def scale(self) -> float:
        """Factor by which the operators' medians add up to `operators_s`; about 1 on a quiet machine.

        An interruption hits few operators of a run, so that no median shows it, but it hits every run. It hits each
        operator in proportion to its time, so that all are scaled alike.
        """
        added_s = sum(self._medians_s)
        return self.operators_s / added_s if added_s > 0 else 1.0

    @cached_property
    def _medians_s(self) -> tuple[float, ...]:
        return tuple(map(stats.median, zip(*(run.times_s for run in self.passes), strict=True)))

    @cached_property
    def operators_s(self) -> float:
        """The time of all operators together (seconds): their share of the plain run, taken round by round."""
        samples: list[list[float]] = []
        for run in self.passes:
            if run.begins_sample:
                samples.append([])
            samples[-1].append(sum(run.times_s))
        means = [sum(sums) / len(sums) for sums in samples]
        if min(means) <= 0 or min(self.plain_s) <= 0:
            return stats.median(means)
        return self.median_s * stats.ratio(self.plain_s, means).median

    @cached_property
    def gap_s(self) -> float:
        """Rest of the plain run beside the operators (seconds): Python and dispatch; on a GPU, launches and idling.

        Not below 0. On the host not above the time that an instrumented run spends outside of its operators, which
        is the gap and the instrument's own work.
        """
        left_s = max(0.0, self.median_s - self.operators_s)
        outside_s = [run.outside_s for run in self.passes if run.outside_s is not None]
        return min(left_s, stats.median(outside_s)) if outside_s else left_s

    @property
    def total_s(self) -> float:
        """Operators and gap (seconds)."""
        return self.operators_s + self.gap_s

    @cached_property
    def bounds_s(self) -> tuple[float | None, ...]:
        """The roofline's bound of each operator (seconds); None where it has none, or there are no peaks."""
        if self.peaks is None:
            return (None,) * len(self.times_s)
        return bounds_s(self.count, self.peaks)
