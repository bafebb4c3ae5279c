"""Judges the settings one by one, and kind by kind: mult-adds against memory access."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from netcost.prediction.evidence import statistics as stats
from netcost.prediction.evidence.facts import MeasuredSetting, PublicSetting, identical
from netcost.prediction.evidence.statistics import Draws, Estimate, Floats, Pairs

MULT_ADDS, MEMORY_ACCESS, CANNOT_TELL = "mult-adds", "memory access", "cannot tell"
RIVALS = ("mult_adds", "memory_access")
"""The measures that are compared: the field's, and the one that ShuffleNet V2 recommends, as the setting runs it."""


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
            "noise": rounded(self.noise),
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
    ends = None if estimate.ci95 is None else [rounded(end) for end in estimate.ci95]
    return {"value": rounded(estimate.value), "ci95": ends}


def rounded(value: float | None) -> float | None:
    """Return a figure with four digits; None for one that is missing or not defined."""
    return None if value is None or not np.isfinite(value) else float(f"{value:.4g}")


def typical(values: Sequence[float]) -> float:
    """Return the median."""
    return float(np.median(values))


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
        mult_adds, memory = (typical([entry.fit(measure).error.value for entry in settings]) for measure in RIVALS)
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
            "median_errors": {name: rounded(error) for name, error in zip(RIVALS, self.errors, strict=True)},
            "error_ratio": _plain(self.ratio),
        }


def judged(one: MeasuredSetting, repeated: Sequence[MeasuredSetting], families: Collection[str]) -> SettingEvidence:
    """Judge every measure by the times of one setting.

    Args:
        repeated: the settings that differ from it in the version of the software or the day alone, itself among them.
        families: of all settings of its kind, which are drawn together.
    """
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
