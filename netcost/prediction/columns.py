"""Columns of the model: each is one count, per sample of the batch, that takes time in proportion.

A column is a function from the rows of a network to a value per row. It is registered with the unit of its values and
the number of times that it is slower than the device's datasheet, from which its coefficient starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netcost.prediction.rows import OWN_KERNELS, Rows, Running
from netcost.text.registry import Registry

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Datasheet:
    """The rates that a device's maker states.

    Args:
        mult_adds_per_s: dense multiply-adds, in the precision of convolutions and products.
        bytes_per_s: of its memory.
        launch_s: seconds per kernel, assumed.
        cache_bytes: of a processor's last cache; None for a GPU.
        source: of these figures.
    """

    mult_adds_per_s: float
    bytes_per_s: float
    launch_s: float
    cache_bytes: float | None = None
    source: str = ""

    def seconds_per(self, unit: str) -> float:
        """Return the seconds per "mult_adds", "bytes" or "launches"."""
        return {"mult_adds": 1 / self.mult_adds_per_s, "bytes": 1 / self.bytes_per_s, "launches": self.launch_s}[unit]


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a column may depend on beside the rows.

    Args:
        running: the way of running the network.
        sheet: of the device.
        batch: samples; an array where rows are of several networks.
    """

    running: Running
    sheet: Datasheet
    batch: Any

    @property
    def is_compiled(self) -> bool:
        """True where a compiler fuses operators."""
        return self.running.mode == "compiled"

    @property
    def is_processor(self) -> bool:
        """True on a CPU."""
        return self.sheet.cache_bytes is not None


Values = Callable[[Rows, Situation], Floats]


@dataclass(frozen=True, slots=True)
class CountColumn:
    """One column of the model.

    Args:
        unit: "mult_adds", "bytes" or "launches".
        slower: times slower than the datasheet, where nothing is known yet.
        of: gets the value of each row, per sample.
        runs: True in the situations that have the column.
    """

    name: str
    unit: str
    slower: float
    of: Values
    runs: Callable[[Situation], bool]


COLUMNS: Registry[CountColumn] = Registry("column")


def column(
    name: str, unit: str, slower: float = 1.0, runs: Callable[[Situation], bool] = lambda _: True
) -> Callable[[Values], Values]:
    """Register the decorated function as a column."""

    def register(function: Values) -> Values:
        COLUMNS.add(name, CountColumn(name, unit, slower, function, runs))
        return function

    return register


def mult_adds(rows: Rows, now: Situation) -> Floats:
    """Return the multiply-adds of each row per sample."""
    return np.asarray(rows["mult_adds"] + rows["constant_mult_adds"] / now.batch)


def size_bytes(rows: Rows, now: Situation) -> Floats:
    """Return the bytes that each row moves per sample."""
    return np.asarray(rows["sample_bytes"] + rows["constant_bytes"] / now.batch)


def shares(rows: Rows, now: Situation) -> tuple[Floats, Floats]:
    """Return the parts of arithmetic and of memory that add to the time of a kernel, each 0 to 1.

    In eager mode and on processors the two bounds of a kernel add: both are 1. A compiled GPU kernel overlaps them, and
    takes (x³ + m³)^(1/3) for x seconds of arithmetic and m of memory by the datasheet. That is x·(x/t)² + m·(m/t)² with
    t the whole, so that the time stays a sum of columns.
    """
    if not now.is_compiled or now.is_processor:
        return np.ones(len(rows)), np.ones(len(rows))
    x, m = mult_adds(rows, now) / now.sheet.mult_adds_per_s, size_bytes(rows, now) / now.sheet.bytes_per_s
    together = np.cbrt(x**3 + m**3) + 1e-30
    return (x / together) ** 2, (m / together) ** 2


def _kind_mult_adds(kind: str, rows: Rows, now: Situation) -> Floats:
    return np.where(rows["kind"] == kind, mult_adds(rows, now) * shares(rows, now)[0], 0.0)


def _kind_bytes(kind: str, rows: Rows, now: Situation) -> Floats:
    moved = np.where(rows["kind"] == kind, size_bytes(rows, now), 0.0)
    return moved * shares(rows, now)[1] if kind in OWN_KERNELS else moved


def _bytes_where(mask: Any, rows: Rows, now: Situation) -> Floats:
    return np.where(mask, size_bytes(rows, now), 0.0)


SIMPLE_KINDS = (
    "batch norm",
    "layer norm",
    "group norm",
    "softmax",
    "pooling",
    "global pooling",
    "reduction",
    "copy",
    "indexing",
    "resizing",
    "cast",
    "fused",
    "fused reduction",
    "hidden copy",
)
LAYOUT_KINDS = ("element-wise", "concatenation")
"""Kinds that are slower on operands of different layouts."""

KNOWN_KINDS = frozenset({*OWN_KERNELS, *SIMPLE_KINDS, *LAYOUT_KINDS})
"""Kinds of rows that have a column of their own; no other can be predicted."""

for _kind in OWN_KERNELS:
    _slower = 30.0 if _kind == "depthwise convolution" else 1.0
    column(f"mult-adds of {_kind}", "mult_adds", _slower)(partial(_kind_mult_adds, _kind))
    column(f"bytes of {_kind}", "bytes")(partial(_kind_bytes, _kind))
for _kind in SIMPLE_KINDS:
    column(f"bytes of {_kind}", "bytes")(partial(_kind_bytes, _kind))


def _mixed_bytes(kind: str, mixed: bool, rows: Rows, now: Situation) -> Floats:
    return _bytes_where((rows["kind"] == kind) & ((rows["mixed_layouts"] > 0) == mixed), rows, now)


for _kind in LAYOUT_KINDS:
    column(f"bytes of {_kind}", "bytes")(partial(_mixed_bytes, _kind, False))
    column(f"bytes of {_kind}, mixed layouts", "bytes")(partial(_mixed_bytes, _kind, True))


@column("bytes of scores of unfused attention", "bytes", 4.0)
def unfused_scores(rows: Rows, _: Situation) -> Floats:
    """Scores that attention without four dimensions writes and reads in half precision."""
    return np.asarray(2 * rows["scores"])


@column("mult-adds of depthwise convolution, padding by name", "mult_adds", 100.0)
def named_padding(rows: Rows, now: Situation) -> Floats:
    """Depthwise convolutions that torch pads beforehand, and runs by another kernel."""
    return np.where((rows["kind"] == "depthwise convolution") & (rows["named_padding"] > 0), mult_adds(rows, now), 0.0)


def _is_fused(rows: Rows) -> NDArray[np.bool_]:
    return np.isin(rows["kind"], ("fused", "fused reduction"))


def _compiles(now: Situation) -> bool:
    return now.is_compiled


def _processor(now: Situation) -> bool:
    return now.is_processor


@column("other operations", "mult_adds", 30.0, _compiles)
def group_operations(rows: Rows, _: Situation) -> Floats:
    """Floating-point operations beside multiply-adds, which run on the general units."""
    return np.asarray(rows["flops"])


@column("bytes of groups with a spatial mean", "bytes", 1.0, _compiles)
def spatial_means(rows: Rows, now: Situation) -> Floats:
    """Groups that a mean over space breaks in two."""
    return _bytes_where(rows["spatial_mean"] > 0, rows, now)


@column("bytes of groups with windows", "bytes", 1.0, _compiles)
def windows(rows: Rows, now: Situation) -> Floats:
    """Groups that concatenate, index, pool or resize."""
    return _bytes_where(rows["windowed"] > 0, rows, now)


@column("bytes of groups of mixed layouts", "bytes", 1.0, _compiles)
def mixed_groups(rows: Rows, now: Situation) -> Floats:
    """Groups that read tensors of several layouts."""
    return _bytes_where(_is_fused(rows) & (rows["mixed_layouts"] > 0), rows, now)


@column("bytes beyond the last cache", "bytes", 1.0, _processor)
def beyond_cache(rows: Rows, now: Situation) -> Floats:
    """Kernels that move more than a processor's last cache holds."""
    moved = size_bytes(rows, now)
    return np.where(moved * now.batch > (now.sheet.cache_bytes or np.inf), moved, 0.0)


@column("bytes of convolutions of another layout", "bytes", 1.0, _processor)
def reordered(rows: Rows, now: Situation) -> Floats:
    """Convolutions whose input is not contiguous."""
    return _bytes_where(rows["reordered_input"] > 0, rows, now)


@column("kernels", "launches")
def kernels(rows: Rows, now: Situation) -> Floats:
    """One launch per row."""
    return np.asarray(np.ones(len(rows)) / now.batch)


FEW_SECONDS = {
    "mult-adds": ("mult_adds", 1.0),
    "bytes": ("bytes", 1.0),
    "kernels": ("launches", 1.0),
    "bytes of pooling": ("bytes", 20.0),
}
"""Unit of each column that a few measurements can tell apart, and how many times slower than the datasheet it starts.

On processors, torch pools with scalar code, some 20 times slower per byte than it streams; one constant for both misses
a GoogLeNet by half (`tests/benchmarks/own_device.py`).
"""


def few_columns(rows: Rows, now: Situation) -> dict[str, Floats]:
    """Return multiply-adds, bytes and launches, and on processors the bytes of pooling that no compiler fuses."""
    three = {"mult-adds": mult_adds(rows, now), "bytes": size_bytes(rows, now), "kernels": kernels(rows, now)}
    pooling = _bytes_where(rows["kind"] == "pooling", rows, now)
    return {**three, "bytes of pooling": pooling} if now.is_processor else three


def matrix(
    rows: Rows, now: Situation, network: NDArray[np.int64] | None = None, networks: int = 1
) -> dict[str, Floats]:
    """Return each column with a value per network, per sample.

    Args:
        rows: of one network, or of several behind each other.
        network: the number of each row's network, from 0.
        networks: their number.
    """
    owner = np.zeros(len(rows), dtype=np.int64) if network is None else network
    columns = [entry for entry in (COLUMNS.get(name) for name in COLUMNS) if entry.runs(now)]
    return {
        entry.name: np.bincount(owner, entry.of(rows, now) * rows["count"], networks).astype(np.float64)
        for entry in columns
    }
