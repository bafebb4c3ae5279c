"""A report of a check for programs: JSON, and comma-separated values with a row per target, figure and rule."""

from __future__ import annotations

from netcost.checking.regression import Report
from netcost.text.formats import csv_text, json_text
from netcost.text.version import __version__


def render_json(report: Report) -> str:
    """Write the report under stable keys, all targets and all figures of them."""
    return json_text.render({"schema": 1, "netcost": __version__, **report.to_dict()})


def render_csv(report: Report) -> str:
    """Write every figure of every target, changed or not."""
    return csv_text.render(report.rows())
