"""Charts of whole networks: latency against each count that might explain it."""

from __future__ import annotations

from math import log
from typing import Any

from netcost import units
from netcost.charts.figure import Figure, figure, required
from netcost.guidelines.networks.explaining import Explanation
from netcost.guidelines.networks.overview import HEADINGS
from netcost.guidelines.networks.panels import family
from netcost.guidelines.networks.study import ROOFLINE, Study
from netcost.stats import median
from netcost.tables import METRICS

MOST_NAMES = 10
"""Networks whose names are written beside their points: those that the count misses by most. The others have theirs
in a tooltip, since sixty names on one chart cover each other."""


def against_latency(study: Study) -> tuple[Figure, ...]:
    """A chart a metric, a point a network, with the rank correlation in the title."""
    return tuple(_against_latency(study, each) for each in study.explanations)


def _against_latency(study: Study, explanation: Explanation) -> Figure:
    alt: Any = required("altair")
    metric, heading = explanation.metric, HEADINGS[explanation.metric]
    records = _points(study, metric)
    log_scale = alt.Scale(type="log", nice=False, padding=16)
    x_title = f"{heading} (s)" if metric == ROOFLINE else heading
    base = alt.Chart(alt.Data(values=records)).encode(
        x=alt.X("x:Q", title=x_title, scale=log_scale).axis(format="~s"),
        tooltip=[
            alt.Tooltip("network:N", title="Network"),
            alt.Tooltip("family:N", title="Family"),
            alt.Tooltip("x_text:N", title=heading),
            alt.Tooltip("latency_text:N", title="Latency"),
            alt.Tooltip("off_text:N", title="Latency to what it tells"),
        ],
    )
    y = alt.Y("latency:Q", title="Latency (ms)", scale=log_scale)
    points = base.mark_point(filled=True, size=60, opacity=0.85, color="#3b76c4").encode(y=y)
    bars = base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q"), y2="high:Q")
    names = base.mark_text(align="left", dx=7, dy=-5, fontSize=10).encode(y=y, text="name:N")
    line = alt.Chart(alt.Data(values=_fit(records))).mark_line(strokeDash=[5, 3], opacity=0.6)
    rho = units.text(explanation.rho, "ratio")
    title = f"{heading} against latency: rho {rho}"
    miss = "" if explanation.error is None else f", median error {units.percent(explanation.error)}"
    furthest = max(records, key=lambda record: record["off"])
    words = f"{title}{miss}. Furthest from one constant: {furthest['network']}, {furthest['off_text']}."
    drawn = line.encode(x="x:Q", y="latency:Q") + bars + points + names
    return figure(f"networks-{metric.replace('_', '-')}", title + miss, words, drawn)


def _points(study: Study, metric: str) -> list[dict[str, Any]]:
    """A record a network whose count is above 0, with its latency over what the constant of all of them tells."""
    values = {name: study.metric(metric, name) for name in study.latencies}
    rates = {name: study.latencies[name].median_s / value for name, value in values.items() if value}
    constant = median(list(rates.values()))
    by_miss = sorted(rates, key=lambda name: -abs(log(rates[name] / constant)))
    unit = "seconds" if metric == ROOFLINE else METRICS[metric].unit
    return [
        {
            "network": name,
            "family": family(name),
            "name": name if name in by_miss[:MOST_NAMES] else "",
            "x": values[name],
            "x_text": units.text(values[name], unit),
            "latency": latency.median_s * 1000,
            "latency_text": units.seconds(latency.median_s),
            "low": (latency.ci95_s or (latency.median_s,))[0] * 1000,
            "high": (latency.ci95_s or (latency.median_s,))[-1] * 1000,
            "told": constant * values[name] * 1000,
            "off": abs(log(rates[name] / constant)),
            "off_text": units.times(rates[name] / constant),
        }
        for name, latency in study.latencies.items()
        if name in rates
    ]


def _fit(records: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Both ends of the line on which latency is one constant times the count."""
    ends = (min(records, key=lambda record: record["x"]), max(records, key=lambda record: record["x"]))
    return [{"x": record["x"], "latency": record["told"]} for record in ends]
