"""A published claim: a function that counts what the claim speaks of, and the verdict that follows from what it finds.

A claim's function builds modules and networks and counts them; it returns what it found, check by check, and never the
verdict, which follows from the checks. The verdict found last time is recorded where the claim is registered, so that
a change of a counting rule that turns one over shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from netcost.text.names import Registry

if TYPE_CHECKING:
    from netcost.claims.bench import Bench

Number = int | float
Value = Number | str | tuple[Number | str, ...]


class ClaimVerdict(StrEnum):
    """What becomes of a claim when its arithmetic is done."""

    HOLDS = "holds"
    FAILS = "fails"
    PARTLY = "partly"
    NOT_STATED = "not stated"
    """The source gives layers and no figure."""
    NOT_MEASURED = "not measured"
    """It is about speed, and no device was given."""
    CANNOT_TELL = "cannot tell"
    """It was measured, and the intervals do not decide."""
    NOT_A_COST = "not a cost"


class Topic(StrEnum):
    """What a claim teaches, in the order in which one would learn it."""

    INCEPTION = "inception"
    FACTORISATION = "factorisation"
    SEPARABLE = "separable"
    RESIDUAL = "residual"
    DENSE = "dense"
    SHUFFLE = "shuffle"
    GUIDELINES = "guidelines"
    SIZE = "size"
    DEPTH = "depth"
    SPEED = "speed"


@dataclass(frozen=True, slots=True)
class Term:
    """One summand or factor of what was computed.

    Args:
        name: of the layer, module or network.
        value: its share.
        arithmetic: the product that gives the value ("28·28·3·3·64·192"); "" where it is a count of things.
    """

    name: str
    value: Number
    arithmetic: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One figure of a claim beside what was computed.

    Args:
        what: the quantity, in words.
        computed: what the built modules give.
        expected: the same as the source puts it; None where it gives no figure.
        agrees: whether the two agree; None where nothing was stated or nothing can be told.
        unit: of `computed`, as in `units.text`.
        terms: the arithmetic that leads to `computed`.
        beside: shown for comparison; the verdict does not rest on it.
    """

    what: str
    computed: Value
    expected: str | None = None
    agrees: bool | None = None
    unit: str = "exact"
    terms: tuple[Term, ...] = ()
    beside: bool = False


@dataclass(frozen=True, slots=True)
class ClaimFinding:
    """What came of a claim.

    Args:
        checks: what was computed, beside what was published.
        notes: what the reader must know besides, made from the figures.
        excused: the verdict where no check decides: not a cost, or not measured.
    """

    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()
    excused: ClaimVerdict | None = None
    measured: bool = False

    @property
    def verdict(self) -> ClaimVerdict:
        """What follows from the checks that the claim rests on."""
        if self.excused is not None:
            return self.excused
        agreed = [check.agrees for check in self.checks if not check.beside]
        decided = [agrees for agrees in agreed if agrees is not None]
        if self.measured and len(decided) < len(agreed):
            return ClaimVerdict.CANNOT_TELL
        if not decided:
            return ClaimVerdict.NOT_STATED
        return ClaimVerdict.HOLDS if all(decided) else ClaimVerdict.PARTLY if any(decided) else ClaimVerdict.FAILS


@dataclass(frozen=True, slots=True)
class Claim:
    """One published statement about cost.

    Args:
        id: what the command line calls it: words with hyphens.
        rows: the statements of the articles that it recomputes, as numbered in the collection they come from ("A07").
        topic: what it belongs to.
        says: the statement, as a sentence.
        source: where it stands: paper and section, lecture, or article by title.
        recorded: the verdict found last time.
        find: counts, with structural parameters that have defaults; a timed claim's takes a `Bench` first.
        perturbation: a change of those parameters that must change what is computed; None where there is no module.
        timed: whether it is about speed.
    """

    id: str
    rows: tuple[str, ...]
    topic: Topic
    says: str
    source: str
    recorded: ClaimVerdict
    find: Callable[..., ClaimFinding]
    perturbation: Mapping[str, Any] | None
    timed: bool = False

    def run(self, bench: Bench | None = None, **changes: Any) -> ClaimFinding:
        """What comes of it, with the structure as published unless `changes` says otherwise."""
        if not self.timed:
            return self.find(**changes)
        if bench is None:
            return not_measured("it is about speed: give a --device to time it")
        return self.find(bench, **changes)


CLAIMS: Registry[Claim] = Registry("claim", "`netcost claims` shows all")
ERRATA: Registry[Claim] = Registry("erratum", "`netcost claims --errata` shows all")
"""Figures in the papers themselves, recomputed the same way."""


@dataclass(frozen=True, slots=True)
class claim:  # noqa: N801  # a decorator with many parts, of which most claims share the defaults
    """Register the decorated function as a claim; see `Claim` for the parts.

    Args:
        id: what the command line calls it.
        rows: the numbered statements that it recomputes, in one word each.
        registry: `CLAIMS`, or `ERRATA`.
    """

    id: str
    rows: str
    topic: Topic
    says: str
    source: str
    recorded: ClaimVerdict
    perturbation: Mapping[str, Any] | None = None
    timed: bool = False
    registry: Registry[Claim] = field(default=CLAIMS, repr=False)

    def __call__(self, find: Callable[..., ClaimFinding]) -> Callable[..., ClaimFinding]:
        """The function itself, registered."""
        rows = tuple(self.rows.split())
        found = Claim(
            self.id, rows, self.topic, self.says, self.source, self.recorded, find, self.perturbation, self.timed
        )
        self.registry.add(self.id, found)
        return find


def found(*checks: Check, notes: Sequence[str] = ()) -> ClaimFinding:
    """What was computed, check by check."""
    return ClaimFinding(checks, tuple(notes))


def not_a_cost(why: str) -> ClaimFinding:
    """A statement that no layer decides: accuracy, or how a network is trained."""
    return ClaimFinding(notes=(why,), excused=ClaimVerdict.NOT_A_COST)


def not_measured(why: str) -> ClaimFinding:
    """A statement about speed that this run does not time."""
    return ClaimFinding(notes=(why,), excused=ClaimVerdict.NOT_MEASURED)
