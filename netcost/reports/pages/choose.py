"""The page of a choice: the picture of all networks, the front, and every network within the limits."""

from __future__ import annotations

from dataclasses import replace

from netcost.reports.charts import choose as charts
from netcost.reports.pages.page import Page, PageSection, page_of, timed_on
from netcost.search import NetworkChoice
from netcost.text import units
from netcost.text.version import __version__


@page_of.register
def choice_page(choice: NetworkChoice, made_by: str = "") -> Page:
    """Return accuracy over latency, the Pareto front, and a table of every network within the limits."""
    [table] = choice.tables()
    sections = (
        PageSection("Accuracy and latency", figures=(charts.accuracy_against_latency(choice),)),
        PageSection("The Pareto front", tables=(replace(table, title="", notes=()),), paragraphs=table.notes),
        PageSection("Every network within the limits", tables=(choice.records(),), folded=True),
    )
    best = choice.front[0]
    low, high = best.interval_s
    accuracy, latency = units.percent(best.network.top1_percent / 100), units.seconds(best.latency_s)
    lead = (
        f"{best.network.model} at {best.network.image_size} pixels is the most accurate of "
        f"{units.exact(len(choice.candidates))} networks: {accuracy} (published) in {latency} (predicted; from "
        f"{units.seconds(low)} to {units.seconds(high)} with a chance of 90 %)."
    )
    run = None if choice.measured is None else choice.measured.runs[0].environment
    facts = (f"netcost {__version__}", *(() if run is None else timed_on(run)))
    return Page(f"Which network for {choice.on.title}", lead, sections, made_by, facts)
