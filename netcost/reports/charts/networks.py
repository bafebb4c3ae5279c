"""Charts of whole networks: latency against each metric that might explain it, and the work of two by kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import log
from typing import Any

from netcost.guidelines.networks.decomposition import Part
from netcost.guidelines.networks.explaining import MetricFit
from netcost.guidelines.networks.overview import HEADINGS
from netcost.guidelines.networks.panels import family
from netcost.guidelines.networks.study import ROOFLINE, Study
from netcost.reports.charts.figure import GREY, PALETTE, Figure, figure, required
from netcost.reports.charts.parts import chart_of, divided_bars, intervals, log_scale, non_overlapping, parity, tooltip
from netcost.text import units
from netcost.text.metrics import METRICS
from netcost.timing.stats import median

PARTS = {"time": "Time", "mult_adds": "Mult-adds", "memory_access": "Memory access"}
"""Quantities that are divided among the kinds of operator, with their headings."""

MOST_NAMES = 10
"""Most names written beside points: of the networks that the metric misses by most. The others are in tooltips."""

PREDICTING = ("mult_adds", "memory_access")
"""The metrics whose predictions are compared: the field's, and the one that ShuffleNet V2 recommends."""


def against_latency(study: Study) -> tuple[Figure, ...]:
    """Draw a chart per metric, a point per network, with the rank correlation in the title."""
    return tuple(_against_latency(study, explanation) for explanation in study.explanations)


def _against_latency(study: Study, explanation: MetricFit) -> Figure:
    alt: Any = required("altair")
    metric, heading = explanation.metric, HEADINGS[explanation.metric]
    records = _points(study, metric)
    titles = {"family": "Family", "x_text": heading, "latency_text": "Latency", "off_text": "Latency to the fitted one"}
    base = chart_of(records).encode(
        x=alt.X("x:Q", title=f"{heading} (s)" if metric == ROOFLINE else heading, scale=log_scale()).axis(format="~s"),
        tooltip=tooltip(network="Network", **titles),
    )
    y = alt.Y("latency:Q", title="Latency (ms)", scale=log_scale())
    points = base.mark_point(filled=True, size=60, opacity=0.85, color=PALETTE[0]).encode(y=y)
    names = base.mark_text(align="left", dx=7, dy=-5, fontSize=10).encode(y=y, text="name:N")
    ends = [pick(records, key=lambda record: record["x"]) for pick in (min, max)]
    fit = chart_of([{"x": record["x"], "latency": record["fitted"]} for record in ends])
    line = fit.mark_line(strokeDash=[5, 3], opacity=0.6).encode(x="x:Q", y="latency:Q")
    miss = "" if explanation.error is None else f", median error {units.percent(explanation.error)}"
    title = f"{heading} against latency: rho {units.text(explanation.rho, 'ratio')}{miss}"
    furthest = max(records, key=lambda record: record["off"])
    words = f"{title}. Furthest from one constant: {furthest['network']}, {furthest['off_text']}."
    chart = line + intervals(base, 1.5) + points + names
    return figure(f"networks-{metric.replace('_', '-')}", title, words, chart)


def predicted(study: Study) -> tuple[Figure, ...]:
    """Draw predicted / measured latency of every network, by mult-adds and by memory access, in one chart.

    The prediction is a constant times the metric; the constant is fitted to the networks of other families. Nothing is
    drawn where fewer than two families were timed.
    """
    alt: Any = required("altair")
    errors = {fit.metric: fit.error for fit in study.explanations if fit.metric in PREDICTING and fit.error is not None}
    if not errors:
        return ()
    by = {metric: f"by {HEADINGS[metric]}: median error {units.percent(error)}" for metric, error in errors.items()}
    records = [
        {
            "network": network,
            "by": by[metric],
            "latency": study.latencies[network].median_s * 1000,
            "latency_text": units.seconds(study.latencies[network].median_s),
            "ratio": ratio,
            "ratio_text": units.times(ratio),
        }
        for metric in by
        for network, ratio in study.predictions(metric).items()
    ]
    colours = alt.Scale(domain=list(by.values()), range=[PALETTE[1], PALETTE[0]][: len(by)])
    titles = {"by": "Predicted", "ratio_text": "Predicted / measured", "latency_text": "Measured"}
    points = chart_of(records).encode(
        x=alt.X("latency:Q", title="measured latency (ms)", scale=log_scale()),
        y=alt.Y("ratio:Q", title="predicted / measured", scale=log_scale()),
        color=alt.Color("by:N", title=None, scale=colours, legend=alt.Legend(orient="top", labelLimit=0)),
        tooltip=tooltip(network="Network", **titles),
    )
    chart = parity(0.6) + points.mark_point(filled=True, size=60, opacity=0.85)
    title, number = "Latency predicted by a metric", units.exact(len(study.latencies))
    words = f"{title}, over the measured one, for {number} networks: {'; '.join(by.values())}."
    return (figure("networks-predicted", title, words, chart),)


def _points(study: Study, metric: str) -> list[dict[str, Any]]:
    """Return a record per network whose metric is above 0, with its latency over the one fitted to all networks."""
    values = {name: study.metric(metric, name) for name in study.latencies}
    rates = {name: study.latencies[name].median_s / value for name, value in values.items() if value}
    constant = median(list(rates.values()))
    by_miss = sorted(rates, key=lambda name: -abs(log(rates[name] / constant)))
    places = [(log(values[name]), log(study.latencies[name].median_s)) for name in by_miss]
    named = {by_miss[index] for index in non_overlapping(places, MOST_NAMES)}
    unit = "seconds" if metric == ROOFLINE else METRICS[metric].unit
    return [
        {
            "network": name,
            "family": family(name),
            "name": name if name in named else "",
            "x": values[name],
            "x_text": units.text(values[name], unit),
            "latency": latency.median_s * 1000,
            "latency_text": units.seconds(latency.median_s),
            "low": (latency.ci95_s or (latency.median_s,))[0] * 1000,
            "high": (latency.ci95_s or (latency.median_s,))[-1] * 1000,
            "fitted": constant * values[name] * 1000,
            "off": abs(log(rates[name] / constant)),
            "off_text": units.times(rates[name] / constant),
        }
        for name, latency in study.latencies.items()
        if name in rates
    ]


def by_kind(study: Study) -> tuple[Figure, ...]:
    """Draw a chart per network of Figure 2 that was profiled: time, mult-adds and memory access by kind of operator.

    Reference: ShuffleNet V2 (arXiv:1807.11164), Figure 2.
    """
    networks = dict.fromkeys(part.network for part in study.parts if part.time is not None)
    kinds = list(dict.fromkeys(part.kind for part in study.parts if part.network in networks))
    colours = [*PALETTE, *[GREY] * len(kinds)][: len(kinds)]
    return tuple(_by_kind(study, network, dict(zip(kinds, colours, strict=True))) for network in networks)


def _by_kind(study: Study, network: str, colours: Mapping[str, str]) -> Figure:
    alt: Any = required("altair")
    parts = [part for part in study.parts if part.network == network]
    records = [record for index, part in enumerate(parts) for record in _shares(part, index)]
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    colour = alt.Color("kind:N", title=None, scale=scale, legend=alt.Legend(orient="top", columns=3))
    chart = divided_bars(records, list(PARTS.values()), colour, kind="Kind", part="Of", text="Share")
    title = f"{network} by kind of operator"
    by_time = sorted(parts, key=lambda part: -(part.time or 0.0))
    shares = ", ".join(f"{part.kind} {units.percent(part.time or 0.0)}" for part in by_time)
    return figure(f"by-kind-{network.replace('_', '-')}", title, f"{title}: the time goes to {shares}.", chart)


def _shares(part: Part, order: int) -> Iterator[dict[str, Any]]:
    """Yield one kind's share of each of `PARTS`."""
    for name, heading in PARTS.items():
        if share := getattr(part, name):
            yield {"kind": part.kind, "part": heading, "order": order, "share": share, "text": units.percent(share)}
