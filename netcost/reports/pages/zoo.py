"""The page of the zoo: every architecture's figures, beside what was published."""

from __future__ import annotations

from dataclasses import replace

from netcost.comparison.result import Comparison
from netcost.counting.figures import Figures
from netcost.counting.recount import RecountStatus, beside_published, recount_table
from netcost.reports.charts import zoo as charts
from netcost.reports.pages.page import Page, PageSection
from netcost.text import units
from netcost.text.tables import METRICS, Column, Table, table_of
from netcost.timing.environment import versions
from netcost.zoo import ARCHITECTURES

SHOWN = """
params mult_adds memory_access memory_access_fused elementwise_access kernels depth max_fragments peak_memory_bytes
""".split()
"""The metrics that people see side by side; CSV and JSON have them all."""


def zoo_page(comparison: Comparison, made_by: str = "") -> Page:
    """Charts over all architectures, a row each, and how their figures stand to the published ones.

    Args:
        comparison: of architectures of the zoo, all of them counted.
        made_by: the command that makes it again.
    """
    zoo = [entry.figures for entry in comparison.entries if entry.figures is not None]
    recounts = [beside_published(figures.model, figures) for figures in zoo]
    agreements = [each.agreement for each in recounts]
    told = "; ".join(f"{each}: {units.exact(agreements.count(each))}" for each in RecountStatus if each in agreements)
    lead = (
        f"{units.exact(len(zoo))} architectures, one forward pass each at batch 1. Params and mult-adds beside those "
        f"that were published: {told}."
    )
    sections = (
        PageSection("At a glance", figures=(charts.against_mult_adds(zoo), charts.over_the_years(zoo))),
        PageSection("Every architecture", tables=(_table(zoo),)),
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
