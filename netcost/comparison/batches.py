"""Sweep of networks over batch sizes, all timed in the same rounds; it names each network's knee."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, Unpack

from netcost.comparison.entry import Entry
from netcost.comparison.result import Comparison
from netcost.comparison.running import Progress, backends_of, compared
from netcost.comparison.side_by_side import interval, predicted_columns, where_explained
from netcost.profiling.roofline import Peaks
from netcost.text.errors import NetcostError, RequestError
from netcost.text.shown import Shown, named
from netcost.text.tables import Column, Table, table_of
from netcost.timing import stats
from netcost.timing.measurement import Measurement
from netcost.timing.setting import BUDGET_S, PRECISION, Timing, TimingOptions, timing_of
from netcost.timing.subjects import Models, subjects
from netcost.tracing import TrainStep

KNEE = 0.9
"""Share of the best throughput beyond which a larger batch is not worth its latency."""


@dataclass(frozen=True, slots=True)
class Share:
    """Throughput of one batch size as a share of the best, taken round by round; None if not measured."""

    batch: int
    median: float | None = None
    ci95: stats.Interval | None = None

    @property
    def reaches(self) -> bool | None:
        """True where the share is `KNEE` or more; None if the interval leaves that open, or is missing."""
        if self.ci95 is None:
            return None
        low, high = self.ci95
        return True if low >= KNEE else False if high < KNEE else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"batch": self.batch, "median": self.median, "ci95": None if self.ci95 is None else list(self.ci95)}


@dataclass(frozen=True, slots=True)
class Knee:
    """Batch size at which the throughput of a network stops growing.

    It is the smallest batch whose throughput reaches 90 % of the best: the whole 95 % interval of that share, which
    is taken round by round, lies at 90 % or above. If smaller batches may or may not reach it, the knee is one of
    several. If only the largest batch surely reaches it, throughput may still grow, and the knee may be beyond the
    sweep. Without an interval for every batch there is no verdict. `shares` are in the order of rising batches.
    """

    model: str
    shares: tuple[Share, ...]

    @property
    def batches(self) -> tuple[int, ...]:
        """Batch sizes that may be the knee, rising: the last one surely reaches 90 %; none without intervals."""
        if any(share.ci95 is None for share in self.shares):
            return ()
        sure = next(index for index, share in enumerate(self.shares) if share.reaches)  # the best does
        return tuple(share.batch for share in self.shares[: sure + 1] if share.reaches is not False)

    @property
    def verdict(self) -> str:
        """The knee in words, like "knee at batch 4" or "no knee within the sweep"."""
        if not self.batches:
            return "cannot tell the knee: not every batch has an interval"
        *unclear, last = self.batches
        is_largest = last == self.shares[-1].batch
        if not unclear:
            grows = f"no knee within the sweep: throughput still grows at batch {last}"
            return grows if is_largest else f"knee at batch {last}"
        listed = f"knee at batch {', '.join(map(str, unclear))} or {last}"
        return f"{listed}, or beyond the sweep" if is_largest else listed

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "model": self.model,
            "verdict": self.verdict,
            "batches": list(self.batches),
            "shares": [share.to_dict() for share in self.shares],
        }


@dataclass(frozen=True, slots=True, repr=False)
class Sweep(Shown):
    """Networks over a range of rising batch sizes.

    `comparison` has an entry per network and batch size, network by network; ratios are to the first network at the
    same batch size.
    """

    comparison: Comparison
    batches: tuple[int, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Points of the sweep."""
        return self.comparison.entries

    @property
    def errors(self) -> list[NetcostError]:
        """Errors, point by point."""
        return self.comparison.errors

    @property
    def unknown_ops(self) -> dict[str, int]:
        """Operators without a counting rule, and the runs of each, in all networks together."""
        return self.comparison.unknown_ops

    @property
    def knees(self) -> tuple[Knee, ...]:
        """Knee of each network; none if nothing was timed."""
        size = len(self.batches)
        starts = range(0, len(self.entries) if self.comparison.environment else 0, size)
        networks = [self.entries[start : start + size] for start in starts]
        return tuple(Knee(_name(points[0]), _shares(points, self.batches)) for points in networks)

    def run_by(self, command: str) -> Sweep:
        """Return a copy that records the command line it comes from."""
        return replace(self, comparison=self.comparison.run_by(command))

    def to_dict(self) -> dict[str, Any]:
        """Return the object of `compare --format json`, every point a model of its own, and the knees."""
        knees = [knee.to_dict() for knee in self.knees]
        return {**self.comparison.to_dict(), "sweep": {"batches": list(self.batches), "knees": knees}}

    def records(self) -> Table:
        """Make a row per point with every figure as a number: for CSV and pandas."""
        return self.comparison.records()

    def table(self) -> Table:
        """Make a row per point: for people. If nothing was timed, a column per point."""
        if not self.knees:
            return self.comparison.table()
        shares = [share for knee in self.knees for share in knee.shares]
        columns = COLUMNS if len(self.knees) > 1 else COLUMNS[:-1]  # without a second network there is no ratio
        notes = [*self.notes(), *where_explained(self.comparison.lines)]
        predicted = (column.through(itemgetter(0)) for column in predicted_columns(self.entries, "Predicted on {}"))
        return table_of((*columns, *predicted), zip(self.entries, shares, strict=True), notes=notes)

    def tables(self) -> list[Table]:
        """Return the table alone: for people."""
        return [self.table()]

    def _brief(self) -> str:
        sizes, models = ", ".join(map(str, self.batches)), list(dict.fromkeys(entry.model for entry in self.entries))
        return f"{named(models)} at batch {sizes}{''.join(f'; {knee.model}: {knee.verdict}' for knee in self.knees)}"

    def notes(self) -> list[str]:
        """Make the notes under the table."""
        knees = [f"{knee.model}: {knee.verdict}." for knee in self.knees]
        several = any(entry.ratio for entry in self.entries)
        base = [f"Ratios are to {_name(self.entries[0])} at the same batch, round by round."] if several else []
        return [*knees, *base, *self.comparison.notes()]


def _name(entry: Entry) -> str:
    return entry.model if entry.backend is None else f"{entry.model}, {entry.backend}"


MEASUREMENT_COLUMNS = (
    Column("latency_s", "Latency", "seconds", of=lambda timed: timed.median_s),
    Column("latency_interval", "95 % interval", of=lambda timed: interval(timed.ci95_s, "seconds"), flush_right=True),
    Column("throughput_per_s", "Throughput", "per_second"),
)
COLUMNS = (
    Column("model", "Model", of=lambda point: _name(point[0])),
    Column("batch", "Batch", "count", of=lambda point: point[1].batch),
    *(column.through(lambda point: point[0].measurement) for column in MEASUREMENT_COLUMNS),
    Column("share", "Of best", "percent", of=lambda point: point[1].median),
    Column("ratio", "Ratio", "times", of=lambda point: point[0].ratio and point[0].ratio.median),
)
"""Columns of a point: an entry, and its share of the best throughput."""


def sweep(
    models: Models,
    batches: Sequence[int],
    device: str = "cpu",
    *,
    inputs: Any = None,
    mode: str = "eval",
    concrete: bool = False,
    step: TrainStep | None = None,
    timing: Timing | None = None,
    peaks: Peaks | None = None,
    on: Sequence[str] = (),
    progress: Progress | None = None,
    **options: Unpack[TimingOptions],
) -> Sweep:
    """Count each network at each batch size, then time all of them side by side.

    Args:
        batches: first dimensions of every input, in any order.
        models, device, inputs, mode, concrete, step, timing, peaks, on, progress, options: as for `compare`, but the
            budget is 10 s per batch size unless given.

    Raises:
        RequestError: a target or an option is unknown, an input missing, or the batch sizes are no sweep.
        MeasurementError: there is no such device.
    """
    if len(batches) < 2 or min(batches) < 1 or len(set(batches)) < len(batches):
        given = ",".join(map(str, batches))
        raise RequestError(f"--batch {given!r}: expected two or more different sizes of at least 1, like 1,2,4,8")
    asked = timing_of(timing, device, options).or_else(BUDGET_S * len(batches), PRECISION)
    rising = tuple(sorted(batches))
    sized = [[target.with_batch(batch) for batch in rising] for target in subjects(models, inputs, asked)]
    pairs = [(target, name) for points in sized for name in backends_of(asked) for target in points]
    comparison = compared(pairs, asked, mode, concrete, peaks, progress, step, on)
    return Sweep(comparison.with_ratios([index % len(rising) for index in range(len(pairs))]), rising)


def _shares(points: Sequence[Entry], batches: Sequence[int]) -> tuple[Share, ...]:
    """Divide the throughput of each batch size by the best of them."""
    timed = [point.measurement for point in points if point.measurement and min(point.measurement.times_s) > 0]
    best = max(timed, key=lambda measurement: measurement.throughput_per_s or 0.0, default=None)
    return tuple(_share(batch, point.measurement, best) for batch, point in zip(batches, points, strict=True))


def _share(batch: int, measured: Measurement | None, best: Measurement | None) -> Share:
    """Divide two throughputs, batch / time: the inverse ratio of the times, scaled by the batches."""
    if measured is None or best is None or min(measured.times_s) <= 0:
        return Share(batch)
    rounds = min(measured.samples, best.samples)
    estimate = stats.ratio(measured.times_s[:rounds], best.times_s[:rounds])
    scale = (measured.batch or batch) / (best.batch or batch)
    ends = None if estimate.ci95 is None else (scale * estimate.ci95[0], scale * estimate.ci95[1])
    return Share(batch, scale * estimate.median, ends)
