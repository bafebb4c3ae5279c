"""Makes a `Report`, one function per kind."""

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
from netcost.prediction.evidence import evidence
from netcost.reports.charts.compare import AGAINST_LATENCY
from netcost.reports.document import Report
from netcost.reports.pages import claims_page, evidence_page, guidelines_page, page_of, zoo_page
from netcost.reports.pages.compare import FEW
from netcost.text.formats import result_text
from netcost.timing.sampling import Progress
from netcost.timing.setting import NO_DEVICE
from netcost.zoo import ARCHITECTURES

SHOWN = """
networks-mult-adds networks-memory-access by-kind-shufflenet-v1-g3-x1-0 by-kind-mobilenet-v2
g1-aligned-x1 g2-aligned-x1 g3-aligned-x1 g4-paper-x1
""".split()
"""The charts of the guidelines on the index: latency predicted by two metrics, Figure 2, and each guideline at one
set of widths, aligned where there is one."""


def compare_report(path: Path) -> Report:
    """Make the report of a file that `netcost compare --format json` wrote, or raise a RequestError."""
    saved = load_comparison(path)
    comparison = saved.comparison if isinstance(saved, Sweep) else saved
    command = "; ".join(dict.fromkeys(run.command for run in comparison.runs if run.command))
    page = replace(page_of(saved), made_by=command)
    against = tuple(f"{metric.replace('_', '-')}-against-latency" for metric in AGAINST_LATENCY[:2])
    shown = ("ratios",) if len(comparison.entries) <= FEW else against
    return Report(path.stem, page, {"csv": result_text(saved, "csv")}, shown, is_measured=True, dark=("ratios",))


def guidelines_report(path: Path) -> Report:
    """Make the report of a file that `netcost guidelines --format json` wrote, or raise a RequestError."""
    findings = load_guidelines(str(path)).findings
    files = {}
    if findings.guidelines:
        files["csv"] = result_text(guideline_records(findings), "csv")
    if findings.networks is not None:  # in a file of its own: whole networks have other columns than variants
        files["networks.csv"] = result_text(network_records(findings.networks), "csv")
    return Report(path.stem, guidelines_page(findings, findings.command), files, tuple(SHOWN), is_measured=True)


def zoo_report(progress: Progress | None = None) -> Report:
    """Make the report of every architecture beside the published figures, or raise the error of one."""
    names = list(ARCHITECTURES)
    command = f"netcost compare {' '.join(names)} --device {NO_DEVICE} --format json"
    comparison = compare(names, NO_DEVICE, progress=progress).run_by(command)
    for error in comparison.errors:
        raise error
    page = zoo_page(comparison, made_by="netcost report -o DIR")
    files = {ending: result_text(comparison, ending) for ending in ("json", "csv")}
    return Report("zoo", page, files, shown=("memory-access-against-mult-adds",))


def evidence_report() -> Report:
    """Make the report of which count explains latency where, from the public tables that come with netcost."""
    result = evidence()
    files = {ending: result_text(result, ending) for ending in ("json", "csv")}
    return Report("evidence", evidence_page(result, made_by="netcost evidence"), files, shown=("errors",))


def claims_report(name: str, *, errata: bool = False) -> Report:
    """Make the report of every claim with its sum, or every erratum; the Markdown is that of `netcost claims`."""
    reviewed = review(errata=errata)
    command = f"netcost claims{' --errata' if errata else ''} --format"
    shown = ShownReview(reviewed, made_by=f"{command} markdown")
    formats = {"md": "markdown", "json": "json", "csv": "csv"}
    files = {ending: result_text(shown, format_name) for ending, format_name in formats.items()}
    return Report(name, claims_page(reviewed, f"{command} html"), files, shown=("stacks",))
