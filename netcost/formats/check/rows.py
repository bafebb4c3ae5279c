"""A report as comma-separated values: a row a target, figure and rule."""

from __future__ import annotations

from netcost.formats import csv_text
from netcost.regression import Report


def render(report: Report) -> str:
    """Every figure of every target, changed or not."""
    return csv_text.render(report.rows())
