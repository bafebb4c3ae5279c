"""Writes the report on claims: an introduction, and topic by topic each claim with its sums."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from netcost.claims.claim import ERRATA, ClaimVerdict
from netcost.claims.review import Review, Reviewed, arithmetic
from netcost.text import units
from netcost.text.tables import Column, Section, Table
from netcost.timing.environment import versions

MEANINGS = {
    ClaimVerdict.HOLDS: "every figure agrees, to the digits that were published",
    ClaimVerdict.PARTLY: "some figures agree and some do not",
    ClaimVerdict.FAILS: "no figure agrees",
    ClaimVerdict.NOT_STATED: "the source gives layers but no figure; ours is the first",
    ClaimVerdict.NOT_MEASURED: "it is about speed, and nothing was timed here",
    ClaimVerdict.CANNOT_TELL: "it was timed, and the intervals do not decide",
    ClaimVerdict.NOT_A_COST: "no layer decides it",
}

HOW_TO_READ = (
    "Each was recomputed from layers that are built and counted, and its verdict follows from the figures alone. Each "
    "topic lists its claims with the computed figures beside the published ones, the sum term by term, and the source."
)


@dataclass(frozen=True, slots=True)
class ShownReview:
    """The result of `netcost claims`: a written report always has the sums, a terminal shows them on request.

    Args:
        with_sums: shows the sums in a terminal too; a single claim always has them.
        made_by: the command that makes the report again.
    """

    review: Review
    with_sums: bool = False
    made_by: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the object of `claims --format json`."""
        return self.review.to_dict()

    def records(self) -> Table:
        """Return a row per check."""
        return self.review.records()

    def tables(self) -> list[Table]:
        """Return the claims topic by topic, or their sums."""
        return self.review.sums() if self.with_sums or len(self.review.results) == 1 else self.review.overview()

    def sections(self) -> list[Section]:
        """Return the report with everything."""
        return sections(self.review, self.made_by)


def sections(review: Review, made_by: str = "") -> list[Section]:
    """Return an introduction, an overview per topic, and below each topic the figures and sums of its claims.

    Args:
        made_by: the command that makes it again.
    """
    *topics, tally = review.overview()
    made = [f"Made by {made_by} with {' and '.join(versions())}."] if made_by else []
    first = Section(title(review), (summary(review), HOW_TO_READ, *made), (_explained(tally),), level=1)
    return [first, *(part for topic in topics for part in _topic(review, topic.title, replace(topic, title="")))]


def title(review: Review) -> str:
    """Return the title of the report."""
    return "Figures in papers, recomputed" if _are_errata(review) else "Published claims, recomputed"


def summary(review: Review) -> str:
    """Return the number of claims, and the number with each verdict, in a sentence."""
    verdicts = [result.finding.verdict for result in review.results]
    counts = {verdict: units.exact(verdicts.count(verdict)) for verdict in ClaimVerdict if verdict in verdicts}
    noun = "figure" if _are_errata(review) else "claim"
    listed = ", ".join(f"{verdict} {count}" for verdict, count in counts.items())
    return f"{units.exact(len(verdicts))} {noun}{'s' if len(verdicts) > 1 else ''}: {listed}."


def _are_errata(review: Review) -> bool:
    return all(result.claim.id in ERRATA for result in review.results)


def _explained(tally: Table) -> Table:
    """Return the tally with the meaning of each verdict."""
    rows = tuple((*row, MEANINGS[ClaimVerdict(row[0])]) for row in tally.rows)
    return replace(tally, columns=(*tally.columns, Column("meaning", "What it means")), rows=rows)


def _topic(review: Review, name: str, overview: Table) -> Iterable[Section]:
    """Give a topic with its overview, and below it a section per claim."""
    yield Section(name.capitalize(), (), (overview,))
    yield from (_claim(result) for result in review.results if result.claim.topic == name)


def _claim(result: Reviewed) -> Section:
    return Section(result.claim.id, (result.claim.says, result.verdict), tuple(arithmetic(result)), level=3)
