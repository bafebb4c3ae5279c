"""The chart of a choice: published accuracy over predicted latency, all networks as points, the front marked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netcost.reports.charts.figure import GREY, PALETTE, Figure, figure, required
from netcost.reports.charts.parts import chart_of, legend, names, time_axis, tooltip
from netcost.search import Candidate, NetworkChoice
from netcost.text import units

COLOURS = {"beyond the limits": GREY, "within the limits": PALETTE[0], "on the Pareto front": PALETTE[1]}
"""Of the points; where there are no limits, none is beyond them."""

HEIGHT = 380
"""Pixels: hundreds of points lie within a few percent of accuracy."""


def accuracy_against_latency(choice: NetworkChoice) -> Figure:
    """Draw published accuracy over predicted latency, with intervals along the front and limits as dashed lines."""
    alt: Any = required("altair")
    records = list(_points(choice))
    shown = {name: colour for name, colour in COLOURS.items() if any(point["where"] == name for point in records)}
    scale = alt.Scale(domain=list(shown), range=list(shown.values()))
    y = alt.Y("top1:Q", title="Top-1 accuracy, published (%)", scale=alt.Scale(zero=False, padding=12)).axis(
        tickCount=6
    )
    titles = {"size": "Image", "top1_text": "Top-1, published", "params": "Params", "latency_text": "Predicted latency"}
    base = chart_of(records).encode(
        x=time_axis(alt.X("latency:Q", title="Predicted latency (ms)"), _ends(records, "latency"), padding=12),
        y=y.axis(tickCount=6),
        tooltip=tooltip(model="Network", **titles, interval="90 % interval, predicted"),
    )
    on_front = base.transform_filter("datum.where == 'on the Pareto front'")
    colour = alt.Color("where:N", title=None, scale=scale, legend=legend())
    size = alt.condition("datum.where == 'on the Pareto front'", alt.value(70), alt.value(22))
    points = base.mark_point(filled=True, opacity=0.75).encode(color=colour, size=size, order="order:Q")
    whiskers = on_front.mark_rule(color=PALETTE[1]).encode(x="low:Q", x2="high:Q")
    best, fastest = choice.front[0], choice.front[-1]
    named = base.transform_filter({"field": "label", "oneOf": [best.label, fastest.label]})
    chart = alt.layer(whiskers, points, *_limit_lines(choice), names(named, "model")).properties(height=HEIGHT)
    number = units.exact(len(choice.everything))
    words = (
        f"Published accuracy over predicted latency of {number} networks on {choice.on.title}. "
        f"The front goes from {_words(fastest)} to {_words(best)}."
    )
    return figure("accuracy-against-latency", "Accuracy (published) against latency (predicted)", words, chart)


def _ends(records: list[dict[str, Any]], field: str) -> list[float]:
    return [record[field] for record in records]


def _limit_lines(choice: NetworkChoice) -> Iterator[Any]:
    """Yield a dashed line at the limit of latency and at that of accuracy, where there is one."""
    latency_s, least = choice.limits.latency_s, choice.limits.min_accuracy
    if latency_s is not None:
        line = chart_of([{"latency": 1000 * latency_s}]).encode(x="latency:Q")
        yield line.mark_rule(strokeDash=[4, 4])
    if least is not None:
        yield chart_of([{"top1": least}]).encode(y="top1:Q").mark_rule(strokeDash=[4, 4])


def _words(one: Candidate) -> str:
    return f"{one.network.model} ({units.percent(one.network.top1_percent / 100)}, {units.seconds(one.latency_s)})"


def _points(choice: NetworkChoice) -> Iterator[dict[str, Any]]:
    """Yield a point per network, those of the front last, so that they lie above the others."""
    on_front, within = ({one.label for one in some} for some in (choice.front, choice.candidates))
    for one in sorted(choice.everything, key=lambda one: (one.label in on_front, one.label in within)):
        where = (one.label in within) + (one.label in on_front)
        low, high = one.interval_s
        yield {
            "model": one.network.model,
            "label": one.label,
            "where": list(COLOURS)[where],
            "order": where,
            "size": str(one.network.image_size),
            "top1": one.network.top1_percent,
            "top1_text": units.percent(one.network.top1_percent / 100),
            "params": units.count(one.network.counted.params),
            "latency": 1000 * one.latency_s,
            "latency_text": units.seconds(one.latency_s),
            "low": 1000 * low,
            "high": 1000 * high,
            "interval": f"{units.seconds(low)} to {units.seconds(high)}",
        }
