"""Recount of the zoo beside its published figures: a difference needs a stated reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from netcost.counting.analysis import analyze
from netcost.counting.figures import Figures
from netcost.text.tables import Column, Table, table_of
from netcost.zoo.catalogue import entry, matching

TOLERANCE = 0.02
"""Share by which a printed figure, which is rounded, may differ from the sum over the layers."""

FIGURES = ("params", "mult_adds")


class RecountStatus(StrEnum):
    """Result of a recount against the published figures."""

    AGREES = "agrees"
    UNPUBLISHED = "nothing published"
    EXPLAINED = "differs, explained"
    DISAGREES = "DISAGREES"


@dataclass(frozen=True, slots=True)
class Recount:
    """One architecture: its published figures, and the sums over its layers.

    Args:
        published: each figure as printed; None if none was.
        computed: each figure as counted here.
        why: the stated reason for a difference.
    """

    name: str
    published: dict[str, float | None]
    computed: dict[str, int]
    why: str

    def difference(self, figure: str) -> float | None:
        """Return (computed - published) / published; None if nothing was published."""
        printed = self.published[figure]
        return None if printed is None else self.computed[figure] / printed - 1

    @property
    def agreement(self) -> RecountStatus:
        """Agreement of all figures together."""
        differences = [difference for difference in map(self.difference, FIGURES) if difference is not None]
        if not differences:
            return RecountStatus.UNPUBLISHED
        if all(abs(difference) <= TOLERANCE for difference in differences):
            return RecountStatus.AGREES
        return RecountStatus.EXPLAINED if self.why else RecountStatus.DISAGREES


def recount(pattern: str = "*", progress: Callable[[float, str], None] | None = None) -> list[Recount]:
    """Count every architecture whose name matches a shell pattern.

    Raises:
        RequestError: no name matches.
    """
    names = matching(pattern)
    recounts = []
    for index, name in enumerate(names):
        if progress is not None:
            progress(index / len(names), f"counting {name}")
        recounts.append(beside_published(name, analyze(name).figures))
    return recounts


def beside_published(name: str, counted: Figures) -> Recount:
    """Compare the figures of an architecture with its published ones."""
    figures = entry(name).published
    printed = {figure: getattr(figures, figure) for figure in FIGURES}
    return Recount(name, printed, {figure: counted.values[figure] for figure in FIGURES}, figures.why)


def recount_table(recounts: list[Recount], why: bool = False) -> Table:
    """Make a row per architecture: published beside computed."""
    columns = (
        Column("name", "Name"),
        *_beside("params", "Params"),
        *_beside("mult_adds", "Mult-adds"),
        Column("agreement", "Agreement", of=lambda recount: str(recount.agreement)),
        Column("why", "Why", of=lambda recount: recount.why or None),
    )
    return table_of(columns if why else columns[:-1], recounts)


def _beside(figure: str, heading: str) -> tuple[Column, ...]:
    """Make the columns of one figure: as published, as computed, and the difference."""
    return (
        Column(f"{figure}_published", f"{heading}, published", "count", of=lambda recount: recount.published[figure]),
        Column(f"{figure}_computed", "computed", "count", of=lambda recount: recount.computed[figure]),
        Column(f"{figure}_difference", "difference", "percent", of=lambda recount: recount.difference(figure)),
    )
