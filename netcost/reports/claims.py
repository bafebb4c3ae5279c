"""What articles and papers claim, recomputed."""

from __future__ import annotations

from netcost.claims import review
from netcost.claims.sections import ShownReview
from netcost.reports.document import Report
from netcost.reports.pages import claims_page
from netcost.text.formats import result_text

FILES = {"md": "markdown", "json": "json", "csv": "csv"}


def claims_report(name: str, *, errata: bool = False) -> Report:
    """Every claim with its sum, or every erratum; the Markdown is that of `netcost claims`."""
    found = review(errata=errata)
    command = f"netcost claims{' --errata' if errata else ''} --format"
    shown = ShownReview(found, made_by=f"{command} markdown")
    files = {ending: result_text(shown, format_name) for ending, format_name in FILES.items()}
    return Report(name, claims_page(found, f"{command} html"), files)
