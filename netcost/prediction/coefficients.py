"""Coefficients of a device in one way of running networks, as a JSON file: read strictly, written, shipped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from typing import Annotated, Any

from netcost.prediction.columns import COLUMNS, Datasheet
from netcost.prediction.rows import Running
from netcost.profiling.roofline.datasheets import DATASHEETS
from netcost.text.documents import Source
from netcost.text.errors import RequestError
from netcost.text.reading import Constraint, Node
from netcost.text.registry import suggestion
from netcost.timing.setting import EffectiveSetting

SCHEMA = 1

LAUNCH_S = 5e-6
"""Seconds per kernel of a GPU, assumed."""


def _gpu(name: str) -> Datasheet:
    """Return the rates of a GPU by its data sheet; a multiply-add is two of its operations."""
    sheet = DATASHEETS[name]
    return Datasheet(float(f"{sheet.half / 2:.4g}"), sheet.bandwidth, LAUNCH_S, None, sheet.source)


DEVICES: dict[str, tuple[str, Datasheet]] = {
    **{f"rtx{number}": (f"NVIDIA GeForce RTX {number}", _gpu(f"rtx{number}")) for number in (3090, 4090, 5090)},
    "i9-10940x": (
        "Intel Core i9-10940X",
        Datasheet(
            1.48e12, 94e9, 2e-5, 19.25e6, "Intel ARK: 14 cores x 32 multiply-adds (AVX-512) x 3.3 GHz, DDR4-2933"
        ),
    ),
}
"""Name and datasheet of each device with coefficients."""

Positive = Annotated[float, Constraint("a number above 0", lambda number: number > 0)]


@dataclass(frozen=True, slots=True)
class Provenance:
    """The measurements that coefficients were fitted to.

    Args:
        table: name of the file.
        repository: where it was published.
        commit: of the repository.
        licence: of the table.
        networks: fitted to.
        families: source files that these networks come from.
        date: of the fit.
    """

    table: str
    repository: str = ""
    commit: str = ""
    licence: str = ""
    networks: int = 0
    families: int = 0
    date: str = ""


@dataclass(frozen=True, slots=True)
class MeasuredTime:
    """The time of one network (seconds per pass), as it went into a fit."""

    target: str
    batch: int
    seconds: Positive


@dataclass(frozen=True, slots=True)
class Coefficients:
    """The model of one device, in one way of running networks.

    Args:
        device: its identifier.
        title: its name.
        mode: "eager" or "compiled".
        precision: "amp" or "traced".
        memory_format: "contiguous" or "channels_last".
        torch: version of torch that it was measured with; "" where it is not known.
        sheet: rates of the datasheet.
        seconds: per count of each column.
        largest_shares: of the predicted time in each column, among the measured networks.
        kinds: of operators that the measured networks had.
        batches: least and largest batch that was measured.
        sample_s: least and largest measured seconds per sample.
        interval: factors on a prediction between which 90 % of held-out networks were measured.
        error: median error on held-out families.
        source: of the measurements.
        few_columns: the model has the columns only that a few measurements can tell apart.
        threads: of a processor that was calibrated here; None where it is not known.
        setting: in which the networks were timed; None where it is not known.
        measured: times that were taken here, which the fit can be repeated from.
    """

    device: str
    title: str
    mode: str
    precision: str
    memory_format: str
    torch: str
    sheet: Datasheet
    seconds: Mapping[str, Positive]
    largest_shares: Mapping[str, float]
    kinds: tuple[str, ...]
    batches: tuple[int, int]
    sample_s: tuple[float, float]
    interval: tuple[Positive, Positive]
    error: float
    source: Provenance = field(default_factory=lambda: Provenance(""))
    few_columns: bool = False
    threads: int | None = None
    setting: EffectiveSetting | None = None
    measured: tuple[MeasuredTime, ...] = ()

    @property
    def running(self) -> Running:
        """The way of running networks that it stands for."""
        return Running(self.mode, self.precision, self.memory_format)

    @property
    def batch(self) -> int:
        """The batch of a prediction unless another is asked for: 256, or the nearest that was measured."""
        return min(max(256, self.batches[0]), self.batches[1])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the JSON keys."""
        return {"schema": SCHEMA, **asdict(self)}

    def to_text(self) -> str:
        """Write the file."""
        return json.dumps(self.to_dict(), indent=1) + "\n"


def read_coefficients(path: str) -> Coefficients:
    """Read a file of `netcost calibrate`.

    Raises:
        RequestError: it cannot be read, or holds something else; the message names the place.
    """
    return _of_node(Node.of_file(path, Source(repr(path), "write it anew: netcost calibrate --from FILE -o FILE")))


def _of_node(node: Node) -> Coefficients:
    node.require_schema(SCHEMA)
    found: Coefficients = node.read(Coefficients)
    for name in found.seconds:
        if name not in COLUMNS and not found.few_columns:
            node["seconds"][name].fail("unknown column; use the netcost that wrote the file")
    return found


def shipped(device: str, mode: str | None = None, memory_format: str = "contiguous") -> Coefficients:
    """Return the shipped coefficients of a device; without a mode, those of eager mode where there are any.

    Raises:
        RequestError: there are none; the message says which there are.
    """
    if device not in DEVICES:
        near = suggestion(device, DEVICES)
        raise RequestError(
            f"no coefficients for {device!r}; there are {', '.join(DEVICES)}, or a file of `netcost calibrate`{near}"
        )
    known = [entry for entry in every_shipped() if entry.device == device]
    fitting = [entry for entry in known if mode in (None, entry.mode) and entry.memory_format == memory_format]
    if not fitting:
        asked, ways = " ".join([*([mode] if mode else []), memory_format]), "; ".join(str(e.running) for e in known)
        raise RequestError(f"no coefficients of {device} for {asked!r}; it was measured: {ways}")
    return fitting[0]


def every_shipped() -> list[Coefficients]:
    """Return all coefficients that come with netcost, those of eager mode first."""
    folder = files("netcost.prediction").joinpath("data")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".json"))
    read = [_of_node(Node(Source(name).value(folder.joinpath(name).read_bytes()), Source(name))) for name in names]
    return sorted(read, key=lambda entry: entry.mode != "eager")
