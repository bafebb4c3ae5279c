"""The page of a profile: where the time of a forward pass goes."""

from __future__ import annotations

from dataclasses import replace

from netcost.profiling import Profile
from netcost.profiling.shown import ShownProfile
from netcost.reports.charts import profile as charts
from netcost.reports.pages.page import Page, PageSection, page_of, timed_on
from netcost.text import units
from netcost.text.version import __version__

MOST = 30
"""Operators that the page shows beside the sum of the others; CSV and JSON have all."""

ROOF_WORDS = ("Operators that only move data have no place on this chart; they are in the table.",)


def profile_page(profile: Profile, made_by: str = "", depth: int = 1) -> Page:
    """Time by kind, operators under the roofline, and the tables by kind, module and operator.

    Args:
        depth: levels of modules to tell apart.
    """
    kinds = profile.summary("kind")
    roofline = charts.under_roof(profile)
    sections = [
        PageSection(
            "Where the time goes",
            kinds.notes,
            (replace(kinds, notes=()),),
            figures=(charts.by_kind(profile),),
        ),
        *([PageSection("How near to the roof", ROOF_WORDS, figures=(roofline,))] if roofline else []),
        PageSection("By module", tables=(replace(profile.summary("module", depth), notes=()),)),
        PageSection("Operator by operator", tables=(replace(profile.summary("op", most=MOST), notes=()),)),
    ]
    made_with = (f"netcost {__version__}", *timed_on(profile.environment))
    return Page(profile.analysis.model, _lead(profile), tuple(sections), made_by, made_with)


@page_of.register
def _(shown: ShownProfile) -> Page:
    return profile_page(shown.profile, depth=shown.depth)


def _lead(profile: Profile) -> str:
    """How long a forward pass takes, what takes most of it, and how near the whole comes to its roof."""
    table = profile.table("kind")
    most = max(table.rows, key=lambda row: row[table.names.index("time_s")])
    share = units.percent(most[table.names.index("share")])
    words = f"A forward pass takes {units.seconds(profile.median_s)}, of which {share} is {most[0]}."
    if profile.roofline is not None and profile.roofline.share is not None:
        words += f" At the roofline it would take {units.seconds(profile.roofline.bound_s)}."
    return words
