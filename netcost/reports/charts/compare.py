"""Charts of a comparison: counted metrics against latency, metric by metric, and under the roofline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netcost.comparison.batches import Sweep
from netcost.comparison.entry import Entry
from netcost.comparison.result import Comparison
from netcost.reports.charts import roofline
from netcost.reports.charts.figure import Figure, figure, required
from netcost.reports.charts.parts import chart_of, intervals, log_scale, tooltip
from netcost.text import units
from netcost.text.metrics import METRICS

AGAINST_LATENCY = ("mult_adds", "memory_access")
"""The two metrics that Figure 1 of ShuffleNet V2 compares."""

BARS = ("params", "mult_adds", "memory_access", "memory_access_fused", "elementwise_access", "kernels", "depth")

OVER_BATCH = {
    "throughput_per_s": ("Throughput", "per_second", "inputs per second"),
    "median_s": ("Latency", "seconds", "s"),
}
"""Heading, unit of the values, and unit on the axis."""


def timed(comparison: Comparison) -> list[Entry]:
    """Return the networks that were both counted and timed."""
    return [entry for entry in comparison.entries if entry.figures is not None and entry.measurement is not None]


def against_latency(comparison: Comparison, metric: str) -> Figure:
    """Draw latency over a metric, both logarithmic, a point per network with the interval of its median.

    Args:
        comparison: at least one of its networks was timed.
        metric: identifier, like "mult_adds".
    """
    alt: Any = required("altair")
    heading = METRICS[metric].heading
    records = [_point(comparison.label(entry), entry, metric) for entry in timed(comparison)]
    base = chart_of(records).encode(
        x=alt.X("x:Q", title=heading, scale=log_scale(24)).axis(format="~s"),
        color=alt.Color("model:N", legend=None),
        tooltip=tooltip(model="Model", x_text=heading, latency_text="Latency (median)", interval="95 % interval"),
    )
    y = alt.Y("latency:Q", title="Latency (ms)", scale=log_scale(24))
    points = base.mark_point(filled=True, size=90, opacity=1).encode(y=y)
    names = base.mark_text(align="left", dx=8, dy=-6).encode(y=y, text="model:N", color=alt.Undefined)
    ends = [pick(records, key=lambda record: record["latency"]) for pick in (min, max)]
    spread = " to ".join(f"{record['model']} ({record['x_text']}, {record['latency_text']})" for record in ends)
    title, name = f"{heading} against latency", f"{metric.replace('_', '-')}-against-latency"
    return figure(name, title, f"{title}, from {spread}.", intervals(base) + points + names)


def _point(label: str, entry: Entry, metric: str) -> dict[str, Any]:
    """Return one network's point; times in milliseconds on the axis, and in words as in every table."""
    assert entry.figures is not None and entry.measurement is not None, "only timed networks are drawn"
    measured, value = entry.measurement, entry.figures.values[metric]
    low, high = measured.ci95_s or (measured.median_s, measured.median_s)
    return {
        "model": label,
        "x": value,
        "x_text": units.text(value, METRICS[metric].unit),
        "latency": measured.median_s * 1000,
        "latency_text": units.seconds(measured.median_s),
        "low": low * 1000,
        "high": high * 1000,
        "interval": units.MISSING if measured.ci95_s is None else f"{units.seconds(low)} – {units.seconds(high)}",
    }


def bars(comparison: Comparison) -> Figure:
    """Draw every metric of every network in units of the first network's, side by side."""
    alt: Any = required("altair")
    records = _relative(comparison)
    models = [comparison.label(entry) for entry in comparison.entries if entry.figures is not None]
    order = list(dict.fromkeys(record["metric"] for record in records))
    encoded = chart_of(records).encode(
        x=alt.X("ratio:Q", title=f"in units of {models[0]}'s"),
        y=alt.Y("metric:N", title=None, sort=order),
        yOffset=alt.YOffset("order:N"),
        color=alt.Color("model:N", title=None, sort=models, legend=alt.Legend(orient="top", columns=3)),
        tooltip=tooltip(model="Model", metric="Metric", text="Value", ratio_text=f"to {models[0]}"),
    )
    chart = encoded.mark_bar().properties(height=len(order) * max(24, 8 * len(models)))
    return figure("metrics", "Every metric, side by side", f"Each metric in units of {models[0]}'s.", chart)


def _relative(comparison: Comparison) -> list[dict[str, Any]]:
    """Return a record per metric and network, where the first network's value is neither missing nor zero."""
    entries = [entry for entry in comparison.entries if entry.figures is not None]
    measured = [entry.measurement.median_s for entry in entries if entry.measurement is not None]
    shown = [
        (METRICS[name].heading, METRICS[name].unit, [entry.figures.values[name] for entry in entries if entry.figures])
        for name in BARS
    ]
    if len(measured) == len(entries):
        shown.append(("Latency (median)", "seconds", measured))
    return [
        {
            "model": comparison.label(entry),
            "order": index,
            "metric": heading,
            "ratio": value / values[0],
            "ratio_text": units.times(value / values[0]),
            "text": units.text(value, unit),
        }
        for heading, unit, values in shown
        if values and values[0]
        for index, (entry, value) in enumerate(zip(entries, values, strict=True))
        if value is not None
    ]


def under_roof(comparison: Comparison) -> Figure | None:
    """Draw each timed network below the roof of the device: FLOP/s attained over FLOPs per byte.

    None without peaks, or where no network was timed.
    """
    alt: Any = required("altair")
    records = list(_attained(comparison))
    if comparison.peaks is None or not records:
        return None
    titles = {"model": "Model", "intensity_text": "FLOP/byte", "rate_text": "Attained", "share_text": "Of the roofline"}
    base = roofline.points(records, alt.Color("model:N", legend=None), tooltip=tooltip(**titles))
    marks = base.mark_point(filled=True, size=90, opacity=1)
    names = base.mark_text(align="left", dx=8, dy=-6).encode(text="model:N", color=alt.Undefined)
    rates = "; ".join(f"{record['model']} attains {record['rate_text']}, {record['share_text']}" for record in records)
    title = "Under the roofline"
    words = f"{title} of {comparison.peaks.title}: {rates} of the best that its operators allow."
    return figure("roofline", title, words, roofline.roof(comparison.peaks, records) + marks + names)


def _attained(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """Yield a point for each network that has a graph, arithmetic and a time."""
    for entry in timed(comparison):
        result = comparison.roofline(entry)
        if result is not None and result.latency_s and result.flops and result.access_bytes:
            yield {
                "model": comparison.label(entry),
                "share_text": units.MISSING if result.share is None else units.percent(result.share),
                **roofline.attained(result.flops, result.access_bytes, result.latency_s),
            }


def over_batch(sweep: Sweep, figure_name: str) -> Figure:
    """Draw throughput ("throughput_per_s") or latency ("median_s") over the batch size, a line per network."""
    alt: Any = required("altair")
    heading, unit, axis_unit = OVER_BATCH[figure_name]
    measured = [(entry.model, entry.measurement) for entry in sweep.entries if entry.measurement is not None]
    records = [
        {"model": model, "batch": measurement.batch, "value": value, "text": units.text(value, unit)}
        for model, measurement in measured
        for value in [getattr(measurement, figure_name)]
    ]
    chart = chart_of(records).encode(
        x=alt.X("batch:Q", title="batch", scale=alt.Scale(type="log", base=2)).axis(values=list(sweep.batches)),
        y=alt.Y("value:Q", title=f"{heading} ({axis_unit})", scale=alt.Scale(type="log")).axis(format="~s"),
        color=alt.Color("model:N", title=None, legend=alt.Legend(orient="top")),
        tooltip=tooltip(model="Model", batch="Batch", text=heading),
    )
    title, name = f"{heading} by batch size", figure_name.replace("_", "-")
    return figure(name, title, f"{title}, a line per network.", chart.mark_line(point=True))
