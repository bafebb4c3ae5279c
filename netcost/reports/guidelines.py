"""A run of the guidelines, or of whole networks, that was saved as JSON."""

from __future__ import annotations

from pathlib import Path

from netcost.guidelines.networks.overview import records as networks_records
from netcost.guidelines.records import records
from netcost.guidelines.saved import load
from netcost.reports.document import Report
from netcost.reports.pages import guidelines_page
from netcost.text.formats import result_text

PATTERN = "guidelines-*.json"

NETWORKS = "networks.csv"
"""What follows the name of the rows of whole networks, which have other columns than those of the variants."""

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
"""Which charts stand for the many: what two counts know of latency, Figure 2, and each guideline
at one set of widths, aligned where there is one."""


def guidelines_report(path: Path) -> Report:
    """What `netcost guidelines --format json -o PATH` wrote.

    Raises:
        RequestError: it is damaged, or no such file.
    """
    found = load(str(path)).findings
    page = guidelines_page(found, found.command)
    variants = {"csv": result_text(records(found), "csv")} if found.guidelines else {}
    networks = {} if found.networks is None else {NETWORKS: result_text(networks_records(found.networks), "csv")}
    return Report(path.stem, page, {**variants, **networks}, SHOWN, is_measured=True)
