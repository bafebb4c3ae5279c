"""Charts of the whole zoo: memory access against mult-adds, and mult-adds over the years."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any

from netcost.counting.figures import Figures
from netcost.reports.charts.figure import PALETTE, Figure, figure, required
from netcost.reports.charts.parts import chart_of, log_axis, names, tooltip
from netcost.text import units
from netcost.text.metrics import METRICS
from netcost.timing.stats import median
from netcost.zoo import ARCHITECTURES


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
    ends = {field: [record[field] for record in records] for field in ("mult_adds", "y")}
    base = chart_of(records).encode(
        x=log_axis(alt.X("mult_adds:Q", title=METRICS["mult_adds"].heading), ends["mult_adds"]),
        y=log_axis(alt.Y("y:Q", title=heading), ends["y"]),
        tooltip=tooltip(network="Network", year="Year", **titles),
    )
    points = base.mark_point(filled=True, size=50, opacity=0.85, color=PALETTE[0])
    least_and_most = [pick(records, key=lambda record: record["per_element"]) for pick in (min, max)]
    spread = " to ".join(f"{record['per_element_text']} ({record['network']})" for record in least_and_most)
    words = f"{heading} against mult-adds: mult-adds per element moved range from {spread}."
    name = f"{metric.replace('_', '-')}-against-mult-adds"
    chart = (points + names(base, "network")).properties(height=340)
    return figure(name, f"{heading} against mult-adds", words, chart)


def _records(zoo: Sequence[Figures], metric: str) -> list[dict[str, Any]]:
    """Return a record per network, those farthest from the median of mult-adds / metric first: names are placed so."""
    per_element = {figures.model: figures.values["mult_adds"] / figures.values[metric] for figures in zoo}
    middle = median(list(per_element.values()))
    farthest = sorted(zoo, key=lambda figures: -abs(log(per_element[figures.model] / middle)))
    return [
        {
            **_point(figures),
            "y": figures.values[metric],
            "y_text": units.text(figures.values[metric], METRICS[metric].unit),
            "per_element": per_element[figures.model],
            "per_element_text": units.ratio(per_element[figures.model]),
        }
        for figures in farthest
    ]


def over_the_years(zoo: Sequence[Figures]) -> Figure:
    """Draw mult-adds, logarithmic, over the year of the paper, a point per architecture."""
    alt: Any = required("altair")
    records = [_point(figures) for figures in zoo]
    chart = chart_of(records).encode(
        x=alt.X("year:Q", title="year of the paper", scale=alt.Scale(zero=False, nice=False, padding=20)).axis(
            format="d", tickCount=6, tickMinStep=1, grid=False
        ),
        y=log_axis(alt.Y("mult_adds:Q", title=METRICS["mult_adds"].heading), [one["mult_adds"] for one in records]),
        tooltip=tooltip(network="Network", year="Year", mult_adds_text="Mult-adds", params_text="Params"),
    )
    points = chart.mark_point(filled=True, size=50, opacity=0.6, color=PALETTE[0]).properties(height=240)
    ends = [pick(records, key=lambda record: record["mult_adds"]) for pick in (min, max)]
    words = " to ".join(f"{record['network']} ({record['year']}, {record['mult_adds_text']})" for record in ends)
    return figure("mult-adds-over-the-years", "Mult-adds over the years", f"Mult-adds from {words}.", points)


def _point(figures: Figures) -> dict[str, Any]:
    """Return the part of a record that both charts share."""
    return {
        "network": figures.model,
        "year": ARCHITECTURES.get(figures.model).year,
        "mult_adds": figures.values["mult_adds"],
        "mult_adds_text": units.text(figures.values["mult_adds"], "count"),
        "params_text": units.text(figures.values["params"], "count"),
    }
