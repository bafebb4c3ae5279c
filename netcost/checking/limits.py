"""What a figure must not exceed, read from text: budgets (`<= 5M`) and tolerances (`1%`)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any

from netcost.text.documents import shortened
from netcost.text.errors import RequestError
from netcost.text.names import suggestion
from netcost.text.tables import METRICS, Column
from netcost.text.units import parse_quantity

FIGURES: dict[str, Column] = {
    **{name: column for name, column in METRICS.items() if column.unit != "ratio"},
    "unknown_ops": Column("unknown_ops", "Unknown operators", "count"),
}
"""What can be limited and recorded: the metrics that are whole numbers, and how many operators no rule counts."""

RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}

_BUDGET = re.compile(r"\s*(<=|>=|==|<|>)\s*(.*\S)\s*")
_SHARE = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*%\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Budget:
    """A bound that a figure keeps to, whatever it was before.

    Args:
        relation: one of `RELATIONS`.
        bound: the number on its right.
        written: the text that it was read from.
    """

    relation: str
    bound: float
    written: str

    def holds(self, value: int) -> bool:
        """Whether `value` keeps to it."""
        return RELATIONS[self.relation](value, self.bound)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much a figure may grow beyond what it was: a share of it, and so many units.

    Args:
        share: of the old figure, exactly.
        amount: units.
        written: the text that it was read from; empty for none at all.
    """

    share: Fraction = Fraction(0)
    amount: int = 0
    written: str = ""

    def allowed(self, old: int) -> int:
        """The largest figure that passes where it was `old`."""
        return old + floor(old * self.share) + self.amount

    @property
    def rule(self) -> str:
        """In words."""
        return f"at most {self.written} more" if self.written else "not one more"


NO_TOLERANCE = Tolerance()


@dataclass(frozen=True, slots=True)
class Limits:
    """The tolerances and budgets of one target, by the name of the figure."""

    tolerance: Mapping[str, Tolerance] = field(default_factory=dict)
    budget: Mapping[str, Budget] = field(default_factory=dict)

    def tolerance_of(self, figure: str) -> Tolerance | None:
        """The tolerance of a figure; a share of memory access is one of its bytes too."""
        plain = self.tolerance.get(figure.removesuffix("_bytes"))
        inherited = plain if plain is not None and not plain.amount else None
        return self.tolerance.get(figure, inherited)


def parse_budget(figure: str, written: object) -> Budget:
    """`<= 5M` for `params`, `<= 64MB` for `peak_memory_bytes`, `== 0` for `unknown_ops`.

    Raises:
        RequestError: there is no such figure, or the text is no budget for it.
    """
    column = _column(figure)
    match = _BUDGET.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        raise RequestError(f"{shortened(written)} is not a budget; expected text like '<= 5M', '< 600M' or '== 0'")
    relation, quantity = match.groups()
    return Budget(relation, _quantity(quantity, column), match.group().strip())


def parse_tolerance(figure: str, written: object) -> Tolerance:
    """`1%`, or so many units: `10k`.

    Raises:
        RequestError: there is no such figure, or the text is no tolerance.
    """
    column = _column(figure)
    if not isinstance(written, str):
        raise RequestError(
            f"{shortened(written)} is not a tolerance; expected text: a share like '1%' or an amount like '10k'"
        )
    share = _SHARE.fullmatch(written)
    if share is not None:
        return Tolerance(share=Fraction(share[1]) / 100, written=written.strip())
    amount = _quantity(written, column)
    if not isinstance(amount, int):
        raise RequestError(f"{written!r} is not a whole amount; expected a share like '1%' or an amount like '10k'")
    return Tolerance(amount=amount, written=written.strip())


def _column(figure: str) -> Column:
    if figure in FIGURES:
        return FIGURES[figure]
    one_of = f"; expected one of {', '.join(FIGURES)}"
    if figure in METRICS:
        raise RequestError(f"{figure!r} is a ratio of figures{one_of}")
    raise RequestError(f"unknown metric {figure!r}{suggestion(figure, FIGURES) or one_of}")


def _quantity(written: str, column: Column) -> float:
    """The number that is written; bytes only where the figure is in bytes."""
    value = parse_quantity(written)
    if "B" in written and column.unit != "bytes":
        raise RequestError(f"{written!r} is in bytes, and {column.name} is not")
    return value
