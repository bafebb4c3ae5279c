"""One function per kind of report, each of which makes a `Report`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from netcost.claims import review
from netcost.claims.sections import ShownReview
from netcost.comparison.batches import Sweep
from netcost.comparison.running import compare
from netcost.comparison.saved import load_comparison
from netcost.guidelines.networks.overview import records as network_records
from netcost.guidelines.records import records as guideline_records
from netcost.guidelines.saved import load as load_guidelines
from netcost.reports.charts.compare import AGAINST_LATENCY
from netcost.reports.document import Report
from netcost.reports.pages import claims_page, guidelines_page, page_of, zoo_page
from netcost.text.formats import result_text
from netcost.timing.sampling import Progress
from netcost.timing.setting import NO_DEVICE
from netcost.zoo import ARCHITECTURES

ENDINGS = {"md": "markdown", "json": "json", "csv": "csv"}
"""Formats of what is handed out of claims, by the endings of their files."""

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


def guidelines_report(path: Path) -> Report:
    """What `netcost guidelines --format json -o PATH` wrote.

    Raises:
        RequestError: it is damaged, or no such file.
    """
    found = load_guidelines(str(path)).findings
    page = guidelines_page(found, found.command)
    variants = {"csv": result_text(guideline_records(found), "csv")} if found.guidelines else {}
    networks = {} if found.networks is None else {NETWORKS: result_text(network_records(found.networks), "csv")}
    return Report(path.stem, page, {**variants, **networks}, SHOWN, is_measured=True)


def zoo_report(progress: Progress | None = None) -> Report:
    """Every architecture with every figure, beside what was published.

    Raises:
        NetcostError: one cannot be counted.
    """
    names = list(ARCHITECTURES)
    command = f"netcost compare {' '.join(names)} --device {NO_DEVICE} --format json"
    comparison = compare(names, NO_DEVICE, progress=progress).run_by(command)
    for error in comparison.errors:
        raise error
    page = zoo_page(comparison, made_by="netcost report -o DIR")
    files = {ending: result_text(comparison, ending) for ending in ("json", "csv")}
    return Report("zoo", page, files, shown=("memory-access-against-mult-adds",))


def claims_report(name: str, *, errata: bool = False) -> Report:
    """Every claim with its sum, or every erratum; the Markdown is that of `netcost claims`."""
    found = review(errata=errata)
    command = f"netcost claims{' --errata' if errata else ''} --format"
    shown = ShownReview(found, made_by=f"{command} markdown")
    files = {ending: result_text(shown, format_name) for ending, format_name in ENDINGS.items()}
    return Report(name, claims_page(found, f"{command} html"), files)


MEASURED = {"guidelines-*.json": guidelines_report, "compare-*.json": compare_report}
"""What makes a report of a measurement, by the names of their files."""
