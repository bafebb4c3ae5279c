"""The result of `netcost evidence`: settings from one extreme to the other, and the answer in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from netcost.prediction.evidence import tables
from netcost.prediction.evidence.facts import MeasuredSetting, PublicSetting, measured_settings, sources
from netcost.prediction.evidence.judging import (
    CANNOT_TELL,
    MEMORY_ACCESS,
    MULT_ADDS,
    RIVALS,
    KindEvidence,
    SettingEvidence,
    judged,
)
from netcost.prediction.evidence.statistics import Estimate
from netcost.text import units
from netcost.text.errors import RequestError
from netcost.text.registry import suggestion
from netcost.text.shown import Shown
from netcost.text.tables import Section, Table
from netcost.text.version import __version__

SCHEMA = 1

NAMED = 5
"""Most contrary settings that the answer names."""


@dataclass(frozen=True, slots=True, repr=False)
class Evidence(Shown):
    """The result of `netcost evidence`: settings from the one in which mult-adds win by most to the opposite."""

    settings: tuple[SettingEvidence, ...]

    def won(self, winner: str) -> list[SettingEvidence]:
        """Return the settings with this winner, the clearest first."""
        return sorted(
            (entry for entry in self.settings if entry.winner == winner),
            key=lambda entry: -abs(np.log(entry.ratio.value)),
        )

    def kinds(self) -> list[KindEvidence]:
        """Return the kinds of settings, from the one in which mult-adds win by most to the opposite."""
        found: dict[str, list[SettingEvidence]] = {}
        for entry in self.settings:
            found.setdefault(entry.measured.group, []).append(entry)
        return sorted((KindEvidence.of(*item) for item in found.items()), key=lambda kind: kind.ratio.value)

    def answer(self) -> tuple[str, ...]:
        """Say who wins how often, in which kinds of settings, and in which settings against or beyond their kind."""
        kinds = self.kinds()
        mult_adds, memory = (
            f"{len(self.won(name))} settings and {len(_with(name, kinds))} kinds of settings"
            for name in (MULT_ADDS, MEMORY_ACCESS)
        )
        headline = (
            f"In {len(self.settings)} settings of {len(kinds)} kinds, memory access predicts time better in {memory}, "
            f"mult-adds in {mult_adds}. In the others the 95 % interval of the errors' ratio holds 1: {CANNOT_TELL}."
        )
        sentences = [headline]
        for name, subject in (
            (MULT_ADDS, "Mult-adds win"),
            (MEMORY_ACCESS, "Memory access wins"),
            (CANNOT_TELL, "Cannot tell"),
        ):
            inside = sorted(_with(name, kinds), key=lambda kind: -abs(np.log(kind.ratio.value)))
            if inside:
                listed = "; ".join(_named(kind.name, kind.errors, kind.ratio) for kind in inside)
                sentences.append(f"{subject} in {listed}.")
            contrary = self._contrary(name, kinds)
            if contrary:
                more = f"; and {len(contrary) - NAMED} more" if len(contrary) > NAMED else ""
                listed = "; ".join(_named_setting(entry) for entry in contrary[:NAMED])
                sentences.append(f"{subject} too, where the kind does not show it, in {listed}{more}.")
        return tuple(sentences)

    def _contrary(self, winner: str, kinds: Sequence[KindEvidence]) -> list[SettingEvidence]:
        """Return the settings with this winner whose kind has another, or cannot tell; reversals first."""
        of_kind = {kind.name: kind.winner for kind in kinds}
        won = [] if winner == CANNOT_TELL else self.won(winner)
        contrary = [entry for entry in won if of_kind[entry.measured.group] != winner]
        return sorted(contrary, key=lambda entry: of_kind[entry.measured.group] == CANNOT_TELL)

    def _brief(self) -> str:
        won = {name: len(self.won(name)) for name in (MEMORY_ACCESS, MULT_ADDS)}
        told = f"memory access predicts time better in {won[MEMORY_ACCESS]}, mult-adds in {won[MULT_ADDS]}"
        return f"{len(self.settings)} settings: {told}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the JSON keys."""
        used = {entry.measured.source for entry in self.settings}
        return {
            "schema": SCHEMA,
            "netcost": __version__,
            "answer": list(self.answer()),
            "kinds": [kind.to_dict() for kind in self.kinds()],
            "settings": [entry.to_dict() for entry in self.settings],
            "sources": [
                {name: getattr(source, name) for name in source.__dataclass_fields__}
                for name, source in sources().items()
                if name in used
            ],
        }

    def records(self) -> Table:
        """Return a row per setting with every figure and the ends of its interval."""
        return tables.records(self.settings)

    def sections(self) -> tuple[Section, ...]:
        """Return the answer, the kinds of settings, the map and the pairs."""
        kinds = self.kinds()
        return (
            Section("Which count explains latency where", self.answer(), (tables.by_kind(kinds),)),
            Section("Setting by setting", (), (tables.setting_by_setting(self.settings),), level=2),
            Section("Pairs of networks", (), (tables.pairs_of_networks(kinds),), level=2),
        )


def _with(winner: str, kinds: Sequence[KindEvidence]) -> list[KindEvidence]:
    return [kind for kind in kinds if kind.winner == winner]


def _named_setting(entry: SettingEvidence) -> str:
    mult_adds, memory = (entry.fit(measure).error.value for measure in RIVALS)
    return _named(entry.measured.title, (mult_adds, memory), entry.ratio)


def _named(name: str, errors: tuple[float, float], ratio: Estimate) -> str:
    """Name a setting or kind with both errors, and how many times larger the larger one is."""
    upwards = ratio.value >= 1
    times = ratio.value if upwards else 1 / ratio.value
    low, high = ratio.ci95 or (ratio.value, ratio.value)
    interval = " to ".join(units.times(end) for end in ((low, high) if upwards else (1 / high, 1 / low)))
    shown = " against ".join(units.percent(error) for error in sorted(errors))
    return f"{name} ({shown}, {units.times(times)}, {interval})"


def evidence(table: str | None = None) -> Evidence:
    """Recompute, from public tables of measured networks, which count explains latency where; nothing is timed.

    Args:
        table: a device, a device with its setting as the table shows it, or a source ("timm") [default: all].

    Raises:
        RequestError: there is none of that name.
    """
    every = list(measured_settings())
    chosen = every if table is None else [one for one in every if table.lower() in _names_of(one.setting)]
    if not chosen:
        known = sorted({one.setting.device for one in every} | {one.setting.title for one in every})
        raise RequestError(
            f"no measurements of {table!r}{suggestion(table or '', known)}; name a device or source as "
            "`netcost evidence` shows it"
        )
    repeats: dict[str, list[MeasuredSetting]] = {}
    for one in every:
        repeats.setdefault(one.setting.repeats or one.setting.table, []).append(one)
    families: dict[str, set[str]] = {}
    for one in every:
        families.setdefault(one.setting.group, set()).update(one.families)
    found = [
        judged(one, repeats[one.setting.repeats or one.setting.table], families[one.setting.group]) for one in chosen
    ]
    return Evidence(tuple(sorted(found, key=lambda entry: (entry.ratio.value, entry.measured.title))))


def _names_of(setting: PublicSetting) -> set[str]:
    return {name.lower() for name in (setting.table, setting.device, setting.title, setting.source)}
