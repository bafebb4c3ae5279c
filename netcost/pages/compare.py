"""The page of a comparison."""

from __future__ import annotations

from dataclasses import replace

from netcost import units
from netcost._version import __version__
from netcost.charts import compare as charts
from netcost.comparison import Comparison
from netcost.pages.page import Page, Section


def compare_page(comparison: Comparison, made_by: str = "") -> Page:
    """Charts of what was counted and timed, the table that people read, and every figure in one that sorts."""
    timed = charts.timed(comparison)
    sections = []
    if timed:
        against = tuple(charts.against_latency(comparison, metric) for metric in charts.AGAINST_LATENCY)
        sections.append(Section("On paper and on the clock", figures=against))
    if any(entry.analysis is not None for entry in comparison.entries):
        sections.append(Section("Metric by metric", figures=(charts.bars(comparison),)))
    table = comparison.table()
    sections.append(Section("Side by side", tables=(replace(table, notes=()),), words=table.notes))
    sections.append(Section("Every figure", tables=(comparison.records(),), folded=True))
    names = ", ".join(entry.model for entry in comparison.entries)
    return Page(names, _lead(comparison), tuple(sections), made_by, _made_with(comparison))


def _lead(comparison: Comparison) -> str:
    """What each network's verdict is, by how much; what the counts say where nothing was timed."""
    base, *others = comparison.entries
    sentences = []
    for entry in others:
        if entry.analysis is None or base.analysis is None:
            continue
        work = units.times(entry.analysis.mult_adds / base.analysis.mult_adds) if base.analysis.mult_adds else None
        if work is None:
            continue
        sentence = f"{entry.model} does {work} the mult-adds of {base.model}"
        if entry.ratio is not None:
            sentence += f" and takes {units.times(entry.ratio.median)} its time ({entry.verdict})"
        sentences.append(f"{sentence}.")
    return " ".join(sentences[:3])


def _made_with(comparison: Comparison) -> tuple[str, ...]:
    facts = [f"netcost {__version__}"]
    if (environment := comparison.environment) is not None:
        where = environment.gpu.name if environment.gpu else environment.cpu or environment.machine
        facts += [f"torch {environment.torch}", where, f"threads: {units.exact(environment.threads)}"]
    return tuple(facts)
