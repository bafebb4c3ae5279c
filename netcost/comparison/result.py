"""Comparison of networks: their entries and ratios, and the JSON and tables made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from netcost.comparison import side_by_side
from netcost.comparison.entry import Entry, Run
from netcost.profiling.roofline import Peaks, Roofline, under_roof
from netcost.text import units
from netcost.text.errors import NetcostError
from netcost.text.metrics import METRICS
from netcost.text.shown import Shown, named
from netcost.text.tables import Table, table_of
from netcost.text.version import __version__
from netcost.timing.environment import Environment
from netcost.timing.ratios import Ratio, ratio_of_rounds, ratio_of_runs

SCHEMA = 1


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Shown):
    """Networks side by side.

    Args:
        entries: one per network, in the order given; the first is the base of the ratios.
        runs: those that the entries come from.
        peaks: of the device, for the share of the roofline; None if none were given.
    """

    entries: tuple[Entry, ...]
    runs: tuple[Run, ...] = (Run(),)
    peaks: Peaks | None = None

    @property
    def environment(self) -> Environment | None:
        """The environment of the timing; None if nothing was timed, or in several runs."""
        return self.runs[0].environment if len(self.runs) == 1 else None

    @property
    def errors(self) -> list[NetcostError]:
        """The errors, network by network."""
        return [entry.error for entry in self.entries if entry.error is not None]

    @property
    def unknown_ops(self) -> dict[str, int]:
        """Operators without a counting rule, and the runs of each, in all networks together."""
        unknown: Counter[str] = Counter()
        for entry in self.entries:
            unknown.update(entry.figures.every_unknown_op if entry.figures else {})
        return dict(unknown)

    def label(self, entry: Entry) -> str:
        """Name the network, or its runtime if it is the only one, with its batch and its run if there are several."""
        several = len({other.batch for other in self.entries} - {None}) > 1
        batch = f", batch {entry.batch}" if several and entry.batch is not None else ""
        name = entry.model
        if entry.backend is not None:
            name = entry.backend if self.network is not None else f"{entry.model}, {entry.backend}"
        return f"{name}{batch}" + (f" ({self.runs[entry.run].name})" if len(self.runs) > 1 else "")

    @property
    def network(self) -> str | None:
        """The name of the only network, where it was timed in several runtimes; else None."""
        names = {entry.model for entry in self.entries}
        return names.pop() if len(names) == 1 and all(entry.backend for entry in self.entries) else None

    def run_by(self, command: str) -> Comparison:
        """Return a copy that records the command line it comes from."""
        return replace(self, runs=tuple(replace(run, command=command) for run in self.runs))

    def with_ratios(self, bases: Sequence[int]) -> Comparison:
        """Return a copy in which each entry has its ratio to `entries[bases[i]]`; none to itself."""
        entries = [replace(entry, ratio=self._ratio(index, bases[index])) for index, entry in enumerate(self.entries)]
        return replace(self, entries=tuple(entries))

    def _ratio(self, index: int, base_index: int) -> Ratio | None:
        entry, base = self.entries[index], self.entries[base_index]
        if index == base_index or entry.measurement is None or base.measurement is None:
            return None
        to = self.label(base)
        if entry.run == base.run:
            return ratio_of_rounds(to, base.measurement, entry.measurement)
        before, after = self.runs[base.run].environment, self.runs[entry.run].environment
        return ratio_of_runs(to, (base.measurement, before), (entry.measurement, after))

    def roofline(self, entry: Entry) -> Roofline | None:
        """Return the roofline of a network; None without peaks, or without a graph of it."""
        latency_s = entry.measurement.median_s if entry.measurement else None
        if entry.roofline is not None:
            return replace(entry.roofline, latency_s=latency_s)
        if self.peaks is None or entry.analysis is None:
            return None
        return under_roof(entry.analysis.count, entry.analysis.peak_memory_bytes, self.peaks, latency_s)

    @property
    def lines(self) -> list[side_by_side.Line]:
        """The networks as the tables show them."""
        return [
            side_by_side.Line(self.label(entry), entry, self.runs[entry.run], self.roofline(entry))
            for entry in self.entries
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the object of `compare --format json`."""
        models = [self._plain(entry) for entry in self.entries]
        if len(self.runs) == 1:
            return {"schema": SCHEMA, **_plain_run(self.runs[0]), "models": models}
        return {
            "schema": SCHEMA,
            "netcost": __version__,
            "environment": None,
            "runs": [{"name": run.name, **_plain_run(run)} for run in self.runs],
            "models": [{**model, "run": entry.run} for model, entry in zip(models, self.entries, strict=True)],
        }

    def records(self) -> Table:
        """Make a row per network with every figure as a number: for CSV and pandas."""
        return table_of(side_by_side.record_columns(self.lines), self.lines)

    def table(self) -> Table:
        """Make a row per metric and a column per network: for people."""
        return side_by_side.table(self.lines, self.notes(), self.network or "")

    def tables(self) -> list[Table]:
        """Return the table alone: for people."""
        return [self.table()]

    def _brief(self) -> str:
        return named([self._brief_entry(entry) for entry in self.entries])

    def _brief_entry(self, entry: Entry) -> str:
        """Name a network with its mult-adds and its latency, where it has them."""
        figures, timed = entry.figures, entry.measurement
        counted = "" if figures is None else f"{units.text(figures.shown('mult_adds'), 'count')} mult-adds"
        latency = "" if timed is None else units.seconds(timed.median_s)
        inside = ", ".join(filter(None, (counted, latency)))
        return f"{self.label(entry)} ({inside or 'failed'})"

    def notes(self) -> list[str]:
        """Make the notes under the table."""
        return side_by_side.notes(self.lines, self.runs, self.peaks)

    def _plain(self, entry: Entry) -> dict[str, Any]:
        missing: dict[str, Any] = {"model": entry.model, "input": None, **dict.fromkeys(METRICS), "unknown_ops": {}}
        roofline = self.roofline(entry)
        return {
            **(missing if entry.figures is None else entry.figures.to_dict()),
            "latency": None if entry.measurement is None else entry.measurement.to_dict(),
            "roofline": None if roofline is None else roofline.to_dict(),
            "ratio": None if entry.ratio is None else entry.ratio.to_dict(),
            **({"predicted": [found.to_dict() for found in entry.predicted]} if entry.predicted else {}),
            **({} if entry.backend is None else {"backend": entry.backend}),
            **({} if entry.error is None else {"error": str(entry.error)}),
        }


def _plain_run(run: Run) -> dict[str, Any]:
    environment = None if run.environment is None else run.environment.to_dict()
    predicting = {"predicting": list(run.predicting)} if run.predicting else {}
    return {"netcost": run.version, "command": run.command, "environment": environment, **predicting}
