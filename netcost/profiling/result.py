"""A network's profile: raw times of every operator, and tables of where they go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from netcost.profiling import tables
from netcost.profiling.chrome import chrome_trace
from netcost.profiling.roofline import Roofline, under_roof
from netcost.profiling.times import OperatorTimes
from netcost.text import frames, units
from netcost.text.explanations import more_about
from netcost.text.tables import Table
from netcost.text.version import __version__
from netcost.timing import stats
from netcost.timing.doubts import Doubt
from netcost.timing.environment import Environment
from netcost.timing.setting import EffectiveSetting

if TYPE_CHECKING:
    import pandas

SCHEMA = 1

TOLERANCE = 0.10
"""How far operators and gap together may be from the plain run (as a share of it) before a note says so."""


FUSED = frozenset({"MultiheadAttention", "TransformerEncoderLayer", "TransformerEncoder"})
"""Modules of torch that have a kernel of their own, which hides their operators."""

FUSED_ATTENTION = "Torch's fused attention path is off here, as in the count: it would hide the operators."


@dataclass(frozen=True, kw_only=True)
class Profile(OperatorTimes):
    """Where the time of one network's forward pass goes: the operators' times, and how they were measured.

    Args:
        environment: of the measurement.
        setting: in which it ran.
        instrumented_s: seconds of each instrumented run, the instrument's own work included, in the same rounds.
        doubts: what speaks against the plain runs' times.
    """

    environment: Environment
    setting: EffectiveSetting = EffectiveSetting()
    instrumented_s: tuple[float, ...]
    doubts: tuple[Doubt, ...] = ()

    @property
    def deviation(self) -> float:
        """How far that is from the plain run, as a share of it: how much the instrument distorts."""
        return self.total_s / self.median_s - 1

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
        return tables.table(self, by, depth, self.notes())

    def summary(self, by: str, depth: int | None = None, most: int = 20) -> Table:
        """The same for people: the rows that take the most time, one for the others, and the sum.

        Args:
            most: rows to show besides.
        """
        explained = more_about(type(doubt).__name__ for doubt in self.doubts)
        return tables.summary(self, by, depth, most, [*self.notes(), *explained])

    def chrome_trace(self) -> str:
        """One instrumented run as JSON for Perfetto and chrome://tracing; it names no host, user or path."""
        return chrome_trace(self.analysis.count, self.passes)

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
        setting = "" if self.setting == EffectiveSetting() else f", {self.setting}"
        gap = "launches and idling" if here.gpu else "Python and dispatch"
        return (
            f"{where}, {threads}, torch {here.torch}{setting}: operators {units.seconds(self.operators_s)} ("
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
            "setting": self.setting.to_dict(),
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
            "ops": [self._plain(index) for index in range(len(self.times_s))],
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
