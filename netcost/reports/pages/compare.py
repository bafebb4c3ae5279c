"""The page of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netcost.comparison.batches import Sweep
from netcost.comparison.result import Comparison
from netcost.reports.charts import compare as charts
from netcost.reports.pages.page import Page, PageSection, page_of, timed_on
from netcost.text import units

MOST_IN_TITLE, MOST_SENTENCES = 4, 3
"""Most networks in the title and in the lead; the table has all."""


@page_of.register
def compare_page(comparison: Comparison, made_by: str = "") -> Page:
    """Return charts of counts and times, the table for people, and a table of every figure that can be sorted."""
    sections = []
    if charts.timed(comparison):
        against = tuple(charts.against_latency(comparison, metric) for metric in charts.AGAINST_LATENCY)
        sections.append(PageSection("On paper and on the clock", figures=against))
    if any(entry.figures is not None for entry in comparison.entries):
        sections.append(PageSection("Metric by metric", figures=(charts.bars(comparison),)))
    roofline = charts.under_roof(comparison)
    if roofline is not None:
        sections.append(PageSection("Distance from the roof", figures=(roofline,)))
    table = comparison.table()
    sections.append(PageSection("Side by side", tables=(replace(table, notes=()),), paragraphs=table.notes))
    sections.append(PageSection("Every figure", tables=(comparison.records(),), folded=True))
    models = [entry.model for entry in comparison.entries]
    in_runtimes = any(entry.backend for entry in comparison.entries)
    title = _title(list(dict.fromkeys(models)) if in_runtimes else models)
    return Page(title, _lead(comparison), tuple(sections), made_by, _made_with(comparison))


@page_of.register
def sweep_page(sweep: Sweep, made_by: str = "") -> Page:
    """Return latency and throughput over the batch size, each network's knee, and every point in a table."""
    table = sweep.table()
    sections = []
    if sweep.knees:
        both = (charts.over_batch(sweep, "throughput_per_s"), charts.over_batch(sweep, "median_s"))
        sections.append(PageSection("Over the batch size", figures=both))
    sections.append(PageSection("Point by point", tables=(replace(table, notes=()),), paragraphs=table.notes))
    sections.append(PageSection("Every figure", tables=(sweep.records(),), folded=True))
    title = _title(list(dict.fromkeys(entry.model for entry in sweep.entries)))
    lead = " ".join(f"{knee.model}: {knee.verdict}." for knee in sweep.knees)
    return Page(f"{title} by batch size", lead, tuple(sections), made_by, _made_with(sweep.comparison))


def _title(names: Sequence[str]) -> str:
    """Name the networks, at most `MOST_IN_TITLE` of them."""
    more = len(names) - MOST_IN_TITLE
    return ", ".join(names[:MOST_IN_TITLE]) + (f" and {units.exact(more)} more" if more > 0 else "")


def _lead(comparison: Comparison) -> str:
    """Say the work and the time of each network in units of the base's, with the verdict."""
    base, *others = comparison.entries
    if base.figures is None or not base.figures.values["mult_adds"]:
        return ""
    sentences = []
    for entry in others[:MOST_SENTENCES]:
        if entry.figures is None or entry.figures.values["mult_adds"] is None:
            continue
        work = units.times(entry.figures.values["mult_adds"] / base.figures.values["mult_adds"])
        time = f" and takes {units.times(entry.ratio.median)} its time ({entry.verdict})" if entry.ratio else ""
        sentences.append(f"{comparison.label(entry)} does {work} the mult-adds of {comparison.label(base)}{time}.")
    return " ".join(sentences)


def _made_with(comparison: Comparison) -> tuple[str, ...]:
    """Return the versions and the machines."""
    facts = [f"netcost {run.version}" for run in comparison.runs]
    for run in comparison.runs:
        facts += [] if run.environment is None else timed_on(run.environment)
    return tuple(dict.fromkeys(facts))
