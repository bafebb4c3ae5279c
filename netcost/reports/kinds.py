"""A comparison that was saved as JSON."""

from __future__ import annotations

from pathlib import Path

from netcost.comparison.batches import Sweep
from netcost.comparison.saved import load_comparison
from netcost.reports.charts.compare import AGAINST_LATENCY
from netcost.reports.document import Report, as_csv
from netcost.reports.pages import compare_page, sweep_page

PATTERN = "compare-*.json"


def compare_report(path: Path) -> Report:
    """What `netcost compare --format json -o PATH` wrote.

    Raises:
        RequestError: it is damaged, or no such file.
    """
    found = load_comparison(path)
    comparison = found.comparison if isinstance(found, Sweep) else found
    command = "; ".join(dict.fromkeys(run.command for run in comparison.runs if run.command))
    page = sweep_page(found, command) if isinstance(found, Sweep) else compare_page(found, command)
    shown = tuple(f"{metric.replace('_', '-')}-against-latency" for metric in AGAINST_LATENCY)
    return Report(path.stem, page, as_csv(found.records(), path.stem), shown, is_measured=True)
