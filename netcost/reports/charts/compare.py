"""Charts of a comparison: ratios metric by metric, counts against latency, and networks under the roofline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from netcost.comparison.batches import Sweep
from netcost.comparison.entry import Entry
from netcost.comparison.result import Comparison
from netcost.reports.charts import roofline
from netcost.reports.charts.figure import BACK, Figure, figure, required
from netcost.reports.charts.parts import (
    MILLI,
    chart_of,
    coloured,
    identities,
    intervals,
    log_axis,
    names,
    parity,
    ratio_axis,
    time_axis,
    tooltip,
)
from netcost.text import units
from netcost.text.metrics import METRICS
from netcost.timing.measurement import Measurement

AGAINST_LATENCY = ("mult_adds", "memory_access", "memory_access_fused", "params")
"""The counts that are drawn against latency: the two of Figure 1 of ShuffleNet V2, and two more."""

RATIOS = ("params", "mult_adds", "memory_access", "memory_access_fused", "elementwise_access", "kernels", "depth")

MOST_IN_RATIOS = 9
"""Most networks in the chart of ratios: the base and one per colour."""

LATENCY = "Latency"

ROW = 40
"""Height of a metric in the chart of ratios (pixels)."""


def timed(comparison: Comparison) -> list[Entry]:
    """Return the networks that were both counted and timed."""
    return [entry for entry in comparison.entries if entry.figures is not None and entry.measurement is not None]


def labels(comparison: Comparison) -> list[str]:
    """Return the name of every network that was counted or timed, the base first."""
    shown = [entry for entry in comparison.entries if entry.figures is not None or entry.measurement is not None]
    return list(dict.fromkeys(comparison.label(entry) for entry in shown))


def against_latency(comparison: Comparison, metric: str) -> Figure:
    """Draw latency over a metric, both logarithmic, a point per network with the interval of its median.

    Args:
        comparison: at least one of its networks was timed.
        metric: identifier, like "mult_adds", above 0 in each network.
    """
    alt: Any = required("altair")
    heading = METRICS[metric].heading
    records = [_point(comparison.label(entry), entry, metric) for entry in timed(comparison)]
    shown = labels(comparison)
    times = [record[end] for record in records for end in ("low", "high")]
    base = chart_of(records).encode(
        x=log_axis(alt.X("x:Q", title=heading), [record["x"] for record in records]),
        tooltip=tooltip(model="Model", x_text=heading, latency_text="Latency (median)", interval="95 % interval"),
    )
    placed = base.encode(y=time_axis(alt.Y("latency:Q", title="Latency (ms)"), times))
    marks = {channel: encoding.legend(None) for channel, encoding in identities(shown).items()}
    points = placed.mark_point(size=90, opacity=1).encode(**marks)
    spans = intervals(coloured(base, shown))
    ends = [pick(records, key=lambda record: record["latency"]) for pick in (min, max)]
    spread = " to ".join(f"{record['model']} ({record['x_text']}, {record['latency_text']})" for record in ends)
    title, name = f"{heading} against latency", f"{metric.replace('_', '-')}-against-latency"
    chart = (spans + points + names(placed, "model")).properties(height=260)
    return figure(name, title, f"{title}, from {spread}.", chart, is_small=True)


def _point(label: str, entry: Entry, metric: str) -> dict[str, Any]:
    """Return one network's point; times in milliseconds on the axis, and in words as in every table."""
    assert entry.figures is not None and entry.measurement is not None, "only timed networks are drawn"
    measured, value = entry.measurement, entry.figures.values[metric]
    low, high = measured.ci95_s or (measured.median_s, measured.median_s)
    return {
        "model": label,
        "x": value,
        "x_text": units.text(value, METRICS[metric].unit),
        "latency": measured.median_s * MILLI,
        "latency_text": units.seconds(measured.median_s),
        "low": low * MILLI,
        "high": high * MILLI,
        "interval": units.MISSING if measured.ci95_s is None else f"{units.seconds(low)} – {units.seconds(high)}",
    }


def ratios(comparison: Comparison) -> Figure | None:
    """Draw each metric of each network as a ratio to the first one's, on a logarithmic axis, latency last.

    None where there are no two networks to compare, or more than have a colour.
    """
    alt: Any = required("altair")
    records, shown = _ratios(comparison), labels(comparison)
    if not records or len(shown) > MOST_IN_RATIOS:
        return None
    base, *others = shown
    rows = list(dict.fromkeys(record["metric"] for record in records))
    titles = {"model": "Model", "metric": "Metric", "text": "Value", "ratio_text": f"to {base}"}
    is_one = len(others) == 1
    drawn = chart_of(records).encode(
        y=alt.Y("metric:N", title=None, sort=rows, axis=None if is_one else alt.Axis(ticks=False, domain=False)),
        tooltip=tooltip(**titles, interval="95 % interval"),
    )
    every = [value for record in records for value in (record["ratio"], record["low"], record["high"])]
    whose = f"{others[0]} as a ratio to {base}" if is_one else f"ratio to {base}"
    place = ratio_axis(alt.X("ratio:Q", title=whose), every)
    line, has_intervals = parity("x"), any(record["interval"] != units.MISSING for record in records)
    timed = drawn.transform_filter("datum.interval !== '–'")
    if is_one:  # the names stand above the bars: beside them they would take half of a phone
        bars = coloured(drawn, shown).mark_bar(size=12, yOffset=8).encode(x=place, x2=alt.datum(1))
        ends = [intervals(timed.encode(color=alt.value(BACK)), "x", yOffset=8)] if has_intervals else []
        names = drawn.mark_text(align="left", dy=-8).encode(x=alt.value(4), text="label:N")
        chart = alt.layer(bars, *ends, line, names)
    else:
        spans = [intervals(coloured(timed, shown), "x")] if has_intervals else []
        points = drawn.mark_point(size=90, opacity=1).encode(x=place, **identities(shown))
        chart = alt.layer(line, *spans, points)
    words = "; ".join(
        f"{record['metric']} of {record['model']} {record['ratio_text']}" for record in records if record["is_key"]
    )
    title = f"Every metric as a ratio to {base}"
    height = ROW * len(rows)
    return figure("ratios", title, f"{title}: {words}.", chart.properties(height=height))


def _ratios(comparison: Comparison) -> list[dict[str, Any]]:
    """Return a record per metric and network but the base, where neither value is missing nor zero; latency last."""
    base, *others = comparison.entries
    shown = []
    for name in RATIOS:
        for entry in others:
            if base.figures and entry.figures:
                whole, value = base.figures.values[name], entry.figures.values[name]
                if whole and value:
                    text, of = (units.text(quantity, METRICS[name].unit) for quantity in (value, whole))
                    shown.append(_ratio(comparison.label(entry), METRICS[name].heading, value / whole, text, of))
    for entry in others:
        if entry.ratio is not None and entry.measurement is not None and base.measurement is not None:
            text, of = (units.seconds(one.median_s) for one in (entry.measurement, base.measurement))
            ratio, verdict = entry.ratio, f", {entry.ratio.verdict}"
            shown.append(_ratio(comparison.label(entry), LATENCY, ratio.median, text, of, ratio.ci95, verdict))
    return shown


def _ratio(
    model: str,
    metric: str,
    ratio: float,
    text: str,
    of: str,
    ends: Sequence[float] | None = None,
    verdict: str = "",
) -> dict[str, Any]:
    low, high = ends or (ratio, ratio)
    return {
        "model": model,
        "metric": metric,
        "ratio": ratio,
        "ratio_text": units.times(ratio),
        "label": f"{metric} {units.times(ratio)}{verdict} ({text} / {of})",
        "text": text,
        "low": low,
        "high": high,
        "interval": units.MISSING if ends is None else f"{units.times(low)} – {units.times(high)}",
        "is_key": metric in (LATENCY, METRICS["mult_adds"].heading, METRICS["memory_access"].heading),
    }


def under_roof(comparison: Comparison) -> Figure | None:
    """Draw each timed network below the roof of the device: FLOP/s attained over FLOPs per byte.

    None without peaks, or where no network was timed.
    """
    records = list(_attained(comparison))
    if comparison.peaks is None or not records:
        return None
    titles = {"model": "Model", "intensity_text": "FLOP/byte", "rate_text": "Attained", "share_text": "Of the roofline"}
    marks = {channel: encoding.legend(None) for channel, encoding in identities(labels(comparison)).items()}
    base = roofline.points(records, tooltip=tooltip(**titles), **marks).mark_point(size=90, opacity=1)
    rates = "; ".join(f"{record['model']} attains {record['rate_text']}, {record['share_text']}" for record in records)
    title = "Under the roofline"
    words = f"{title} of {comparison.peaks.title}: {rates} of the best that its operators allow."
    chart = roofline.roof(comparison.peaks, records) + base + names(base, "model")
    return figure("roofline", title, words, chart.properties(height=300))


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
    """Draw throughput ("throughput_per_s") or latency ("median_s") over the batch size, a line per network.

    Points have the intervals of their medians.
    """
    alt: Any = required("altair")
    is_time = figure_name == "median_s"
    heading, unit = ("Latency", "seconds") if is_time else ("Throughput", "per_second")
    records = [
        _batch_point(_name(entry), entry.measurement, figure_name, unit)
        for entry in sweep.entries
        if entry.measurement is not None
    ]
    shown = list(dict.fromkeys(record["model"] for record in records))
    values = [record[end] for record in records for end in ("low", "high")]
    y = alt.Y("value:Q", title=f"{heading} ({'ms' if is_time else 'inputs per second'})")
    placed_y = time_axis(y, values) if is_time else log_axis(y, values)
    timed = [record for record in records if record["low"] < record["high"]]
    base = chart_of(records).encode(
        x=alt.X("batch:Q", title="batch", scale=alt.Scale(type="log", base=2, padding=12)).axis(
            values=list(sweep.batches)
        ),
        tooltip=tooltip(model="Model", batch="Batch", text=heading, interval="95 % interval"),
    )
    chart = base.encode(y=placed_y)
    spans = [intervals(coloured(base.properties(data=alt.Data(values=timed)), shown))] if timed else []
    lines = coloured(chart, shown).mark_line()
    points = chart.mark_point(size=70, opacity=1).encode(**identities(shown))
    layers = [*spans, lines, points]
    if len(shown) > MOST_IN_RATIOS:  # and so without a legend
        last = {record["model"]: record for record in sorted(records, key=lambda record: record["batch"])}
        layers.append(names(chart.properties(data=alt.Data(values=list(last.values()))), "model"))
    title, name = f"{heading} by batch size", figure_name.replace("_", "-")
    drawn = alt.layer(*layers).properties(height=220)
    return figure(name, title, f"{title}, a line per network.", drawn, is_small=True)


def _name(entry: Entry) -> str:
    return entry.model if entry.backend is None else f"{entry.model}, {entry.backend}"


def _batch_point(model: str, measured: Measurement, figure_name: str, unit: str) -> dict[str, Any]:
    """Return a point of a sweep; times in milliseconds, throughput per second, each with its interval."""
    value = getattr(measured, figure_name)
    ends = measured.ci95_s or (measured.median_s, measured.median_s)
    if unit == "per_second":
        ends = tuple(sorted(value * measured.median_s / end for end in ends))
    scale = MILLI if unit == "seconds" else 1
    interval = units.MISSING if measured.ci95_s is None else " – ".join(units.text(end, unit) for end in ends)
    return {
        "model": model,
        "batch": measured.batch,
        "value": value * scale,
        "text": units.text(value, unit),
        "low": ends[0] * scale,
        "high": ends[1] * scale,
        "interval": interval,
    }
