"""Charts of whole networks: latency against each count that might explain it, and where the work of two lies."""

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
from netcost.reports.charts.labels import non_overlapping
from netcost.text import units
from netcost.text.tables import METRICS
from netcost.timing.stats import median

PARTS = {"time": "Time", "mult_adds": "Mult-adds", "memory_access": "Memory access"}
"""What is divided among the kinds of operator, with its heading."""

MOST_NAMES = 10
"""Networks whose names are written beside their points: those that the count misses by most, as far as there is room.
The others have theirs in a tooltip."""

PREDICTING = ("mult_adds", "memory_access")
"""Whose predictions are set against each other: what the field counts, and what ShuffleNet V2 says that it should."""


def against_latency(study: Study) -> tuple[Figure, ...]:
    """A chart a metric, a point a network, with the rank correlation in the title."""
    return tuple(_against_latency(study, each) for each in study.explanations)


def _against_latency(study: Study, explanation: MetricFit) -> Figure:
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
    points = base.mark_point(filled=True, size=60, opacity=0.85, color=PALETTE[0]).encode(y=y)
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


def predicted(study: Study) -> tuple[Figure, ...]:
    """Predicted / measured latency of every network, by mult-adds and by memory access, in one chart.

    Predicted is one constant times the count, the constant being that of the networks of other families. Nothing where
    fewer than two families were timed.
    """
    alt: Any = required("altair")
    told = {each.metric: each for each in study.explanations if each.metric in PREDICTING and each.error is not None}
    if not told:
        return ()
    by = {name: f"by {HEADINGS[name]}: median error {units.percent(each.error or 0.0)}" for name, each in told.items()}
    records = [
        {
            "network": network,
            "by": by[metric],
            "latency": study.latencies[network].median_s * 1000,
            "latency_text": units.seconds(study.latencies[network].median_s),
            "ratio": ratio,
            "ratio_text": units.times(ratio),
        }
        for metric in told
        for network, ratio in study.predictions(metric).items()
    ]
    colours = alt.Scale(domain=list(by.values()), range=[PALETTE[1], PALETTE[0]][: len(by)])
    points = (
        alt.Chart(alt.Data(values=records))
        .mark_point(filled=True, size=60, opacity=0.85)
        .encode(
            x=alt.X("latency:Q", title="measured latency (ms)", scale=alt.Scale(type="log", nice=False, padding=16)),
            y=alt.Y("ratio:Q", title="predicted / measured", scale=alt.Scale(type="log", nice=False, padding=16)),
            color=alt.Color("by:N", title=None, scale=colours, legend=alt.Legend(orient="top", labelLimit=0)),
            tooltip=[
                alt.Tooltip("network:N", title="Network"),
                alt.Tooltip("by:N", title="Predicted"),
                alt.Tooltip("ratio_text:N", title="Predicted / measured"),
                alt.Tooltip("latency_text:N", title="Measured"),
            ],
        )
    )
    even = alt.Chart(alt.Data(values=[{"one": 1}])).mark_rule(strokeDash=[4, 4], opacity=0.6).encode(y="one:Q")
    title = "Latency as a count predicts it"
    words = (
        f"{title}, over the measured one, for {units.exact(len(study.latencies))} networks: {'; '.join(by.values())}."
    )
    return (figure("networks-predicted", title, words, even + points),)


def _points(study: Study, metric: str) -> list[dict[str, Any]]:
    """A record a network whose count is above 0, with its latency over what the constant of all of them tells."""
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


def by_kind(study: Study) -> tuple[Figure, ...]:
    """A chart a network of Figure 2: its time, mult-adds and memory access, each divided by kind of operator.

    None of a network that was not profiled. Reference: ShuffleNet V2 (arXiv:1807.11164), Figure 2.
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
    chart = (
        alt.Chart(alt.Data(values=records))
        .mark_bar(stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("share:Q", title="share", scale=alt.Scale(domain=[0, 1])).axis(format="%"),
            y=alt.Y("of:N", title=None, sort=list(PARTS.values())),
            color=alt.Color("kind:N", title=None, scale=scale, legend=alt.Legend(orient="top", columns=3)),
            order=alt.Order("at:Q"),
            tooltip=[
                alt.Tooltip("kind:N", title="Kind"),
                alt.Tooltip("of:N", title="Of"),
                alt.Tooltip("text:N", title="Share"),
            ],
        )
        .properties(height=44 * len(PARTS))
    )
    title = f"{network} by kind of operator"
    by_time = sorted(parts, key=lambda part: -(part.time or 0.0))
    told = ", ".join(f"{part.kind} {units.percent(part.time or 0.0)}" for part in by_time)
    return figure(f"by-kind-{network.replace('_', '-')}", title, f"{title}: the time goes to {told}.", chart)


def _shares(part: Part, at: int) -> Iterator[dict[str, Any]]:
    """One kind's share of each of `PARTS`."""
    for name, heading in PARTS.items():
        share = getattr(part, name)
        if share:
            yield {"kind": part.kind, "of": heading, "at": at, "share": share, "text": units.percent(share)}
