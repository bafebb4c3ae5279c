"""A report as JSON."""

from __future__ import annotations

from netcost._version import __version__
from netcost.formats import json_text
from netcost.regression import Report


def render(report: Report) -> str:
    """The report under stable keys, all targets and all figures of them."""
    return json_text.render({"schema": 1, "netcost": __version__, **report.to_dict()})
