"""Charts of whole networks: latency against each metric that might explain it, and the work of two by kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import log
from typing import Any

from netcost.guidelines.networks.decomposition import Part
from netcost.guidelines.networks.explaining import MetricFit
from netcost.guidelines.networks.overview import HEADINGS
from netcost.guidelines.networks.study import ROOFLINE, Study
from netcost.reports.charts.figure import GREY, PALETTE, Figure, figure, required
from netcost.reports.charts.parts import MILLI, chart_of, divided_bars, equality, legend, names, time_axis, tooltip
from netcost.text import units
from netcost.text.metrics import METRICS

PARTS = {"time": "Time", "mult_adds": "Mult-adds", "memory_access": "Memory access"}
"""Quantities that are divided among the kinds of operator, with their headings."""

MOST_NAMES = 8
"""Most names written beside points where there is room: of the networks that the metric misses by most."""

APART, FEW = 3.0, 0.05
"""Networks this many times faster than all others, and at most this share of them, are left out of the charts: they
would take half of the plot."""


def predicted(study: Study) -> tuple[Figure, ...]:
    """Draw predicted over measured latency, a chart per metric, a point per network, with the line of equality.

    The prediction is a constant times the metric; the constant is fitted to the networks of other families. Nothing is
    drawn where fewer than two families were timed.
    """
    crowd = _crowd({name: latency.median_s for name, latency in study.latencies.items()})
    return tuple(
        _predicted(study, fit, crowd) for fit in study.explanations if fit.error is not None and fit.metric in HEADINGS
    )


def _crowd(latencies: Mapping[str, float]) -> list[str]:
    """Return the networks without those few that are faster by far."""
    ordered = sorted(latencies, key=lambda name: latencies[name])
    most = int(FEW * len(ordered))
    gaps = [index for index in range(1, most + 1) if latencies[ordered[index]] > APART * latencies[ordered[index - 1]]]
    return ordered[max(gaps, default=0) :]


def _predicted(study: Study, fit: MetricFit, crowd: Sequence[str]) -> Figure:
    alt: Any = required("altair")
    heading, ratios = HEADINGS[fit.metric], study.predictions(fit.metric)
    by_miss = sorted(crowd, key=lambda name: -abs(log(ratios[name])))
    records = [_prediction(study, fit.metric, name, ratios[name], name in by_miss[:MOST_NAMES]) for name in by_miss]
    every = [record[field] for record in records for field in ("measured", "predicted")]
    base = chart_of(records).encode(
        x=time_axis(alt.X("measured:Q", title="measured (ms)"), every),
        y=time_axis(alt.Y("predicted:Q", title="predicted (ms)"), every),
        tooltip=tooltip(network="Network", value=heading, measured_text="Measured", ratio_text="Predicted / measured"),
    )
    points = base.mark_point(filled=True, size=45, opacity=0.7, color=PALETTE[0])
    error = units.percent(fit.error or 0.0)
    left_out = [name for name in study.latencies if name not in crowd]
    title = f"{heading}: median error {error}"
    words = (
        f"Latency predicted by {heading.lower()} over the measured one, of {units.exact(len(crowd))} networks: median "
        f"error {error}, rank correlation rho {units.text(fit.rho, 'ratio')}. Furthest off: {by_miss[0]}, "
        f"{units.times(ratios[by_miss[0]])}."
    )
    if left_out:
        words += f" Faster by far, and not drawn: {', '.join(left_out)}."
    chart = equality(min(every), max(every)) + points + names(base)
    name = f"networks-{fit.metric.replace('_', '-')}"
    return figure(name, title, words, chart.properties(height=260), is_small=True)


def _prediction(study: Study, metric: str, network: str, ratio: float, is_named: bool) -> dict[str, Any]:
    """Return a network's point, in milliseconds."""
    measured, value = study.latencies[network].median_s, study.metric(metric, network)
    return {
        "network": network,
        "name": network if is_named else "",
        "value": units.text(value, "seconds" if metric == ROOFLINE else METRICS[metric].unit),
        "measured": measured * MILLI,
        "measured_text": units.seconds(measured),
        "predicted": measured * ratio * MILLI,
        "ratio": ratio,
        "ratio_text": units.times(ratio),
    }


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
    colour = alt.Color("kind:N", title=None, scale=scale, legend=legend())
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
