"""Results as pages, a function per command: charts, tables and words.

`page_of` finds the page of any result by its type.
"""

from netcost.reports.pages.choose import choice_page
from netcost.reports.pages.claims import claims_page
from netcost.reports.pages.compare import compare_page, sweep_page
from netcost.reports.pages.evidence import evidence_page
from netcost.reports.pages.guidelines import guidelines_page
from netcost.reports.pages.lint import findings_section
from netcost.reports.pages.page import Page, PageSection, page_of
from netcost.reports.pages.predict import predictions_page
from netcost.reports.pages.profile import profile_page
from netcost.reports.pages.search import search_page
from netcost.reports.pages.show import show_page
from netcost.reports.pages.zoo import zoo_page

__all__ = [
    "Page",
    "PageSection",
    "choice_page",
    "claims_page",
    "compare_page",
    "evidence_page",
    "findings_section",
    "guidelines_page",
    "page_of",
    "predictions_page",
    "profile_page",
    "search_page",
    "show_page",
    "sweep_page",
    "zoo_page",
]
