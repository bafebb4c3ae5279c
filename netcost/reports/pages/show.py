"""The page of one network: its cost as a whole, by module, by kind and by operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netcost.counting.analysis import Analysis
from netcost.linting.finding import Network
from netcost.profiling.shown import ShownAnalysis
from netcost.reports.charts import show as charts
from netcost.reports.charts import training
from netcost.reports.pages.lint import findings_section
from netcost.reports.pages.page import Page, PageSection, page_of, tables_page
from netcost.text import units
from netcost.text.tables import Table
from netcost.timing.environment import versions

SPOKEN = {"mult_adds": "mult-adds is", "memory_access": "memory access"}
"""The metrics whose largest share the lead names, in words."""

MOST_ROWS = 400
"""Most operators for a table of all of them; CSV and JSON list all."""


def show_page(analysis: Analysis, made_by: str = "", fitted: Sequence[Table] = ()) -> Page:
    """Return the cost by module, its growth through the network, the 1x1 convolutions and the blocks.

    Args:
        analysis: of the network.
        made_by: the command that makes the page again.
        fitted: the training step in the memory of a device, if asked for.
    """
    for_guidelines = tuple(filter(None, (charts.pointwise_channels(analysis), charts.fragments(analysis))))
    sections = [
        PageSection("Where it sits", figures=(charts.icicle(analysis),)),
        PageSection("What it costs", tables=(_summary(analysis),)),
        *_training(analysis, fitted),
        PageSection("From input to output", figures=(charts.cumulative(analysis),)),
        PageSection("Against the guidelines", figures=for_guidelines),
        findings_section(Network(analysis.count), analysis.model),
        PageSection("By kind", tables=(analysis.table("kind"),)),
        PageSection("By module", tables=(analysis.table("module", 1),)),
    ]
    if len(analysis.graph.ops) <= MOST_ROWS:
        sections.append(PageSection("Operator by operator", tables=(analysis.table("op"),), folded=True))
    return Page(analysis.model, _lead(analysis), tuple(sections), made_by, versions())


@page_of.register
def _(shown: ShownAnalysis) -> Page:
    """Return the page of the network, or only the tables that were asked for."""
    is_whole = shown.by is None and shown.crosscheck is None
    return show_page(shown.analysis, fitted=shown.fitted()) if is_whole else tables_page(shown)


def _training(analysis: Analysis, fitted: Sequence[Table]) -> list[PageSection]:
    """Return the training step, where one was counted: its memory, its phases and its modules."""
    count = analysis.training
    if count is None:
        return []
    figures = (training.memory(count), training.phases(count))
    tables = (*fitted, count.by_phase(), count.by_content(), count.by_module(1))
    return [PageSection("A training step", figures=figures, tables=tables)]


def _summary(analysis: Analysis) -> Table:
    """Return the metrics under headings that name both columns."""
    summary = analysis.summary()
    metric, value = summary.columns
    headed = (replace(metric, heading="Metric"), replace(value, heading=analysis.model or "Value"))
    return replace(summary, columns=headed)


def _lead(analysis: Analysis) -> str:
    """Say which part of the network costs most, and the whole."""
    shape = " and ".join("x".join(map(str, tensor.shape)) for tensor in analysis.graph.inputs)
    words = f"{units.count(analysis.mult_adds)} mult-adds, {units.count(analysis.params)} parameters and "
    whole = f"{words}{units.count(analysis.memory_access)} elements of memory access for one input of {shape}."
    largest = {name: charts.largest_part(charts.boxes(analysis, name)) for name in SPOKEN}
    shares = [
        f"of the {SPOKEN[name]} in {box.path} ({units.percent(box.end - box.begin)})"
        for name, box in largest.items()
        if box is not None
    ]
    return f"The largest share {', '.join(shares)}. {whole}" if shares else whole
