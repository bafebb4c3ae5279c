"""Tables of the evidence: every figure for programs; the kinds, the map and the pairs for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from netcost.prediction.evidence.facts import sources
from netcost.prediction.evidence.judging import (
    MEMORY_ACCESS,
    MULT_ADDS,
    RIVALS,
    KindEvidence,
    SettingEvidence,
    rounded,
    typical,
)
from netcost.prediction.evidence.statistics import MEASURES, Estimate, Pairs
from netcost.text.tables import Column, Table, table_of

_MEDIANS = (
    "Errors are medians over the kind's settings of the median error on families of networks that the fit did not see. "
    "All but ncnn's were measured with PyTorch."
)
_READING = (
    "Mult-adds, Memory access: median error of one constant times that count, on families of networks that the fit did "
    "not see; memory access in bytes, after fusion where the setting runs fused.",
    "Noise: median difference of the same networks measured twice. CSV and JSON have every measure, with intervals.",
)
_PAIRS = (
    "Of two networks alike within 20 % in one count, and more than 10 % apart in time: share in which the smaller "
    "mult-adds or memory access is that of the faster network; medians over the kind's settings."
)


def records(settings: Sequence[SettingEvidence]) -> Table:
    """Return a row per setting with every figure and the ends of its interval."""
    place = (Column(name, name) for name in "table source device chip setting precision".split())
    return table_of(
        (
            *(column.through(lambda entry: entry.measured) for column in place),
            Column("networks", "Networks", "count"),
            Column("families", "Families", "count"),
            Column("winner", "Winner"),
            *_ends("error_ratio", "ratio", lambda entry: entry.ratio),
            Column("noise", "Noise", "percent", of=lambda entry: rounded(entry.noise)),
            Column("noise_of", "Noise of"),
            *(column for name in MEASURES for column in _columns_of(name)),
            *(column for index in (0, 1) for column in _pair_columns(index)),
        ),
        settings,
    )


def by_kind(kinds: Sequence[KindEvidence]) -> Table:
    """Return a row per kind of settings, with the medians of its errors."""
    columns = (
        Column("kind", "Kind", of=lambda kind: kind.name),
        Column("settings", "Settings", "count", of=lambda kind: len(kind.settings)),
        Column("mult_adds_win", "Mult-adds win", "count", of=lambda kind: kind.won(MULT_ADDS)),
        Column("memory_access_wins", "Memory wins", "count", of=lambda kind: kind.won(MEMORY_ACCESS)),
        Column("mult_adds", "Error, mult-adds", "percent", of=lambda kind: kind.errors[0]),
        Column("memory_access", "Error, memory", "percent", of=lambda kind: kind.errors[1]),
    )
    return table_of(columns, kinds, notes=(_MEDIANS,))


def setting_by_setting(settings: Sequence[SettingEvidence]) -> Table:
    """Return a row per setting, for people."""
    columns = (
        Column("setting", "Measured on", of=lambda entry: entry.measured.title),
        Column("mult_adds", "Mult-adds", "percent", of=lambda entry: entry.fit("mult_adds").error.value),
        Column("memory_access", "Memory access", "percent", of=lambda entry: entry.fit("memory_access").error.value),
        Column("noise", "Noise", "percent"),
        Column("winner", "Winner"),
    )
    return table_of(columns, settings, notes=(*_READING, *_source_notes(settings)))


def pairs_of_networks(kinds: Sequence[KindEvidence]) -> Table:
    """Return the share of pairs of which a measure picks the faster network, by kind of settings."""
    rows = [(kind.name, alike, kind.settings) for kind in kinds for alike in RIVALS]
    columns = (
        Column("kind", "Kind", of=lambda row: row[0]),
        Column("alike", "Alike in", of=lambda row: MEASURES[row[1]].lower()),
        Column("pairs", "Pairs", "count", of=lambda row: sum(some.number for some in _pairs_of(*row[1:]))),
        Column("mult_adds", "Mult-adds", "percent", of=partial(_typical_share, "mult_adds")),
        Column("memory_access", "Memory access", "percent", of=partial(_typical_share, "memory_access")),
    )
    return table_of(columns, rows, notes=(_PAIRS,))


def _source_notes(settings: Sequence[SettingEvidence]) -> Iterator[str]:
    used = {entry.measured.source for entry in settings}
    for name, source in sources().items():
        if name in used:
            yield f"{source.repository} {source.commit} ({source.licence}): {source.about}"


def _pairs_of(alike: str, entries: Sequence[SettingEvidence]) -> list[Pairs]:
    return [some for entry in entries for some in entry.pairs if some.alike == alike and some.number]


def _typical_share(measure: str, row: tuple[str, str, list[SettingEvidence]]) -> float | None:
    some = _pairs_of(row[1], row[2])
    return typical([pairs.picked[measure].value for pairs in some]) if some else None


def _ends(name: str, unit: str, of: Any, heading: str = "") -> tuple[Column, ...]:
    """Return columns of a figure and both ends of its interval; all are missing where the figure is."""

    def end(index: int, entry: Any) -> float | None:
        estimate = of(entry)
        return None if estimate is None or estimate.ci95 is None else rounded(estimate.ci95[index])

    def value(entry: Any) -> float | None:
        estimate = of(entry)
        return None if estimate is None else rounded(estimate.value)

    title = heading or name
    low, high = (partial(end, index) for index in (0, 1))
    return (
        Column(name, title, unit, of=value),
        Column(f"{name}_low", f"{title}, low", unit, of=low),
        Column(f"{name}_high", f"{title}, high", unit, of=high),
    )


def _columns_of(measure: str) -> tuple[Column, ...]:
    def estimate(name: str, entry: SettingEvidence) -> Estimate | None:
        fit = entry.fits.get(measure)
        return None if fit is None else getattr(fit, name)

    return (
        *_ends(f"{measure}_spearman", "ratio", partial(estimate, "rho"), f"{MEASURES[measure]}, rho"),
        *_ends(f"{measure}_error", "percent", partial(estimate, "error"), f"{MEASURES[measure]}, error"),
    )


def _pair_columns(index: int) -> tuple[Column, ...]:
    alike = RIVALS[index]
    number = Column(f"pairs_alike_in_{alike}", "Pairs", "count", of=lambda entry: entry.pairs[index].number)

    def share(measure: str, entry: SettingEvidence) -> Estimate:
        return entry.pairs[index].picked[measure]

    shares = (_ends(f"alike_in_{alike}_picked_by_{name}", "percent", partial(share, name)) for name in RIVALS)
    return (number, *(column for columns in shares for column in columns))
