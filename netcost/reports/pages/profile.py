"""The page of a profile: the time of a forward pass by kind, module and operator."""

from __future__ import annotations

from dataclasses import replace

from netcost.profiling import Profile
from netcost.profiling.shown import ShownProfile
from netcost.reports.charts import profile as charts
from netcost.reports.pages.page import Page, PageSection, page_of, timed_on
from netcost.text import units
from netcost.text.version import __version__

MOST = 30
"""Most operators on the page, beside the sum of the others; CSV and JSON have all."""


def profile_page(profile: Profile, made_by: str = "", depth: int = 1) -> Page:
    """Return time by kind, operators under the roofline, and the tables by kind, module (to `depth`) and operator."""
    kinds, modules = profile.summary("kind"), profile.summary("module", depth)
    operators = profile.summary("op", most=MOST)
    by_kind, roofline = charts.by_kind(profile), charts.under_roof(profile)
    words = ("Operators that only move data have no place on this chart; they are in the table.",)
    sections = (
        PageSection("Where the time goes", kinds.notes, (replace(kinds, notes=()),), figures=(by_kind,)),
        *([PageSection("Distance from the roof", words, figures=(roofline,))] if roofline else []),
        PageSection("By module", tables=(replace(modules, notes=()),), figures=(charts.by_module(profile),)),
        PageSection("Operator by operator", tables=(replace(operators, notes=()),)),
    )
    made_with = (f"netcost {__version__}", *timed_on(profile.environment))
    return Page(profile.analysis.model, _lead(profile), sections, made_by, made_with)


page_of.register(ShownProfile, lambda shown: profile_page(shown.profile, depth=shown.depth))


def _lead(profile: Profile) -> str:
    """Say how long a forward pass takes, which kind takes most of it, and the bound of the roofline."""
    table = profile.table("kind")
    most = max(table.rows, key=lambda row: row[table.names.index("time_s")])
    share = units.percent(most[table.names.index("share")])
    what = "A forward pass" if profile.analysis.training is None else "A training step"
    words = f"{what} takes {units.seconds(profile.median_s)}, of which {share} is {most[0]}."
    if profile.roofline is not None and profile.roofline.share is not None:
        words += f" At the roofline it would take {units.seconds(profile.roofline.bound_s)}."
    return words
