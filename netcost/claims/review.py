"""Claims, recomputed: which verdicts changed, and the result as plain values and as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any

from netcost import units
from netcost._version import __version__
from netcost.claims.claim import CLAIMS, ERRATA, Check, Claim, Finding, Topic, Value, Verdict
from netcost.claims.stopwatch import Stopwatch
from netcost.errors import RequestError
from netcost.registry import suggestion
from netcost.tables import Column, Table, from_records

SCHEMA = 1
TOPICS = tuple(Topic)
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A claim, and what came of it this time."""

    claim: Claim
    finding: Finding

    @property
    def changed(self) -> bool:
        """Whether the verdict is not the recorded one; what is timed depends on the device, and has no record."""
        return not self.finding.measured and self.finding.verdict is not self.claim.recorded

    def to_dict(self) -> dict[str, Any]:
        """One entry of `claims --format json` (design, section 6)."""
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
    """Claims in the order of their topics, each with what came of it."""

    results: tuple[Reviewed, ...]

    @property
    def changed(self) -> list[Reviewed]:
        """The claims whose verdict is not the recorded one."""
        return [result for result in self.results if result.changed]

    def to_dict(self) -> dict[str, Any]:
        """The object of `claims --format json` (design, section 6)."""
        return {"schema": SCHEMA, "netcost": __version__, "claims": [result.to_dict() for result in self.results]}

    def records(self) -> Table:
        """A row a check, with plain numbers: for CSV and pandas."""
        records = [
            {
                "id": claim.id,
                "rows": " ".join(claim.rows),
                "topic": str(claim.topic),
                "claim": claim.says,
                "what": check.what,
                "expected": check.expected,
                "computed": " ".join(map(str, check.computed)) if isinstance(check.computed, tuple) else check.computed,
                "unit": check.unit,
                "agrees": None if check.agrees is None else str(check.agrees).lower(),
                "verdict": str(finding.verdict),
                "source": claim.source,
            }
            for claim, finding in ((result.claim, result.finding) for result in self.results)
            for check in finding.checks or (Check("", ""),)
        ]
        names = "id rows topic claim what expected computed unit agrees verdict source".split()
        return from_records([Column(name, name) for name in names], records)

    def overview(self) -> list[Table]:
        """A table a topic with a row a claim."""
        tables = [
            from_records(OVERVIEW, map(_overview_record, results), title=str(topic))
            for topic, results in groupby(self.results, lambda result: result.claim.topic)
        ]
        return [*tables, self.tally()]

    def sums(self) -> list[Table]:
        """A table a claim with the arithmetic that leads to each figure, term by term."""
        return [_sums(result) for result in self.results]

    def tally(self) -> Table:
        """How many claims came to each verdict, and which of them changed."""
        verdicts = [result.finding.verdict for result in self.results]
        records = [{"verdict": str(each), "claims": verdicts.count(each)} for each in Verdict if each in verdicts]
        changes = [
            f"{result.claim.id}: recorded as {result.claim.recorded!s}, now {result.finding.verdict!s}."
            for result in self.changed
        ]
        return from_records((Column("verdict", "Verdict"), Column("claims", "Claims", "count")), records, notes=changes)


OVERVIEW = (
    Column("id", "Claim"),
    Column("says", "What is claimed"),
    Column("verdict", "Verdict"),
    Column("expected", "Published"),
    Column("computed", "Computed"),
)

SUMS = (
    Column("what", "What"),
    Column("arithmetic", "Arithmetic"),
    Column("computed", "Computed", "exact"),
    Column("expected", "Published"),
    Column("agrees", "Agrees"),
)

ABOVE = "as above"

ANSWERS = {True: "yes", False: "no", None: ""}


def review(
    pattern: str = "*",
    stopwatch: Stopwatch | None = None,
    *,
    errata: bool = False,
    progress: Progress | None = None,
) -> Review:
    """Recompute the claims whose id, or number in the collection they come from, matches a shell pattern.

    Args:
        pattern: "inception-*", "A07".
        stopwatch: times the claims about speed; without one they are "not measured".
        errata: the figures in the papers themselves instead.
        progress: told the share done and what is being done.

    Raises:
        RequestError: no claim matches.
    """
    chosen = matching(pattern, errata)
    say = progress or (lambda _share, _text: None)
    results = []
    for at, each in enumerate(chosen):
        say(at / len(chosen), each.id)
        results.append(Reviewed(each, each.run(stopwatch)))
    return Review(tuple(results))


def matching(pattern: str, errata: bool = False) -> list[Claim]:
    """The claims whose id or number matches a shell pattern, topic by topic.

    Raises:
        RequestError: none does; the message suggests near ids.
    """
    registry = ERRATA if errata else CLAIMS
    every = [registry.get(name) for name in registry]
    chosen = [each for each in every if any(fnmatchcase(name, pattern) for name in (each.id, *each.rows))]
    if not chosen:
        near, noun = suggestion(pattern, registry), "erratum" if errata else "claim"
        option = " --errata" if errata else ""
        raise RequestError(f"no {noun} matches {pattern!r}{near} (`netcost claims{option}` shows all)")
    return sorted(chosen, key=lambda each: TOPICS.index(each.topic))


def _overview_record(result: Reviewed) -> dict[str, str | None]:
    deciding = [check for check in result.finding.checks if not check.beside]
    return {
        "id": result.claim.id,
        "says": result.claim.says,
        "expected": _joined(check.expected or units.MISSING for check in deciding),
        "computed": _joined(_text(check.computed, check.unit) for check in deciding),
        "verdict": str(result.finding.verdict) + (" (changed)" if result.changed else ""),
    }


def _sums(result: Reviewed) -> Table:
    claim, finding = result.claim, result.finding
    rows = [row for check in finding.checks for row in _rows(check)]
    verdict = f"Verdict: {finding.verdict}."
    if result.changed:
        verdict = f"Verdict: {finding.verdict}; recorded as {claim.recorded}."
    notes = [*finding.notes, verdict, f"Source: {claim.source}."]
    columns = [column for column in SUMS if column.name != "arithmetic" or any(row[column.name] for row in rows)]
    return from_records(columns, rows, title=f"{claim.id}: {claim.says}", notes=notes)


def _rows(check: Check) -> Iterable[dict[str, str]]:
    """Its terms, a row each, and what they lead to; what a row does not speak of stays blank."""
    blank = {column.name: "" for column in SUMS}
    for term in check.terms:
        what = f"  {term.name}"
        unit = "exact" if isinstance(term.value, int) else check.unit  # the two counts of a ratio are counts
        yield blank | {"what": what, "arithmetic": term.arithmetic, "computed": _text(term.value, unit)}
    yield blank | {
        "what": check.what,
        "computed": ABOVE if _is_listed(check) else _text(check.computed, check.unit),
        "expected": check.expected or "",
        "agrees": ANSWERS[check.agrees],
    }


def _is_listed(check: Check) -> bool:
    """Whether its values are those of its terms, which stand above it."""
    return check.computed == tuple(term.value for term in check.terms)


def _text(value: Value, unit: str) -> str:
    if isinstance(value, tuple):
        return _joined(_text(each, unit) for each in value)
    return value if isinstance(value, str) else units.text(value, unit)


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(texts)


def _plain(value: Value) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
