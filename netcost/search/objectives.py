"""Objectives and budgets of a search, over every metric and the predicted latency of a device; its Pareto front."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, TypeVar

from netcost.checking.limits import FIGURES, Budget, parse_budget, parse_latency
from netcost.counting.breakdown import NEED_A_RULE
from netcost.search.journal import SearchRow
from netcost.text import units
from netcost.text.errors import RequestError
from netcost.text.metrics import METRICS, NARROW_METRICS
from netcost.text.registry import suggestion
from netcost.text.tables import Column

T = TypeVar("T")

LATENCY = "latency"
"""The predicted latency on the only device, or "latency:rtx4090" on one of several."""

NAMES: dict[str, Column] = {
    **METRICS,
    **NARROW_METRICS,
    "unknown_ops": FIGURES["unknown_ops"],
}
"""Figures of a candidate that an objective or a budget may name."""

_WRITTEN = re.compile(r"\s*([A-Za-z_][\w:./\\-]*?)\s*((?:<=|>=|==|<|>).*)")


def column_of(name: str, on: Sequence[str]) -> Column:
    """Return the heading and unit of a metric, or of the predicted latency.

    Raises:
        RequestError: there is no such metric, or no such device.
    """
    if name in NAMES:
        return NAMES[name]
    latencies = latency_names(on)
    if name in latencies:
        heading = "Predicted latency" if len(latencies) == 1 else f"Predicted latency, {latencies[name]}"
        return Column(name, heading, "seconds")
    if name.partition(":")[0] == LATENCY:
        one_of = f"expected {' or '.join(latencies)}" if latencies else "name a device: --on rtx4090"
        raise RequestError(f"unknown latency {name!r}; {one_of}")
    known = [*NAMES, *(latencies or [LATENCY])]
    near = suggestion(name, known) or f"; expected one of {', '.join(known)}"
    raise RequestError(f"unknown metric {name!r}{near}")


def latency_names(on: Sequence[str]) -> dict[str, str]:
    """Return the device of each predicted latency, by its name."""
    return {LATENCY: on[0]} if len(on) == 1 else {f"{LATENCY}:{device}": device for device in on}


def value_of(row: SearchRow, name: str, on: Sequence[str]) -> float | None:
    """Return a figure of a candidate; None where it is missing, or leaves out the work of unknown operators."""
    if row.error is not None:
        return None
    if name == "unknown_ops":
        return sum(row.unknown_ops.values())
    device = latency_names(on).get(name)
    if device is not None:
        return row.predicted[device]["predicted_latency_s"]  # type: ignore[no-any-return]
    if row.unknown_ops and name in NEED_A_RULE:
        return None
    return row.figures.get(name)


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric to be made as small, or as large, as possible."""

    name: str
    is_larger_better: bool = False

    @property
    def words(self) -> str:
        """The objective in words."""
        return f"{'most' if self.is_larger_better else 'least'} {self.name}"

    def signed(self, value: float) -> float:
        """Return the value so that less is better."""
        return -value if self.is_larger_better else value


@dataclass(frozen=True, slots=True)
class SearchBudget:
    """A limit on one metric of every candidate."""

    name: str
    budget: Budget

    @property
    def written(self) -> str:
        """The budget in words: "mult_adds <= 300M"."""
        return f"{self.name} {self.budget.written}"

    def excess(self, value: float | None) -> float:
        """Return how far a value is beyond the bound, as a share of it; 0 within, infinite for a missing value."""
        if value is None:
            return inf
        if self.budget.holds(value):
            return 0.0
        return abs(value - self.budget.bound) / abs(self.budget.bound) if self.budget.bound else abs(value) or 1.0


def parse_search_budget(written: str, on: Sequence[str]) -> SearchBudget:
    """Read "mult_adds <= 300M", "peak_memory_bytes <= 64MB" or "latency <= 3 ms".

    Raises:
        RequestError: the metric is unknown, or the text is not a budget for it.
    """
    match = _WRITTEN.fullmatch(written)
    if match is None:
        raise RequestError(f"{written!r} is not a budget; expected a metric and its bound, like 'mult_adds <= 300M'")
    name, bound = match.groups()
    column = column_of(name, on)
    if column.unit == "seconds":
        return SearchBudget(name, parse_latency(name, bound))
    if name in FIGURES:
        return SearchBudget(name, parse_budget(name, bound))
    # A quotient of two metrics has no unit, and neither has the number of bit operations: a plain number.
    read = parse_budget("params", bound)
    return SearchBudget(name, read)


def front_of(rows: Iterable[T], values: Callable[[T], Sequence[float | None]]) -> list[T]:
    """Return the rows than which no other is as good in every value and better in one; less is better.

    A row with a missing value takes no part. Of equal rows the first stands for all. The order is that of the values.
    """
    placed: list[tuple[tuple[float, ...], T]] = []
    for row in rows:
        found = tuple(values(row))
        if all(value is not None and isfinite(value) for value in found):
            placed.append((found, row))  # type: ignore[arg-type]
    placed.sort(key=lambda pair: pair[0])
    front: list[tuple[tuple[float, ...], T]] = []
    for found, row in placed:  # what could beat a row stands before it
        if not any(all(own <= other for own, other in zip(kept, found, strict=True)) for kept, _ in front):
            front.append((found, row))
    return [row for _, row in front]


def bound_text(budget: SearchBudget, column: Column, value: Any) -> str:
    """Write a value beside its bound: "mult-adds 412 M (<= 300M)"."""
    return f"{budget.name} {units.text(value, column.unit)} ({budget.budget.written})"
