"""Measured peaks of a device: plain values, saved as JSON and checked when read back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any

from netcost.text import units
from netcost.text.documents import Source
from netcost.text.errors import RequestError
from netcost.text.reading import Constraint, Node, PositiveInt
from netcost.text.shown import Shown
from netcost.text.tables import Column, Table
from netcost.text.version import __version__
from netcost.timing import stats

SCHEMA = 1

DTYPES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
"""Element types whose matrix products are measured: torch's names, and the usual short ones."""

REMEDY = "measure anew with `netcost device --format json -o FILE`"

SMALLEST, LARGEST = 1e-12, 1e24
"""Limits of every time (seconds) and rate (per second); products and quotients of such numbers are finite."""

Words = Annotated[str, Constraint("words on one line", str.isprintable)]
Sample = Annotated[
    float, Constraint(f"a number from {SMALLEST} to {LARGEST}", lambda number: SMALLEST <= number <= LARGEST)
]
Samples = Annotated[tuple[Sample, ...], Constraint("one number or more", len)]

COLUMNS = (
    Column("peak", "Peak"),
    *(Column(heading.lower(), heading, "mixed") for heading in ("Best", "Median", "Lowest")),
    Column("samples", "Samples"),
)


@dataclass(frozen=True, slots=True)
class Rate:
    """Work per second that a device sustains, one number per repetition; all of them are kept."""

    samples: Samples

    @property
    def best(self) -> float:
        """The highest: a disturbance only ever lowers a rate."""
        return max(self.samples)

    @property
    def cells(self) -> tuple[float, float, float, str]:
        """Best, median, lowest and number of samples, for the table."""
        return self.best, stats.median(self.samples), min(self.samples), str(len(self.samples))

    def to_dict(self) -> dict[str, Any]:
        """Return best, median and all samples."""
        return {"best": self.best, "median": stats.median(self.samples), "samples": list(self.samples)}


@dataclass(frozen=True, slots=True)
class Product:
    """The matrix product of one element type.

    Args:
        dtype: "fp32", "bf16" or "fp16".
        size: rows and columns of both square matrices: the fastest of the sizes that were tried.
        flops_per_s: floating-point operations per second, 2 x size³ per product.
    """

    dtype: str
    size: PositiveInt
    flops_per_s: Rate


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Streaming through one level of the memory hierarchy.

    Args:
        level: "L2", "L3", or "memory", which is beyond all caches.
        cache_bytes: capacity of the level; None for memory.
        array_bytes: of each array that was streamed.
        copy: bytes per second of b = a, read + written.
        triad: bytes per second of c = a + 3 b, read + written.
    """

    level: Words
    cache_bytes: PositiveInt | None
    array_bytes: PositiveInt
    copy: Rate
    triad: Rate

    @property
    def best(self) -> float:
        """Bytes per second of the faster of copy and triad."""
        return max(self.copy.best, self.triad.best)


SLOWER = 0.8
"""A level below this share of the bandwidth of the next one cannot be; noise is smaller."""

DISK_BYTES_PER_S = 0.5e9
"""Bandwidth of a disk: no memory of a machine that runs torch is slower."""


def impossible(bandwidths: Sequence[Bandwidth]) -> tuple[str, ...]:
    """Name the levels whose bandwidth cannot be; `bandwidths` are from the smallest cache to the memory."""
    faults = [
        f"{near.level} streams {units.data_rate(near.best)}, {far.level} behind it {units.data_rate(far.best)}"
        for near, far in pairwise(bandwidths)
        if near.best < SLOWER * far.best
    ]
    memory = bandwidths[-1]
    if memory.best < DISK_BYTES_PER_S:
        faults.append(f"{memory.level} streams {units.data_rate(memory.best)}, less than a disk")
    return tuple(faults)


@dataclass(frozen=True, slots=True, repr=False)
class Peaks(Shown):
    """The highest rates that one device reaches.

    Args:
        device: "cpu", "cuda" or "cuda:N".
        threads: of torch within an operator; 0 where nothing was measured.
        products: matrix products, one per element type.
        bandwidths: from the smallest cache to the memory.
        launch_s: seconds that the smallest operator takes, one number per repetition.
        missing: the reason for each element type without a product.
        environment: of the measurement, as by `Environment.to_dict`.
        notes: assumed sizes, warnings.
    """

    device: str
    threads: int
    products: tuple[Product, ...]
    bandwidths: tuple[Bandwidth, ...]
    launch_s: tuple[float, ...]
    missing: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def faults(self) -> tuple[str, ...]:
        """Rates that cannot be: a level slower than the one behind it, or a memory slower than a disk."""
        return impossible(self.bandwidths)

    @property
    def warnings(self) -> tuple[str, ...]:
        """A warning per fault, with the load that was seen; a share of such a roof is not given."""
        load = self.environment.get("load_per_core")
        seen = f" (load before: {units.percent(load)} per core)" if isinstance(load, int | float) else ""
        return tuple(
            f"These peaks cannot be: {fault}{seen}. No share of the roof is given; quiet the machine and measure them "
            "again: netcost device."
            for fault in self.faults
        )

    def flops_per_s(self, dtype: str) -> float | None:
        """Return the peak of an element type by torch's name or the short one (FLOP/s); None if not measured."""
        short = DTYPES.get(dtype, dtype)
        return next((product.flops_per_s.best for product in self.products if product.dtype == short), None)

    def bandwidth(self, working_set_bytes: float) -> Bandwidth:
        """Return that of the first level that holds the working set: it may stay in a cache that it fits into."""
        *caches, memory = self.bandwidths
        return next((cache for cache in caches if working_set_bytes <= (cache.cache_bytes or 0)), memory)

    def ridge(self, dtype: str, working_set_bytes: float = float("inf")) -> float | None:
        """Return the FLOPs per byte above which arithmetic and not memory is the bound; None without that peak."""
        peak = self.flops_per_s(dtype)
        return None if peak is None else peak / self.bandwidth(working_set_bytes).best

    def require(self, device: str) -> None:
        """Raise a RequestError where these peaks are those of another kind of device."""
        if device.partition(":")[0] != self.device.partition(":")[0]:
            raise RequestError(
                f"the peaks are those of {self.device!r}, but this runs on {device!r}; "
                f"use --peaks measure, or a file of `netcost device --device {device}`"
            )

    def differences(self, environment: Mapping[str, Any]) -> list[str]:
        """Return, in words, how the conditions of these peaks differ from that environment of a measurement."""
        differences = []
        if environment.get("threads") != self.threads:
            differences.append(f"peaks of {_threads(self.threads)}, times of {environment.get('threads')}")
        mine, theirs = processor(self.environment), processor(environment)
        if mine != theirs:
            differences.append(f"peaks of {mine or 'an unnamed processor'}, times of {theirs or 'an unnamed one'}")
        return differences

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: the object of `netcost device --format json`."""
        return {
            "schema": SCHEMA,
            "netcost": __version__,
            "device": self.device,
            "threads": self.threads,
            "environment": dict(self.environment),
            "matrix_product": {
                product.dtype: {"size": product.size, "flops_per_s": product.flops_per_s.to_dict()}
                for product in self.products
            },
            "missing": dict(self.missing),
            "bandwidth": [
                {
                    "level": level.level,
                    "cache_bytes": level.cache_bytes,
                    "array_bytes": level.array_bytes,
                    "bytes_per_s": level.best,
                    "copy": level.copy.to_dict(),
                    "triad": level.triad.to_dict(),
                }
                for level in self.bandwidths
            ],
            "launch": {"median_s": stats.median(self.launch_s), "samples_s": list(self.launch_s)},
            "ridge": {product.dtype: self.ridge(product.dtype) for product in self.products},
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, plain: Any) -> Peaks:
        """Read the value of `to_dict`, or raise a RequestError that names the place of the first fault."""
        return cls.from_node(Node(plain, Source("the file", REMEDY)))

    @classmethod
    def from_node(cls, node: Node) -> Peaks:
        """Read the value at a place of a document; figures that follow from others are computed anew."""
        node.require_schema(SCHEMA)
        *caches, _ = node["bandwidth"].items() or node["bandwidth"].refuse("one level or more")
        for cache in caches:  # only the last level, the memory, may be without a size
            cache["cache_bytes"].read(PositiveInt)
        return cls(
            device=node["device"].read(Words),
            threads=node["threads"].read(PositiveInt),
            products=tuple(
                Product(dtype, product["size"].read(PositiveInt), product["flops_per_s"].read(Rate))
                for dtype, product in node["matrix_product"].entries().items()
            ),
            bandwidths=node["bandwidth"].read(tuple[Bandwidth, ...]),
            launch_s=node["launch"]["samples_s"].read(Samples),
            missing=node["missing"].read(dict[str, Words]),
            environment=node["environment"].read(dict[str, Any]),
            notes=node["notes"].read(tuple[Words, ...]),
        )

    def records(self) -> Table:
        """Return the same rows as for people."""
        return self.table()

    def tables(self) -> list[Table]:
        """Return the table alone."""
        return [self.table()]

    def table(self) -> Table:
        """Return a row per peak, with its spread."""
        row_units, rows = zip(*self._rows(), strict=True)
        missing = [f"{dtype} is missing: {reason}." for dtype, reason in self.missing.items()]
        return Table(COLUMNS, rows, self.title, (*missing, *self.warnings, *self.notes), row_units)

    def _brief(self) -> str:
        products = (f"{product.dtype} {units.flop_rate(product.flops_per_s.best)}" for product in self.products)
        levels = (f"{level.level} {units.data_rate(level.best)}" for level in self.bandwidths)
        launch = f"launch {units.seconds(stats.median(self.launch_s))}"
        return f"{self.title}: {', '.join((*products, *levels, launch))}"

    @property
    def title(self) -> str:
        """Processor and threads."""
        name = processor(self.environment) or self.device
        return f"{name}, {_threads(self.threads)}" if self.threads else name

    def _rows(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Yield the unit of each row, and its cells."""
        for product in self.products:
            name = f"Matrix product, {product.dtype} ({product.size} x {product.size})"
            yield "flop_per_s", (name, *product.flops_per_s.cells)
        for level in reversed(self.bandwidths):
            arrays = f"{units.data_size(level.array_bytes)} arrays"
            yield "byte_per_s", (f"Streaming, {level.level}, copy ({arrays})", *level.copy.cells)
            yield "byte_per_s", (f"Streaming, {level.level}, triad ({arrays})", *level.triad.cells)
        spread = (min(self.launch_s), stats.median(self.launch_s), max(self.launch_s), str(len(self.launch_s)))
        yield "seconds", ("Launch overhead (smallest operator)", *spread)
        for product in self.products:
            yield "ratio", (f"Ridge point, {product.dtype} (FLOP/byte)", self.ridge(product.dtype), None, None, None)


def processor(environment: Mapping[str, Any]) -> str | None:
    """Return the name of the GPU, or else of the CPU, in an environment that may be damaged."""
    gpu = environment.get("gpu")
    name = gpu.get("name") if isinstance(gpu, Mapping) else environment.get("cpu")
    return name if isinstance(name, str) else None


def _threads(number: int) -> str:
    return f"{number} thread{'s' if number > 1 else ''}"
