"""What a device can do at best, measured: plain values, saved as JSON and read back with care."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, NamedTuple

from netcost.text import units
from netcost.text.documents import Source
from netcost.text.errors import RequestError
from netcost.text.reading import Constraint, Node, PositiveInt
from netcost.text.tables import Column, Table, table_of
from netcost.text.version import __version__
from netcost.timing import stats

SCHEMA = 1

DTYPES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
"""Element types whose matrix products are measured: torch's names, and the short ones that people use."""

MEMORY = "memory"

REMEDY = "measure anew with `netcost device --format json -o FILE`"

SMALLEST, LARGEST = 1e-12, 1e24
"""No time (seconds) and no rate (per second) lies beyond; products and quotients of such numbers are finite."""

Words = Annotated[str, Constraint("words on one line", str.isprintable)]
Sample = Annotated[
    float, Constraint(f"a number from {SMALLEST} to {LARGEST}", lambda number: SMALLEST <= number <= LARGEST)
]
Samples = Annotated[tuple[Sample, ...], Constraint("one number or more", len)]


@dataclass(frozen=True, slots=True)
class Rate:
    """How much work a second a device sustains: one number a repetition, none left out."""

    samples: Samples

    @property
    def best(self) -> float:
        """The highest: what disturbs a measurement only ever lowers it."""
        return max(self.samples)

    @property
    def median(self) -> float:
        """The middle one."""
        return stats.median(self.samples)

    @property
    def lowest(self) -> float:
        """The lowest: with the best, the spread."""
        return min(self.samples)

    def to_dict(self) -> dict[str, Any]:
        """Best, median and all samples."""
        return {"best": self.best, "median": self.median, "samples": list(self.samples)}


@dataclass(frozen=True, slots=True)
class Product:
    """The matrix product of one element type.

    Args:
        dtype: "fp32", "bf16" or "fp16".
        size: rows and columns of both square matrices: of the sizes that were tried, the fastest.
        flops_per_s: floating-point operations a second, 2 x size³ a product.
    """

    dtype: str
    size: PositiveInt
    flops_per_s: Rate


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Streaming through one level of the memory hierarchy.

    Args:
        level: "L2", "L3", or "memory", which is beyond all caches.
        cache_bytes: what that level holds; None for memory.
        array_bytes: of each array that was streamed.
        copy: bytes a second of b = a, read + written.
        triad: bytes a second of c = a + 3 b, read + written.
    """

    level: Words
    cache_bytes: PositiveInt | None
    array_bytes: PositiveInt
    copy: Rate
    triad: Rate

    @property
    def best(self) -> float:
        """Bytes a second of the faster of the two."""
        return max(self.copy.best, self.triad.best)


@dataclass(frozen=True, slots=True)
class Peaks:
    """What one device can do at best.

    Args:
        device: "cpu", "cuda" or "cuda:N".
        threads: that torch used within an operator.
        products: matrix products, an element type each.
        missing: why an element type has none.
        bandwidths: from the smallest cache to the memory.
        launch_s: seconds that the smallest operator takes, one a repetition.
        environment: of the measurement, as `Environment.to_dict` says it.
        notes: what must be said of it: sizes that were assumed, doubts.
    """

    device: str
    threads: int
    products: tuple[Product, ...]
    bandwidths: tuple[Bandwidth, ...]
    launch_s: tuple[float, ...]
    missing: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def flops_per_s(self, dtype: str) -> float | None:
        """The peak of an element type by torch's name or the short one (FLOP/s); None where it was not measured."""
        short = DTYPES.get(dtype, dtype)
        return next((each.flops_per_s.best for each in self.products if each.dtype == short), None)

    def bandwidth(self, working_set_bytes: float) -> Bandwidth:
        """That of the first level that holds so many bytes: what fits into a cache may stay there."""
        return next(
            (each for each in self.bandwidths[:-1] if working_set_bytes <= (each.cache_bytes or 0)),
            self.bandwidths[-1],
        )

    def ridge(self, dtype: str, working_set_bytes: float = float("inf")) -> float | None:
        """FLOPs a byte from which on arithmetic and no longer memory is the bound; None without that peak."""
        peak = self.flops_per_s(dtype)
        return None if peak is None else peak / self.bandwidth(working_set_bytes).best

    def require(self, device: str) -> None:
        """Refuse a device of another kind than these peaks are of.

        Raises:
            RequestError: it is one.
        """
        if device.partition(":")[0] != self.device.partition(":")[0]:
            raise RequestError(
                f"the peaks are those of {self.device!r}, and this runs on {device!r}; "
                f"use --peaks measure, or a file of `netcost device --device {device}`"
            )

    def differences(self, environment: Mapping[str, Any]) -> list[str]:
        """Why these peaks are not those of a measurement with that environment, in words."""
        found = []
        if environment.get("threads") != self.threads:
            found.append(f"peaks of {self.threads} threads, times of {environment.get('threads')}")
        mine, theirs = processor(self.environment), processor(environment)
        if mine != theirs:
            found.append(f"peaks of {mine or 'an unnamed processor'}, times of {theirs or 'an unnamed one'}")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values: the object of `netcost device --format json`."""
        return {
            "schema": SCHEMA,
            "netcost": __version__,
            "device": self.device,
            "threads": self.threads,
            "environment": dict(self.environment),
            "matrix_product": {
                each.dtype: {"size": each.size, "flops_per_s": each.flops_per_s.to_dict()} for each in self.products
            },
            "missing": dict(self.missing),
            "bandwidth": [
                {
                    "level": each.level,
                    "cache_bytes": each.cache_bytes,
                    "array_bytes": each.array_bytes,
                    "bytes_per_s": each.best,
                    "copy": each.copy.to_dict(),
                    "triad": each.triad.to_dict(),
                }
                for each in self.bandwidths
            ],
            "launch": {"median_s": stats.median(self.launch_s), "samples_s": list(self.launch_s)},
            "ridge": {each.dtype: self.ridge(each.dtype) for each in self.products},
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, plain: Any, where: str = "the file") -> Peaks:
        """The value of which `to_dict` is `plain`; figures that follow from others are computed anew.

        Args:
            where: what to call it in an error.

        Raises:
            RequestError: it is no such object; the message names the place.
        """
        return cls.from_node(Node(plain, Source(where, REMEDY)))

    @classmethod
    def from_node(cls, node: Node) -> Peaks:
        """The value that a document holds there."""
        node.require_schema(SCHEMA)
        return cls(
            device=node["device"].read(Words),
            threads=node["threads"].read(PositiveInt),
            products=tuple(_product(dtype, each) for dtype, each in node["matrix_product"].entries().items()),
            bandwidths=_bandwidths(node["bandwidth"]),
            launch_s=node["launch"]["samples_s"].read(Samples),
            missing=node["missing"].read(dict[str, Words]),
            environment=node["environment"].read(dict[str, Any]),
            notes=node["notes"].read(tuple[Words, ...]),
        )

    def records(self) -> Table:
        """The rows for programs: those that people read."""
        return self.table()

    def tables(self) -> list[Table]:
        """What people are shown."""
        return [self.table()]

    def table(self) -> Table:
        """A row a peak, with its spread."""
        columns = (
            Column("peak", "Peak"),
            Column("best", "Best", "mixed"),
            Column("median", "Median", "mixed"),
            Column("lowest", "Lowest", "mixed"),
            Column("samples", "Samples"),
        )
        rows = [*self._product_rows(), *self._bandwidth_rows(), self._launch_row(), *self._ridge_rows()]
        return replace(
            table_of(columns, rows, self.title, self._said()),
            row_units=tuple(row.unit for row in rows),
        )

    @property
    def title(self) -> str:
        """Of what these are the peaks."""
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{processor(self.environment) or self.device}, {threads}"

    def _product_rows(self) -> Iterable[PeakRow]:
        for each in self.products:
            yield _row(f"Matrix product, {each.dtype} ({each.size} x {each.size})", "flop_per_s", each.flops_per_s)

    def _bandwidth_rows(self) -> Iterable[PeakRow]:
        for each in reversed(self.bandwidths):
            for name, rate in (("copy", each.copy), ("triad", each.triad)):
                arrays = f"{units.data_size(each.array_bytes)} arrays"
                yield _row(f"Streaming, {each.level}, {name} ({arrays})", "byte_per_s", rate)

    def _launch_row(self) -> PeakRow:
        launch_s = self.launch_s
        spread = (min(launch_s), stats.median(launch_s), max(launch_s), str(len(launch_s)))
        return PeakRow("Launch overhead (smallest operator)", "seconds", *spread)

    def _ridge_rows(self) -> Iterable[PeakRow]:
        for each in self.products:
            yield PeakRow(f"Ridge point, {each.dtype} (FLOP/byte)", "ratio", self.ridge(each.dtype))

    def _said(self) -> list[str]:
        """What the rows leave out."""
        return [*(f"{dtype} is missing: {reason}." for dtype, reason in self.missing.items()), *self.notes]


def processor(environment: Mapping[str, Any]) -> str | None:
    """The name of the GPU, or else of the CPU, in an environment that may be damaged."""
    gpu = environment.get("gpu")
    name = gpu.get("name") if isinstance(gpu, Mapping) else environment.get("cpu")
    return name if isinstance(name, str) else None


class PeakRow(NamedTuple):
    """One row of the table of peaks, and the unit of its numbers."""

    peak: str
    unit: str
    best: float | None
    median: float | None = None
    lowest: float | None = None
    samples: str | None = None


def _row(peak: str, unit: str, rate: Rate) -> PeakRow:
    return PeakRow(peak, unit, rate.best, rate.median, rate.lowest, str(len(rate.samples)))


def _product(dtype: str, node: Node) -> Product:
    return Product(dtype, node["size"].read(PositiveInt), node["flops_per_s"].read(Rate))


def _bandwidths(node: Node) -> tuple[Bandwidth, ...]:
    """Those of the caches, whose sizes are told, and then that of the memory."""
    *caches, _ = node.items() or node.refuse("one level or more")
    for cache in caches:
        cache["cache_bytes"].read(PositiveInt)
    return node.read(tuple[Bandwidth, ...])
