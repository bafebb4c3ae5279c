"""Explains a printed figure: finds the smallest change of a sum's own terms that rounds to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from netcost.claims.checks import rounds_to
from netcost.claims.claim import Number, Term
from netcost.text import units

TIMES = (0, 1, 2)
"""Times that a term may have been counted: left out, once as it should be, once more."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A choice of times for each term with which the sum rounds to a printed figure.

    Args:
        terms: of the sum.
        times: that each is counted.
        others: number of other choices that also round to the figure, with as many or more changes.
        rivals: number of those that change no more terms than this one.
    """

    terms: tuple[Term, ...]
    times: tuple[int, ...]
    others: int
    rivals: int

    @property
    def value(self) -> Number:
        """Return the sum with each term counted as chosen."""
        return sum(term.value * times for term, times in zip(self.terms, self.times, strict=True))

    @property
    def changes(self) -> tuple[tuple[Term, int], ...]:
        """Return the terms that are not counted exactly once, with their times."""
        return tuple((term, times) for term, times in zip(self.terms, self.times, strict=True) if times != 1)

    def __str__(self) -> str:
        total = units.exact(sum(term.value for term in self.terms))
        steps = " ".join(f"{'+' if times else '-'} {units.exact(term.value)}" for term, times in self.changes)
        named = " and ".join(
            f"the term {term.name!r} {'counted once more' if times else 'left out'}" for term, times in self.changes
        )
        return f"{units.exact(self.value)} = {total} {steps}: {named}"


def simplest(terms: Sequence[Term], figure: str) -> Reconciliation | None:
    """Return the choice with the fewest changed terms that rounds to the printed figure; None without one.

    Every choice of leaving terms out or counting them once more is tried. Of several that change equally few, none is
    better than the others: the first is returned, and `rivals` is the number of the others.
    """
    choices = [
        choice
        for choice in product(TIMES, repeat=len(terms))
        if rounds_to(sum(term.value * times for term, times in zip(terms, choice, strict=True)), figure)
    ]
    if not choices:
        return None
    choices.sort(key=_changed)
    best, *others = choices
    rivals = sum(_changed(choice) == _changed(best) for choice in others)
    return Reconciliation(tuple(terms), best, len(others), rivals)


def _changed(choice: Sequence[int]) -> int:
    return sum(times != 1 for times in choice)
