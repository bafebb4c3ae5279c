"""Limits on a figure, read from text: budgets (`<= 5M`) and tolerances (`1%`)."""

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
from netcost.text.metrics import METRICS, TRAIN_METRICS
from netcost.text.registry import suggestion
from netcost.text.tables import Column
from netcost.text.units import parse_quantity

FIGURES: dict[str, Column] = {
    **{name: column for name, column in METRICS.items() if column.unit != "ratio"},
    **TRAIN_METRICS,
    "unknown_ops": Column("unknown_ops", "Unknown operators", "count"),
}
"""Figures that can be recorded and limited: the integer metrics, those of a training step where one is counted, and the
number of operators without a rule."""

RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}

_BUDGET = re.compile(r"\s*(<=|>=|==|<|>)\s*(.*\S)\s*")
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(s|ms|µs|us)", re.ASCII)
_SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6}
_SHARE = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*%\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Budget:
    """An absolute bound on a figure, whatever the figure was before."""

    relation: str  # one of `RELATIONS`
    bound: float  # right of the relation
    written: str  # the text that it was read from

    def holds(self, value: float) -> bool:
        """Return True where `value` is within the budget."""
        return RELATIONS[self.relation](value, self.bound)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The increase of a figure that still passes: a share of the old figure plus a number of units."""

    share: Fraction = Fraction(0)  # of the old figure, exactly
    amount: int = 0  # units
    written: str = ""  # the text that it was read from; empty for no tolerance

    def allowed(self, old: int) -> int:
        """Return the largest figure that passes after `old`."""
        return old + floor(old * self.share) + self.amount

    @property
    def rule(self) -> str:
        """The tolerance in words."""
        return f"at most {self.written} more" if self.written else "no increase"


NO_TOLERANCE = Tolerance()


@dataclass(frozen=True, slots=True)
class Limits:
    """The tolerances and budgets of one target, keyed by figure; those of predicted latency by device."""

    tolerance: Mapping[str, Tolerance] = field(default_factory=dict)
    budget: Mapping[str, Budget] = field(default_factory=dict)
    latency: Mapping[str, Budget] = field(default_factory=dict)  # seconds, on a device or by a file of coefficients

    @property
    def has_budget(self) -> bool:
        """True where the target can be judged without a baseline."""
        return bool(self.budget or self.latency)

    def tolerance_of(self, figure: str) -> Tolerance | None:
        """Return the tolerance of a figure; a share of memory access also applies to its bytes."""
        elements = self.tolerance.get(figure.removesuffix("_bytes"))
        inherited = elements if elements is not None and not elements.amount else None
        return self.tolerance.get(figure, inherited)


def parse_budget(figure: str, written: object) -> Budget:
    """Read `<= 5M` for `params`, `<= 64MB` for `peak_memory_bytes` or `== 0` for `unknown_ops`.

    Raises:
        RequestError: the figure is unknown, or the text is not a budget for it.
    """
    column = _column(figure)
    match = _BUDGET.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        raise RequestError(f"{shortened(written)} is not a budget; expected text like '<= 5M', '< 600M' or '== 0'")
    relation, quantity = match.groups()
    return Budget(relation, _quantity(quantity, column), match.group().strip())


def parse_latency(device: str, written: object) -> Budget:
    """Read `<= 3 ms`, for the latency that is predicted on a device; the bound is in seconds.

    Raises:
        RequestError: the text is not a budget in seconds.
    """
    match = _BUDGET.fullmatch(written) if isinstance(written, str) else None
    duration = _DURATION.fullmatch(match[2]) if match and match[1] != "==" else None
    if match is None or duration is None or not device:
        raise RequestError(
            f"{shortened(written)} is not a budget of latency; expected text like '<= 3 ms' or '< 1.5 s'"
        )
    return Budget(match[1], float(duration[1]) * _SECONDS[duration[2]], match.group().strip())


def parse_tolerance(figure: str, written: object) -> Tolerance:
    """Read a share (`1%`) or a number of units (`10k`).

    Raises:
        RequestError: the figure is unknown, or the text is not a tolerance.
    """
    column = _column(figure)
    expected = "a share like '1%' or an amount like '10k'"
    if not isinstance(written, str):
        raise RequestError(f"{shortened(written)} is not a tolerance; expected text: {expected}")
    share = _SHARE.fullmatch(written)
    if share is not None:
        return Tolerance(share=Fraction(share[1]) / 100, written=written.strip())
    amount = _quantity(written, column)
    if not isinstance(amount, int):
        raise RequestError(f"{written!r} is not a whole amount; expected {expected}")
    return Tolerance(amount=amount, written=written.strip())


def _column(figure: str) -> Column:
    if figure in FIGURES:
        return FIGURES[figure]
    one_of = f"; expected one of {', '.join(FIGURES)}"
    if figure in METRICS:
        raise RequestError(f"{figure!r} is a ratio of two metrics and cannot be limited{one_of}")
    raise RequestError(f"unknown metric {figure!r}{suggestion(figure, FIGURES) or one_of}")


def _quantity(written: str, column: Column) -> float:
    """Parse a number; bytes only where the figure is in bytes."""
    value = parse_quantity(written)
    if "B" in written and column.unit != "bytes":
        raise RequestError(f"{written!r} is in bytes, but {column.name} is not; leave out the B")
    return value
