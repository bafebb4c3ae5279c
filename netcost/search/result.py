"""The result of a search: the candidates within the budgets, their Pareto front, and what was measured of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from netcost.comparison import Comparison
from netcost.prediction.predicting import coefficients, source_note
from netcost.search.finalists import Finalists
from netcost.search.journal import SCHEMA, SearchRow
from netcost.search.objectives import (
    NAMES,
    Objective,
    SearchBudget,
    bound_text,
    column_of,
    front_of,
    latency_names,
    value_of,
)
from netcost.search.spaces import Space
from netcost.text import units
from netcost.text.documents import shown
from netcost.text.errors import RequestError
from netcost.text.registry import without_folders
from netcost.text.tables import Column, Table, table_of
from netcost.text.units import AtLeast
from netcost.text.version import __version__

SHOWN = ("params", "mult_adds", "memory_access")
"""Metrics of the table that are there unless two objectives or budgets name others."""

NEAREST = 3
"""Candidates that are named where none is within the budgets."""


@dataclass(frozen=True)
class SearchResult:
    """The result of `netcost search`.

    Args:
        space: that was searched.
        rows: candidates that were counted, in the order in which they were proposed.
        objectives: to be made small or large together.
        budgets: limits on every candidate.
        on: devices whose latency is predicted.
        top: most candidates in the table.
        strategy: how the candidates were chosen, in words.
        path: file of the rows; None where there is none.
        measured: the finalists, timed here; None where nothing was timed.
    """

    space: Space
    rows: tuple[SearchRow, ...]
    objectives: tuple[Objective, ...] = ()
    budgets: tuple[SearchBudget, ...] = ()
    on: tuple[str, ...] = ()
    top: int = 20
    strategy: str = ""
    path: Path | None = None
    measured: Comparison | None = None

    def value(self, row: SearchRow, name: str) -> float | None:
        """Return a figure of a candidate; None where it is missing or incomplete."""
        return value_of(row, name, self.on)

    def signed(self, row: SearchRow) -> list[float | None]:
        """Return the value of each objective so that less is better."""
        values = [(one, self.value(row, one.name)) for one in self.objectives]
        return [None if value is None else one.signed(value) for one, value in values]

    def excesses(self, row: SearchRow) -> list[float]:
        """Return how far a candidate is beyond each budget, as a share of the bound."""
        return [one.excess(self.value(row, one.name)) for one in self.budgets]

    @cached_property
    def failed(self) -> tuple[SearchRow, ...]:
        """Candidates that could not be counted."""
        return tuple(row for row in self.rows if row.error is not None)

    @cached_property
    def counted(self) -> tuple[SearchRow, ...]:
        """Candidates that were counted."""
        return tuple(row for row in self.rows if row.error is None)

    @cached_property
    def within(self) -> tuple[SearchRow, ...]:
        """Counted candidates within all budgets, in their order."""
        return tuple(row for row in self.counted if not any(self.excesses(row)))

    @cached_property
    def front(self) -> tuple[SearchRow, ...]:
        """The Pareto front of the candidates within the budgets, the best in the first objective first."""
        return tuple(front_of(self.within, self.signed)) if self.objectives else ()

    @cached_property
    def unknown_ops(self) -> dict[str, int]:
        """Operators without a counting rule, and the candidates that have each."""
        return dict(Counter(name for row in self.counted for name in row.unknown_ops))

    @property
    def best(self) -> SearchRow | None:
        """The first of the front, or of the candidates within the budgets where there is no objective."""
        return next(iter(self.front or self.within), None)

    @property
    def title(self) -> str:
        """The objectives and the space, in words."""
        of = ", ".join(map(without_folders, self.space.text))
        if not self.objectives:
            return f"Candidates of {of}"
        return f"Pareto front of {of}: {', '.join(one.words for one in self.objectives)}"

    @property
    def finalists(self) -> Finalists:
        """The measured times of the finalists."""
        return Finalists(self.measured)

    def require_candidates(self) -> SearchResult:
        """Return itself.

        Raises:
            RequestError: nothing could be counted, or no candidate is within the budgets; the nearest are named.
        """
        if not self.counted:
            first = self.failed[0]
            number = units.exact(len(self.rows))
            raise RequestError(f"none of {number} candidates could be counted; {first.candidate.label}: {first.error}")
        if self.within:
            return self
        kept = self._left_alone()
        raise RequestError(
            f"no candidate of {units.exact(len(self.counted))} is within all budgets; nearest: "
            f"{'; '.join(self._nearest())}{f'; alone, {kept}' if len(self.budgets) > 1 else ''}; loosen one"
        )

    def _nearest(self) -> Iterator[str]:
        """Yield the candidates nearest to the budgets, with the figures that are beyond them."""
        nearest = sorted(self.counted, key=lambda row: (max(self.excesses(row)), row.candidate.label))
        for row in nearest[:NEAREST]:
            beyond = [
                bound_text(one, self.column(one.name), self.value(row, one.name))
                for one in self.budgets
                if one.excess(self.value(row, one.name))
            ]
            yield f"{row.candidate.label} with {', '.join(beyond)}"

    def _left_alone(self) -> str:
        """Say how many candidates each budget leaves by itself."""
        left = {
            one.written: sum(not one.excess(self.value(row, one.name)) for row in self.counted) for one in self.budgets
        }
        return ", ".join(f"{written} leaves {units.exact(number)}" for written, number in left.items())

    def column(self, name: str) -> Column:
        """Return heading and unit of a metric, with its value for a row of this result."""
        found = column_of(name, self.on)
        return Column(found.name, found.heading, found.unit, of=lambda row: self._cell(row, name))

    def _cell(self, row: SearchRow, name: str) -> Any:
        """Return a figure as a cell: that of unknown operators is a lower bound."""
        value = self.value(row, name)
        known = row.figures.get(name)
        return AtLeast(known) if value is None and known is not None else value

    def shown_names(self) -> list[str]:
        """Return the metrics of the table: objectives, budgets and predictions, then others that fit."""
        named = [*(one.name for one in self.objectives), *(one.name for one in self.budgets)]
        others = SHOWN if len(dict.fromkeys(named)) < len(SHOWN) else ()
        return list(dict.fromkeys([*named, *others, *latency_names(self.on)]))

    def label(self, row: SearchRow) -> str:
        """Return a candidate on one line, without the name of a target that all have."""
        label = row.candidate.label
        return label.partition(" ")[2] if len(self.space.targets) == 1 else label

    def tables(self) -> tuple[Table, ...]:
        """Return the front, or the candidates where there is no objective, and notes on what it rests on."""
        columns = [Column("candidate", "Candidate", of=self.label), *map(self.column, self.shown_names())]
        if self.measured is not None:
            columns += self.finalists.columns(lambda row: row.candidate.label)
        return (table_of(columns, (self.front or self.within)[: self.top], self.title, list(self.notes())),)

    def records(self) -> Table:
        """Return a row per candidate: its values, every metric, and its error."""
        front, within = ({row.candidate for row in some} for some in (self.front, self.within))
        names = dict.fromkeys(name for target in self.space.targets for name, _ in target[1])
        chosen = dict.fromkeys([*names, *self.space.choices])
        finalists = self.finalists
        columns = (
            Column("target", "", of=lambda row: row.candidate.target),
            *(Column(name, "", "ratio" if self._is_number(name) else "text", of=_chosen(name)) for name in chosen),
            *(Column(name, "", found.unit, of=_figure(name)) for name, found in NAMES.items() if name != "unknown_ops"),
            Column("unknown_ops", "", of=lambda row: " ".join(row.unknown_ops) or None),
            *(Column(_plain(name), "", "seconds", of=self._figure(name)) for name in latency_names(self.on)),
            Column("within_budgets", "", of=lambda row: _word(row.candidate in within, row)),
            Column("on_front", "", of=lambda row: _word(row.candidate in front, row)),
            Column("measured_latency_s", "", "seconds", of=lambda row: finalists.seconds(row.candidate.label)),
            Column("error", "", of=lambda row: row.error),
        )
        return table_of(columns, self.rows)

    def _figure(self, name: str) -> Any:
        return lambda row: self.value(row, name)

    def _is_number(self, name: str) -> bool:
        return all(type(value) in (int, float) for value in self.space.choices.get(name, ("",)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: what was asked for, each candidate with its figures, and what was measured."""
        front, within = ({row.candidate for row in some} for some in (self.front, self.within))
        flags = [{"within_budgets": row.candidate in within, "on_front": row.candidate in front} for row in self.rows]
        return {
            "schema": SCHEMA,
            "netcost": __version__,
            **self.space.to_dict(),
            "strategy": self.strategy,
            "objectives": [{"name": one.name, "larger_is_better": one.is_larger_better} for one in self.objectives],
            "budgets": [one.written for one in self.budgets],
            "on": [coefficients(name).to_dict() for name in self.on],
            "front": [row.compare for row in self.front],
            "rows": [{**row.to_dict(), **flag} for row, flag in zip(self.rows, flags, strict=True)],
            "measured": None if self.measured is None else self.measured.to_dict(),
        }

    def notes(self) -> Iterator[str]:
        """Yield the notes under the table."""
        written = " and ".join(one.written for one in self.budgets)
        counted = f"{units.exact(len(self.counted))} of {units.exact(len(self.space))} candidates counted"
        yield f"{counted} ({self.strategy}){f'; {units.exact(len(self.within))} within {written}' if written else ''}."
        if self.objectives:
            yield from self._front_notes()
        if len(listed := self.front or self.within) > self.top:
            yield f"{units.exact(len(listed) - self.top)} more are left out; see --top."
        yield from self._gaps()
        if self.best is not None and self.best.compare:
            yield f"The first, ready to be compared: netcost compare {self.best.compare}"
        if self.measured is not None:
            yield from self.measured.notes()
        for name in self.on:
            yield source_note(coefficients(name))
        if self.path is not None:
            yield f"Every candidate is a line of {shown(self.path)}; the same command goes on from there."

    def _front_notes(self) -> Iterator[str]:
        values = {tuple(self.signed(row)) for row in self.front}
        equal = sum(tuple(self.signed(row)) in values for row in self.within) - len(self.front)
        yield (
            f"No candidate is at least as good as one of the {units.exact(len(self.front))} on the front in every "
            f"objective and better in one{f'; {units.exact(equal)} others equal one of them' if equal else ''}."
        )

    def _gaps(self) -> Iterator[str]:
        """Yield the notes on what could not be counted, predicted or ranked."""
        if self.failed:
            first = self.failed[0]
            yield (
                f"{units.exact(len(self.failed))} candidates could not be counted; "
                f"{first.candidate.label}: {first.error}."
            )
        if self.unknown_ops:
            listed = ", ".join(f"{name} ({number})" for name, number in self.unknown_ops.items())
            yield f"No rule counts {listed}, with the number of candidates: their totals are marked ≥ and not ranked."
        for name, device in latency_names(self.on).items():
            refused = [row for row in self.counted if self.value(row, name) is None]
            if refused:
                reason = "; ".join(refused[0].predicted[device]["reasons"])
                yield (
                    f"Nothing can be predicted of {units.exact(len(refused))} candidates on {device}; "
                    f"{refused[0].candidate.label}: {reason}."
                )


def _chosen(name: str) -> Any:
    return lambda row: _simple(row.candidate.values.get(name))


def _simple(value: Any) -> Any:
    """Return a chosen value as a cell: numbers and text as they are."""
    return value if value is None or type(value) in (int, float, str) else repr(value)


def _figure(name: str) -> Any:
    return lambda row: row.figures.get(name)


def _plain(name: str) -> str:
    """Name the column of a predicted latency: "predicted_latency_s", or one per device."""
    _, _, device = name.partition(":")
    return f"predicted_latency_s_{device}" if device else "predicted_latency_s"


def _word(holds: bool, row: SearchRow) -> str | None:
    return None if row.error is not None else "yes" if holds else "no"
