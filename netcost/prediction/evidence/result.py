"""The result of `netcost evidence`: each setting with its measures and the winner, sorted, and the answer in words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from netcost.prediction.evidence import statistics as stats
from netcost.prediction.evidence.facts import MeasuredSetting, PublicSetting, identical, measured_settings, sources
from netcost.prediction.evidence.statistics import MEASURES, Draws, Estimate, Floats, Pairs
from netcost.text import units
from netcost.text.errors import RequestError
from netcost.text.registry import suggestion
from netcost.text.tables import Column, Section, Table, table_of
from netcost.text.version import __version__

SCHEMA = 1
MULT_ADDS, MEMORY_ACCESS, CANNOT_TELL = "mult-adds", "memory access", "cannot tell"
RIVALS = ("mult_adds", "memory_access")
"""The measures that are compared: the field's, and the one that ShuffleNet V2 recommends, as the setting runs it."""

NAMED = 5
"""Most contrary settings that the answer names."""


@dataclass(frozen=True, slots=True)
class MeasureFit:
    """The relation of one measure to the times of one setting.

    Args:
        measure: one of `MEASURES`.
        rho: Spearman's rank correlation with the time per sample.
        error: median of |predicted / measured - 1| on families that the fit did not see.
    """

    measure: str
    rho: Estimate
    error: Estimate


@dataclass(frozen=True, slots=True)
class SettingEvidence:
    """Evidence of one setting: each measure against the times.

    Args:
        measured: the setting.
        networks: number of them.
        families: number of them.
        fits: of each measure that the networks were counted by.
        ratio: error of mult-adds over that of memory access.
        pairs: of networks alike by mult-adds, and by memory access.
        noise: median relative difference of two measurements of the same networks; None where nothing was repeated.
        noise_of: what the two measurements differ in.
        drawn: errors of mult-adds and of memory access in each draw of families, (2, draws).
    """

    measured: PublicSetting
    networks: int
    families: int
    fits: Mapping[str, MeasureFit]
    ratio: Estimate
    pairs: tuple[Pairs, ...]
    noise: float | None
    noise_of: str
    drawn: Floats = field(repr=False, compare=False)

    def fit(self, measure: str) -> MeasureFit:
        """Return the fit of a measure."""
        return self.fits[measure]

    @property
    def winner(self) -> str:
        """The better of mult-adds and memory access, where the interval of their errors' ratio leaves out 1."""
        return winner_of(self.ratio)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the JSON keys."""
        measured = self.measured
        return {
            **{name: getattr(measured, name) for name in ("table", "source", "device", "chip", "setting")},
            "precision": measured.precision or None,
            "networks": self.networks,
            "families": self.families,
            "winner": self.winner,
            "error_ratio": _plain(self.ratio),
            "noise": _rounded(self.noise),
            "noise_of": self.noise_of or None,
            "measures": {
                name: {"spearman": _plain(fit.rho), "median_error": _plain(fit.error)}
                for name, fit in self.fits.items()
            },
            "pairs": [
                {"alike": some.alike, "pairs": some.number, "picked": {n: _plain(s) for n, s in some.picked.items()}}
                for some in self.pairs
            ],
        }


def _plain(estimate: Estimate) -> dict[str, Any]:
    ends = None if estimate.ci95 is None else [_rounded(end) for end in estimate.ci95]
    return {"value": _rounded(estimate.value), "ci95": ends}


def _rounded(value: float | None) -> float | None:
    """Return a figure with four digits; None for one that is missing or not defined."""
    return None if value is None or not np.isfinite(value) else float(f"{value:.4g}")


def winner_of(ratio: Estimate) -> str:
    """Return the winner by the errors' ratio, that of mult-adds over that of memory access."""
    low, high = ratio.ci95 or (0.0, np.inf)
    if low > 1:
        return MEMORY_ACCESS
    return MULT_ADDS if high < 1 else CANNOT_TELL


@dataclass(frozen=True, slots=True)
class KindEvidence:
    """The settings of one kind together: the same software, chip, and precision or phase.

    Args:
        name: of the kind.
        settings: of this kind.
        errors: of mult-adds and of memory access; each is the median over the settings.
        ratio: of the two.
    """

    name: str
    settings: tuple[SettingEvidence, ...]
    errors: tuple[float, float]
    ratio: Estimate

    @classmethod
    def of(cls, name: str, settings: Sequence[SettingEvidence]) -> KindEvidence:
        """Take the medians over settings, in each draw of families too: the settings share their draws."""
        mult_adds, memory = (_typical([entry.fit(measure).error.value for entry in settings]) for measure in RIVALS)
        drawn = np.median([entry.drawn for entry in settings], axis=0)
        ratios = drawn[0] / drawn[1]
        ends = np.percentile(ratios[np.isfinite(ratios)], (2.5, 97.5)).tolist()
        known = all(entry.ratio.ci95 is not None for entry in settings)
        ratio = Estimate(mult_adds / memory, (ends[0], ends[1]) if known else None)
        return cls(name, tuple(settings), (mult_adds, memory), ratio)

    @property
    def winner(self) -> str:
        """The better of the two over the kind, by the interval of the ratio."""
        return winner_of(self.ratio)

    def won(self, winner: str) -> int:
        """Count the settings with this winner."""
        return sum(entry.winner == winner for entry in self.settings)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the JSON keys."""
        return {
            "kind": self.name,
            "settings": len(self.settings),
            "winner": self.winner,
            "mult_adds_wins": self.won(MULT_ADDS),
            "memory_access_wins": self.won(MEMORY_ACCESS),
            "median_errors": {name: _rounded(error) for name, error in zip(RIVALS, self.errors, strict=True)},
            "error_ratio": _plain(self.ratio),
        }


@dataclass(frozen=True, slots=True)
class Evidence:
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
        place = (Column(name, name) for name in "table source device chip setting precision".split())
        return table_of(
            (
                *(column.through(lambda entry: entry.measured) for column in place),
                Column("networks", "Networks", "count"),
                Column("families", "Families", "count"),
                Column("winner", "Winner"),
                *_ends("error_ratio", "ratio", lambda entry: entry.ratio),
                Column("noise", "Noise", "percent", of=lambda entry: _rounded(entry.noise)),
                Column("noise_of", "Noise of"),
                *(column for name in MEASURES for column in _columns_of(name)),
                *(column for index in (0, 1) for column in _pair_columns(index)),
            ),
            self.settings,
        )

    def sections(self) -> tuple[Section, ...]:
        """Return the answer, the kinds of settings, the map and the pairs."""
        return (
            Section("Which count explains latency where", self.answer(), (self.by_kind(),)),
            Section("Setting by setting", (), (self.map(),), level=2),
            Section("Pairs of networks", (), (self.pairs(),), level=2),
        )

    def by_kind(self) -> Table:
        """Return a row per kind of settings, with the medians of its errors."""
        columns = (
            Column("kind", "Kind", of=lambda kind: kind.name),
            Column("settings", "Settings", "count", of=lambda kind: len(kind.settings)),
            Column("mult_adds_win", "Mult-adds win", "count", of=lambda kind: kind.won(MULT_ADDS)),
            Column("memory_access_wins", "Memory wins", "count", of=lambda kind: kind.won(MEMORY_ACCESS)),
            Column("mult_adds", "Error, mult-adds", "percent", of=lambda kind: kind.errors[0]),
            Column("memory_access", "Error, memory", "percent", of=lambda kind: kind.errors[1]),
        )
        return table_of(columns, self.kinds(), notes=(_MEDIANS,))

    def map(self) -> Table:
        """Return a row per setting, for people."""
        columns = (
            Column("setting", "Measured on", of=lambda entry: entry.measured.title),
            Column("mult_adds", "Mult-adds", "percent", of=lambda entry: entry.fit("mult_adds").error.value),
            Column(
                "memory_access", "Memory access", "percent", of=lambda entry: entry.fit("memory_access").error.value
            ),
            Column("noise", "Noise", "percent"),
            Column("winner", "Winner"),
        )
        return table_of(columns, self.settings, notes=(*_READING, *self._sources()))

    def pairs(self) -> Table:
        """Return the share of pairs of which a measure picks the faster network, by kind of settings."""
        rows = [(kind.name, alike, kind.settings) for kind in self.kinds() for alike in RIVALS]
        columns = (
            Column("kind", "Kind", of=lambda row: row[0]),
            Column("alike", "Alike in", of=lambda row: MEASURES[row[1]].lower()),
            Column("pairs", "Pairs", "count", of=lambda row: sum(some.number for some in _pairs_of(*row[1:]))),
            Column("mult_adds", "Mult-adds", "percent", of=partial(_typical_share, "mult_adds")),
            Column("memory_access", "Memory access", "percent", of=partial(_typical_share, "memory_access")),
        )
        return table_of(columns, rows, notes=(_PAIRS,))

    def _sources(self) -> Iterator[str]:
        used = {entry.measured.source for entry in self.settings}
        for name, source in sources().items():
            if name in used:
                yield f"{source.repository} {source.commit} ({source.licence}): {source.about}"


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


def _with(winner: str, kinds: Sequence[KindEvidence]) -> list[KindEvidence]:
    return [kind for kind in kinds if kind.winner == winner]


def _typical(values: Sequence[float]) -> float:
    return float(np.median(values))


def _pairs_of(alike: str, entries: Sequence[SettingEvidence]) -> list[Pairs]:
    return [some for entry in entries for some in entry.pairs if some.alike == alike and some.number]


def _typical_share(measure: str, row: tuple[str, str, list[SettingEvidence]]) -> float | None:
    some = _pairs_of(row[1], row[2])
    return _typical([pairs.picked[measure].value for pairs in some]) if some else None


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


def _ends(name: str, unit: str, of: Any, heading: str = "") -> tuple[Column, ...]:
    """Return columns of a figure and both ends of its interval; all are missing where the figure is."""

    def end(index: int, entry: Any) -> float | None:
        estimate = of(entry)
        return None if estimate is None or estimate.ci95 is None else _rounded(estimate.ci95[index])

    def value(entry: Any) -> float | None:
        estimate = of(entry)
        return None if estimate is None else _rounded(estimate.value)

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
    judged = [
        _judged(one, repeats[one.setting.repeats or one.setting.table], families[one.setting.group]) for one in chosen
    ]
    return Evidence(tuple(sorted(judged, key=lambda entry: (entry.ratio.value, entry.measured.title))))


def _names_of(setting: PublicSetting) -> set[str]:
    return {name.lower() for name in (setting.table, setting.device, setting.title, setting.source)}


def _judged(one: MeasuredSetting, repeated: Sequence[MeasuredSetting], families: Collection[str]) -> SettingEvidence:
    draws, part = Draws.of(one.families, families), stats.parts_of(one.families)
    weights = draws.networks
    ranks = stats.weighted_ranks(one.seconds, weights)
    plain = np.ones((1, len(one.seconds)))
    measured_ranks = stats.weighted_ranks(one.seconds, plain)
    fits, drawn_errors = {}, {}
    predictions = {name: stats.by_one_constant(counts, one.seconds, part) for name, counts in one.counts.items()}
    predictions["three"] = stats.by_three(one.three, one.seconds, part)
    for name, predicted in predictions.items():
        ranked = one.counts.get(name, predicted)
        errors = np.abs(predicted / one.seconds - 1)
        drawn_errors[name] = stats.weighted_median(errors, weights)
        rho = stats.weighted_rho(stats.weighted_ranks(ranked, plain), measured_ranks, plain)[0]
        drawn_rho = stats.weighted_rho(stats.weighted_ranks(ranked, weights), ranks, weights)
        fits[name] = MeasureFit(
            name,
            draws.estimate(float(rho), drawn_rho),
            draws.estimate(float(np.median(errors)), drawn_errors[name]),
        )
    ratio = fits["mult_adds"].error.value / fits["memory_access"].error.value
    pairs = tuple(stats.pairs(alike, RIVALS, dict(one.counts), one.seconds, draws) for alike in RIVALS)
    return SettingEvidence(
        one.setting,
        len(one.networks),
        len(set(one.families)),
        fits,
        draws.estimate(ratio, drawn_errors["mult_adds"] / drawn_errors["memory_access"]),
        pairs,
        *_noise(one, repeated),
        np.stack([drawn_errors[measure] for measure in RIVALS]),
    )


def _noise(one: MeasuredSetting, repeated: Sequence[MeasuredSetting]) -> tuple[float | None, str]:
    """Return the median relative difference of repeated measurements, and what they differ in.

    Of several repetitions the one with the most networks in common counts; where there is none, networks of one graph
    under several names do.
    """
    seconds = dict(zip(one.networks, one.seconds, strict=True))
    differences: dict[str, Floats] = {}
    for other in repeated:
        common = [
            (seconds[name], time) for name, time in zip(other.networks, other.seconds, strict=True) if name in seconds
        ]
        if other is not one and common:
            differences[other.setting.setting] = np.array([abs(first / second - 1) for first, second in common])
    if differences:
        most = max(differences, key=lambda name: len(differences[name]))
        return float(np.median(differences[most])), most
    same = [
        abs(one.seconds[first] / one.seconds[second] - 1)
        for group in identical(one)
        for first, second in combinations(group, 2)
    ]
    return (float(np.median(same)), "one graph under several names") if same else (None, "")
