"""A comparison that was saved as JSON."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from netcost.comparison.batches import Sweep
from netcost.comparison.saved import load_comparison
from netcost.reports.charts.compare import AGAINST_LATENCY
from netcost.reports.document import Report
from netcost.reports.pages import page_of
from netcost.text.formats import result_text

PATTERN = "compare-*.json"


def compare_report(path: Path) -> Report:
    """What `netcost compare --format json -o PATH` wrote.

    Raises:
        RequestError: it is damaged, or no such file.
    """
    found = load_comparison(path)
    comparison = found.comparison if isinstance(found, Sweep) else found
    command = "; ".join(dict.fromkeys(run.command for run in comparison.runs if run.command))
    page = replace(page_of(found), made_by=command)
    shown = tuple(f"{metric.replace('_', '-')}-against-latency" for metric in AGAINST_LATENCY)
    return Report(path.stem, page, {"csv": result_text(found, "csv")}, shown, is_measured=True)
