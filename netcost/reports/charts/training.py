"""Charts of a training step: the memory over its operators, and the share of each phase."""

from __future__ import annotations

from typing import Any

from netcost.counting.breakdown import WHOLE
from netcost.counting.training import FIGURES, StepCount
from netcost.graph.graph import Content
from netcost.reports.charts.figure import PALETTE, Figure, figure, required
from netcost.reports.charts.parts import chart_of, divided_bars, legend, tooltip
from netcost.text import units
from netcost.text.metrics import METRICS

MOMENTS = 300
"""Most operators in the chart of memory: of each run of operators, the one with most memory is drawn."""

GIGA = 1e9


def memory(count: StepCount) -> Figure:
    """Draw the live memory of each class as an area over the operators of the step, with its peak named."""
    alt: Any = required("altair")
    totals = [sum(moment) for moment in zip(*count.memory.values(), strict=True)]
    run = -(-len(totals) // MOMENTS)
    moments = [
        max(range(start, min(start + run, len(totals))), key=totals.__getitem__) for start in range(0, len(totals), run)
    ]
    records = [
        {
            "index": index,
            "content": str(content),
            "order": order,
            "gigabytes": line[index] / GIGA,
            "text": units.data_size(line[index]),
            "op": f"{count.graph.ops[index].name.removeprefix('aten.')} of {count.graph.ops[index].module or WHOLE}",
            "phase": str(count.graph.ops[index].phase),
        }
        for order, (content, line) in enumerate(count.memory.items())
        if any(line)
        for index in moments
    ]
    contents = [str(content) for content in Content if any(count.memory[content])]
    scale = alt.Scale(domain=contents, range=list(PALETTE[: len(contents)]))
    areas = chart_of(records).encode(
        x=alt.X("index:Q", title="operator, in the order in which they run", scale=alt.Scale(nice=False)).axis(
            grid=False, tickCount=6
        ),
        y=alt.Y("gigabytes:Q", title="memory (GB)", stack="zero").axis(tickCount=5),
        color=alt.Color("content:N", title=None, scale=scale, legend=legend()),
        order=alt.Order("order:Q"),
        tooltip=tooltip(content="Memory", text="Size", phase="Phase", op="At"),
    )
    peak = totals.index(max(totals))
    op, top = count.graph.ops[peak], max(totals)
    where = f"{op.name.removeprefix('aten.')} of {op.module or WHOLE}"
    mark = chart_of([{"index": peak, "gigabytes": top / GIGA, "label": f"peak {units.data_size(top)}"}])
    mark = mark.encode(x="index:Q", y="gigabytes:Q")
    side = "right" if peak > len(totals) / 2 else "left"
    point = mark.mark_point(filled=True, size=60, color=PALETTE[6])
    label = mark.mark_text(align=side, dx=-8 if side == "right" else 8, dy=-8).encode(text="label:N")
    title = "Memory over the step"
    words = f"{title}: the peak of {units.data_size(top)} is in the {op.phase} phase, at {where}."
    return figure("training-memory", title, words, areas.mark_area(interpolate="step-after") + point + label)


def phases(count: StepCount) -> Figure:
    """Draw a bar each for mult-adds, memory access and kernels, divided among the phases."""
    alt: Any = required("altair")
    names = [name for name in FIGURES if name not in ("flops", "memory_access_bytes")]
    records = [
        {
            "part": METRICS[name].heading,
            "phase": str(phase),
            "order": order,
            "share": getattr(cost, name) / (getattr(count.total, name) or 1),
            "share_text": units.percent(getattr(cost, name) / (getattr(count.total, name) or 1)),
            "value": units.text(getattr(cost, name), METRICS[name].unit),
        }
        for name in names
        for order, (phase, cost) in enumerate(count.phases.items())
    ]
    scale = alt.Scale(domain=list(map(str, count.phases)), range=list(PALETTE[: len(count.phases)]))
    colour = alt.Color("phase:N", title=None, scale=scale, legend=legend())
    titles = {"part": "Of", "phase": "Phase", "value": "Value", "share_text": "Share"}
    bars = divided_bars(records, [METRICS[name].heading for name in names], colour, **titles)
    title = "Phases of the step"
    shares = [f"{record['phase']} {record['share_text']}" for record in records if record["part"] == "Mult-adds"]
    return figure("training-phases", title, f"{title}: of the mult-adds, {', '.join(shares)}.", bars)
