"""The page of the evidence: the answer, the picture, and the tables."""

from __future__ import annotations

from netcost.prediction.evidence import Evidence
from netcost.reports.charts import evidence as charts
from netcost.reports.pages.page import Page, PageSection, illustrated, page_of
from netcost.text.version import __version__


@page_of.register
def evidence_page(evidence: Evidence, made_by: str = "") -> Page:
    """Return both errors of every setting as a picture, the kinds of settings, the map, the pairs, and every figure."""
    first, *others = evidence.sections()
    sections = (
        PageSection("By kind", first.paragraphs[1:], first.tables, figures=(charts.errors(evidence),)),
        *(illustrated(section) for section in others),
        PageSection("Every figure", tables=(evidence.records(),), folded=True),
    )
    return Page(first.title, first.paragraphs[0], sections, made_by, (f"netcost {__version__}",), has_contents=True)
