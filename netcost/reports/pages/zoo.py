"""The page of the zoo: every architecture's figures, beside what was published."""

from __future__ import annotations

from dataclasses import replace

from netcost.comparison.result import Comparison
from netcost.counting.figures import Figures
from netcost.counting.recount import RecountStatus, beside_published, recount_table
from netcost.reports.charts import zoo as charts
from netcost.reports.pages.page import Page, PageSection
from netcost.text import units
from netcost.text.metrics import METRICS
from netcost.text.tables import Column, Table, table_of
from netcost.timing.environment import versions
from netcost.zoo import ARCHITECTURES

SHOWN = """
params mult_adds memory_access memory_access_fused elementwise_access kernels depth max_fragments peak_memory_bytes
""".split()
"""The metrics in the table for people; CSV and JSON have all."""


def zoo_page(comparison: Comparison, made_by: str = "") -> Page:
    """Return charts of all architectures, a row per architecture, and their figures beside the published ones.

    Args:
        comparison: of architectures of the zoo, all of them counted.
        made_by: the command that makes it again.
    """
    zoo = [entry.figures for entry in comparison.entries if entry.figures is not None]
    recounts = [beside_published(figures.model, figures) for figures in zoo]
    statuses = [recount.agreement for recount in recounts]
    counts = "; ".join(f"{kind}: {units.exact(statuses.count(kind))}" for kind in RecountStatus if kind in statuses)
    size = f"{units.exact(len(zoo))} architectures, one forward pass each at batch 1."
    both = charts.against_mult_adds(zoo)
    spread = both.description.partition(": ")[2].capitalize()
    lead = f"{spread} {size} Params and mult-adds beside the published ones: {counts}."
    sections = (
        PageSection("At a glance", figures=(both,)),
        PageSection("Every architecture", tables=(_table(zoo),)),
        PageSection("Over the years", figures=(charts.over_the_years(zoo),)),
        PageSection("Beside what was published", tables=(recount_table(recounts, why=True),)),
        PageSection("Every figure", tables=(comparison.records(),), folded=True),
    )
    return Page("The zoo, counted", lead, sections, made_by, versions())


def _table(zoo: list[Figures]) -> Table:
    columns = (
        Column("name", "Name", of=lambda figures: figures.model),
        Column("year", "Year", of=lambda figures: str(ARCHITECTURES.get(figures.model).year)),
        *map(_shown, SHOWN),
    )
    return table_of(columns, zoo)


def _shown(name: str) -> Column:
    return replace(METRICS[name], of=lambda figures: figures.shown(name))
