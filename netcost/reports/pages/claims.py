"""The page of published claims: each with its verdict, its figures beside the published ones, and its sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from netcost.claims import Review
from netcost.claims import sections as report
from netcost.claims.review import Reviewed
from netcost.claims.sections import ShownReview
from netcost.reports.charts import claims as charts
from netcost.reports.pages.page import Page, PageSection, illustrated, page_of
from netcost.text.tables import Section
from netcost.timing.environment import versions

TOPIC_LEVEL = 2
"""Level of the heading of a topic; those of its claims are below it."""

FEW = 3
"""Most claims that are shown unfolded."""


def claims_page(review: Review, made_by: str = "") -> Page:
    """Return a folded part per topic, with an overview whose rows lead to the claims below it, and a search."""
    first, *topics = report.sections(review)
    drawn = charts.result_of(review.results)
    figures = () if drawn is None else (charts.stacks(drawn),)
    is_long = len(review.results) > FEW
    shown = [*([PageSection("To scale", figures=figures)] if figures else []), *_folded(review, topics, is_long)]
    how_to_read = PageSection("How to read this", first.paragraphs[1:], first.tables)
    lead = report.summary(review) if drawn is None else f"{report.summary(review)} {_headline(drawn)}"
    return Page(first.title, lead, (*shown, how_to_read), made_by, versions(), has_search=is_long)


page_of.register(ShownReview, lambda shown: claims_page(shown.review, shown.made_by))


def _headline(drawn: Reviewed) -> str:
    """Say what is claimed by the claim that is drawn, and its verdict."""
    claim = drawn.claim.says.rstrip(".")
    return f"The best known, “{claim}”, {drawn.finding.verdict}."


def _folded(review: Review, topics: list[Section], is_long: bool) -> Iterator[PageSection]:
    """Yield the topics folded, with the number of claims and of each verdict in their headings."""
    verdicts: dict[str, Counter[str]] = {}
    for result in review.results:
        verdicts.setdefault(str(result.claim.topic).capitalize(), Counter())[str(result.finding.verdict)] += 1
    for section in topics:
        part = illustrated(section)
        if section.level == TOPIC_LEVEL and is_long:
            counted = ", ".join(f"{verdict} {number}" for verdict, number in verdicts[section.title].items())
            part = replace(part, title=f"{section.title}: {counted}", folded=True)
        yield part
