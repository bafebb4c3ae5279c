"""Charts of the guidelines: slow-downs measured beside those of the paper and the predicted ones, a chart a scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from netcost.guidelines.findings import Findings, predicted
from netcost.guidelines.grid import Conditions, Task
from netcost.guidelines.guideline import ARM, GPU, SCALES, Guideline
from netcost.guidelines.records import verdicts
from netcost.guidelines.trial import Trial
from netcost.reports.charts.figure import GREY, PALETTE, Figure, figure, required
from netcost.text import units

PREDICTED, PAPER_GPU, PAPER_ARM = "predicted by memory access", "paper GPU", "paper ARM"

SHAPES = {PREDICTED: "cross", PAPER_GPU: "diamond", PAPER_ARM: "triangle-up"}
"""How what was not measured here is drawn."""


def slow_downs(findings: Findings, guideline: Guideline) -> tuple[Figure, ...]:
    """A chart a set of widths and scale that were tried; where nothing was, those of x1 without measured points."""
    trials = findings.of(guideline)
    tried = dict.fromkeys((each.task.setting.widths, each.task.setting.scale) for each in trials)
    panels = list(tried) or [(widths, SCALES[0]) for widths in guideline.width_sets]
    return tuple(
        _slow_downs(guideline, widths, scale, [each for each in trials if _is_of(each, widths, scale)])
        for widths, scale in panels
    )


def _is_of(trial: Trial, widths: str, scale: int) -> bool:
    return (trial.task.setting.widths, trial.task.setting.scale) == (widths, scale)


def _slow_downs(guideline: Guideline, widths: str, scale: int, trials: list[Trial]) -> Figure:
    alt: Any = required("altair")
    measured = [record for trial in trials for record in _measured(trial)]
    records = [*measured, *_beside(guideline, widths, scale)]
    series = list(dict.fromkeys(record["series"] for record in records))
    colours = [GREY if name in SHAPES else PALETTE[index % len(PALETTE)] for index, name in enumerate(series)]
    variants = [variant.name for variant in guideline.variants(widths, scale)]
    legend = alt.Legend(orient="top", columns=2, title=None)
    base = alt.Chart(alt.Data(values=records)).encode(
        x=alt.X("variant:N", title=None, sort=variants).axis(labelAngle=0),
        xOffset=alt.XOffset("series:N", sort=series),
        color=alt.Color("series:N", sort=series, scale=alt.Scale(domain=series, range=colours), legend=legend),
        tooltip=[
            alt.Tooltip("variant:N", title="Variant"),
            alt.Tooltip("series:N", title="By"),
            alt.Tooltip("text:N", title="Slow-down"),
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip("verdict:N", title="Verdict"),
        ],
    )
    y = alt.Y("slow_down:Q", title="slow-down", scale=alt.Scale(zero=False, padding=8))
    shapes = alt.Scale(domain=series, range=[SHAPES.get(name, "circle") for name in series])
    points = base.mark_point(filled=True, size=70, opacity=1, strokeWidth=2).encode(
        y=y, shape=alt.Shape("series:N", sort=series, scale=shapes, legend=legend)
    )
    bars = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q"), y2="high:Q")
    even = alt.Chart(alt.Data(values=[{"one": 1}])).mark_rule(strokeDash=[4, 4], opacity=0.5).encode(y="one:Q")
    name = f"{guideline.name}-{widths.lower()}-x{scale}"
    title = f"{guideline.name.upper()}, {widths} widths x{scale}: slow-down at equal mult-adds"
    return figure(name, title, f"{title}. {_told(records)}", (even + bars + points).properties(height=220))


def _measured(trial: Trial) -> Iterator[dict[str, Any]]:
    """A point a variant that was timed; the base is 1 by definition."""
    here, verdict = f"here, {trial.task.setting.conditions}", verdicts(trial)
    for index, series in enumerate(trial.series):
        ratio = trial.slow_down(series.name)
        if ratio is not None:
            ends = (1.0, 1.0) if index == 0 else ratio.ci95
            yield {**_point(series.name, here, ratio.median, ends), "verdict": verdict}


def _beside(guideline: Guideline, widths: str, scale: int) -> Iterator[dict[str, Any]]:
    """What the paper's speeds come to, and what memory access predicts at batch 1."""
    task = Task(guideline, Conditions("cuda", 1, 1, widths, scale))
    for variant in task.variants:
        yield _point(variant.name, PREDICTED, predicted(task, variant))
    for name, platform in ((PAPER_GPU, GPU), (PAPER_ARM, ARM)):
        found = {each.name: guideline.paper_slow_down(platform, each.name, scale) for each in task.variants}
        printed = {variant: slow_down for variant, slow_down in found.items() if slow_down is not None}
        if len(printed) > 1:  # the base alone is 1 by definition
            yield from (_point(variant, name, slow_down) for variant, slow_down in printed.items())


def _point(variant: str, series: str, slow_down: float, ends: tuple[float, float] | None = None) -> dict[str, Any]:
    low, high = ends or (slow_down, slow_down)
    return {
        "variant": variant,
        "series": series,
        "slow_down": slow_down,
        "text": units.times(slow_down),
        "low": low,
        "high": high,
        "interval": units.MISSING if ends is None else f"{units.times(low)} – {units.times(high)}",
        "verdict": units.MISSING,
    }


def _told(records: Iterable[dict[str, Any]]) -> str:
    """The largest slow-down of each series, and the verdict on what was timed, in words."""
    largest: dict[str, dict[str, Any]] = {}
    for record in records:
        if record["slow_down"] > largest.get(record["series"], {"slow_down": 0.0})["slow_down"]:
            largest[record["series"]] = record
    told = [f"{name}: {record['text']} at {record['variant']}{_judged(record)}" for name, record in largest.items()]
    return f"The largest slow-downs, {'; '.join(told)}."


def _judged(record: dict[str, Any]) -> str:
    return "" if record["verdict"] == units.MISSING else f" ({record['verdict']})"
