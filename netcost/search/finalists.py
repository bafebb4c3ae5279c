"""Finalists: the first of a front, timed here in one comparison, with a verdict each against the first of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from netcost.comparison import Comparison, Entry
from netcost.text.tables import Column


@dataclass(frozen=True, slots=True)
class Finalists:
    """The measured times of finalists, by their labels.

    Args:
        measured: their comparison; None where nothing was timed.
    """

    measured: Comparison | None

    def entry(self, label: str) -> Entry | None:
        """Return what was measured of a candidate; None where it was not timed."""
        entries = () if self.measured is None else self.measured.entries
        return next((entry for entry in entries if entry.model == label), None)

    def seconds(self, label: str) -> float | None:
        """Return the measured seconds per pass (median); None where it was not timed, or failed."""
        entry = self.entry(label)
        return None if entry is None or entry.measurement is None else entry.measurement.median_s

    def columns(self, label_of: Callable[[Any], str]) -> list[Column]:
        """Return the columns of measured latency and verdict, for rows that have labels."""
        return [
            Column("measured_s", "Measured latency", "seconds", of=lambda row: self.seconds(label_of(row))),
            Column("verdict", "Verdict", of=lambda row: getattr(self.entry(label_of(row)), "verdict", None)),
        ]
