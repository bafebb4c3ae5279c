"""Calibrates a device of your own: coefficients fitted to times that someone measured on it, given as CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from netcost.counting import Analysis
from netcost.prediction import model
from netcost.prediction.coefficients import Coefficients, Provenance, every_shipped
from netcost.prediction.columns import Datasheet
from netcost.prediction.fitting import Floats, MeasuredNetworks, blank, design, fitted, rounded
from netcost.prediction.hull import kinds_of
from netcost.prediction.predicting import counted
from netcost.prediction.rows import Running, rows_of
from netcost.prediction.timings import TimedNetwork, read_timings
from netcost.profiling.roofline.caches import ASSUMED_BYTES
from netcost.targets import resolve
from netcost.text import units
from netcost.text.errors import ForwardError, NetcostError, RequestError, one_line
from netcost.text.tables import Column, Table, table_of

FEWEST = 10
"""Networks below which nothing is fitted."""

ENOUGH = 50
"""Networks from which on all columns are fitted on a processor; fewer tell three apart."""

MANY = 300
"""Networks from which on they alone say what has been measured, and the start holds the coefficients less."""

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The result of `netcost calibrate`.

    Args:
        coefficients: of the device.
        start: the device that they were started from; "" for the device's own rates.
        left_out: lines of the file that could not be used, and why.
        remarks: on times that were taken here.
    """

    coefficients: Coefficients
    start: str
    left_out: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            **self.coefficients.to_dict(),
            "start": self.start or None,
            "left_out": list(self.left_out),
            "remarks": list(self.remarks),
        }

    def records(self) -> Table:
        """Return the coefficients, a row per column of the model."""
        known = self.coefficients
        columns = (
            Column("column", "Column", of=lambda item: item[0]),
            Column("seconds_per_count", "Seconds per count", "text", of=lambda item: item[1]),
            Column("largest_share", "Largest share", "percent", of=lambda item: known.largest_shares[item[0]]),
        )
        return table_of(columns, known.seconds.items())

    def tables(self) -> tuple[Table, ...]:
        """Return the error and the interval, and notes on the lines that were left out."""
        known, (low, high) = self.coefficients, self.coefficients.interval
        figures = {
            "Networks": f"{known.source.networks:,} of {known.source.families:,} families",
            "Way of running": str(known.running),
            "Started from": self.start or "its own rates",
            "Median error on held-out families": units.percent(known.error),
            "90 % interval, times the prediction": f"{units.times(low)} to {units.times(high)}",
            "Coefficients": str(len(known.seconds)),
        }
        columns = (Column("figure", known.title, of=lambda item: item[0]), Column("value", "", of=lambda item: item[1]))
        return (table_of(columns, figures.items(), notes=self._notes()),)

    def _notes(self, most: int = 10) -> list[str]:
        more = len(self.left_out) - most
        lines = [*self.left_out[:most], *([f"… and {more} more lines were left out."] if more > 0 else [])]
        return [*lines, f"Rates of the device: {self.coefficients.sheet.source}.", *self.remarks]


def calibrate(
    path: str,
    running: Running,
    *,
    like: str | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Fit the coefficients of a device to measured times.

    Args:
        path: of a CSV file with the columns target (or name), batch and ms, or a table of timm's benchmark.
        running: how the networks were run.
        like: a device with coefficients to start from [default: the one whose predictions fit best].
        name: of the device [default: that of the file].
        progress: told the share that is done, and what is being counted.

    Raises:
        RequestError: the file is damaged (the message names the line), or too few networks can be used.
    """
    title, table = name or Path(path).stem, Path(path).name
    return of_times(list(read_timings(path)), running, title, table, like=like, progress=progress)


def of_times(
    lines: Sequence[TimedNetwork],
    running: Running,
    title: str,
    table: str,
    *,
    sheet: Datasheet | None = None,
    like: str | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Fit the coefficients of a device to measured times, as `calibrate` does.

    Args:
        title: of the device.
        table: that the times come from, for messages.
        sheet: rates of the device, measured [default: from the times on a processor, and of the start on a GPU].
    """
    networks, left_out = _counted(lines, running, progress)
    if len(networks.names) < FEWEST:
        first = f"; {left_out[0]}" if left_out else ""
        raise RequestError(
            f"{table!r} has {len(networks.names)} networks that can be used, of at least {FEWEST}{first}"
        )
    start, factor = _start(networks, running, like, sheet)
    number, is_processor = len(networks.names), start.sheet.cache_bytes is not None
    if sheet is None:
        sheet = _rates_of(networks, running, start.sheet) if is_processor else _lent(start)
    origin = Provenance(table, "", "", "", number, len(set(networks.families)), datetime.now(UTC).date().isoformat())
    about = replace(blank(title, title, running, sheet, "", origin), few_columns=is_processor and number < ENOUGH)
    # One processor tells nothing of another: the fit starts from its own rates.
    begin = None if is_processor else start.seconds
    held = model.HELD if number >= MANY or about.few_columns else model.HELD_BY_FEW
    found = fitted(networks, about, begin, held)
    if number < MANY:
        found = _widened(found, start, factor)
    return Calibration(found, "" if is_processor else start.device, tuple(left_out))


def _lent(start: Coefficients) -> Datasheet:
    return replace(start.sheet, source=f"no datasheet: those of {start.device}, which fits best ({start.sheet.source})")


def _rates_of(networks: MeasuredNetworks, running: Running, sheet: Datasheet) -> Datasheet:
    """Return rates for a processor without a datasheet: each of three costs a third of the median measured time."""
    parts = design(networks, running, sheet, few=True)
    thirds = {
        name: float(np.median(networks.seconds / parts.counts[:, parts.names.index(name)])) / 3
        for name in ("mult-adds", "bytes", "kernels")
    }
    source = "no datasheet: mult-adds, bytes and kernels take a third of the median measured time each; cache assumed"
    work, memory = 1 / thirds["mult-adds"], 1 / thirds["bytes"]
    return Datasheet(rounded(work), rounded(memory), rounded(thirds["kernels"]), float(ASSUMED_BYTES), source)


def _widened(few: Coefficients, start: Coefficients, factor: float) -> Coefficients:
    """Return coefficients that a few networks adapted, with the hull of those that the start was fitted to."""
    shares = {name: max(share, start.largest_shares.get(name, 0.0)) for name, share in few.largest_shares.items()}
    if not few.few_columns:
        others = {name: value * factor for name, value in start.seconds.items() if name not in few.seconds}
        few = replace(few, seconds={**few.seconds, **others})
        shares = {**start.largest_shares, **shares}
    least, most = start.sample_s
    span = (min(few.sample_s[0], least * factor), max(few.sample_s[1], most * factor))
    kinds = tuple(sorted({*few.kinds, *start.kinds}))
    return replace(few, kinds=kinds, largest_shares=shares, sample_s=span)


def _start(
    networks: MeasuredNetworks, running: Running, like: str | None, sheet: Datasheet | None
) -> tuple[Coefficients, float]:
    """Return the coefficients to start from, and the constant by which the new device is slower.

    They are those of the device asked for, or those that one constant fits best; of the same kind as one whose rates
    are known.
    """
    alike = [
        entry
        for entry in every_shipped()
        if sheet is None or (entry.sheet.cache_bytes is None) == (sheet.cache_bytes is None)
    ]
    known = [entry for entry in alike if entry.precision == running.precision] or alike
    named = [entry for entry in known if entry.device == like]
    if like is not None and not named:
        devices = ", ".join(sorted({entry.device for entry in known}))
        raise RequestError(f"--like {like!r} has no coefficients in this precision; expected one of {devices}")

    def ratios(entry: Coefficients) -> Floats:
        parts = design(networks, running, entry.sheet)
        begin = [entry.seconds.get(name, own) for name, own in zip(parts.names, parts.start, strict=True)]
        return np.asarray(np.log(networks.seconds / (parts.counts @ np.array(begin))))

    same = [entry for entry in named or known if entry.mode == running.mode] or named or known
    logs = {index: ratios(entry) for index, entry in enumerate(same)}
    best = min(logs, key=lambda index: float(np.median(np.abs(logs[index] - np.median(logs[index])))))
    return same[best], float(np.exp(np.median(logs[best])))


def _counted(
    lines: Sequence[TimedNetwork], running: Running, progress: Progress | None
) -> tuple[MeasuredNetworks, list[str]]:
    """Count every network at its batch; return those that can be used, and a note on each of the others."""
    used, analyses, left_out = [], [], []
    for index, line in enumerate(lines):
        if progress is not None:
            progress(index / len(lines), f"counting {line.target}")
        try:
            analysis = _analysis(line, running)
        except NetcostError as error:
            left_out.append(f"{line.place}: {one_line(error)}")
            continue
        if analysis.unknown_ops:
            left_out.append(f"{line.place}: no rule counts {', '.join(analysis.unknown_ops)}")
            continue
        used.append(line)
        analyses.append((analysis.graph.modules[""], rows_of(analysis.count, running), kinds_of(analysis)))
    batches = np.array([line.batch for line in used], dtype=np.int64)
    seconds = np.array([line.seconds for line in used]) / np.maximum(batches, 1)
    families, rows, kinds = zip(*analyses, strict=True) if analyses else ((), (), ())
    return MeasuredNetworks([line.target for line in used], families, batches, seconds, rows, kinds).known(), left_out


def _analysis(line: TimedNetwork, running: Running) -> Analysis:
    """Count a network at its batch; one of timm that takes no other image than its own is built for it."""
    given = (line.input,) if line.input else ()
    try:
        return counted(resolve(line.target, inputs=given), None, line.batch, running.memory_format)[1]
    except ForwardError:
        if not line.size:
            raise
        target = resolve(line.target, {"img_size": line.size}, given)
        return counted(target, None, line.batch, running.memory_format)[1]
