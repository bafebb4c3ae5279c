"""Charts of the guidelines: slow-downs measured, beside the paper's and the predicted ones, a chart per scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from netcost.guidelines.findings import Findings, predicted
from netcost.guidelines.grid import Conditions, Task
from netcost.guidelines.guideline import ARM, GPU, SCALES, Guideline
from netcost.guidelines.records import verdicts
from netcost.guidelines.trial import Trial
from netcost.reports.charts.figure import GREY, PALETTE, Figure, figure, required
from netcost.reports.charts.parts import chart_of, intervals, parity, tooltip
from netcost.text import units

PREDICTED, PAPER_GPU, PAPER_ARM = "predicted by memory access", "paper GPU", "paper ARM"

SHAPES = {PREDICTED: "cross", PAPER_GPU: "diamond", PAPER_ARM: "triangle-up"}
"""Marks of the series that were not measured here."""


def slow_downs(findings: Findings, guideline: Guideline) -> tuple[Figure, ...]:
    """Draw a chart per set of widths and scale that were tried; without any, those of x1 without measured points."""
    panels: dict[tuple[str, int], list[Trial]] = {}
    for trial in findings.of(guideline):
        panels.setdefault((trial.task.setting.widths, trial.task.setting.scale), []).append(trial)
    untried: dict[tuple[str, int], list[Trial]] = {(widths, SCALES[0]): [] for widths in guideline.width_sets}
    return tuple(_slow_downs(guideline, *panel, trials) for panel, trials in (panels or untried).items())


def _slow_downs(guideline: Guideline, widths: str, scale: int, trials: list[Trial]) -> Figure:
    alt: Any = required("altair")
    measured = [record for trial in trials for record in _measured(trial)]
    records = [*measured, *_beside(guideline, widths, scale)]
    series = list(dict.fromkeys(record["series"] for record in records))
    colours = [GREY if name in SHAPES else PALETTE[index % len(PALETTE)] for index, name in enumerate(series)]
    variants = [variant.name for variant in guideline.variants(widths, scale)]
    legend = alt.Legend(orient="top", columns=2, title=None)
    titles = {"series": "By", "text": "Slow-down", "interval": "95 % interval", "verdict": "Verdict"}
    base = chart_of(records).encode(
        x=alt.X("variant:N", title=None, sort=variants).axis(labelAngle=0),
        xOffset=alt.XOffset("series:N", sort=series),
        color=alt.Color("series:N", sort=series, scale=alt.Scale(domain=series, range=colours), legend=legend),
        tooltip=tooltip(variant="Variant", **titles),
    )
    y = alt.Y("slow_down:Q", title="slow-down", scale=alt.Scale(zero=False, padding=8))
    shapes = alt.Scale(domain=series, range=[SHAPES.get(name, "circle") for name in series])
    points = base.mark_point(filled=True, size=70, opacity=1, strokeWidth=2).encode(
        y=y, shape=alt.Shape("series:N", sort=series, scale=shapes, legend=legend)
    )
    name = f"{guideline.name}-{widths.lower()}-x{scale}"
    title = f"{guideline.name.upper()}, {widths} widths x{scale}: slow-down at equal mult-adds"
    chart = (parity(0.5) + intervals(base) + points).properties(height=220)
    return figure(name, title, f"{title}. {_largest(records)}", chart)


def _measured(trial: Trial) -> Iterator[dict[str, Any]]:
    """Yield a point per variant that was timed; the base is 1 by definition."""
    here, verdict = f"here, {trial.task.setting.conditions}", verdicts(trial)
    for index, series in enumerate(trial.series):
        ratio = trial.slow_down(series.name)
        if ratio is not None:
            ends = (1.0, 1.0) if index == 0 else ratio.ci95
            yield {**_point(series.name, here, ratio.median, ends), "verdict": verdict}


def _beside(guideline: Guideline, widths: str, scale: int) -> Iterator[dict[str, Any]]:
    """Yield the slow-downs predicted by memory access at batch 1, and those that follow from the paper's speeds."""
    task = Task(guideline, Conditions("cuda", 1, 1, widths, scale))
    for variant in task.variants:
        yield _point(variant.name, PREDICTED, predicted(task, variant))
    for series, platform in ((PAPER_GPU, GPU), (PAPER_ARM, ARM)):
        names = [variant.name for variant in task.variants]
        points = [(name, guideline.paper_slow_down(platform, name, scale)) for name in names]
        printed = [(name, slow_down) for name, slow_down in points if slow_down is not None]
        if len(printed) > 1:  # the base alone is 1 by definition
            yield from (_point(name, series, slow_down) for name, slow_down in printed)


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


def _largest(records: Iterable[dict[str, Any]]) -> str:
    """Say the largest slow-down of each series, with the verdict on a measured one."""
    largest: dict[str, dict[str, Any]] = {}
    for record in records:
        if record["slow_down"] > largest.get(record["series"], {"slow_down": 0.0})["slow_down"]:
            largest[record["series"]] = record
    words = []
    for name, record in largest.items():
        verdict = "" if record["verdict"] == units.MISSING else f" ({record['verdict']})"
        words.append(f"{name}: {record['text']} at {record['variant']}{verdict}")
    return f"The largest slow-downs, {'; '.join(words)}."
