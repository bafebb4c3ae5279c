"""A network's profile: the raw times of every operator, and tables of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from netcost.profiling import tables
from netcost.profiling.chrome import chrome_trace
from netcost.profiling.roofline import Roofline, under_roof
from netcost.profiling.roofline.bound import BEYOND
from netcost.profiling.times import OperatorTimes
from netcost.text import frames, units
from netcost.text.explanations import more_about
from netcost.text.shown import Shown
from netcost.text.tables import Section, Table
from netcost.text.version import __version__
from netcost.timing import stats
from netcost.timing.doubts import Doubt
from netcost.timing.environment import Environment
from netcost.timing.setting import EffectiveSetting

if TYPE_CHECKING:
    import pandas

SCHEMA = 1

TOLERANCE = 0.10
"""Largest deviation of operators and gap from the plain run (as a share of it) without a note."""

FUSED = frozenset({"MultiheadAttention", "TransformerEncoderLayer", "TransformerEncoder"})
"""Modules of torch with a kernel of their own, which hides their operators."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Profile(Shown, OperatorTimes):
    """The times of a network's operators, and how they were measured.

    Args:
        environment: of the measurement.
        setting: of the runs.
        instrumented_s: seconds of each instrumented run, the instrument's own work included, in the same rounds.
        doubts: reasons to trust the plain runs' times less.
    """

    environment: Environment
    setting: EffectiveSetting = EffectiveSetting()
    instrumented_s: tuple[float, ...]
    doubts: tuple[Doubt, ...] = ()

    @property
    def deviation(self) -> float:
        """Difference of `total_s` from the plain run, as a share of it: the distortion by the instrument."""
        return self.total_s / self.median_s - 1

    @cached_property
    def roofline(self) -> Roofline | None:
        """The whole network under the roof; None without peaks."""
        if self.peaks is None:
            return None
        training = self.analysis.training
        peak = self.analysis.peak_memory_bytes if training is None else training.peak.total
        return under_roof(self.count, peak, self.peaks, self.median_s)

    def by_op(self) -> pandas.DataFrame:
        """Return a row per operator, in the order in which they ran, and the gap."""
        return frames.frame(self.table("op"))

    def by_kind(self) -> pandas.DataFrame:
        """Return a row per kind of operator, and the gap."""
        return frames.frame(self.table("kind"))

    def by_module(self, depth: int | None = None) -> pandas.DataFrame:
        """Return a row per module of at most `depth` levels (None: innermost), in order of first use, and the gap."""
        return frames.frame(self.table("module", depth))

    def by_block(self) -> pandas.DataFrame:
        """Return a row per building block, one for the views between them, and the gap."""
        return frames.frame(self.table("block"))

    def table(self, by: str, depth: int | None = None) -> Table:
        """Return time and cost by "op", "kind", "module", "block" or, of a step, "phase"; the sum is `total_s`.

        Raises:
            RequestError: `by` is another grouping.
        """
        return tables.table(self, by, depth, self.notes())

    def summary(self, by: str, depth: int | None = None, most: int = 20) -> Table:
        """Return the table for people: the `most` rows that take the most time, one for the others, and the sum."""
        explained = more_about(type(doubt).__name__ for doubt in self.doubts)
        return tables.summary(self, by, depth, most, [*self.notes(), *explained])

    def chrome_trace(self) -> str:
        """Return one instrumented run as JSON for Perfetto and chrome://tracing; it names no host, user or path."""
        return chrome_trace(self.count, self.passes)

    def _brief(self) -> str:
        times = f"{units.seconds(self.operators_s)} in operators, {units.seconds(self.gap_s)} gap"
        return f"{self.analysis.model}: {units.seconds(self.median_s)} per pass; instrumented, {times}"

    def _parts(self, format_name: str) -> Sequence[Section]:  # noqa: ARG002  # the same in all formats
        return [Section("", tables=(replace(self.summary("kind"), notes=()), self.summary("op")))]

    def notes(self) -> list[str]:
        """Return the notes under every table of this profile."""
        notes = [*self.analysis.notes(), self._timing_note()]
        if self.analysis.training is not None:
            step = self.analysis.training.step.title
            notes.append(f"Timed is a whole training step ({step}): forward, loss, backward and optimizer.")
        if FUSED & {*self.analysis.graph.modules.values()}:
            notes.append("Torch's fused attention path is off, as in the count: it would hide the operators.")
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
        if self.peaks is not None:
            notes.append(
                "Roof: the time at the peak FLOP/s or at the full bandwidth, whichever is longer, as a share of the "
                "measured time; above 100 %, operands lay in a faster cache than the smallest that holds them."
            )
            notes += self.peaks.warnings
            if self.roofline is not None and self.roofline.is_beyond:
                notes.append(BEYOND)
            notes += [f"Not of one run: {words}." for words in self.peaks.differences(self.environment.to_dict())]
        return [*notes, *map(str, self.doubts)]

    def _timing_note(self) -> str:
        """Say on what it was timed, and how the sum compares with the plain run."""
        here = self.environment
        where = here.gpu.name if here.gpu else here.cpu or here.machine
        threads = f"{here.threads} thread{'s' if here.threads > 1 else ''}"
        setting = "" if self.setting == EffectiveSetting() else f", {self.setting}"
        gap = "launches and idling" if here.gpu else "Python and dispatch"
        return (
            f"{where}, {threads}, torch {here.torch}{setting}: {units.seconds(self.operators_s)} in operators ("
            f"{len(self.passes)} instrumented runs) + {units.seconds(self.gap_s)} between them ({gap}) = "
            f"{units.seconds(self.total_s)}. The plain run takes {units.seconds(self.median_s)} (median of "
            f"{len(self.plain_s)} in the same rounds)."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; times in seconds, one sample per run."""
        analysis = self.analysis
        return {
            "schema": SCHEMA,
            "netcost": __version__,
            "environment": self.environment.to_dict(),
            "setting": self.setting.to_dict(),
            **analysis.to_dict(),
            "plain": _series(self.plain_s),
            "instrumented": _series(self.instrumented_s),
            "operators_s": self.operators_s,
            "gap_s": self.gap_s,
            "total_s": self.total_s,
            "deviation": self.deviation,
            "scale": self.scale,
            "roofline": None if self.roofline is None else self.roofline.to_dict(),
            "doubts": [doubt.to_dict() for doubt in self.doubts],
            "ops": [self._operator(index) for index in range(len(self.times_s))],
        }

    def _operator(self, index: int) -> dict[str, Any]:
        """Return one operator, with all its times."""
        op, kind = self.count.graph.ops[index], self.count.kinds[index]
        return {
            "op": op.name,
            "kind": str(kind),
            **({} if self.analysis.training is None else {"phase": str(op.phase)}),
            "module": op.module,
            "time_s": self.times_s[index],
            "bound_s": self.bounds_s[index],
            "samples_s": _to_nanoseconds(run.times_s[index] for run in self.passes),
        }


def _series(times_s: tuple[float, ...]) -> dict[str, Any]:
    return {"median_s": stats.median(times_s), "samples_s": _to_nanoseconds(times_s)}


def _to_nanoseconds(times_s: Iterable[float]) -> list[float]:
    """Round times (seconds) to the resolution of a clock: there are many, and further digits say nothing."""
    return [round(time_s, 9) for time_s in times_s]
