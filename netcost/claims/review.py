"""Recomputes claims, lists the verdicts that changed, and gives the result as plain values and as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import groupby
from math import isclose
from typing import Any

from netcost.claims.bench import Bench
from netcost.claims.claim import CLAIMS, ERRATA, Check, Claim, ClaimFinding, ClaimVerdict, Topic, Value
from netcost.text import units
from netcost.text.errors import RequestError
from netcost.text.registry import suggestion
from netcost.text.tables import Column, Table, from_records, selected, table_of
from netcost.text.version import __version__

SCHEMA = 1
TOPICS = tuple(Topic)
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A claim, and its finding in this run."""

    claim: Claim
    finding: ClaimFinding

    @property
    def changed(self) -> bool:
        """True where the verdict is not the recorded one; a timed verdict depends on the device and has no record."""
        return not self.finding.measured and self.finding.verdict is not self.claim.recorded

    @property
    def verdict(self) -> str:
        """Return the verdict as a sentence, with the recorded one where they differ."""
        return f"Verdict: {self.finding.verdict}" + (f"; recorded as {self.claim.recorded}." if self.changed else ".")

    def to_dict(self) -> dict[str, Any]:
        """Return one entry of `claims --format json` (design, section 6)."""
        checks = self.finding.checks
        return {
            "id": self.claim.id,
            "rows": list(self.claim.rows),
            "topic": str(self.claim.topic),
            "claim": self.claim.says,
            "expected": {check.what: check.expected for check in checks},
            "computed": {check.what: _plain(check.computed) for check in checks},
            "agrees": {check.what: check.agrees for check in checks},
            "terms": {
                check.what: [
                    {"name": term.name, "value": term.value, "arithmetic": term.arithmetic or None}
                    for term in check.terms
                ]
                for check in checks
            },
            "verdict": str(self.finding.verdict),
            "recorded": str(self.claim.recorded),
            "notes": list(self.finding.notes),
            "source": self.claim.source,
        }


@dataclass(frozen=True, slots=True)
class Review:
    """Claims in the order of their topics, each with its finding."""

    results: tuple[Reviewed, ...]

    @property
    def changed(self) -> list[Reviewed]:
        """Return the claims whose verdict is not the recorded one."""
        return [result for result in self.results if result.changed]

    def to_dict(self) -> dict[str, Any]:
        """Return the object of `claims --format json` (design, section 6)."""
        return {"schema": SCHEMA, "netcost": __version__, "claims": [result.to_dict() for result in self.results]}

    def records(self) -> Table:
        """Return a row per check, with plain numbers: for CSV and pandas; an empty one for a claim without checks."""
        empty = (Check("", ""),)
        rows = ((result, check) for result in self.results for check in result.finding.checks or empty)
        return table_of(RECORDS, rows)

    def overview(self) -> list[Table]:
        """Return a table per topic with a row per claim: its sentence, and the computed figures that contradict it."""
        tables = [
            table_of(OVERVIEW, results, title=str(topic))
            for topic, results in groupby(self.results, lambda result: result.claim.topic)
        ]
        return [*tables, self.tally()]

    def sums(self) -> list[Table]:
        """Return two tables per claim: its figures beside the published ones, and the arithmetic behind them."""
        return [table for result in self.results for table in _sums(result)]

    def tally(self) -> Table:
        """Return the number of claims with each verdict; the notes name those whose verdict changed."""
        verdicts = [result.finding.verdict for result in self.results]
        columns = (Column("verdict", "Verdict", of=str), Column("claims", "Claims", "count", of=verdicts.count))
        changes = [
            f"{result.claim.id}: recorded as {result.claim.recorded!s}, now {result.finding.verdict!s}."
            for result in self.changed
        ]
        return table_of(columns, [verdict for verdict in ClaimVerdict if verdict in verdicts], notes=changes)


SUMS = (
    Column("what", "Sum, term by term"),
    Column("arithmetic", "Arithmetic"),
    Column("computed", "Computed", flush_right=True),
)

LARGE = 1_000_000
"""Several numbers side by side are shortened from here on."""

BESIDE = "In parentheses: for comparison, not for the verdict."

ANSWERS = {True: "yes", False: "no", None: ""}


def review(
    pattern: str = "*", bench: Bench | None = None, *, errata: bool = False, progress: Progress | None = None
) -> Review:
    """Recompute the claims whose id, or number in the collection they come from, matches a shell pattern.

    Args:
        pattern: "inception-*", "A07".
        bench: times the claims about speed; without one they are "not measured".
        errata: recompute the figures in the papers themselves instead.
        progress: told the share that is done, and what goes on.

    Raises:
        RequestError: no claim matches.
    """
    chosen = matching(pattern, errata)
    report = progress or (lambda _share, _text: None)
    results = []
    for index, claim in enumerate(chosen):
        report(index / len(chosen), claim.id)
        results.append(Reviewed(claim, claim.run(bench)))
    return Review(tuple(results))


def matching(pattern: str, errata: bool = False) -> list[Claim]:
    """Return the claims whose id or number matches a shell pattern, topic by topic.

    Raises:
        RequestError: none matches; the message suggests similar ids.
    """
    registry = ERRATA if errata else CLAIMS
    every = [registry.get(name) for name in registry]
    chosen = [claim for claim in every if any(fnmatchcase(name, pattern) for name in (claim.id, *claim.rows))]
    if not chosen:
        near, noun = suggestion(pattern, registry), "erratum" if errata else "claim"
        option = " --errata" if errata else ""
        raise RequestError(f"no {noun} matches {pattern!r}{near} (`netcost claims{option}` shows all)")
    # Errata are numbered in the order of the papers; claims stand in their files as one would learn them.
    return sorted(chosen, key=lambda claim: (TOPICS.index(claim.topic), claim.rows if errata else ()))


def _verdict(result: Reviewed) -> str:
    return str(result.finding.verdict) + (" (changed)" if result.changed else "")


def _says(result: Reviewed) -> str:
    """Return the sentence of a claim, and the computed figures that contradict it."""
    wrong = [check for check in result.finding.checks if check.agrees is False and not check.beside]
    instead = _joined(f"{_text(check.computed, check.unit)} instead of {check.expected}" for check in wrong)
    return result.claim.says + (f" Computed: {instead}." if instead else "")


OVERVIEW = (
    Column("id", "Claim", of=lambda result: result.claim.id),
    Column("verdict", "Verdict", of=_verdict),
    Column("says", "What is claimed", of=_says),
)


def _sums(result: Reviewed) -> Iterable[Table]:
    """Give the figures of a claim with its sentence and verdict, and the sums of those that have terms."""
    figures, *terms = arithmetic(result)
    title = f"{result.claim.id}: {result.claim.says}"
    yield replace(figures, title=title, notes=(result.verdict, *figures.notes))
    yield from terms


def arithmetic(result: Reviewed) -> Iterable[Table]:
    """Give the figures of a claim beside the published ones, and the sums of those that have terms."""
    claim, finding = result.claim, result.finding
    compared = any(check.beside and check.agrees is not None for check in finding.checks)
    notes = [*finding.notes, *([BESIDE] if compared else []), f"Source: {claim.source}."]
    yield table_of(FIGURES, finding.checks, notes=notes)
    rows = [row for check in finding.checks if check.terms for row in _rows(check)]
    if rows:
        filled = [column.name for column in SUMS if any(row[column.name] for row in rows)]
        yield selected(from_records(SUMS, rows), filled)


def _answer(check: Check) -> str:
    answer = ANSWERS[check.agrees]
    return f"({answer})" if check.beside and answer else answer


def _computed(check: Check) -> str:
    return _text(check.computed, "count" if _is_long(check) else check.unit)


FIGURES = (
    Column("what", "What"),
    Column("computed", "Computed", of=_computed, flush_right=True),
    Column("expected", "Published", of=lambda check: check.expected or ""),
    Column("agrees", "Agrees", of=_answer),
)


def _is_long(check: Check) -> bool:
    """True for several computed numbers, some large, that the terms also show with every digit."""
    values = check.computed if isinstance(check.computed, tuple) else ()
    large = any(isinstance(value, int) and value >= LARGE for value in values)
    return large and set(values) <= {term.value for term in check.terms}


def _rows(check: Check) -> Iterable[dict[str, str]]:
    """Give the computed figure, and below it its terms, each with its sign."""
    signs = _signs(check)
    whole = {"what": f"{check.what} =", "computed": _text(check.computed, check.unit)}
    yield {"arithmetic": "", **(whole if signs else {"what": f"{check.what}:", "computed": ""})}
    for sign, term in zip(signs or "·" * len(check.terms), check.terms, strict=True):
        value = abs(term.value) if sign == "-" else term.value
        unit = "exact" if isinstance(value, int) else check.unit
        yield {"what": f"  {sign} {term.name}", "arithmetic": term.arithmetic, "computed": _text(value, unit)}


def _signs(check: Check) -> str:
    """Return the sign of each term where their sum, product or quotient is the computed figure; "" otherwise."""
    if isinstance(check.computed, str | tuple):
        return ""
    values = [term.value for term in check.terms]
    if len(values) == 1:
        return "·" if isclose(values[0], check.computed) else ""
    if isclose(sum(values), check.computed):
        return "".join("-" if value < 0 else "+" for value in values)
    if len(values) > 2:
        return ""
    one, other = values
    if other and isclose(one / other, check.computed):
        return "·/"
    return "·x" if isclose(one * other, check.computed) else ""


def _text(value: Value, unit: str) -> str:
    if isinstance(value, tuple):
        return _joined(_text(part, unit) for part in value)
    return value if isinstance(value, str) else units.text(value, unit)


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(texts)


def _plain(value: Value) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


RECORDS = (
    Column("id", "id", of=lambda row: row[0].claim.id),
    Column("rows", "rows", of=lambda row: " ".join(row[0].claim.rows)),
    Column("topic", "topic", of=lambda row: str(row[0].claim.topic)),
    Column("claim", "claim", of=lambda row: row[0].claim.says),
    Column("what", "what", of=lambda row: row[1].what),
    Column("expected", "expected", of=lambda row: row[1].expected),
    Column("computed", "computed", of=lambda row: _spaced(row[1].computed)),
    Column("unit", "unit", of=lambda row: row[1].unit),
    Column("agrees", "agrees", of=lambda row: None if row[1].agrees is None else str(row[1].agrees).lower()),
    Column("verdict", "verdict", of=lambda row: str(row[0].finding.verdict)),
    Column("source", "source", of=lambda row: row[0].claim.source),
)
"""For rows of (reviewed claim, one of its checks)."""


def _spaced(value: Value) -> Any:
    return " ".join(map(str, value)) if isinstance(value, tuple) else value
