"""A network's profile: raw times of every operator, and tables of where they go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from netcost.counting.analysis import Analysis
from netcost.profiling import tables as where
from netcost.profiling.chrome import chrome_trace
from netcost.profiling.probes import Pass
from netcost.profiling.roofline import Peaks, Roofline, bounds_s, under_roof
from netcost.text import frames, units
from netcost.text.tables import Table
from netcost.text.version import __version__
from netcost.timing import stats
from netcost.timing.doubts import Doubt
from netcost.timing.environment import Environment

if TYPE_CHECKING:
    import pandas

SCHEMA = 1

TOLERANCE = 0.10
"""How far operators and gap together may be from the plain run (as a share of it) before a note says so."""


FUSED = frozenset({"MultiheadAttention", "TransformerEncoderLayer", "TransformerEncoder"})
"""Modules of torch that have a kernel of their own, which hides their operators."""

FUSED_ATTENTION = "Torch's fused attention path is off here, as in the count: it would hide the operators."


@dataclass(frozen=True)
class Profile:
    """Where the time of one network's forward pass goes.

    Args:
        analysis: the counted graph.
        environment: of the measurement.
        plain_s: seconds of each run that nothing looked into, one a round.
        instrumented_s: seconds of each instrumented run, the instrument's own work included, in the same rounds.
        passes: the instrumented runs, operator by operator.
        doubts: what speaks against the plain runs' times.
        peaks: of the device, for the shares of the roofline.
    """

    analysis: Analysis
    environment: Environment
    plain_s: tuple[float, ...]
    instrumented_s: tuple[float, ...]
    passes: tuple[Pass, ...]
    doubts: tuple[Doubt, ...] = ()
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
        rounds = [self.passes[at * each : (at + 1) * each] for at in range(len(self.plain_s))]
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

    @property
    def deviation(self) -> float:
        """How far that is from the plain run, as a share of it: how much the instrument distorts."""
        return self.total_s / self.median_s - 1

    @cached_property
    def bounds_s(self) -> tuple[float | None, ...]:
        """The roofline's bound of each operator (seconds); None where it has none, or there are no peaks."""
        if self.peaks is None:
            return (None,) * len(self.times_s)
        return bounds_s(self.analysis.count, self.peaks)

    @cached_property
    def roofline(self) -> Roofline | None:
        """The whole network under the roof; None without peaks."""
        if self.peaks is None:
            return None
        return under_roof(self.analysis.count, self.analysis.peak_memory_bytes, self.peaks, self.median_s)

    def by_op(self) -> pandas.DataFrame:
        """A row an operator, in the order in which they ran, and the gap."""
        return frames.frame(self.table("op"))

    def by_kind(self) -> pandas.DataFrame:
        """A row a kind of operator, and the gap."""
        return frames.frame(self.table("kind"))

    def by_module(self, depth: int | None = None) -> pandas.DataFrame:
        """A row a module, in the order of first use, and the gap.

        Args:
            depth: how many levels of modules to tell apart; None for the innermost ones.
        """
        return frames.frame(self.table("module", depth))

    def by_block(self) -> pandas.DataFrame:
        """A row a building block, one for the views between them, and the gap."""
        return frames.frame(self.table("block"))

    def table(self, by: str, depth: int | None = None) -> Table:
        """The time by "op", "kind", "module" or "block", beside the cost; the rows add up to `total_s`.

        Raises:
            RequestError: another grouping was asked for.
        """
        return where.table(self, by, depth)

    def summary(self, by: str, depth: int | None = None, most: int = 20) -> Table:
        """The same for people: the rows that take the most time, one for the others, and the sum.

        Args:
            most: rows to show besides.
        """
        return where.summary(self, by, depth, most)

    def chrome_trace(self) -> str:
        """One instrumented run as JSON for Perfetto and chrome://tracing; it names no host, user or path."""
        return chrome_trace(self)

    def notes(self) -> list[str]:
        """What must be said under every table of this profile."""
        return [
            *self.analysis.notes(),
            self._timing_note(),
            *([FUSED_ATTENTION] if FUSED & {*self.analysis.graph.modules.values()} else []),
            *self._doubtful_notes(),
            *self._peak_notes(),
            *map(str, self.doubts),
        ]

    def _timing_note(self) -> str:
        """On what, and how the sum stands to the whole."""
        here = self.environment
        where = here.gpu.name if here.gpu else here.cpu or here.machine
        threads = f"{here.threads} thread{'s' if here.threads > 1 else ''}"
        gap = "launches and idling" if here.gpu else "Python and dispatch"
        return (
            f"{where}, {threads}, torch {here.torch}: operators {units.seconds(self.operators_s)} ("
            f"{len(self.passes)} instrumented runs) and the gap between them {units.seconds(self.gap_s)} ({gap}) make "
            f"{units.seconds(self.total_s)}; the plain run takes {units.seconds(self.median_s)} (median of "
            f"{len(self.plain_s)} in the same rounds)."
        )

    def _doubtful_notes(self) -> list[str]:
        """Where the sum, or the way to it, is to be trusted less."""
        notes = []
        if abs(self.scale - 1) > TOLERANCE:
            notes.append(
                f"The operators' medians were multiplied by {units.significant(self.scale)} to add up to that: most "
                "runs were interrupted somewhere; quiet the machine for times of single operators."
            )
        if abs(self.deviation) > TOLERANCE:
            notes.append(
                f"The sum is {units.percent(abs(self.deviation))} {'above' if self.deviation > 0 else 'below'} the "
                "plain run: the instrument distorts, or the machine is not quiet; trust the shares less."
            )
        return notes

    def _peak_notes(self) -> list[str]:
        notes = []
        if self.peaks is not None:
            notes.append(
                "Roof: the time at the peak FLOP/s or the full bandwidth, whichever is longer, as a share of the time; "
                "above 100 % operands lay in a faster cache than the smallest that holds them."
            )
            notes += [f"Not of one run: {what}." for what in self.peaks.differences(self.environment.to_dict())]
        return notes

    def to_dict(self) -> dict[str, Any]:
        """Plain values; times in seconds, one sample a run."""
        analysis = self.analysis
        return {
            "schema": SCHEMA,
            "netcost": __version__,
            "environment": self.environment.to_dict(),
            **analysis.to_dict(),
            "plain": {"median_s": self.median_s, "samples_s": _to_nanoseconds(self.plain_s)},
            "instrumented": {
                "median_s": stats.median(self.instrumented_s),
                "samples_s": _to_nanoseconds(self.instrumented_s),
            },
            "operators_s": self.operators_s,
            "gap_s": self.gap_s,
            "total_s": self.total_s,
            "deviation": self.deviation,
            "scale": self.scale,
            "roofline": None if self.roofline is None else self.roofline.to_dict(),
            "doubts": [doubt.to_dict() for doubt in self.doubts],
            "ops": [self._plain(at) for at in range(len(self.times_s))],
        }

    def _plain(self, at: int) -> dict[str, Any]:
        """One operator, with every time that was taken."""
        op, kind = self.analysis.graph.ops[at], self.analysis.count.kinds[at]
        return {
            "op": op.name,
            "kind": str(kind),
            "module": op.module,
            "time_s": self.times_s[at],
            "bound_s": self.bounds_s[at],
            "samples_s": _to_nanoseconds(each.times_s[at] for each in self.passes),
        }


def _to_nanoseconds(times_s: Iterable[float]) -> list[float]:
    """Times (seconds) to what a clock resolves: there are many, and further digits say nothing."""
    return [round(time_s, 9) for time_s in times_s]
