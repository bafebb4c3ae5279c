"""The result of `netcost lint`: findings of one rule at one line are one row, the largest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from pathlib import Path
from typing import Any

from netcost.graph.cost import Kind
from netcost.graph.graph import SourceLine
from netcost.linting.estimating import Rates
from netcost.linting.finding import MIN_SHARE, Finding, Keeps, Network, Saving
from netcost.linting.suppressions import UNUSED
from netcost.text import units
from netcost.text.explanations import find
from netcost.text.shown import Shown, named
from netcost.text.tables import Column, Section, Table, from_records
from netcost.text.version import __version__
from netcost.timing.ratios import Ratio
from netcost.timing.stats import SpeedVerdict
from netcost.tracing.source_lines import INSTALLED

SCHEMA = 1

TIMED = "NC8"
"""The beginning of codes that are findings only where a measurement on the device says so."""

WHOLES = {"memory_access_bytes": "memory access", "kernels": "kernels", "params": "parameters"}
"""The savings of which a finding has a share, and the words for their wholes."""

KEPT = {
    Keeps.FUNCTION: "It keeps the outputs.",
    Keeps.CAPACITY: "It keeps the capacity: train anew.",
    Keeps.NEITHER: "It changes the function: train anew.",
}


@dataclass(frozen=True, slots=True)
class Gain:
    """The operators of a finding and their replacement, timed side by side.

    Args:
        ratio: replacement / as it is.
        before_s: median of the operators as they are (seconds).
        reason: for a missing ratio.
    """

    ratio: Ratio | None = None
    before_s: float | None = None
    reason: str = ""

    @property
    def sentence(self) -> str:
        """The gain in words."""
        if self.ratio is None or self.before_s is None:
            return f"Not measured: {self.reason or 'a time was 0 s'}."
        ends = self.ratio.ci95
        interval = "" if ends is None else f" ({ends[0]:.2f} to {ends[1]:.2f})"
        now = units.seconds(self.before_s)
        return f"Measured here, alone: {self.ratio.median:.2f}{interval} x the {now} of now: {self.ratio.verdict}."

    @property
    def is_faster(self) -> bool:
        """True where the replacement is the faster one, beyond doubt."""
        return self.ratio is not None and self.ratio.verdict == SpeedVerdict.FASTER

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        ratio = None if self.ratio is None else self.ratio.to_dict()
        return {"ratio": ratio, "before_s": self.before_s, "reason": self.reason or None}


@dataclass(frozen=True)
class Row:
    """All findings of one rule at one line.

    Args:
        findings: at least one, the largest first.
        shares: of the network that they save together, by the names of `WHOLES`.
        seconds: that they save together, estimated; None where nothing can be told.
        source: of the estimate, in words.
        gain: of the largest, measured; None where it was not.
    """

    findings: tuple[Finding, ...]
    shares: dict[str, float]
    seconds: float | None
    source: str = ""
    gain: Gain | None = None

    @property
    def first(self) -> Finding:
        """The largest of them."""
        return self.findings[0]

    @property
    def key(self) -> tuple[Any, ...]:
        """The rule and the line, which make a row."""
        return key_of(self.first)

    @property
    def saving(self) -> Saving:
        """Costs that they save together."""
        return together(self.findings)

    @property
    def share(self) -> float:
        """The largest of the shares."""
        return max(self.shares.values())

    @property
    def saves(self) -> str:
        """The largest of the shares in words."""
        whole = max(self.shares, key=lambda name: self.shares[name])
        return f"{units.percent(self.shares[whole])} of the {WHOLES[whole]}" if self.shares[whole] else "nothing"

    @property
    def is_timed(self) -> bool:
        """True where the finding stands and falls with a measurement."""
        return self.first.code.startswith(TIMED)

    def is_shown(self, min_share: float) -> bool:
        """True where it saves that share of the network, or was measured to save time where no count tells."""
        if self.is_timed:
            return self.gain is not None and self.gain.is_faster
        return self.share >= min_share or self.first.code == UNUSED

    @property
    def line(self) -> SourceLine | None:
        """The line of the call, or else of the construction."""
        return self.first.line or self.first.made

    @property
    def own_place(self) -> tuple[str, int] | None:
        """File and line in the current folder; None where it is elsewhere."""
        if self.line is None or not _is_here(Path(self.line.file)):
            return None
        return file_name(self.line.file), self.line.line

    @property
    def title(self) -> str:
        """The name of the rule."""
        known = find(self.first.code)
        return self.first.code if known is None else known.title

    @property
    def sentences(self) -> tuple[str, ...]:
        """The finding in words: where, what, and what to do instead."""
        more = len(self.findings) - 1
        where = f"{self.first.module or 'The network'}{f' and {more} more' if more else ''}"
        timed = "" if self.seconds is None else f", about {units.seconds(max(0.0, self.seconds))} by {self.source}"
        made = "" if self.first.made is None or self.first.line is None else f" Made at {place_text(self.first.made)}."
        first = f"{where}: {self.first.seen}.{made}"
        if self.first.code == UNUSED:
            return (f"{self.first.seen[0].upper()}{self.first.seen[1:]}: {self.first.instead}.",)
        change = f"{self.first.instead[0].upper()}{self.first.instead[1:]}. {KEPT[self.first.keeps]}"
        saves = "" if self.is_timed else f" It saves {self.saves}{timed}."
        return (first, f"{change}{saves}", *([] if self.gain is None else [self.gain.sentence]))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "code": self.first.code,
            "title": self.title,
            "modules": [finding.module for finding in self.findings],
            "line": _place(self.first.line),
            "made": _place(self.first.made),
            "seen": self.first.seen,
            "instead": self.first.instead,
            "keeps": str(self.first.keeps),
            "saving": {name: round(value) for name, value in self.saving._asdict().items()},
            "shares": self.shares,
            "estimated_saving_s": self.seconds,
            "measured": None if self.gain is None else self.gain.to_dict(),
        }


def key_of(finding: Finding) -> tuple[Any, ...]:
    """Return the rule and the line; where no line is known, what is seen."""
    return finding.code, finding.line or finding.made or finding.seen


def together(findings: tuple[Finding, ...]) -> Saving:
    """Add up what findings save."""
    return reduce(Saving.plus, [finding.saving for finding in findings], Saving())


def _place(line: SourceLine | None) -> dict[str, Any] | None:
    return None if line is None else {"file": file_name(line.file), "line": line.line}


def place_text(line: SourceLine | None) -> str:
    """Write file and line, as editors open them."""
    return "" if line is None else f"{file_name(line.file)}:{line.line}"


def _is_here(path: Path) -> bool:
    return path.is_relative_to(Path.cwd()) and not any(part in INSTALLED for part in path.parts)


def file_name(file: str) -> str:
    """Return a file relative to the current folder, or to that of installed packages; else its name alone."""
    path = Path(file)
    if _is_here(path):
        return path.relative_to(Path.cwd()).as_posix()
    installed = [index for index, part in enumerate(path.parts) if part in INSTALLED]
    return "/".join(path.parts[installed[-1] + 1 :]) if installed else path.name


def _record(row: Row) -> dict[str, Any]:
    record = row.to_dict()
    shares = {f"{name}_share": share for name, share in record.pop("shares").items()}
    saved = {f"saved_{name}": value for name, value in record.pop("saving").items()}
    ratio = (record.pop("measured") or {}).get("ratio") or {}
    low, high = ratio.get("ci95") or (None, None)
    saved |= {"measured_ratio": ratio.get("median"), "measured_low": low, "measured_high": high}
    saved |= {"verdict": ratio.get("verdict")}
    place = record.pop("line") or record.pop("made") or {}
    return {**record, "modules": " ".join(record["modules"]), "file": None, "line": None, **place, **shares, **saved}


@dataclass(frozen=True, repr=False)
class LintReport(Shown):
    """The findings in one network.

    Args:
        model: the name of the network.
        network: as it was counted.
        found: findings that no comment switches off.
        min_share: below which they are not shown.
        suppressed: findings that a comment switches off (count).
        against: sentences that compare the network with another, where that was asked for.
        gains: measured, by the keys of rows.
        applied: sentence on the network with all changes that keep its function, where that was asked for.
        rates: of a device, by which seconds are estimated; None for those of the peaks, where there are any.
    """

    model: str
    network: Network
    found: tuple[Finding, ...]
    min_share: float = MIN_SHARE
    suppressed: int = 0
    against: tuple[str, ...] = ()
    gains: Mapping[tuple[Any, ...], Gain] = field(default_factory=dict)
    applied: str = ""
    rates: Rates | None = None

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The findings that are shown, by rule and line, the largest share first."""
        return tuple(row for row in self.all_rows if row.is_shown(self.min_share))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings that are shown."""
        return tuple(finding for row in self.rows for finding in row.findings)

    @cached_property
    def all_rows(self) -> list[Row]:
        """All findings by rule and line, the largest share first."""
        alike: dict[tuple[Any, ...], list[Finding]] = {}
        for finding in self.found:
            alike.setdefault(key_of(finding), []).append(finding)
        rows = []
        for findings in alike.values():
            ranked = tuple(sorted(findings, key=lambda finding: -finding.saving.memory_access))
            saving = together(ranked)
            source = "" if self._own_rates is None else self._own_rates.of
            row = Row(ranked, self._shares(saving), self._seconds(saving), source)
            rows.append(replace(row, gain=self.gains.get(row.key)))
        return sorted(rows, key=lambda row: -row.share)

    def _shares(self, saving: Saving) -> dict[str, float]:
        whole = self.network.total
        wholes = {
            "memory_access_bytes": whole.memory_access_bytes,
            "kernels": whole.kernels,
            "params": self.network.count.graph.params_total,
        }
        return {name: max(0.0, getattr(saving, name) / max(1, of)) for name, of in wholes.items()}

    def _seconds(self, saving: Saving) -> float | None:
        return None if self._own_rates is None else self._own_rates.seconds(saving)

    @property
    def _own_rates(self) -> Rates | None:
        """The rates by which seconds are told: those asked for, or else of the peaks that the network has."""
        peaks = self.network.peaks
        return self.rates or (None if peaks is None else Rates.of_peaks(peaks))

    @property
    def headlines(self) -> tuple[str, ...]:
        """The network in a sentence, behind the comparison with another where there is one."""
        whole, kinds = self.network.total, self.network.count.kinds
        moving = sum(kind is Kind.MOVEMENT for kind in kinds)
        own = (
            f"{self.model}: {units.text(whole.mult_adds, 'count')} mult-adds, "
            f"{units.text(whole.memory_access_bytes, 'bytes')} of memory access; of its {whole.kernels:,} kernels "
            f"{moving:,} only move data."
        )
        return (*self.against, own)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "schema": SCHEMA,
            "netcost": __version__,
            "model": self.model,
            "headlines": list(self.headlines),
            "min_share": self.min_share,
            "suppressed": self.suppressed,
            "applied": self.applied or None,
            "findings": [row.to_dict() for row in self.rows],
            "unknown_ops": self.network.count.unknown_ops,
        }

    def records(self) -> Table:
        """Return a row per rule and line with all figures."""
        words = "code title modules file line seen instead keeps".split()
        shares = [Column(f"{name}_share", f"Share of the {whole}", "percent") for name, whole in WHOLES.items()]
        units_of = zip(Saving._fields, ("count", "bytes", "count", "count", "count"), strict=True)
        saved = [Column(f"saved_{name}", f"Saved {name}", unit) for name, unit in units_of]
        seconds = Column("estimated_saving_s", "Estimated saving", "seconds")
        ratios = [Column(f"measured_{name}", f"Measured {name}", "ratio") for name in ("ratio", "low", "high")]
        named = [Column(word, word) for word in words]
        columns = [*named, *shares, *saved, seconds, *ratios, Column("verdict", "Verdict")]
        return from_records(columns, map(_record, self.rows))

    def sections(self) -> list[Section]:
        """Return the network in a sentence, a part per rule and line, and what is left out."""
        parts = [Section("", self.headlines)]
        for row in self.rows:
            place = f" at {place_text(row.line)}" if row.line is not None else ""
            parts.append(Section(f"{row.first.code} {row.title}{place}", row.sentences, level=3))
        notes = self.notes()
        return [*parts, Section("", tuple(notes))] if notes else parts

    def _brief(self) -> str:
        shown = named([f"{row.first.code} {row.title}: {row.saves}" for row in self.rows]) or "no finding"
        return f"{self.model}: {shown}"

    def notes(self) -> list[str]:
        """Make the notes on what is not shown."""
        notes = []
        small = sum(not row.is_shown(self.min_share) and not row.is_timed for row in self.all_rows)
        untimed = sum(row.is_timed and row.gain is None for row in self.all_rows)
        share = units.percent(self.min_share)
        if not self.rows:
            notes.append(f"Nothing was found that saves {share} or more.")
        if small:
            findings = "1 finding saves" if small == 1 else f"{small} findings save"
            notes.append(f"{findings} less than {share}; --min-share 0 shows all.")
        if untimed:
            places = "1 line has" if untimed == 1 else f"{untimed} lines have"
            notes.append(f"{places} widths that are no multiples of 8; --measure tells if that costs time here.")
        if self.suppressed:
            notes.append(f"Comments switch off {self.suppressed} more.")
        if self.rates is not None and self.rates.reasons:
            notes.append(f"No seconds by {self.rates.of}: {'; '.join(self.rates.reasons)}.")
        if self.applied:
            notes.append(self.applied)
        for name, times in self.network.count.unknown_ops.items():
            notes.append(f"No rule counts {name} ({times}): shares of the whole leave it out.")
        return notes
