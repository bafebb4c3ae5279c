"""Compares computed figures with published ones.

A printed figure agrees with every value that rounds to it at the precision it was printed with: "358M" with 357.5 to
358.5 million, "2.39" with 2.385 to 2.395. A figure that is meant to be exact agrees with itself alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

from netcost.claims.claim import Check, Number, Term, Value

_SCALES = {"": 1, "K": 10**3, "k": 10**3, "M": 10**6, "G": 10**9, "B": 10**9}
_PRINTED = re.compile(r"([0-9][0-9,]*(?:\.[0-9]+)?) ?([KkMGB]?)(%?)", re.ASCII)


def bounds(figure: str) -> tuple[Number, Number]:
    """Return the smallest and the largest value that rounds to a printed figure: "358M", "1.19%", "2.39", "7,000".

    Both are exact; a percentage is a share of one.

    Raises:
        ValueError: it is not a printed figure.
    """
    match = _PRINTED.fullmatch(figure)
    if match is None:
        raise ValueError(f"{figure!r} is not a printed figure; expected one like 358M, 2.39 or 1.19%")
    digits, scale, percent = match.groups()
    value = Decimal(digits.replace(",", ""))
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), "the pattern lets no NaN through"
    half = Decimal(5).scaleb(exponent - 1)
    unit = Decimal(_SCALES[scale]) / (100 if percent else 1)
    return float((value - half) * unit), float((value + half) * unit)


def rounds_to(value: Number, figure: str) -> bool:
    """True where `value`, printed as precisely as `figure`, is `figure`."""
    low, high = bounds(figure)
    return low <= value <= high


def printed(
    what: str, computed: Number, figure: str, *, unit: str = "exact", terms: Sequence[Term] = (), said: str = ""
) -> Check:
    """Check a computed value against a printed figure, by rounding.

    Args:
        figure: as printed: "358M", "12".
        said: the source's words, where the figure alone is not enough ("12 times fewer").
    """
    return Check(what, computed, said or figure, rounds_to(computed, figure), unit, tuple(terms))


def exactly(what: str, computed: Value, expected: Value, *, unit: str = "exact", terms: Sequence[Term] = ()) -> Check:
    """Check one value or several that must be met exactly."""
    return Check(what, computed, written(expected), computed == expected, unit, tuple(terms))


def rising(what: str, values: Mapping[str, Number], *, unit: str = "exact", terms: Sequence[Term] = ()) -> Check:
    """Check an order: each of the named values must be smaller than the next."""
    ordered = list(values.values())
    agrees = all(one < other for one, other in pairwise(ordered))
    named = tuple(terms) or tuple(Term(name, value) for name, value in values.items())
    return Check(what, tuple(ordered), " < ".join(values), agrees, unit, named)


def stated(
    what: str, computed: Value, expected: str, agrees: bool, *, unit: str = "exact", terms: Sequence[Term] = ()
) -> Check:
    """Check a statement in words ("well below 1"); `agrees` is the condition that decides it."""
    return Check(what, computed, expected, agrees, unit, tuple(terms))


def unstated(what: str, computed: Value, *, unit: str = "exact", terms: Sequence[Term] = ()) -> Check:
    """Show a figure that the source does not give."""
    return Check(what, computed, None, None, unit, tuple(terms))


def beside(check: Check) -> Check:
    """Return the same check for comparison only: the verdict does not depend on it."""
    return replace(check, beside=True)


def written(value: Value) -> str:
    """Return a published value as text: numbers with thousands separators, several with semicolons between."""
    if isinstance(value, tuple):
        return "; ".join(map(written, value))
    return value if isinstance(value, str) else f"{value:,}"
