"""Charts of one network: its cost layer by layer, and its distance from the guidelines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netcost.counting.analysis import Analysis
from netcost.counting.breakdown import WHOLE
from netcost.graph.cost import Kind
from netcost.graph.graph import Graph
from netcost.graph.rules.conv import least_pointwise_access
from netcost.reports.charts.figure import BACK, GREY, PALETTE, Figure, figure, required
from netcost.reports.charts.parts import chart_of, equality, legend, log_axis, tooltip
from netcost.text import units
from netcost.text.metrics import METRICS

DEEPEST = 4
"""Levels of modules in the icicle; boxes of further levels would be narrower than their lines."""

SWITCHED = ("mult_adds", "memory_access", "memory_access_fused")
"""The metrics that the icicle can show, the first one first."""

SHADES = ("#5a6475", "#3b76c4", "#2b5a94")
"""Colours of the model, and of its parts in turn: white words have a contrast of 4.5:1 on each."""

ENDS = {"begin": 0, "end": 1}
"""Ends of the whole, between which an icicle is drawn that was not zoomed."""

LEVEL = 32
"""Height of a level of the icicle (pixels)."""

LEFT, RIGHT = (f"clamp(scale('x', datum.{end}), 0, width)" for end in ("begin", "end"))
"""Ends of the visible part of a box (pixels), as Vega's expressions."""

CURVES = ("params", "mult_adds", "memory_access")

Path = tuple[str, ...]
"""The names on the way to a module; () for the model."""

CHARACTER = 7.8
"""Width that a box leaves for a character of its name (pixels): that of wide fonts."""


@dataclass(frozen=True, slots=True)
class Box:
    """A module in the icicle: from `begin` to `end` of the whole (shares), on a `level` counted from 0."""

    path: str
    type: str
    level: int
    begin: float
    end: float
    value: float

    @property
    def name(self) -> str:
        """The last part of its path; of a number, with its type."""
        last = self.path.rpartition(".")[2]
        return f"{last} {self.type}" if last.isdigit() else last

    @property
    def short_name(self) -> str:
        """The end of its name, which tells it from its neighbours ("3a" of "inception_3a"); of a number, the type."""
        last = self.path.rpartition(".")[2]
        return self.type if last.isdigit() else last.rpartition("_")[2]


def boxes(analysis: Analysis, metric: str = "mult_adds") -> list[Box]:
    """Return a box per module with a share of a metric, as wide as the share and below its parent module."""
    return boxes_of(analysis.graph, [getattr(cost, metric) for cost in analysis.count.costs])


def boxes_of(graph: Graph, quantities: Sequence[float]) -> list[Box]:
    """Return a box per module, as wide as its share of the operators' quantities and below its parent module.

    An only child with all of its parent's share has no box of its own: it would repeat the parent.
    """
    values: dict[Path, float] = {}
    children: dict[Path, list[Path]] = {}
    for op, quantity in zip(graph.ops, quantities, strict=True):
        names = tuple(op.module.split(".")) if op.module else ()
        for path in (names[:level] for level in range(len(names) + 1)):
            if path and path not in values:
                children.setdefault(path[:-1], []).append(path)
            values[path] = values.get(path, 0) + quantity
    whole = values.get((), 0)

    def laid_out(path: Path, begin: float, level: int) -> Iterator[Box]:
        """Yield the box of a module and, below it, those of its children, in the order of first use."""
        value, name = values[path], ".".join(path)
        if not value or level > DEEPEST:
            return
        yield Box(name or WHOLE, graph.modules.get(name, ""), level, begin, begin + value / whole, value)
        below = [child for child in children.get(path, ()) if values[child]]
        while path and len(below) == 1 and values[below[0]] == value:
            below = [child for child in children.get(below[0], ()) if values[child]]
        for child in below:
            yield from laid_out(child, begin, level + 1)
            begin += values[child] / whole

    return list(laid_out((), 0.0, 0)) if whole else []


def icicle(analysis: Analysis) -> Figure:
    """Draw the module tree as boxes, each as wide as its share of a metric that the reader can switch."""
    metrics = {METRICS[name].heading: (boxes(analysis, name), METRICS[name].unit) for name in SWITCHED}
    return switched_icicle({heading: shown for heading, shown in metrics.items() if shown[0]})


def switched_icicle(metrics: Mapping[str, tuple[Sequence[Box], str]]) -> Figure:
    """Draw the module tree once per metric, the first one first; a click on a box zooms, on the model shows all.

    Args:
        metrics: the boxes and the unit of each, by its heading.
    """
    alt: Any = required("altair")
    records = [record for heading, (shown, unit) in metrics.items() for record in _icicle_records(heading, shown, unit)]
    first = next(iter(metrics), "")
    levels = max((record["below"] for record in records), default=1)
    switch = alt.param(name="shown", value=first, bind=alt.binding_radio(options=list(metrics), name=" "))
    zoom = alt.selection_point(name="zoom", fields=["begin", "end", "metric"], on="click")
    begin, end = (f"zoom.metric && zoom.metric[0] === shown ? zoom.{side}[0] : {whole}" for side, whole in ENDS.items())
    limits = alt.Scale(nice=False, zero=False, domainMin=alt.ExprRef(begin), domainMax=alt.ExprRef(end))
    ticks = alt.Axis(format="~%", tickCount=5, grid=False)
    base = chart_of(records).transform_filter("datum.metric === shown")
    down = {"y": alt.Y("level:Q", axis=None, scale=alt.Scale(domain=[levels, 0], nice=False)), "y2": "below:Q"}
    rects = base.mark_rect(stroke=BACK, strokeWidth=1, clip=True, cursor="zoom-in").encode(
        x=alt.X("begin:Q", title="share of the whole", scale=limits, axis=ticks),
        x2="end:Q",
        color=alt.Color("shade:N", scale=None),
        tooltip=tooltip(path="Module", type="Type", value="Value", share="Share"),
        **down,
    )
    words = base.mark_text(
        color="white",
        clip=True,
        cursor="zoom-in",
        x=alt.ExprRef(f"({LEFT} + {RIGHT}) / 2"),
        text=alt.ExprRef(f"{_fits('name')} ? datum.name : {_fits('short')} ? datum.short : ''"),
    ).encode(y=alt.Y("half:Q", scale=alt.Scale(domain=[levels, 0], nice=False)))
    title = f"{first} by module: a click on a box zooms, on the model shows all again"
    largest = largest_part(next(iter(metrics.values()))[0]) if metrics else None
    said = f"{first} by module."
    if largest is not None:
        said += f" The largest part is {largest.path} with {units.percent(largest.end - largest.begin)}."
    chart = (rects.add_params(zoom) + words).add_params(switch).properties(height=LEVEL * levels)
    return figure("icicle", title, said, chart)


def _fits(field: str) -> str:
    """Return Vega's expression that is true where a text fits into the visible part of a box."""
    return f"{RIGHT} - {LEFT} > {CHARACTER} * length(datum.{field})"


def largest_part(shown: Sequence[Box]) -> Box | None:
    """Return the widest of the modules directly in the model; None where it has none."""
    return max((box for box in shown if box.level == 1), key=lambda box: box.value, default=None)


def _icicle_records(heading: str, shown: Sequence[Box], unit: str) -> Iterator[dict[str, Any]]:
    """Yield a record per box; neighbours in the first level have different shades, and boxes that of their parent."""
    parts = list(dict.fromkeys(box.begin for box in shown if box.level == 1))
    for box in shown:
        part = sum(begin <= box.begin for begin in parts)
        yield {
            "metric": heading,
            "path": box.path,
            "name": box.name,
            "short": box.short_name,
            "type": box.type,
            "level": box.level,
            "below": box.level + 1,
            "half": box.level + 0.5,
            "begin": box.begin,
            "end": box.end,
            "shade": SHADES[0] if box.level == 0 else SHADES[1 + part % 2],
            "value": units.text(box.value, unit),
            "share": units.percent(box.end - box.begin),
        }


def cumulative(analysis: Analysis) -> Figure:
    """Draw the growth of parameters, mult-adds and memory access from input to output, operator by operator."""
    alt: Any = required("altair")
    records = [
        {"index": index, "metric": METRICS[name].heading, "share": share, "share_text": units.percent(share), "op": op}
        for name in CURVES
        for index, op, share in _shares(analysis, name)
    ]
    chart = chart_of(records).encode(
        x=alt.X("index:Q", title="operator, in the order in which they run").axis(grid=False, tickCount=6),
        y=alt.Y("share:Q", title="share so far").axis(format="%", tickCount=5),
        color=alt.Color("metric:N", title=None, legend=legend()),
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
    sides = [record[side] for record in records for side in ("channels_in", "channels_out")]
    shades = alt.Legend(orient="top", direction="horizontal", gradientLength=120, tickCount=3, titleLimit=0)
    channels = {"channels_in": "Channels in", "channels_out": "Channels out", "groups": "Groups"}
    costs = {"mult_adds_text": "Mult-adds", "over_text": "Memory access to the least"}
    points = chart_of(records).encode(
        x=log_axis(alt.X("channels_in:Q", title="channels in"), sides, format="~g"),
        y=log_axis(alt.Y("channels_out:Q", title="channels out"), sides, format="~g"),
        size=alt.Size("mult_adds:Q", title="mult-adds", legend=None),
        color=alt.Color("over:Q", title="memory access / least (G1)", legend=shades).scale(
            scheme="viridis", reverse=True
        ),
        tooltip=tooltip(module="Module", **channels, **costs),
    )
    worst = max(records, key=lambda record: record["over"])
    title = "1x1 convolutions: channels in and out (G1)"
    words = f"{title}. Furthest from balance: {worst['module']}, {worst['over_text']} of the least memory access."
    chart = equality(min(sides), max(sides)) + points.mark_point(
        filled=True, opacity=0.85, stroke=GREY, strokeWidth=0.5
    )
    return figure("pointwise-channels", title, words, chart.properties(height=220), is_small=True)


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
        x=alt.X("block:O", title="building block, from input to output").axis(labels=False, ticks=False),
        y=alt.Y("fragments:Q", title="fragments").axis(tickMinStep=1, tickCount=5),
        tooltip=tooltip(module="Module", fragments="Fragments", ops="Operators"),
    )
    title = words = "Building blocks and their fragments (G3)"
    most = max(analysis.count.structure.blocks, key=lambda block: block.fragments, default=None)
    if most is not None:
        words += f". The largest: {most.module or WHOLE} with {units.count(most.fragments)}."
    chart = chart.mark_bar(color=PALETTE[0]).properties(height=220)
    return figure("fragments", title, words, chart, is_small=True)
