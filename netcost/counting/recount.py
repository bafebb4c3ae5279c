"""The zoo, counted again beside what was published: where they part, a reason must be stated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from netcost.counting.analysis import analyze
from netcost.counting.figures import Figures
from netcost.text.tables import Column, Table, table_of
from netcost.zoo.catalogue import entry, matching

TOLERANCE = 0.02
"""Between a printed figure, which is rounded, and what the layers give."""

FIGURES = ("params", "mult_adds")


class RecountStatus(StrEnum):
    """How a recount stands to the published figures."""

    AGREES = "agrees"
    UNPUBLISHED = "nothing published"
    EXPLAINED = "differs, explained"
    DISAGREES = "DISAGREES"


@dataclass(frozen=True, slots=True)
class Recount:
    """One architecture: what was published, and what its layers give.

    Args:
        name: of the architecture.
        published: each figure as printed; None where none was.
        computed: each figure counted here.
        why: the stated reason for a difference.
    """

    name: str
    published: dict[str, float | None]
    computed: dict[str, int]
    why: str

    def difference(self, figure: str) -> float | None:
        """(computed - published) / published; None where nothing was published."""
        printed = self.published[figure]
        return None if printed is None else self.computed[figure] / printed - 1

    @property
    def agreement(self) -> RecountStatus:
        """Whether every published figure is met, or the difference explained."""
        differences = [each for each in map(self.difference, FIGURES) if each is not None]
        if not differences:
            return RecountStatus.UNPUBLISHED
        if all(abs(each) <= TOLERANCE for each in differences):
            return RecountStatus.AGREES
        return RecountStatus.EXPLAINED if self.why else RecountStatus.DISAGREES


def recount(pattern: str = "*", progress: Callable[[float, str], None] | None = None) -> list[Recount]:
    """Count every architecture whose name matches a shell pattern.

    Raises:
        RequestError: no name matches.
    """
    names = matching(pattern)
    found = []
    for index, name in enumerate(names):
        if progress is not None:
            progress(index / len(names), f"counting {name}")
        found.append(beside_published(name, analyze(name).figures))
    return found


def beside_published(name: str, counted: Figures) -> Recount:
    """What was published of an architecture, beside its figures."""
    figures = entry(name).published
    printed = {figure: getattr(figures, figure) for figure in FIGURES}
    return Recount(name, printed, {figure: counted.values[figure] for figure in FIGURES}, figures.why)


def recount_table(found: list[Recount], why: bool = False) -> Table:
    """A row per architecture: published beside computed."""
    columns = (
        Column("name", "Name"),
        *_beside("params", "Params"),
        *_beside("mult_adds", "Mult-adds"),
        Column("agreement", "Agreement", of=lambda recount: str(recount.agreement)),
        Column("why", "Why", of=lambda recount: recount.why or None),
    )
    return table_of(columns if why else columns[:-1], found)


def _beside(figure: str, heading: str) -> tuple[Column, ...]:
    """One figure as published, as computed, and the difference."""
    return (
        Column(f"{figure}_published", f"{heading}, published", "count", of=lambda recount: recount.published[figure]),
        Column(f"{figure}_computed", "computed", "count", of=lambda recount: recount.computed[figure]),
        Column(f"{figure}_difference", "difference", "percent", of=lambda recount: recount.difference(figure)),
    )
