"""The page of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netcost.comparison.batches import Sweep
from netcost.comparison.result import Comparison
from netcost.reports.charts import compare as charts
from netcost.reports.pages.page import Page, PageSection, page_of, timed_on
from netcost.text import units

MOST_IN_TITLE = 4
"""Networks that a heading names."""

MOST_SENTENCES = 3
"""Networks that the lead speaks of; the table has all."""


@page_of.register
def compare_page(comparison: Comparison, made_by: str = "") -> Page:
    """Charts of what was counted and timed, the table that people read, and every figure in one that sorts."""
    timed = charts.timed(comparison)
    sections = []
    if timed:
        against = tuple(charts.against_latency(comparison, metric) for metric in charts.AGAINST_LATENCY)
        sections.append(PageSection("On paper and on the clock", figures=against))
    if any(entry.figures is not None for entry in comparison.entries):
        sections.append(PageSection("Metric by metric", figures=(charts.bars(comparison),)))
    roofline = charts.under_roof(comparison)
    if roofline is not None:
        sections.append(PageSection("How near to the roof", figures=(roofline,)))
    table = comparison.table()
    sections.append(PageSection("Side by side", tables=(replace(table, notes=()),), paragraphs=table.notes))
    sections.append(PageSection("Every figure", tables=(comparison.records(),), folded=True))
    return Page(
        _title([entry.model for entry in comparison.entries]),
        _lead(comparison),
        tuple(sections),
        made_by,
        _made_with(comparison),
    )


@page_of.register
def sweep_page(sweep: Sweep, made_by: str = "") -> Page:
    """Latency and throughput over the batch size, each network's knee, and every point in a table."""
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
    """The networks by name, as far as a heading has room."""
    more = len(names) - MOST_IN_TITLE
    return ", ".join(names[:MOST_IN_TITLE]) + (f" and {units.exact(more)} more" if more > 0 else "")


def _lead(comparison: Comparison) -> str:
    """Of each network, its work and its time in units of the base's, with the verdict."""
    base, *others = comparison.entries
    if base.figures is None or not base.figures.values["mult_adds"]:
        return ""
    sentences = []
    for entry in others[:MOST_SENTENCES]:
        if entry.figures is None or entry.figures.values["mult_adds"] is None:
            continue
        work = units.times(entry.figures.values["mult_adds"] / base.figures.values["mult_adds"])
        timed = f" and takes {units.times(entry.ratio.median)} its time ({entry.verdict})" if entry.ratio else ""
        sentences.append(f"{comparison.label(entry)} does {work} the mult-adds of {comparison.label(base)}{timed}.")
    return " ".join(sentences)


def _made_with(comparison: Comparison) -> tuple[str, ...]:
    """Versions, and where it was timed."""
    facts = [f"netcost {run.version}" for run in comparison.runs]
    for run in comparison.runs:
        facts += [] if run.environment is None else timed_on(run.environment)
    return tuple(dict.fromkeys(facts))
