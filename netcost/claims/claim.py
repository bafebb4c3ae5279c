"""Published claims: each is a function that counts modules and networks, and its verdict follows from the checks.

A claim's function builds modules and networks, counts them and returns checks; it never returns the verdict, which
follows from the checks. The verdict of the last run is recorded where the claim is registered, so that a changed
counting rule that changes a verdict shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from netcost.text.registry import Registry

if TYPE_CHECKING:
    from netcost.claims.bench import Bench

Number = int | float
Value = Number | str | tuple[Number | str, ...]


class ClaimVerdict(StrEnum):
    """The verdict on a claim."""

    HOLDS = "holds"
    FAILS = "fails"
    PARTLY = "partly"
    NOT_STATED = "not stated"
    """The source gives layers and no figure."""
    NOT_MEASURED = "not measured"
    """It is about speed, and no device was given."""
    CANNOT_TELL = "cannot tell"
    """It was timed, and the intervals do not decide."""
    NOT_A_COST = "not a cost"


class Topic(StrEnum):
    """Topics of the claims, in the order in which one would learn them."""

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
    """One summand or factor of a computed figure.

    Args:
        name: of the layer, module or network.
        value: of this term alone.
        arithmetic: the product that gives the value ("28·28·3·3·64·192"); "" where it is a plain count.
    """

    name: str
    value: Number
    arithmetic: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One figure of a claim, computed and as published.

    Args:
        what: the quantity, in words.
        computed: the value that the built modules give.
        expected: the value in the words of the source; None where it gives no figure.
        agrees: True where the two agree; None where the source states nothing, or the times do not decide.
        unit: of `computed`, as in `units.text`.
        terms: the arithmetic that leads to `computed`.
        beside: True where it is shown for comparison only; the verdict does not depend on it.
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
    """The result of a claim.

    Args:
        checks: the computed figures beside the published ones.
        notes: further facts for the reader, made from the figures.
        excused: the verdict where no check decides: not a cost, or not measured.
        measured: True where it was timed.
    """

    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()
    excused: ClaimVerdict | None = None
    measured: bool = False

    @property
    def verdict(self) -> ClaimVerdict:
        """Return the verdict that follows from the checks, except those shown for comparison."""
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
        id: its name on the command line: words with hyphens.
        rows: the statements of the articles that it recomputes, as numbered in the collection they come from ("A07").
        topic: the topic that it belongs to.
        says: the statement, as a sentence.
        source: paper and section, lecture, or article by title.
        recorded: the verdict of the last run.
        find: counts, with structural parameters that have defaults; that of a timed claim takes a `Bench` first.
        perturbation: a change of those parameters that must change the result; None where there is no module.
        timed: True where it is about speed.
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
        """Recompute it, with the structure as published except for `changes`."""
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
        rows: the numbers of the statements that it recomputes, with spaces between.
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
        """Register the function, and return it."""
        rows = tuple(self.rows.split())
        registered = Claim(
            self.id, rows, self.topic, self.says, self.source, self.recorded, find, self.perturbation, self.timed
        )
        self.registry.add(self.id, registered)
        return find


def found(*checks: Check, notes: Sequence[str] = ()) -> ClaimFinding:
    """Return a finding of these checks."""
    return ClaimFinding(checks, tuple(notes))


def not_a_cost(why: str) -> ClaimFinding:
    """Return the finding on a statement that no layer decides: accuracy, or training."""
    return ClaimFinding(notes=(why,), excused=ClaimVerdict.NOT_A_COST)


def not_measured(why: str) -> ClaimFinding:
    """Return the finding on a statement about speed that this run does not time."""
    return ClaimFinding(notes=(why,), excused=ClaimVerdict.NOT_MEASURED)
