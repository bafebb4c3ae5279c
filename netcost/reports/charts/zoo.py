"""Charts of the whole zoo: what equal mult-adds cost in memory access, and how mult-adds went over the years."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any

from netcost.counting.figures import Figures
from netcost.reports.charts.figure import PALETTE, Figure, figure, required
from netcost.reports.charts.labels import non_overlapping
from netcost.text import units
from netcost.text.tables import METRICS
from netcost.timing.stats import median
from netcost.zoo import ARCHITECTURES

MOST_NAMES = 12
"""Networks whose names are written beside their points: those with the most and the least for their mult-adds,
as far as there is room."""


def against_mult_adds(zoo: Sequence[Figures], metric: str = "memory_access") -> Figure:
    """A metric over mult-adds, both logarithmic, a point an architecture.

    Args:
        zoo: of architectures that are registered, with mult-adds and `metric` above 0.
        metric: identifier, like "memory_access".
    """
    alt: Any = required("altair")
    heading = METRICS[metric].heading
    records = _records(zoo, metric)
    scale = alt.Scale(type="log", nice=False, padding=20)
    base = alt.Chart(alt.Data(values=records)).encode(
        x=alt.X("mult_adds:Q", title=METRICS["mult_adds"].heading, scale=scale).axis(format="~s"),
        y=alt.Y("y:Q", title=heading, scale=scale).axis(format="~s"),
        tooltip=[
            alt.Tooltip("network:N", title="Network"),
            alt.Tooltip("year:N", title="Year"),
            alt.Tooltip("mult_adds_text:N", title="Mult-adds"),
            alt.Tooltip("y_text:N", title=heading),
            alt.Tooltip("each_text:N", title="Mult-adds an element moved"),
        ],
    )
    points = base.mark_point(filled=True, size=60, opacity=0.85, color=PALETTE[0])
    names = base.mark_text(align="left", dx=7, dy=-5, fontSize=10).encode(text="name:N")
    least, most = (pick(records, key=lambda record: record["each"]) for pick in (min, max))
    words = (
        f"{heading} against mult-adds: mult-adds an element moved range from {least['each_text']} ({least['network']}) "
        f"to {most['each_text']} ({most['network']})."
    )
    name = f"{metric.replace('_', '-')}-against-mult-adds"
    return figure(name, f"{heading} against mult-adds", words, points + names)


def _records(zoo: Sequence[Figures], metric: str) -> list[dict[str, Any]]:
    """A record a network, the name shown of those farthest from the median of mult-adds / metric."""
    each = {figures.model: figures.values["mult_adds"] / figures.values[metric] for figures in zoo}
    middle = median(list(each.values()))
    farthest = sorted(zoo, key=lambda figures: -abs(log(each[figures.model] / middle)))
    places = [(log(figures.values["mult_adds"]), log(figures.values[metric])) for figures in farthest]
    named = {farthest[index].model for index in non_overlapping(places, MOST_NAMES)}
    return [
        {
            **_point(figures),
            "name": figures.model if figures.model in named else "",
            "y": figures.values[metric],
            "y_text": units.text(figures.values[metric], METRICS[metric].unit),
            "each": each[figures.model],
            "each_text": units.ratio(each[figures.model]),
        }
        for figures in zoo
    ]


def over_the_years(zoo: Sequence[Figures]) -> Figure:
    """Mult-adds, logarithmic, over the year of the paper, a point an architecture."""
    alt: Any = required("altair")
    records = [_point(figures) for figures in zoo]
    chart = (
        alt.Chart(alt.Data(values=records))
        .mark_point(filled=True, size=60, opacity=0.85, color=PALETTE[1])
        .encode(
            x=alt.X("year:O", title="year of the paper").axis(labelAngle=0),
            y=alt.Y("mult_adds:Q", title=METRICS["mult_adds"].heading, scale=alt.Scale(type="log")).axis(format="~s"),
            tooltip=[
                alt.Tooltip("network:N", title="Network"),
                alt.Tooltip("year:N", title="Year"),
                alt.Tooltip("mult_adds_text:N", title="Mult-adds"),
                alt.Tooltip("params_text:N", title="Params"),
            ],
        )
    )
    least, most = (pick(records, key=lambda record: record["mult_adds"]) for pick in (min, max))
    words = " to ".join(f"{each['network']} ({each['year']}, {each['mult_adds_text']})" for each in (least, most))
    return figure("mult-adds-over-the-years", "Mult-adds over the years", f"Mult-adds from {words}.", chart)


def _point(figures: Figures) -> dict[str, Any]:
    """What both charts say of a network."""
    return {
        "network": figures.model,
        "year": str(ARCHITECTURES.get(figures.model).year),
        "mult_adds": figures.values["mult_adds"],
        "mult_adds_text": units.text(figures.values["mult_adds"], "count"),
        "params_text": units.text(figures.values["params"], "count"),
    }
