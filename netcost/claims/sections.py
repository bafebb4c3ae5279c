"""Claims as a report that is handed out: how to read it, and topic by topic each claim with its sums."""

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
    ClaimVerdict.NOT_STATED: "the source gives layers and no figure, and ours is the first",
    ClaimVerdict.NOT_MEASURED: "it is about speed, and nothing was timed here",
    ClaimVerdict.CANNOT_TELL: "it was timed, and the intervals do not decide",
    ClaimVerdict.NOT_A_COST: "no layer decides it",
}


MEANING = Column("meaning", "What it means")


HOW_TO_READ = (
    "Each was recomputed from layers that are built and counted, and its verdict follows from the figures alone. Below "
    "each topic stand its claims with what was computed beside what was published, the sum term by term, and the "
    "source."
)


@dataclass(frozen=True, slots=True)
class ShownReview:
    """The result of `netcost claims`: what is handed out has the sums, a terminal has them on request.

    Args:
        with_sums: also in a terminal; a claim that stands alone has them anyway.
        made_by: the command that makes it again.
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
    """How to read it, an overview a topic, and below each topic the figures and sums of its claims.

    Args:
        made_by: the command that makes it again.
    """
    *topics, tally = review.overview()
    made = [f"Made by {made_by} with {' and '.join(versions())}."] if made_by else []
    first = Section(title(review), (summary(review), HOW_TO_READ, *made), (_explained(tally),), level=1)
    return [first, *(part for topic in topics for part in _topic(review, topic.title, replace(topic, title="")))]


def title(review: Review) -> str:
    """What the report is called."""
    return "Figures in papers, recomputed" if _are_errata(review) else "Published claims, recomputed"


def summary(review: Review) -> str:
    """How many claims there are, and how many came to each verdict, in a sentence."""
    verdicts = [result.finding.verdict for result in review.results]
    told = ", ".join(f"{each} {units.exact(verdicts.count(each))}" for each in ClaimVerdict if each in verdicts)
    noun = "figure" if _are_errata(review) else "claim"
    return f"{units.exact(len(verdicts))} {noun}{'s' if len(verdicts) > 1 else ''}: {told}."


def _are_errata(review: Review) -> bool:
    return all(result.claim.id in ERRATA for result in review.results)


def _explained(tally: Table) -> Table:
    """The tally with the meaning of each verdict."""
    rows = tuple((*row, MEANINGS[ClaimVerdict(row[0])]) for row in tally.rows)
    return replace(tally, columns=(*tally.columns, MEANING), rows=rows)


def _topic(review: Review, name: str, overview: Table) -> Iterable[Section]:
    """A topic with its overview, and a section below it for each of its claims."""
    yield Section(name.capitalize(), (), (overview,))
    yield from (_claim(result) for result in review.results if result.claim.topic == name)


def _claim(result: Reviewed) -> Section:
    return Section(result.claim.id, (result.claim.says, result.verdict), tuple(arithmetic(result)), level=3)
