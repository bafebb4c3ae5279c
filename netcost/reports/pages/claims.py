"""The page of published claims: each with its verdict, its figures beside the published ones, and its sum."""

from __future__ import annotations

from dataclasses import replace

from netcost.claims import Review
from netcost.claims import sections as report
from netcost.claims.sections import ShownReview
from netcost.reports.pages.page import Page, illustrated, page_of
from netcost.timing.environment import versions


def claims_page(review: Review, made_by: str = "") -> Page:
    """Return a part per topic, each with an overview whose rows lead to the claims below it."""
    first, *topics = map(illustrated, report.sections(review))
    how_to_read = replace(first, title="How to read this", paragraphs=first.paragraphs[1:], level=2)
    return Page(first.title, report.summary(review), (how_to_read, *topics), made_by, versions(), has_contents=True)


page_of.register(ShownReview, lambda shown: claims_page(shown.review, shown.made_by))
