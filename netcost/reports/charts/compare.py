"""Charts of a comparison: what was counted against the clock, metric by metric, and under the roofline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from netcost.comparison.batches import Sweep
from netcost.comparison.entry import Entry
from netcost.comparison.result import Comparison
from netcost.reports.charts import roofline
from netcost.reports.charts.figure import Figure, figure, required
from netcost.text import units
from netcost.text.tables import METRICS

AGAINST_LATENCY = ("mult_adds", "memory_access")
"""The two that the paper's Figure 1 sets against each other."""

BARS = ("params", "mult_adds", "memory_access", "memory_access_fused", "elementwise_access", "kernels", "depth")

OVER_BATCH = {"throughput_per_s": ("Throughput", "per_second"), "median_s": ("Latency", "seconds")}
AXIS_UNITS = {"per_second": "inputs a second", "seconds": "s"}


def timed(comparison: Comparison) -> list[Entry]:
    """The networks that were both counted and timed."""
    return [entry for entry in comparison.entries if entry.figures is not None and entry.measurement is not None]


def against_latency(comparison: Comparison, metric: str) -> Figure:
    """Latency over a metric, both logarithmic, a point a network with the interval of its median.

    Args:
        comparison: at least one of its networks was timed.
        metric: identifier, like "mult_adds".
    """
    alt: Any = required("altair")
    column = METRICS[metric]
    records = [_point(comparison.label(entry), entry, metric) for entry in timed(comparison)]
    base = alt.Chart(alt.Data(values=records)).encode(
        x=alt.X("x:Q", title=column.heading, scale=alt.Scale(type="log", nice=False, padding=24)).axis(format="~s"),
        color=alt.Color("model:N", legend=None),
        tooltip=[
            alt.Tooltip("model:N", title="Model"),
            alt.Tooltip("x_text:N", title=column.heading),
            alt.Tooltip("latency_text:N", title="Latency (median)"),
            alt.Tooltip("interval:N", title="95 % interval"),
        ],
    )
    y = alt.Y("latency:Q", title="Latency (ms)", scale=alt.Scale(type="log", nice=False, padding=24))
    points = base.mark_point(filled=True, size=90, opacity=1).encode(y=y)
    bars = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q"), y2="high:Q")
    names = base.mark_text(align="left", dx=8, dy=-6).encode(y=y, text="model:N", color=alt.Undefined)
    title = f"{column.heading} against latency"
    spread = _spread(records)
    return figure(f"{metric.replace('_', '-')}-against-latency", title, f"{title}, {spread}.", bars + points + names)


def _point(label: str, entry: Entry, metric: str) -> dict[str, Any]:
    """One network's point; times in milliseconds on the axis, and as they read in every table beside it."""
    assert entry.figures is not None and entry.measurement is not None, "only what was timed is drawn"
    measured, value = entry.measurement, entry.figures.values[metric]
    ends = measured.ci95_s or (measured.median_s, measured.median_s)
    return {
        "model": label,
        "x": value,
        "x_text": units.text(value, METRICS[metric].unit),
        "latency": measured.median_s * 1000,
        "latency_text": units.seconds(measured.median_s),
        "low": ends[0] * 1000,
        "high": ends[1] * 1000,
        "interval": units.MISSING if measured.ci95_s is None else " – ".join(map(units.seconds, ends)),
    }


def _spread(records: Sequence[dict[str, Any]]) -> str:
    """The range of what is drawn, in words."""
    fastest, slowest = (pick(records, key=lambda each: each["latency"]) for pick in (min, max))
    words = f"from {fastest['model']} ({fastest['x_text']}, {fastest['latency_text']})"
    return f"{words} to {slowest['model']} ({slowest['x_text']}, {slowest['latency_text']})"


def bars(comparison: Comparison) -> Figure:
    """Every metric of every network in units of the first network's, side by side."""
    alt: Any = required("altair")
    records = _relative(comparison)
    counted = [comparison.label(entry) for entry in comparison.entries if entry.figures is not None]
    order = list(dict.fromkeys(record["metric"] for record in records))
    chart = (
        alt.Chart(alt.Data(values=records))
        .mark_bar()
        .encode(
            x=alt.X("ratio:Q", title=f"in units of {counted[0]}'s"),
            y=alt.Y("metric:N", title=None, sort=order),
            yOffset=alt.YOffset("at:N"),
            color=alt.Color("model:N", title=None, sort=counted, legend=alt.Legend(orient="top", columns=3)),
            tooltip=[
                alt.Tooltip("model:N", title="Model"),
                alt.Tooltip("metric:N", title="Metric"),
                alt.Tooltip("text:N", title="Value"),
                alt.Tooltip("ratio_text:N", title=f"to {counted[0]}"),
            ],
        )
        .properties(height=len(order) * max(24, 8 * len(counted)))
    )
    return figure("metrics", "Every metric, side by side", f"Each metric in units of {counted[0]}'s.", chart)


def _relative(comparison: Comparison) -> list[dict[str, Any]]:
    """A record a metric and network, where the first network's is neither missing nor zero."""
    entries = [entry for entry in comparison.entries if entry.figures is not None]
    values = {name: [entry.figures.values[name] for entry in entries if entry.figures] for name in BARS}
    headings = {name: (METRICS[name].heading, METRICS[name].unit) for name in BARS}
    if all(entry.measurement is not None for entry in entries):
        values["latency"] = [entry.measurement.median_s for entry in entries if entry.measurement is not None]
        headings["latency"] = ("Latency (median)", "seconds")
    return [
        {
            "model": comparison.label(entry),
            "at": index,
            "metric": headings[name][0],
            "ratio": value / row[0],
            "ratio_text": units.times(value / row[0]),
            "text": units.text(value, headings[name][1]),
        }
        for name, row in values.items()
        if row and row[0]
        for index, (entry, value) in enumerate(zip(entries, row, strict=True))
        if value is not None
    ]


def under_roof(comparison: Comparison) -> Figure | None:
    """Each network that was timed: FLOP/s attained over FLOPs a byte, below the roof of the device.

    None without peaks, or where no network was timed.
    """
    alt: Any = required("altair")
    records = list(_attained(comparison))
    if comparison.peaks is None or not records:
        return None
    base = roofline.points(
        records,
        alt.Color("model:N", legend=None),
        tooltip=[
            alt.Tooltip("model:N", title="Model"),
            alt.Tooltip("intensity_text:N", title="FLOP/byte"),
            alt.Tooltip("rate_text:N", title="Attained"),
            alt.Tooltip("share_text:N", title="Of the roofline"),
        ],
    )
    marks = base.mark_point(filled=True, size=90, opacity=1)
    names = base.mark_text(align="left", dx=8, dy=-6).encode(text="model:N", color=alt.Undefined)
    told = "; ".join(f"{record['model']} attains {record['rate_text']}, {record['share_text']}" for record in records)
    title = "Under the roofline"
    words = f"{title} of {comparison.peaks.title}: {told} of what its operators could at best."
    return figure("roofline", title, words, roofline.roof(comparison.peaks, records) + marks + names)


def _attained(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """A point for each network that has a graph, arithmetic and a time."""
    for entry in timed(comparison):
        found = comparison.roofline(entry)
        if found is not None and found.latency_s and found.flops and found.access_bytes:
            yield {
                "model": comparison.label(entry),
                "share_text": units.MISSING if found.share is None else units.percent(found.share),
                **roofline.attained(found.flops, found.access_bytes, found.latency_s),
            }


def over_batch(sweep: Sweep, figure_name: str) -> Figure:
    """Throughput ("throughput_per_s") or latency ("median_s") over the batch size, a line a network."""
    alt: Any = required("altair")
    heading, unit = OVER_BATCH[figure_name]
    records = [
        {
            "model": entry.model,
            "batch": entry.measurement.batch,
            "value": getattr(entry.measurement, figure_name),
            "text": units.text(getattr(entry.measurement, figure_name), unit),
        }
        for entry in sweep.entries
        if entry.measurement is not None
    ]
    chart = (
        alt.Chart(alt.Data(values=records))
        .mark_line(point=True)
        .encode(
            x=alt.X("batch:Q", title="batch", scale=alt.Scale(type="log", base=2)).axis(values=list(sweep.batches)),
            y=alt.Y("value:Q", title=f"{heading} ({AXIS_UNITS[unit]})", scale=alt.Scale(type="log")).axis(format="~s"),
            color=alt.Color("model:N", title=None, legend=alt.Legend(orient="top")),
            tooltip=[
                alt.Tooltip("model:N", title="Model"),
                alt.Tooltip("batch:Q", title="Batch"),
                alt.Tooltip("text:N", title=heading),
            ],
        )
    )
    title = f"{heading} by batch size"
    return figure(figure_name.replace("_", "-"), title, f"{title}, a line a network.", chart)
