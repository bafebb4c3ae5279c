"""Files of measured times: one's own (target, batch, ms), or a table of timm's benchmark; read strictly."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from netcost.text.documents import shortened
from netcost.text.errors import RequestError

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


@dataclass(frozen=True, slots=True)
class TimedNetwork:
    """One line of the measurements.

    Args:
        line: of the file, from 1; 0 where it was timed here.
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

    @property
    def place(self) -> str:
        """The line in words, or the network that was timed here."""
        return f"line {self.line}" if self.line else f"{self.target} at batch {self.batch}"


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
