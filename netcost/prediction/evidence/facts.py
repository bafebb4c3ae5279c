"""Reads the facts that come with netcost: networks with their counts, and their measured times in each setting."""

from __future__ import annotations

import csv
import io
import json
import lzma
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Row = Mapping[str, str]

FOLDER = files("netcost.prediction").joinpath("data", "evidence")


@dataclass(frozen=True, slots=True)
class PublicSource:
    """One collection of public tables.

    Args:
        name: a word ("timm").
        repository: on GitHub.
        licence: of the tables.
        commit: of the repository.
        about: how it measured, and what is left out of it here, in sentences.
    """

    name: str
    repository: str
    licence: str
    commit: str
    about: str


@dataclass(frozen=True, slots=True)
class PublicSetting:
    """One way in which a device was measured.

    Args:
        table: identifier of the table.
        source: name of its source.
        device: name.
        chip: "CPU" or "GPU".
        setting: words that tell it from the device's others.
        precision: "amp", "half", "float" or "double"; "" where the source does not say.
        group: kind of settings that it is one of.
        repeats: equal for settings that differ in the version of the software or the day alone; "" for none.
    """

    table: str
    source: str
    device: str
    chip: str
    setting: str
    precision: str
    group: str
    repeats: str

    @property
    def title(self) -> str:
        """The device and its setting."""
        return f"{self.device}, {self.setting}"


@dataclass(frozen=True, slots=True)
class MeasuredSetting:
    """The networks that were measured in one setting, n of them.

    Args:
        networks: names, with the size of the image.
        families: the family of each.
        seconds: measured per sample, (n,).
        counts: each measure's count per sample, (n,).
        three: multiply-adds, bytes and kernels per sample, as the device runs them, (n, 3).
    """

    setting: PublicSetting
    networks: tuple[str, ...]
    families: tuple[str, ...]
    seconds: Floats
    counts: Mapping[str, Floats]
    three: Floats


@cache
def sources() -> dict[str, PublicSource]:
    """Return the sources by name."""
    read: list[dict[str, str]] = json.loads(FOLDER.joinpath("sources.json").read_text(encoding="utf-8"))
    return {entry["name"]: PublicSource(**entry) for entry in read}


@cache
def _rows(name: str) -> tuple[Row, ...]:
    text = lzma.decompress(FOLDER.joinpath(f"{name}.csv.xz").read_bytes()).decode("utf-8")
    return tuple(csv.DictReader(io.StringIO(text)))


def measured_settings() -> Iterator[MeasuredSetting]:
    """Yield every setting with its networks."""
    for row in _rows("settings"):
        yield _measured(row)


def _measured(row: Row) -> MeasuredSetting:
    """Read one setting; a measure that its networks were not counted by is left out."""
    known = {name: row[name] for name in PublicSetting.__dataclass_fields__}
    networks = [network for network in _rows(row["source"]) if network[f"rate {row['table']}"]]

    def values(column: str) -> Floats:
        return np.array([float(network[column]) for network in networks])

    batch = float(row["batch"]) if row["batch"] else values(f"batch {row['table']}")

    def moved(way: str) -> Floats:
        constant = values(f"{way} constant") / batch if f"{way} constant" in networks[0] else 0.0
        return np.asarray(values(f"{way} bytes") + constant)

    runs, work = row[row["runs"]], values(row["work"])
    kernels = values(f"{runs} kernels") / batch
    counts = {
        "mult_adds": work,
        "params": values("params"),
        "activations": values("activations"),
        "memory_access_eager": moved(row["eager"]),
        **({"memory_access_fused": moved(row["fused"])} if row["fused"] else {}),
        "memory_access": moved(runs),
        "kernels": kernels,
    }
    return MeasuredSetting(
        PublicSetting(**known),
        tuple(f"{network['network']}-{network['size']}" for network in networks),
        tuple(network["family"] for network in networks),
        1 / values(f"rate {row['table']}"),
        counts,
        np.stack([work, counts["memory_access"], kernels], axis=1),
    )


def identical(measured: MeasuredSetting) -> list[list[int]]:
    """Group the networks whose counts are all equal, within a family: one graph under several names."""
    groups: dict[Any, list[int]] = {}
    for index, family in enumerate(measured.families):
        key = (family, *(float(values[index]) for values in measured.counts.values()))
        groups.setdefault(key, []).append(index)
    return [group for group in groups.values() if len(group) > 1]
