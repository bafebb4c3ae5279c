"""Networks side by side: their entries, their ratios, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from netcost.comparison import side_by_side
from netcost.comparison.entry import Entry, Run
from netcost.profiling.roofline import Peaks, Roofline, under_roof
from netcost.text.errors import NetcostError
from netcost.text.tables import METRICS, Table
from netcost.text.version import __version__
from netcost.timing.environment import Environment
from netcost.timing.ratios import Ratio, ratio_of_rounds, ratio_of_runs

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """Networks side by side.

    Args:
        entries: one a network, in the order asked for; the first is the base of the ratios.
        runs: those that the entries come from.
        peaks: of the device, for the share of the roofline; None where nobody gave any.
    """

    entries: tuple[Entry, ...]
    runs: tuple[Run, ...] = (Run(),)
    peaks: Peaks | None = None

    @property
    def environment(self) -> Environment | None:
        """Of the timing; None where nothing was timed, or several runs were."""
        return self.runs[0].environment if len(self.runs) == 1 else None

    @property
    def errors(self) -> list[NetcostError]:
        """What went wrong, network by network."""
        return [entry.error for entry in self.entries if entry.error is not None]

    @property
    def unknown_ops(self) -> dict[str, int]:
        """Operators that no rule counts, in all networks together."""
        found: dict[str, int] = {}
        for entry in self.entries:
            for name, times in (entry.figures.unknown_ops if entry.figures else {}).items():
                found[name] = found.get(name, 0) + times
        return found

    def label(self, entry: Entry) -> str:
        """The network's name, with its batch and its run where the others' differ."""
        batches = {each.batch for each in self.entries if each.batch is not None}
        batch = f", batch {entry.batch}" if len(batches) > 1 and entry.batch is not None else ""
        return f"{entry.model}{batch}" + (f" ({self.runs[entry.run].name})" if len(self.runs) > 1 else "")

    def run_by(self, command: str) -> Comparison:
        """The same, known to come from a command line."""
        return replace(self, runs=tuple(replace(run, command=command) for run in self.runs))

    def with_ratios(self, bases: Sequence[int]) -> Comparison:
        """The same with the ratio of each network to that of the given index; none to itself."""
        entries = [replace(entry, ratio=self._ratio(index, bases[index])) for index, entry in enumerate(self.entries)]
        return replace(self, entries=tuple(entries))

    def _ratio(self, at: int, base_at: int) -> Ratio | None:
        entry, base = self.entries[at], self.entries[base_at]
        if at == base_at or entry.measurement is None or base.measurement is None:
            return None
        to = self.label(base)
        if entry.run == base.run:
            return ratio_of_rounds(to, base.measurement, entry.measurement)
        before, after = self.runs[base.run].environment, self.runs[entry.run].environment
        return ratio_of_runs(to, (base.measurement, before), (entry.measurement, after))

    def roofline(self, entry: Entry) -> Roofline | None:
        """A network under the roof of the device; None without peaks, or where there is no graph of it."""
        latency_s = entry.measurement.median_s if entry.measurement else None
        if entry.roofline is not None:
            return replace(entry.roofline, latency_s=latency_s)
        if self.peaks is None or entry.analysis is None:
            return None
        return under_roof(entry.analysis.count, entry.analysis.peak_memory_bytes, self.peaks, latency_s)

    @property
    def lines(self) -> list[side_by_side.Line]:
        """What the tables show of each network."""
        return [
            side_by_side.Line(self.label(entry), entry, self.runs[entry.run], self.roofline(entry))
            for entry in self.entries
        ]

    def to_dict(self) -> dict[str, Any]:
        """The object of `compare --format json` (design, section 6)."""
        several = len(self.runs) > 1
        environments = [None if run.environment is None else run.environment.to_dict() for run in self.runs]
        runs = [
            {"name": run.name, "netcost": run.version, "command": run.command, "environment": environment}
            for run, environment in zip(self.runs, environments, strict=True)
        ]
        return {
            "schema": SCHEMA,
            "netcost": __version__ if several else self.runs[0].version,
            **({} if several else {"command": self.runs[0].command}),
            "environment": None if several else environments[0],
            **({"runs": runs} if several else {}),
            "models": [self._plain(entry) | ({"run": entry.run} if several else {}) for entry in self.entries],
        }

    def records(self) -> Table:
        """A row per network with every figure as a number: for CSV and pandas."""
        return side_by_side.records(self.lines)

    def table(self) -> Table:
        """A row per metric and a column per network: for people."""
        return side_by_side.table(self.lines, self.notes())

    def tables(self) -> list[Table]:
        """What people are shown: the table alone."""
        return [self.table()]

    def notes(self) -> list[str]:
        """What must be said under the table."""
        return side_by_side.notes(self.lines, self.runs, self.peaks)

    def _plain(self, entry: Entry) -> dict[str, Any]:
        missing: dict[str, Any] = {"model": entry.model, "input": None, **dict.fromkeys(METRICS), "unknown_ops": {}}
        roofline = self.roofline(entry)
        return {
            **(missing if entry.figures is None else entry.figures.to_dict()),
            "latency": None if entry.measurement is None else entry.measurement.to_dict(),
            "roofline": None if roofline is None else roofline.to_dict(),
            "ratio": None if entry.ratio is None else entry.ratio.to_dict(),
            **({} if entry.error is None else {"error": str(entry.error)}),
        }
