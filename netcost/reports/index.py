"""The page that leads to all reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from netcost.reports.document import Report
from netcost.reports.markdown import made, picture
from netcost.text.formats.markdown import escaped, link

NAME = "README.md"

LABELS = {"md": "Markdown", "html": "page with charts", "csv": "CSV", "networks.csv": "CSV of networks", "json": "JSON"}
"""The formats that the index offers, by the endings of their files."""

BEGINNING = "# Reports\n\nFigures that netcost counted, timed and judged."
"""The beginning by which a page is known as ours, and may be replaced."""

LEAD = (
    "`netcost report -o DIR` makes all of it again: it counts anew, and takes times from the measurements beside the "
    "pages (`compare-*.json`, `guidelines-*.json`), which hold every raw time. Times are those of the machine that is "
    "named with them."
)


def index(reports: Sequence[Report], others: Mapping[str, str]) -> str:
    """Return Markdown with a part per report: its lead, pictures, files, and the command that made it.

    Args:
        reports: in the order in which they are shown.
        others: title of each further file of the folder, by its name.
    """
    parts = [BEGINNING, LEAD, *(part for report in reports for part in _part(report))]
    if others:
        listed = "\n".join(f"- [{escaped(title)}]({link(name)})" for name, title in others.items())
        parts += ["## Also here", listed]
    return "\n\n".join(parts) + "\n"


def _part(report: Report) -> Iterable[str]:
    page = report.page
    yield f"## {escaped(page.title)}"
    if page.lead:
        yield escaped(page.lead)
    for figure in page.figures:
        if figure.name in report.shown:
            yield picture(figure, report.picture(figure))
    offered = [ending for ending in LABELS if ending in report.endings]
    yield " · ".join(f"[{LABELS[ending]}]({link(f'{report.name}.{ending}')})" for ending in offered)
    yield made(page)
