"""Charts of one network: where its cost sits, layer by layer, and where it leaves the guidelines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from netcost.counting.analysis import Analysis
from netcost.counting.breakdown import WHOLE
from netcost.graph.cost import Cost, Kind
from netcost.graph.rules.conv import least_pointwise_access
from netcost.reports.charts.figure import Figure, figure, required
from netcost.text import units
from netcost.text.tables import METRICS

DEEPEST = 4
"""Levels of modules that the icicle shows; below them, boxes would be narrower than their lines."""

CURVES = ("params", "mult_adds", "memory_access")

Path = tuple[str, ...]
"""A module by the names on the way to it; the model is ()."""


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
    """The modules that a metric's cost sits in, each as wide as its share and below the module that holds it."""
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
        """The box of a module and, below it, of those that it holds, in the order of first use."""
        value, name = values[path], ".".join(path)
        if value:
            yield Box(name or WHOLE, graph.modules.get(name, ""), len(path), begin, begin + value / whole, value)
            for child in children.get(path, ()):
                yield from laid_out(child, begin)
                begin += values[child] / whole

    return list(laid_out((), 0.0)) if whole else []


def icicle(analysis: Analysis, metric: str = "mult_adds") -> Figure:
    """The module tree as boxes, each as wide as its share of a metric."""
    alt: Any = required("altair")
    heading = METRICS[metric].heading
    found = boxes(analysis, metric)
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
        for box in found
    ]
    levels = max((box.level for box in found), default=0) + 1
    across = alt.X("begin:Q", title=f"share of {heading.lower()}", scale=alt.Scale(domain=[0, 1], nice=False))
    down = alt.Y("level:Q", axis=None, scale=alt.Scale(domain=[levels, 0], nice=False))
    base = alt.Chart(alt.Data(values=records))
    rects = base.mark_rect(stroke="white", strokeWidth=0.5).encode(
        x=across.axis(format="%"),
        x2="end:Q",
        y=down,
        y2="below:Q",
        color=alt.Color("part:N", legend=None),
        tooltip=[
            alt.Tooltip("path:N", title="Module"),
            alt.Tooltip("type:N", title="Type"),
            alt.Tooltip("value:N", title=heading),
            alt.Tooltip("share:N", title="Share"),
        ],
    )
    names = base.mark_text(color="white", limit=60).encode(x="middle:Q", y="half:Q", text="name:N")
    title = f"{heading} by module"
    largest = max((box for box in found if box.level == 1), key=lambda box: box.value, default=None)
    words = f"{title}."
    if largest is not None:
        words += f" The largest part is {largest.path} with {units.percent(largest.end - largest.begin)}."
    return figure("icicle", title, words, (rects + names).properties(height=36 * levels))


def cumulative(analysis: Analysis) -> Figure:
    """How parameters, mult-adds and memory access grow from the input to the output, operator by operator."""
    alt: Any = required("altair")
    records = [
        {"at": index, "metric": METRICS[name].heading, "share": share, "share_text": units.percent(share), "op": op}
        for name in CURVES
        for index, op, share in _shares(analysis, name)
    ]
    chart = (
        alt.Chart(alt.Data(values=records))
        .mark_line(interpolate="step-after")
        .encode(
            x=alt.X("at:Q", title="operator, in the order in which they run"),
            y=alt.Y("share:Q", title="share so far").axis(format="%"),
            color=alt.Color("metric:N", title=None, legend=alt.Legend(orient="top")),
            tooltip=[
                alt.Tooltip("metric:N", title="Metric"),
                alt.Tooltip("op:N", title="Up to"),
                alt.Tooltip("share_text:N", title="Share"),
            ],
        )
    )
    title = "How the cost grows through the network"
    halves = {name: next((op for _, op, share in _shares(analysis, name) if share >= 0.5), "") for name in CURVES}
    words = "; ".join(f"half of {METRICS[name].heading.lower()} by {op}" for name, op in halves.items() if op)
    return figure("cumulative", title, f"{title}: {words}.", chart)


def _shares(analysis: Analysis, metric: str) -> Iterator[tuple[int, str, float]]:
    """Operator number, where it runs, and the share of a metric that is reached with it; views are left out."""
    whole, sofar = getattr(analysis.total, metric), 0
    count = analysis.count
    for index, (op, kind, cost) in enumerate(zip(count.graph.ops, count.kinds, count.costs, strict=True)):
        sofar += getattr(cost, metric)
        if kind is not Kind.VIEW and whole:
            yield index, f"{op.module or WHOLE} ({op.name.removeprefix('aten.')})", sofar / whole


def pointwise_channels(analysis: Analysis) -> Figure | None:
    """Channels in against channels out of each 1x1 convolution, coloured by its memory access over G1's least.

    ShuffleNet V2 (arXiv:1807.11164), section 2, G1: at B = h·w·c1·c2/g mult-adds, memory access is least at c1 = c2.
    None where the network has no such convolution.
    """
    alt: Any = required("altair")
    records = [record for record in _pointwise(analysis) if record is not None]
    if not records:
        return None
    log = alt.Scale(type="log", nice=False, padding=16)
    base = alt.Chart(alt.Data(values=records))
    points = base.mark_point(filled=True, opacity=0.85).encode(
        x=alt.X("channels_in:Q", title="channels in", scale=log),
        y=alt.Y("channels_out:Q", title="channels out", scale=log),
        size=alt.Size("mult_adds:Q", title="mult-adds", legend=None),
        color=alt.Color("over:Q", title="memory access / least (G1)", scale=alt.Scale(scheme="plasma", reverse=True)),
        tooltip=[
            alt.Tooltip("module:N", title="Module"),
            alt.Tooltip("channels_in:Q", title="Channels in"),
            alt.Tooltip("channels_out:Q", title="Channels out"),
            alt.Tooltip("groups:Q", title="Groups"),
            alt.Tooltip("mult_adds_text:N", title="Mult-adds"),
            alt.Tooltip("over_text:N", title="Memory access to the least"),
        ],
    )
    ends = [min(min(each["channels_in"], each["channels_out"]) for each in records)]
    ends.append(max(max(each["channels_in"], each["channels_out"]) for each in records))
    equal = alt.Chart(alt.Data(values=[{"c": end} for end in ends])).mark_line(strokeDash=[4, 4], opacity=0.6)
    worst = max(records, key=lambda each: each["over"])
    title = "1x1 convolutions: channels in and out (G1)"
    words = f"{title}. Furthest from balance: {worst['module']}, {worst['over_text']} of the least memory access."
    return figure("pointwise-channels", title, words, equal.encode(x="c:Q", y="c:Q") + points)


def _pointwise(analysis: Analysis) -> Iterator[dict[str, Any]]:
    count = analysis.count
    for op, kind, cost in zip(count.graph.ops, count.kinds, count.costs, strict=True):
        if kind is not Kind.POINTWISE_CONVOLUTION:
            continue
        weight, output = op.inputs[1], op.outputs[0]  # (O, C/g, 1, 1), (N, O, H, W)
        groups = op.arguments.get("groups", 1)
        over = _access_without_bias(cost, op) / least_pointwise_access(cost.mult_adds, output.numel // output.shape[1])
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


def _access_without_bias(cost: Cost, op: Any) -> int:
    return cost.memory_access - (op.inputs[2].numel if len(op.inputs) > 2 else 0)


def fragments(analysis: Analysis) -> Figure:
    """Compute operators of each building block, from input to output (G3)."""
    alt: Any = required("altair")
    records = [
        {"block": index, "module": block.module or WHOLE, "fragments": block.fragments, "ops": len(block.ops)}
        for index, block in enumerate(analysis.count.structure.blocks)
        if block.fragments
    ]
    chart = (
        alt.Chart(alt.Data(values=records))
        .mark_bar()
        .encode(
            x=alt.X("block:O", title="building block").axis(labels=len(records) <= 40, ticks=False),
            y=alt.Y("fragments:Q", title="fragments").axis(tickMinStep=1),
            tooltip=[
                alt.Tooltip("module:N", title="Module"),
                alt.Tooltip("fragments:Q", title="Fragments"),
                alt.Tooltip("ops:Q", title="Operators"),
            ],
        )
        .properties(height=180)
    )
    title = "Building blocks and their fragments (G3)"
    most = max(analysis.count.structure.blocks, key=lambda block: block.fragments, default=None)
    words = (
        title if most is None else f"{title}. The largest: {most.module or WHOLE} with {units.count(most.fragments)}."
    )
    return figure("fragments", title, words, chart)
