"""How a printed figure could have come about: the smallest change of a sum's own terms that rounds to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from netcost.claims.checks import rounds_to
from netcost.claims.claim import Number, Term
from netcost.text import units

TIMES = (0, 1, 2)
"""How often a term may have been counted: left out, as it should be, once more."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A way in which terms, counted as often as `times` says, round to a printed figure.

    Args:
        terms: of the sum.
        times: how often each is counted.
        others: how many other choices of the same or a larger number of changes round to the figure, too.
        rivals: how many of them change no more terms than this one.
    """

    terms: tuple[Term, ...]
    times: tuple[int, ...]
    others: int
    rivals: int

    @property
    def value(self) -> Number:
        """The sum with that many of each."""
        return sum(term.value * times for term, times in zip(self.terms, self.times, strict=True))

    @property
    def changes(self) -> tuple[tuple[Term, int], ...]:
        """The terms that are not counted once, with how often they are."""
        return tuple((term, times) for term, times in zip(self.terms, self.times, strict=True) if times != 1)

    def __str__(self) -> str:
        total = units.exact(sum(term.value for term in self.terms))
        steps = " ".join(f"{'+' if times else '-'} {units.exact(term.value)}" for term, times in self.changes)
        named = " and ".join(
            f"the term {term.name!r} {'counted once more' if times else 'left out'}" for term, times in self.changes
        )
        return f"{units.exact(self.value)} = {total} {steps}: {named}"


def simplest(terms: Sequence[Term], figure: str) -> Reconciliation | None:
    """The choice with the fewest changed terms that rounds to the printed figure; None where there is none.

    Every choice of leaving terms out or counting them once more is tried. Of several that change equally few, the one
    nearest to the middle of what rounds to the figure is no better than the others: the first is given, and `rivals`
    says how many there are.
    """
    choices = [
        times
        for times in product(TIMES, repeat=len(terms))
        if rounds_to(sum(term.value * each for term, each in zip(terms, times, strict=True)), figure)
    ]
    if not choices:
        return None
    choices.sort(key=_changed)
    best, *others = choices
    rivals = sum(_changed(times) == _changed(best) for times in others)
    return Reconciliation(tuple(terms), best, len(others), rivals)


def _changed(times: Sequence[int]) -> int:
    return sum(each != 1 for each in times)
