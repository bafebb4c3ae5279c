"""The time of each operator of one network, the gap between them, and what the roofline allows them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from netcost.counting.analysis import Analysis
from netcost.profiling.probes import Pass
from netcost.profiling.roofline import Peaks, bounds_s
from netcost.timing import stats


@dataclass(frozen=True, kw_only=True)
class OperatorTimes:
    """How one network's forward pass divides its time among its operators.

    Args:
        analysis: the counted graph.
        plain_s: seconds of each run that nothing looked into, one per round.
        passes: the instrumented runs, operator by operator.
        peaks: of the device, for the bounds of the roofline.
    """

    analysis: Analysis
    plain_s: tuple[float, ...]
    passes: tuple[Pass, ...]
    peaks: Peaks | None = None

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
        """By what the operators' medians are multiplied to add up to `operators_s`; about 1 on a quiet machine.

        What interrupts a run hits few operators of it and none of the medians, but every run. It hits each operator in
        proportion to its time, so that all are scaled alike.
        """
        added_s = sum(self._medians_s)
        return self.operators_s / added_s if added_s > 0 else 1.0

    @cached_property
    def _medians_s(self) -> tuple[float, ...]:
        return tuple(map(stats.median, zip(*(each.times_s for each in self.passes), strict=True)))

    @cached_property
    def operators_s(self) -> float:
        """What all operators take together (seconds): their share of the plain run, taken round by round."""
        each = len(self.passes) // len(self.plain_s)  # passes a round: more than one where a pass is very short
        rounds = [self.passes[index * each : (index + 1) * each] for index in range(len(self.plain_s))]
        sums = [sum(sum(one.times_s) for one in passes) / each for passes in rounds]
        if min(sums) <= 0 or min(self.plain_s) <= 0:
            return stats.median(sums)
        return self.median_s * stats.ratio(self.plain_s, sums).median

    @cached_property
    def gap_s(self) -> float:
        """What the operators leave of the plain run (seconds): Python and dispatch; on a GPU, launches and idling.

        Not below 0; and on the host not above what an instrumented run spends outside of its operators, which is that
        and the instrument's own work.
        """
        left_s = max(0.0, self.median_s - self.operators_s)
        outside_s = [each.outside_s for each in self.passes if each.outside_s is not None]
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
        return bounds_s(self.analysis.count, self.peaks)
