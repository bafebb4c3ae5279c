"""Charts of the whole zoo: memory access against mult-adds, and mult-adds over the years."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any

from netcost.counting.figures import Figures
from netcost.reports.charts.figure import PALETTE, Figure, figure, required
from netcost.reports.charts.parts import chart_of, log_scale, non_overlapping, tooltip
from netcost.text import units
from netcost.text.metrics import METRICS
from netcost.timing.stats import median
from netcost.zoo import ARCHITECTURES

MOST_NAMES = 12
"""Most names written beside points: of the networks with the most and the least for their mult-adds."""


def against_mult_adds(zoo: Sequence[Figures], metric: str = "memory_access") -> Figure:
    """Draw a metric over mult-adds, both logarithmic, a point per architecture.

    Args:
        zoo: of architectures that are registered, with mult-adds and `metric` above 0.
        metric: identifier, like "memory_access".
    """
    alt: Any = required("altair")
    heading = METRICS[metric].heading
    records = _records(zoo, metric)
    titles = {"mult_adds_text": "Mult-adds", "y_text": heading, "per_element_text": "Mult-adds per element moved"}
    base = chart_of(records).encode(
        x=alt.X("mult_adds:Q", title=METRICS["mult_adds"].heading, scale=log_scale(20)).axis(format="~s"),
        y=alt.Y("y:Q", title=heading, scale=log_scale(20)).axis(format="~s"),
        tooltip=tooltip(network="Network", year="Year", **titles),
    )
    points = base.mark_point(filled=True, size=60, opacity=0.85, color=PALETTE[0])
    names = base.mark_text(align="left", dx=7, dy=-5, fontSize=10).encode(text="name:N")
    ends = [pick(records, key=lambda record: record["per_element"]) for pick in (min, max)]
    spread = " to ".join(f"{record['per_element_text']} ({record['network']})" for record in ends)
    words = f"{heading} against mult-adds: mult-adds per element moved range from {spread}."
    name = f"{metric.replace('_', '-')}-against-mult-adds"
    return figure(name, f"{heading} against mult-adds", words, points + names)


def _records(zoo: Sequence[Figures], metric: str) -> list[dict[str, Any]]:
    """Return a record per network, with the names of those farthest from the median of mult-adds / metric."""
    per_element = {figures.model: figures.values["mult_adds"] / figures.values[metric] for figures in zoo}
    middle = median(list(per_element.values()))
    farthest = sorted(zoo, key=lambda figures: -abs(log(per_element[figures.model] / middle)))
    places = [(log(figures.values["mult_adds"]), log(figures.values[metric])) for figures in farthest]
    named = {farthest[index].model for index in non_overlapping(places, MOST_NAMES)}
    return [
        {
            **_point(figures),
            "name": figures.model if figures.model in named else "",
            "y": figures.values[metric],
            "y_text": units.text(figures.values[metric], METRICS[metric].unit),
            "per_element": per_element[figures.model],
            "per_element_text": units.ratio(per_element[figures.model]),
        }
        for figures in zoo
    ]


def over_the_years(zoo: Sequence[Figures]) -> Figure:
    """Draw mult-adds, logarithmic, over the year of the paper, a point per architecture."""
    alt: Any = required("altair")
    records = [_point(figures) for figures in zoo]
    chart = chart_of(records).encode(
        x=alt.X("year:O", title="year of the paper").axis(labelAngle=0),
        y=alt.Y("mult_adds:Q", title=METRICS["mult_adds"].heading, scale=alt.Scale(type="log")).axis(format="~s"),
        tooltip=tooltip(network="Network", year="Year", mult_adds_text="Mult-adds", params_text="Params"),
    )
    points = chart.mark_point(filled=True, size=60, opacity=0.85, color=PALETTE[1])
    ends = [pick(records, key=lambda record: record["mult_adds"]) for pick in (min, max)]
    words = " to ".join(f"{record['network']} ({record['year']}, {record['mult_adds_text']})" for record in ends)
    return figure("mult-adds-over-the-years", "Mult-adds over the years", f"Mult-adds from {words}.", points)


def _point(figures: Figures) -> dict[str, Any]:
    """Return the part of a record that both charts share."""
    return {
        "network": figures.model,
        "year": str(ARCHITECTURES.get(figures.model).year),
        "mult_adds": figures.values["mult_adds"],
        "mult_adds_text": units.text(figures.values["mult_adds"], "count"),
        "params_text": units.text(figures.values["params"], "count"),
    }
