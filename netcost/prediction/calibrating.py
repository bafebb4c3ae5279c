"""Calibrates a device of your own: coefficients fitted to times that someone measured on it, given as CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from netcost.counting import Analysis
from netcost.prediction import model
from netcost.prediction.coefficients import Coefficients, Provenance, every_shipped
from netcost.prediction.fitting import Floats, MeasuredNetworks, blank, design, fitted
from netcost.prediction.hull import kinds_of
from netcost.prediction.predicting import counted
from netcost.prediction.rows import Running, rows_of
from netcost.targets import resolve
from netcost.text import units
from netcost.text.documents import shortened
from netcost.text.errors import ForwardError, NetcostError, RequestError, one_line
from netcost.text.tables import Column, Table, table_of

FEWEST = 10
"""Networks below which nothing is fitted."""

ENOUGH = 50
"""Networks from which on all columns are fitted on a processor; fewer tell three apart."""

MANY = 300
"""Networks from which on they alone say what has been measured, and the start holds the coefficients less."""

LONGEST_S = 3600.0
"""Seconds per pass beyond which a time cannot be one of milliseconds."""

TIMM = {
    "target": "model",
    "batch": "infer_batch_size",
    "ms": "infer_step_time",
    "size": "infer_img_size",
    "rate": "infer_samples_per_sec",
}
"""Columns of a table of timm's benchmark."""

OWN = {"target": "target", "batch": "batch", "ms": "ms", "input": "input"}
"""Columns of a table of one's own; `name` may stand for `target`."""

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class TimedNetwork:
    """One line of the measurements.

    Args:
        line: of the file, from 1.
        target: as `resolve` takes it.
        batch: samples per pass.
        seconds: per pass.
        input: written like 1x3x224x224; "" for the target's own.
        size: of the image, where timm's benchmark says it.
    """

    line: int
    target: str
    batch: int
    seconds: float
    input: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Calibration:
    """The result of `netcost calibrate`.

    Args:
        coefficients: of the device.
        start: the device that they were started from; "" for a datasheet.
        left_out: lines of the file that could not be used, and why.
    """

    coefficients: Coefficients
    start: str
    left_out: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**self.coefficients.to_dict(), "start": self.start or None, "left_out": list(self.left_out)}

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
            "Started from": self.start or "datasheet",
            "Median error on held-out families": units.percent(known.error),
            "90 % interval, times the prediction": f"{units.times(low)} to {units.times(high)}",
            "Coefficients": str(len(known.seconds)),
        }
        columns = (Column("figure", known.title, of=lambda item: item[0]), Column("value", "", of=lambda item: item[1]))
        return (table_of(columns, figures.items(), notes=self._notes()),)

    def _notes(self, most: int = 10) -> list[str]:
        more = len(self.left_out) - most
        return [*self.left_out[:most], *([f"… and {more} more lines were left out."] if more > 0 else [])]


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
    lines = list(read_timings(path))
    networks, left_out = _counted(lines, running, progress)
    if len(networks.names) < FEWEST:
        first = f"; {left_out[0]}" if left_out else ""
        raise RequestError(f"{path!r} has {len(networks.names)} networks that can be used, of at least {FEWEST}{first}")
    title = name or Path(path).stem
    start, factor = _start(networks, running, like)
    origin = Provenance(Path(path).name, "", "", "", len(networks.names), len(set(networks.families)))
    about = blank(title, title, running, start.sheet, "", origin)
    number, is_processor = len(networks.names), start.sheet.cache_bytes is not None
    about = replace(about, three_columns=is_processor and number < ENOUGH)
    # One processor tells nothing of another: the fit starts from a datasheet.
    begin = None if is_processor else start.seconds
    held = model.HELD if number >= MANY or about.three_columns else model.HELD_BY_FEW
    found = fitted(networks, about, begin, held)
    if number < MANY:
        found = _widened(found, start, factor)
    return Calibration(found, "" if is_processor else start.device, tuple(left_out))


def _widened(few: Coefficients, start: Coefficients, factor: float) -> Coefficients:
    """Return coefficients that a few networks adapted, with the hull of those that the start was fitted to."""
    shares = {name: max(share, start.largest_shares.get(name, 0.0)) for name, share in few.largest_shares.items()}
    if not few.three_columns:
        others = {name: value * factor for name, value in start.seconds.items() if name not in few.seconds}
        few = replace(few, seconds={**few.seconds, **others})
        shares = {**start.largest_shares, **shares}
    least, most = start.sample_s
    span = (min(few.sample_s[0], least * factor), max(few.sample_s[1], most * factor))
    kinds = tuple(sorted({*few.kinds, *start.kinds}))
    return replace(few, kinds=kinds, largest_shares=shares, sample_s=span)


def _start(networks: MeasuredNetworks, running: Running, like: str | None) -> tuple[Coefficients, float]:
    """Return the coefficients to start from, and the constant by which the new device is slower.

    They are those of the device asked for, or those that one constant fits best.
    """
    known = [entry for entry in every_shipped() if entry.precision == running.precision] or every_shipped()
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
    lines: list[TimedNetwork], running: Running, progress: Progress | None
) -> tuple[MeasuredNetworks, list[str]]:
    """Count every network at its batch; return those that can be used, and a note on each of the others."""
    used, analyses, left_out = [], [], []
    for index, line in enumerate(lines):
        if progress is not None:
            progress(index / len(lines), f"counting {line.target}")
        try:
            analysis = _analysis(line, running)
        except NetcostError as error:
            left_out.append(f"line {line.line}: {one_line(error)}")
            continue
        if analysis.unknown_ops:
            left_out.append(f"line {line.line}: no rule counts {', '.join(analysis.unknown_ops)}")
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


def read_timings(path: str) -> Iterator[TimedNetwork]:
    """Read the lines of a CSV file of measured times.

    Raises:
        RequestError: a column is missing, a value is no number or not possible, or a network stands there twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise RequestError(f"{path!r} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    reader = csv.DictReader(text.splitlines())
    headings = [heading.strip() for heading in reader.fieldnames or ()]
    reader.fieldnames = headings
    is_timm = TIMM["target"] in headings and TIMM["batch"] in headings
    names = TIMM if is_timm else {**OWN, "target": "target" if "target" in headings else "name"}
    missing = [names[key] for key in ("target", "batch", "ms") if names[key] not in headings]
    if missing:
        found = ", ".join(headings) or "nothing"
        raise RequestError(f"{path!r} lacks the columns {', '.join(missing)}; it has {shortened(found)}")
    seen: dict[tuple[str, int, str], int] = {}
    for row in reader:
        where = f"{path!r}, line {reader.line_num}"
        line = _timed(where, reader.line_num, row, names)
        earlier = seen.setdefault((line.target, line.batch, line.input), line.line)
        if earlier != line.line:
            raise RequestError(f"{where}: {line.target!r} at this batch stands in line {earlier} already; keep one")
        yield line


def _timed(where: str, number: int, row: Mapping[str, str | None], names: Mapping[str, str]) -> TimedNetwork:
    target = (row[names["target"]] or "").strip()
    if not target:
        raise RequestError(f"{where}: {names['target']} is empty; expected a network, like timm:resnet50")
    batch = _number(where, names["batch"], row)
    seconds = _number(where, names["ms"], row) / 1000
    if batch != int(batch):
        raise RequestError(f"{where}: {names['batch']} is {batch}; expected a whole number")
    if seconds > LONGEST_S:
        raise RequestError(
            f"{where}: {names['ms']} is {seconds * 1000:,.0f}, an hour or more per pass; write milliseconds"
        )
    written = (row.get(names.get("input", "")) or "").strip()
    size = 0
    if "size" in names:
        size = int(_number(where, names["size"], row))
        target, written = f"timm:{target.split('.')[0]}", f"1x3x{size}x{size}"
        rate = row.get(names["rate"])
        if rate and not 0.9 < _number(where, names["rate"], row) * seconds / batch < 1.1:
            raise RequestError(
                f"{where}: {names['ms']} is not milliseconds per batch: {rate} samples per second at batch {batch:.0f} "
                f"take {1000 * batch / float(rate):.3f}"
            )
    return TimedNetwork(number, target, int(batch), seconds, written, size)


def _number(where: str, column: str, row: Mapping[str, str | None]) -> float:
    try:
        value = float(row[column] or "")
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise RequestError(f"{where}: {column} is {shortened(row[column])}; expected a number above 0")
    return value
