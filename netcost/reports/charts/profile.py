"""Charts of a profile: where the time goes by kind of operator, and how near each operator comes to the roofline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netcost.counting.breakdown import WHOLE
from netcost.profiling import Profile
from netcost.profiling.tables import GAP
from netcost.reports.charts import roofline
from netcost.reports.charts.figure import PALETTE, Figure, figure, required
from netcost.text import units
from netcost.text.tables import bare

PARTS = {
    "time_s": ("Time", "seconds"),
    "mult_adds": ("Mult-adds", "count"),
    "memory_access": ("Memory access", "elements"),
}
"""What is divided among the kinds, with its heading and unit."""

OTHERS = "others"


def by_kind(profile: Profile) -> Figure:
    """A bar each for time, mult-adds and memory access, divided by kind of operator.

    Reference: ShuffleNet V2 (arXiv:1807.11164), Figure 2, which divides the time.
    """
    alt: Any = required("altair")
    records = _shares(profile)
    bars = (
        alt.Chart(alt.Data(values=records))
        .mark_bar(stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("share:Q", title="share", scale=alt.Scale(domain=[0, 1])).axis(format="%"),
            y=alt.Y("part:N", title=None, sort=[heading for heading, _ in PARTS.values()]),
            color=_colour(profile),
            order=alt.Order("at:Q"),
            tooltip=[
                alt.Tooltip("label:N", title="Kind"),
                alt.Tooltip("part:N", title="Of"),
                alt.Tooltip("text:N", title="Value"),
                alt.Tooltip("share_text:N", title="Share"),
            ],
        )
        .properties(height=44 * len(PARTS))
    )
    title = "By kind of operator"
    times = [record for record in records if record["part"] == PARTS["time_s"][0]]
    told = ", ".join(f"{record['label']} {record['share_text']}" for record in times)
    return figure("by-kind", title, f"{title}: the time goes to {told}.", bars)


def _colour(profile: Profile) -> Any:
    """The same colour for a kind in every chart of a profile."""
    alt: Any = required("altair")
    shown = list(dict.fromkeys(_labels(profile).values()))
    scale = alt.Scale(domain=shown, range=list(PALETTE[: len(shown)]))
    return alt.Color("label:N", title=None, scale=scale, legend=alt.Legend(orient="top", columns=2))


def _labels(profile: Profile) -> dict[str, str]:
    """What each kind is called, by time and the gap last; those beyond the colours that there are count as one."""
    table = profile.table("kind")
    rows = [dict(zip(table.names, row, strict=True)) for row in table.rows]
    kinds = [str(row["kind"]) for row in sorted(rows, key=lambda row: -row["time_s"]) if row["kind"] != GAP]
    kept = kinds if len(kinds) < len(PALETTE) else kinds[: len(PALETTE) - 2]
    return {kind: kind if kind in kept else OTHERS for kind in kinds} | {GAP: GAP}


def _shares(profile: Profile) -> list[dict[str, Any]]:
    """A record a kind and part."""
    table = profile.table("kind")
    rows = [dict(zip(table.names, row, strict=True)) for row in table.rows]
    groups: dict[str, list[dict[str, Any]]] = {}
    for kind, label in _labels(profile).items():
        groups.setdefault(label, []).extend(row for row in rows if row["kind"] == kind)
    return [record for name in PARTS for record in _divided(name, groups)]


def _divided(name: str, groups: dict[str, list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """The share of each group in one part; none where there is nothing to divide."""
    heading, unit = PARTS[name]
    sums = {kind: sum(bare(row[name]) or 0 for row in rows) for kind, rows in groups.items()}
    whole = sum(sums.values())
    for index, (kind, value) in enumerate(sums.items()):
        if value:
            yield {
                "label": kind,
                "part": heading,
                "at": index,
                "share": value / whole,
                "share_text": units.percent(value / whole),
                "text": units.text(value, unit),
            }


def under_roof(profile: Profile) -> Figure | None:
    """Each operator with arithmetic: FLOP/s attained over FLOPs a byte, below the roof where there are peaks.

    None where no operator has both arithmetic and a time.
    """
    alt: Any = required("altair")
    records = list(_operators(profile))
    if not records:
        return None
    chart = roofline.points(
        records,
        _colour(profile),
        size=alt.Size("time_s:Q", legend=None, scale=alt.Scale(range=[20, 400])),
        tooltip=[
            alt.Tooltip("op:N", title="Operator"),
            alt.Tooltip("kind:N", title="Kind"),
            alt.Tooltip("module:N", title="Module"),
            alt.Tooltip("time_text:N", title="Time"),
            alt.Tooltip("intensity_text:N", title="FLOP/byte"),
            alt.Tooltip("rate_text:N", title="Attained"),
            alt.Tooltip("roof_text:N", title="Of the roof"),
        ],
    )
    if profile.peaks is not None:
        chart = roofline.roof(profile.peaks, records) + chart
    title = "Operators under the roofline" if profile.peaks is not None else "What operators attain"
    longest = max(records, key=lambda record: record["time_s"])
    words = f"{title}: a point an operator that does arithmetic, larger the more time it takes. The longest is "
    words += f"{longest['op']} in {longest['module']} with {longest['time_text']}, at {longest['rate_text']}."
    return figure("roofline", title, words, chart)


def _operators(profile: Profile) -> Iterator[dict[str, Any]]:
    """A point for each operator that can be one; on logarithmic axes what does no arithmetic has no place."""
    count, labels = profile.analysis.count, _labels(profile)
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
