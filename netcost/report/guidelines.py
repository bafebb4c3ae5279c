"""A run of the guidelines, or of whole networks, that was saved as JSON."""

from __future__ import annotations

from pathlib import Path

from netcost.guidelines.saved import load
from netcost.pages import guidelines_page
from netcost.report.document import Report

PATTERN = "guidelines-*.json"

SHOWN = (
    "networks-predicted",
    "networks-mult-adds",
    "networks-memory-access",
    "by-kind-shufflenet-v1-g3-x1-0",
    "by-kind-mobilenet-v2",
    "g1-aligned-x1",
    "g2-aligned-x1",
    "g3-aligned-x1",
    "g4-paper-x1",
)
"""Which charts stand for the many: what two counts know of latency, Figure 2, and the widths that fill vector
registers."""


def guidelines_report(path: Path) -> Report:
    """What `netcost guidelines --format json -o PATH` wrote.

    Raises:
        RequestError: it is damaged, or no such file.
    """
    found = load(str(path)).findings
    page = guidelines_page(found, found.command)
    return Report(path.stem, page, {"json": path.read_text(encoding="utf-8")}, SHOWN)
