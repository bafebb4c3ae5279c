"""Charts of a profile: the time by kind of operator, and each operator under the roofline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from netcost.counting.breakdown import WHOLE
from netcost.profiling import Profile
from netcost.profiling.tables import GAP
from netcost.reports.charts import roofline, show
from netcost.reports.charts.figure import GREY, PALETTE, Figure, figure, required
from netcost.reports.charts.parts import divided_bars, legend, tooltip
from netcost.text import units
from netcost.text.metrics import METRICS
from netcost.text.tables import bare

PARTS = {
    "time_s": ("Time", "seconds"),
    "mult_adds": ("Mult-adds", "count"),
    "memory_access": ("Memory access", "elements"),
}
"""Quantities that are divided among the kinds, with their headings and units."""


def by_kind(profile: Profile) -> Figure:
    """Draw a bar each for time, mult-adds and memory access, divided by kind of operator."""
    records = _shares(profile)
    headings = [heading for heading, _ in PARTS.values()]
    titles = {"part": "Of", "text": "Value", "share_text": "Share"}
    bars = divided_bars(records, headings, _colour(profile), label="Kind", **titles)
    title = "By kind of operator"
    times = [f"{record['label']} {record['share_text']}" for record in records if record["part"] == headings[0]]
    return figure("by-kind", title, f"{title}: the time goes to {', '.join(times)}.", bars)


def by_module(profile: Profile) -> Figure:
    """Draw the module tree as boxes, as wide as their share of the time, or of a count that the reader switches to."""
    graph, costs = profile.analysis.graph, profile.analysis.count.costs
    quantities: dict[str, tuple[Sequence[float], str]] = {"Time": (profile.times_s, "seconds")}
    if profile.analysis.training is None:
        for name in ("mult_adds", "memory_access"):
            quantities[METRICS[name].heading] = ([getattr(cost, name) for cost in costs], METRICS[name].unit)
    return show.switched_icicle(
        {heading: (show.boxes_of(graph, values), unit) for heading, (values, unit) in quantities.items()}
    )


def _colour(profile: Profile) -> Any:
    """Return the colours of the kinds, the same in every chart of a profile."""
    alt: Any = required("altair")
    shown = list(dict.fromkeys(_labels(profile).values()))
    colours = iter(PALETTE)
    scale = alt.Scale(domain=shown, range=[GREY if label == GAP else next(colours) for label in shown])
    return alt.Color("label:N", title=None, scale=scale, legend=legend(190))


def _rows(profile: Profile) -> dict[str, dict[str, Any]]:
    """Return the figures of each kind, sorted by time, the gap last."""
    table = profile.table("kind")
    rows = [dict(zip(table.names, row, strict=True)) for row in table.rows]
    return {str(row["kind"]): row for row in sorted(rows, key=lambda row: (row["kind"] == GAP, -row["time_s"]))}


def _labels(profile: Profile) -> dict[str, str]:
    """Return the label of each kind; kinds beyond the number of colours share one."""
    kinds = [kind for kind in _rows(profile) if kind != GAP]
    kept = kinds if len(kinds) < len(PALETTE) else kinds[: len(PALETTE) - 2]
    return {kind: kind if kind in kept else "others" for kind in kinds} | {GAP: GAP}


def _shares(profile: Profile) -> list[dict[str, Any]]:
    """Return a record per label and part, where there is anything to divide."""
    rows, labels = _rows(profile), _labels(profile)
    records = []
    for name, (heading, unit) in PARTS.items():
        sums = dict.fromkeys(labels.values(), 0)
        for kind, label in labels.items():
            sums[label] += bare(rows[kind][name]) or 0
        whole = sum(sums.values())
        records += [
            {
                "label": label,
                "part": heading,
                "order": index,
                "share": value / whole,
                "share_text": units.percent(value / whole),
                "text": units.text(value, unit),
            }
            for index, (label, value) in enumerate(sums.items())
            if value
        ]
    return records


def under_roof(profile: Profile) -> Figure | None:
    """Draw each operator with arithmetic: FLOP/s attained over FLOPs per byte, below the roof where there are peaks.

    None where no operator has both arithmetic and a time.
    """
    alt: Any = required("altair")
    records = list(_operators(profile))
    if not records:
        return None
    figures = {"intensity_text": "FLOP/byte", "rate_text": "Attained", "roof_text": "Of the roof"}
    chart = roofline.points(
        records,
        color=_colour(profile),
        size=alt.Size("time_s:Q", legend=None, scale=alt.Scale(range=[20, 400])),
        tooltip=tooltip(op="Operator", kind="Kind", module="Module", time_text="Time", **figures),
    )
    chart = chart.mark_point(filled=True, opacity=0.85)
    if profile.peaks is not None:
        chart = roofline.roof(profile.peaks, records) + chart
    title = "Operators under the roofline" if profile.peaks is not None else "Rates of the operators"
    longest = max(records, key=lambda record: record["time_s"])
    words = f"{title}: a point per operator that does arithmetic; its size grows with its time. The longest is "
    words += f"{longest['op']} in {longest['module']} with {longest['time_text']}, at {longest['rate_text']}."
    return figure("roofline", title, words, chart.properties(height=300))


def _operators(profile: Profile) -> Iterator[dict[str, Any]]:
    """Yield a point for each operator with arithmetic and a time: logarithmic axes have no 0."""
    count, labels = profile.count, _labels(profile)
    for op, kind, cost, time_s, bound_s in zip(
        count.graph.ops, count.kinds, count.costs, profile.times_s, profile.bounds_s, strict=True
    ):
        if cost.flops and cost.memory_access_bytes and time_s > 0:
            yield {
                "op": op.name.removeprefix("aten."),
                "kind": str(kind),
                "label": labels[str(kind)],
                "module": op.module or WHOLE,
                "time_s": time_s,
                "time_text": units.seconds(time_s),
                "roof_text": units.MISSING if bound_s is None else units.percent(bound_s / time_s),
                **roofline.attained(cost.flops, cost.memory_access_bytes, time_s),
            }
