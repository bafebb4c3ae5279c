"""The page that leads to all reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from netcost.formats.markdown import escaped
from netcost.report.document import Report

NAME = "README.md"

ENDINGS = {"md": "Markdown", "html": "page with charts", "csv": "CSV", "json": "JSON"}
"""What a reader is offered, by what follows the dot."""

LEAD = (
    "Figures that netcost counted, timed and judged. `netcost report -o FOLDER` makes all of it again: counts anew, "
    "what was timed from the measurements that lie beside the pages as JSON (`compare-*.json`, `guidelines-*.json`), "
    "each with every raw time. What was timed holds for the machine that is named with it."
)


def index(reports: Sequence[Report], others: Mapping[str, str]) -> str:
    """Markdown with a part a report: what it says, its pictures, its files, and what made it.

    Args:
        reports: in the order in which they are shown.
        others: title of each further file of the folder, by its name.
    """
    parts = ["# Reports", LEAD, *(part for report in reports for part in _part(report))]
    if others:
        listed = "\n".join(f"- [{escaped(title)}]({name})" for name, title in others.items())
        parts += ["## Also here", listed]
    return "\n\n".join(parts) + "\n"


def _part(report: Report) -> Iterable[str]:
    page = report.page
    yield f"## {escaped(page.title)}"
    if page.lead:
        yield escaped(page.lead)
    for figure in report.figures:
        if figure.name in report.shown:
            yield f"![{escaped(figure.description)}]({report.picture(figure)})"
    offered = [ending for ending in ENDINGS if ending in {"md", "html", *report.files}]
    yield " · ".join(f"[{ENDINGS[ending]}]({report.name}.{ending})" for ending in offered)
    made_by = [f"Made by `{page.made_by}`"] if page.made_by else []
    yield " with ".join([*made_by, escaped(", ".join(page.made_with))]) + "."
