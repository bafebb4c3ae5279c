"""Fits the coefficients of a device to networks that were measured on it, and says how good they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from netcost.prediction import model
from netcost.prediction.coefficients import Coefficients, Provenance
from netcost.prediction.columns import (
    COLUMNS,
    FEW_SECONDS,
    KNOWN_KINDS,
    Datasheet,
    Situation,
    few_columns,
    matrix,
)
from netcost.prediction.rows import Rows, Running

Floats = NDArray[np.float64]

FAMILIES_OF_A_KIND = 3
"""Families (or all, where there are fewer) that must have had a kind of operator before it is known."""

DIGITS = 5
"""Significant digits of a coefficient in a file."""


@dataclass(frozen=True, slots=True)
class MeasuredNetworks:
    """Networks with their rows and measured times.

    Args:
        names: of the networks.
        families: the source file, or whatever is held out together, of each.
        batches: samples per pass of each.
        seconds: measured, per sample.
        rows: of each.
        kinds: of operators that each has.
    """

    names: Sequence[str]
    families: Sequence[str]
    batches: NDArray[np.int64]
    seconds: Floats
    rows: Sequence[Rows]
    kinds: Sequence[frozenset[str]] = field(default_factory=tuple)

    def only(self, kept: NDArray[np.bool_]) -> MeasuredNetworks:
        """Return the networks of a mask."""
        places = np.flatnonzero(kept).tolist()
        return MeasuredNetworks(
            [self.names[place] for place in places],
            [self.families[place] for place in places],
            self.batches[kept],
            self.seconds[kept],
            [self.rows[place] for place in places],
            [self.kinds[place] for place in places],
        )

    def known(self) -> MeasuredNetworks:
        """Return the networks whose rows are all of kinds with a column."""
        return self.only(np.array([set(rows["kind"]) <= KNOWN_KINDS for rows in self.rows], dtype=bool))

    def common_kinds(self) -> tuple[str, ...]:
        """Return the kinds that several families had."""
        having = Counter(
            kind for _, kind in {(f, kind) for f, own in zip(self.families, self.kinds, strict=True) for kind in own}
        )
        least = min(FAMILIES_OF_A_KIND, len(set(self.families)))
        return tuple(sorted(kind for kind, families in having.items() if families >= least))


@dataclass(frozen=True, slots=True)
class Design:
    """The columns that some network has, and their counts.

    Args:
        names: of the columns.
        counts: (networks, columns), per sample.
        start: of the coefficients, from the datasheet.
        datasheet: seconds per unit of each column, by the datasheet alone.
    """

    names: tuple[str, ...]
    counts: Floats
    start: Floats
    datasheet: Floats


def design(measured: MeasuredNetworks, running: Running, sheet: Datasheet, few: bool = False) -> Design:
    """Return the columns of all networks; with `few`, those of `few_columns` alone."""
    lengths = [len(rows) for rows in measured.rows]
    owner = np.repeat(np.arange(len(lengths)), lengths)
    rows = np.concatenate(measured.rows)
    now = Situation(running, sheet, measured.batches[owner].astype(np.float64))
    if few:
        found = {name: values * rows["count"] for name, values in few_columns(rows, now).items() if values.any()}
        counts = np.stack([np.bincount(owner, values, len(lengths)) for values in found.values()], axis=1).astype(float)
        seconds = np.array([sheet.seconds_per(FEW_SECONDS[name][0]) for name in found])
        return Design(tuple(found), counts, seconds * [FEW_SECONDS[name][1] for name in found], seconds)
    columns = {name: values for name, values in matrix(rows, now, owner, len(lengths)).items() if values.any()}
    entries = [COLUMNS.get(name) for name in columns]
    seconds = np.array([sheet.seconds_per(entry.unit) for entry in entries])
    slower = np.array([entry.slower for entry in entries])
    return Design(tuple(columns), np.stack([*columns.values()], axis=1), seconds * slower, seconds)


def fitted(
    measured: MeasuredNetworks,
    about: Coefficients,
    start: Mapping[str, float] | None = None,
    held: float = model.HELD,
) -> Coefficients:
    """Return the coefficients of a device, with their error, interval and hull.

    Args:
        measured: the networks.
        about: names, way of running and datasheet of the device.
        start: seconds per count to begin at, of another device [default: from the datasheet].
        held: weight of the distance from the start.
    """
    parts = design(measured, about.running, about.sheet, about.few_columns)
    begin = (
        parts.start
        if start is None
        else np.array([start.get(n, s) for n, s in zip(parts.names, parts.start, strict=True)])
    )
    seconds = model.fit(parts.counts, measured.seconds, begin, held)
    coefficients = {name: float(f"{value:.{DIGITS - 1}e}") for name, value in zip(parts.names, seconds, strict=True)}
    shares = parts.counts * seconds
    shares /= shares.sum(axis=1, keepdims=True)
    largest = {name: float(f"{value:.2g}") for name, value in zip(parts.names, shares.max(axis=0), strict=True)}
    families = len(set(measured.families))
    part = model.folds(measured.families, parts=min(5, families))
    predicted = model.held_out(parts.counts, measured.seconds, begin, part, held)
    low, high = model.interval(predicted, measured.seconds)
    batches = measured.batches
    return Coefficients(
        about.device,
        about.title,
        about.mode,
        about.precision,
        about.memory_format,
        about.torch,
        about.sheet,
        coefficients,
        largest,
        measured.common_kinds(),
        (int(batches.min()), int(batches.max())),
        (rounded(measured.seconds.min()), rounded(measured.seconds.max())),
        (rounded(low), rounded(high)),
        rounded(model.median_error(predicted, measured.seconds)),
        about.source,
        about.few_columns,
    )


def blank(device: str, title: str, running: Running, sheet: Datasheet, torch: str, source: Provenance) -> Coefficients:
    """Return coefficients that are still to be fitted."""
    ways = (running.mode, running.precision, running.memory_format)
    return Coefficients(device, title, *ways, torch, sheet, {}, {}, (), (1, 1), (0.0, 0.0), (1.0, 1.0), 0.0, source)


def pooled(several: Sequence[tuple[MeasuredNetworks, Coefficients]]) -> dict[str, float]:
    """Return how many times slower than its datasheet each column is, over several devices together."""
    designs = [design(measured, about.running, about.sheet) for measured, about in several]
    names = [name for name in COLUMNS if any(name in part.names for part in designs)]
    counts = [np.zeros((len(part.counts), len(names))) for part in designs]
    for whole, part in zip(counts, designs, strict=True):
        whole[:, [names.index(name) for name in part.names]] = part.counts * part.datasheet
    slower = np.array([COLUMNS.get(name).slower for name in names])
    seconds = np.concatenate([measured.seconds for measured, _ in several])
    return dict(zip(names, model.fit(np.concatenate(counts), seconds, slower).tolist(), strict=True))


def rounded(value: float) -> float:
    """Return a figure of a file, to four digits."""
    return float(f"{value:.4g}")
