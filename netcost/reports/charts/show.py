"""Charts of one network: its cost layer by layer, and its distance from the guidelines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from netcost.counting.analysis import Analysis
from netcost.counting.breakdown import WHOLE
from netcost.graph.cost import Kind
from netcost.graph.rules.conv import least_pointwise_access
from netcost.reports.charts.figure import Figure, figure, required
from netcost.reports.charts.parts import chart_of, log_scale, tooltip
from netcost.text import units
from netcost.text.metrics import METRICS

DEEPEST = 4
"""Levels of modules in the icicle; boxes of further levels would be narrower than their lines."""

CURVES = ("params", "mult_adds", "memory_access")

Path = tuple[str, ...]
"""The names on the way to a module; () for the model."""


@dataclass(frozen=True, slots=True)
class Box:
    """A module in the icicle: from `begin` to `end` of the whole (shares), on a `level` counted from 0."""

    path: str
    type: str
    level: int
    begin: float
    end: float
    value: int


def boxes(analysis: Analysis, metric: str = "mult_adds") -> list[Box]:
    """Return a box per module with a share of a metric, as wide as the share and below its parent module."""
    graph, whole = analysis.graph, getattr(analysis.total, metric)
    values: dict[Path, int] = {}
    children: dict[Path, list[Path]] = {}
    for op, cost in zip(graph.ops, analysis.count.costs, strict=True):
        names = tuple(op.module.split(".")) if op.module else ()
        for path in (names[:level] for level in range(min(len(names), DEEPEST) + 1)):
            if path and path not in values:
                children.setdefault(path[:-1], []).append(path)
            values[path] = values.get(path, 0) + getattr(cost, metric)

    def laid_out(path: Path, begin: float) -> Iterator[Box]:
        """Yield the box of a module and, below it, those of its children, in the order of first use."""
        value, name = values[path], ".".join(path)
        if value:
            yield Box(name or WHOLE, graph.modules.get(name, ""), len(path), begin, begin + value / whole, value)
            for child in children.get(path, ()):
                yield from laid_out(child, begin)
                begin += values[child] / whole

    return list(laid_out((), 0.0)) if whole else []


def icicle(analysis: Analysis, metric: str = "mult_adds") -> Figure:
    """Draw the module tree as boxes, each as wide as its share of a metric."""
    alt: Any = required("altair")
    heading = METRICS[metric].heading
    modules = boxes(analysis, metric)
    records = [
        {
            "path": box.path,
            "name": box.path.rpartition(".")[2] if box.end - box.begin > 0.05 else "",
            "type": box.type,
            "level": box.level,
            "below": box.level + 1,
            "begin": box.begin,
            "end": box.end,
            "middle": (box.begin + box.end) / 2,
            "half": box.level + 0.5,
            "part": box.path.partition(".")[0] if box.level else "",
            "value": units.text(box.value, METRICS[metric].unit),
            "share": units.percent(box.end - box.begin),
        }
        for box in modules
    ]
    levels = max((box.level for box in modules), default=0) + 1
    across = alt.X("begin:Q", title=f"share of {heading.lower()}", scale=alt.Scale(domain=[0, 1], nice=False))
    down = alt.Y("level:Q", axis=None, scale=alt.Scale(domain=[levels, 0], nice=False))
    base = chart_of(records)
    rects = base.mark_rect(stroke="white", strokeWidth=0.5).encode(
        x=across.axis(format="%"),
        x2="end:Q",
        y=down,
        y2="below:Q",
        color=alt.Color("part:N", legend=None),
        tooltip=tooltip(path="Module", type="Type", value=heading, share="Share"),
    )
    names = base.mark_text(color="white", limit=60).encode(x="middle:Q", y="half:Q", text="name:N")
    title = f"{heading} by module"
    largest = max((box for box in modules if box.level == 1), key=lambda box: box.value, default=None)
    words = f"{title}."
    if largest is not None:
        words += f" The largest part is {largest.path} with {units.percent(largest.end - largest.begin)}."
    return figure("icicle", title, words, (rects + names).properties(height=36 * levels))


def cumulative(analysis: Analysis) -> Figure:
    """Draw the growth of parameters, mult-adds and memory access from input to output, operator by operator."""
    alt: Any = required("altair")
    records = [
        {"index": index, "metric": METRICS[name].heading, "share": share, "share_text": units.percent(share), "op": op}
        for name in CURVES
        for index, op, share in _shares(analysis, name)
    ]
    chart = chart_of(records).encode(
        x=alt.X("index:Q", title="operator, in the order in which they run"),
        y=alt.Y("share:Q", title="share so far").axis(format="%"),
        color=alt.Color("metric:N", title=None, legend=alt.Legend(orient="top")),
        tooltip=tooltip(metric="Metric", op="Up to", share_text="Share"),
    )
    title = "Growth of the cost through the network"
    halves = {name: next((op for _, op, share in _shares(analysis, name) if share >= 0.5), "") for name in CURVES}
    words = "; ".join(f"half of {METRICS[name].heading.lower()} by {op}" for name, op in halves.items() if op)
    return figure("cumulative", title, f"{title}: {words}.", chart.mark_line(interpolate="step-after"))


def _shares(analysis: Analysis, metric: str) -> Iterator[tuple[int, str, float]]:
    """Yield number and place of each operator but views, with the share of a metric up to it."""
    whole, reached = getattr(analysis.total, metric), 0
    count = analysis.count
    for index, (op, kind, cost) in enumerate(zip(count.graph.ops, count.kinds, count.costs, strict=True)):
        reached += getattr(cost, metric)
        if kind is not Kind.VIEW and whole:
            yield index, f"{op.module or WHOLE} ({op.name.removeprefix('aten.')})", reached / whole


def pointwise_channels(analysis: Analysis) -> Figure | None:
    """Draw channels out over channels in of each 1x1 convolution; the colour is its memory access over G1's least.

    ShuffleNet V2 (arXiv:1807.11164), section 2, G1: at B = h·w·c1·c2/g mult-adds, memory access is least at c1 = c2.
    None where the network has no such convolution.
    """
    alt: Any = required("altair")
    records = list(_pointwise(analysis))
    if not records:
        return None
    channels = {"channels_in": "Channels in", "channels_out": "Channels out", "groups": "Groups"}
    costs = {"mult_adds_text": "Mult-adds", "over_text": "Memory access to the least"}
    points = chart_of(records).encode(
        x=alt.X("channels_in:Q", title="channels in", scale=log_scale()),
        y=alt.Y("channels_out:Q", title="channels out", scale=log_scale()),
        size=alt.Size("mult_adds:Q", title="mult-adds", legend=None),
        color=alt.Color("over:Q", title="memory access / least (G1)", scale=alt.Scale(scheme="plasma", reverse=True)),
        tooltip=tooltip(module="Module", **channels, **costs),
    )
    ends = [pick(record[side] for record in records for side in ("channels_in", "channels_out")) for pick in (min, max)]
    equal = chart_of({"c": end} for end in ends).mark_line(strokeDash=[4, 4], opacity=0.6).encode(x="c:Q", y="c:Q")
    worst = max(records, key=lambda record: record["over"])
    title = "1x1 convolutions: channels in and out (G1)"
    words = f"{title}. Furthest from balance: {worst['module']}, {worst['over_text']} of the least memory access."
    return figure("pointwise-channels", title, words, equal + points.mark_point(filled=True, opacity=0.85))


def _pointwise(analysis: Analysis) -> Iterator[dict[str, Any]]:
    count = analysis.count
    for op, kind, cost in zip(count.graph.ops, count.kinds, count.costs, strict=True):
        if kind is not Kind.POINTWISE_CONVOLUTION:
            continue
        weight, output = op.inputs[1], op.outputs[0]  # (O, C/g, 1, 1), (N, O, H, W)
        groups = op.arguments.get("groups", 1)
        bias = op.inputs[2].numel if len(op.inputs) > 2 else 0
        least = least_pointwise_access(cost.mult_adds, output.numel // output.shape[1])
        over = (cost.memory_access - bias) / least
        yield {
            "module": op.module or WHOLE,
            "channels_in": weight.shape[1] * groups,
            "channels_out": weight.shape[0],
            "groups": groups,
            "mult_adds": cost.mult_adds,
            "mult_adds_text": units.count(cost.mult_adds),
            "over": over,
            "over_text": units.times(over),
        }


def fragments(analysis: Analysis) -> Figure:
    """Draw the compute operators of each building block, from input to output (G3)."""
    alt: Any = required("altair")
    records = [
        {"block": index, "module": block.module or WHOLE, "fragments": block.fragments, "ops": len(block.ops)}
        for index, block in enumerate(analysis.count.structure.blocks)
        if block.fragments
    ]
    chart = chart_of(records).encode(
        x=alt.X("block:O", title="building block").axis(labels=len(records) <= 40, ticks=False),
        y=alt.Y("fragments:Q", title="fragments").axis(tickMinStep=1),
        tooltip=tooltip(module="Module", fragments="Fragments", ops="Operators"),
    )
    title = words = "Building blocks and their fragments (G3)"
    most = max(analysis.count.structure.blocks, key=lambda block: block.fragments, default=None)
    if most is not None:
        words += f". The largest: {most.module or WHOLE} with {units.count(most.fragments)}."
    return figure("fragments", title, words, chart.mark_bar().properties(height=180))
