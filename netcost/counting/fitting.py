"""Fitting a training step into the memory of a device: fits, does not fit, or cannot tell."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from netcost.counting.training import StepCount
from netcost.text import units
from netcost.text.errors import RequestError
from netcost.text.registry import suggestion
from netcost.text.tables import Alarm, Column, Table, table_of

GIB = 1 << 30

DEVICES = {
    "t4": 16,
    "v100": 16,
    "rtx3090": 24,
    "rtx4090": 24,
    "a10": 24,
    "l4": 24,
    "rtx5090": 32,
    "a100-40gb": 40,
    "l40s": 48,
    "a100": 80,
    "h100": 80,
    "h200": 141,
}
"""Memory of NVIDIA's devices (GiB), by their data sheets."""

CONTEXT_BYTES = 820 << 20
"""Taken by CUDA's context and its libraries, in each process (estimate)."""

OVERHEAD = 0.08
"""Share of the peak that the allocator's rounding and gaps and the workspaces of kernels take on top (estimate).

Both are fitted on the largest batches that timm trained on an RTX 3090: `tests/benchmarks/training_step.py --timm`.
"""

LARGEST_BATCH = 1 << 20

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[KMGT]i?B|B)", re.IGNORECASE)


class FitVerdict(StrEnum):
    """Answer to the question if a step fits."""

    FITS = "fits"
    DOES_NOT_FIT = "does not fit"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Fit:
    """A training step in the memory of a device.

    Args:
        capacity_bytes: the memory of the device.
        peak_bytes: of the tensors of the step (exact).
        device: as the user named it.
    """

    capacity_bytes: int
    peak_bytes: int
    device: str = ""

    @property
    def other_bytes(self) -> int:
        """Memory that is not the model's: context, allocator and workspaces (estimate)."""
        return CONTEXT_BYTES + round(OVERHEAD * self.peak_bytes)

    @property
    def verdict(self) -> FitVerdict:
        """It does not fit where its tensors alone do not, and fits where there is room for all else as well."""
        if self.peak_bytes > self.capacity_bytes:
            return FitVerdict.DOES_NOT_FIT
        has_room = self.peak_bytes + self.other_bytes <= self.capacity_bytes
        return FitVerdict.FITS if has_room else FitVerdict.CANNOT_TELL

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the JSON keys."""
        return {
            "device": self.device,
            "verdict": str(self.verdict),
            "capacity_bytes": self.capacity_bytes,
            "peak_memory_bytes": self.peak_bytes,
            "other_bytes": self.other_bytes,
        }


@dataclass(frozen=True, slots=True)
class BatchSearch:
    """The largest batches of a training step on a device.

    Args:
        fits: the largest batch that fits; None where not even one sample does.
        may_fit: the largest whose tensors alone fit: between the two nobody can tell by counting.
        device: as the user named it.
    """

    fits: int | None
    may_fit: int | None
    device: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the JSON keys."""
        return {"device": self.device, "fits": self.fits, "may_fit": self.may_fit}


def capacity(written: str) -> int:
    """Read `24GB` (24 x 10^9 bytes), `24GiB` (24 x 2^30) or the name of a device; return bytes.

    Raises:
        RequestError: it is neither.
    """
    name = written.strip().lower().replace(" ", "")
    if name in DEVICES:
        return DEVICES[name] * GIB
    match = _SIZE.fullmatch(written.strip())
    if match is None:
        near = suggestion(name, DEVICES)
        raise RequestError(
            f"memory {written!r} does not parse; expected a size like 24GB or 24GiB, or a device of "
            f"{', '.join(DEVICES)}{near}"
        )
    unit = match["unit"].upper()
    power = "BKMGT".index(unit[0])
    size: int = round(float(match["number"]) * (1024 if "I" in unit else 1000) ** power)
    if not size:
        raise RequestError(f"memory {written!r} is none; expected a size like 24GB")
    return size


def fit(step: StepCount, written: str) -> Fit:
    """Compare the peak memory of a step with a device's, given as `capacity` takes it."""
    return Fit(capacity(written), step.peak.total, written)


def largest_batch(count: Callable[[int], StepCount], written: str) -> BatchSearch:
    """Search the largest batches that fit, by doubling and halving.

    Args:
        count: counts the step at a batch.
        written: the device's memory, as `capacity` takes it.
    """
    known: dict[int, FitVerdict] = {}

    def verdict(batch: int) -> FitVerdict:
        if batch not in known:
            known[batch] = fit(count(batch), written).verdict
        return known[batch]

    def largest(is_good: Callable[[FitVerdict], bool]) -> int | None:
        good, bad = 0, 1
        while bad <= LARGEST_BATCH and is_good(verdict(bad)):
            good, bad = bad, 2 * bad
        while bad - good > 1:
            middle = (good + bad) // 2
            good, bad = (middle, bad) if is_good(verdict(middle)) else (good, middle)
        return good or None

    fits = largest(lambda answer: answer is FitVerdict.FITS)
    return BatchSearch(fits, largest(lambda answer: answer is not FitVerdict.DOES_NOT_FIT), written)


def fit_table(fit: Fit, search: BatchSearch | None, device: str) -> Table:
    """Make a row per fact, the verdict first."""
    verdict = str(fit.verdict)
    rows: list[tuple[str, Any, str]] = [
        ("verdict", verdict if fit.verdict is FitVerdict.FITS else Alarm(verdict), "text"),
        ("memory of the device", fit.capacity_bytes, "bytes"),
        ("peak of the step", fit.peak_bytes, "bytes"),
        ("not the model's (estimate)", fit.other_bytes, "bytes"),
    ]
    if search is not None:
        where = "" if search.device == device else f" {search.device}"
        rows.append((f"largest batch that fits{where}", search.fits, "count"))
        rows.append((f"largest that may fit{where}", search.may_fit, "count"))
    columns = (Column("fact", "Memory", of=lambda row: row[0]), Column("value", device, "mixed", of=lambda row: row[1]))
    notes = (
        f"Not the model's: {units.data_size(CONTEXT_BYTES)} for CUDA's context, and {units.percent(OVERHEAD)} of the "
        "peak for the allocator and workspaces.",
    )
    table = table_of(columns, rows, f"Does the step fit into {device}?", notes)
    return Table(table.columns, table.rows, table.title, table.notes, tuple(row[2] for row in rows))
