"""What articles and papers claim, recomputed."""

from __future__ import annotations

from netcost.claims import review
from netcost.claims import sections as report
from netcost.reports.document import Report, as_csv, as_json
from netcost.reports.pages import claims_page
from netcost.text.formats import sections


def claims_report(name: str, *, errata: bool = False) -> Report:
    """Every claim with its sum, or every erratum; the Markdown is that of `netcost claims`."""
    found = review(errata=errata)
    command = f"netcost claims{' --errata' if errata else ''} --format"
    text = sections.as_markdown(report.sections(found, f"{command} markdown"))
    files = {"md": text, **as_json(found.to_dict()), **as_csv(found.records(), name)}
    return Report(name, claims_page(found, f"{command} html"), files)
