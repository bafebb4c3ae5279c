"""Charts of the guidelines: slow-downs measured, beside the paper's and the predicted ones, a chart per scale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from netcost.guidelines.findings import Findings, predicted
from netcost.guidelines.grid import Conditions, Task
from netcost.guidelines.guideline import ARM, GPU, SCALES, Guideline
from netcost.guidelines.judging import judge
from netcost.guidelines.records import verdicts
from netcost.guidelines.trial import Trial
from netcost.reports.charts.figure import GREY, PALETTE, Figure, figure, required
from netcost.reports.charts.parts import chart_of, intervals, legend, parity, ratio_axis, tooltip
from netcost.text import units

PREDICTED, PAPER_GPU, PAPER_ARM = "predicted by memory access", "paper GPU", "paper ARM"

BESIDE = {PREDICTED: (GREY, "cross"), PAPER_GPU: (PALETTE[1], "diamond"), PAPER_ARM: (PALETTE[3], "triangle-up")}
"""Colours and marks of the series that were not measured here, the same in every chart."""

HERE = (PALETTE[0], PALETTE[2], PALETTE[4], PALETTE[5], PALETTE[6], PALETTE[7])
"""Colours of the conditions that were measured here; their marks are circles."""


IN_TWO_LINES = "split(replace(datum.label, ' in ', '|in '), '|')"
"""Text of a variant below the axis, as Vega's expression: "4 in series" is too wide for one line."""


def slow_downs(findings: Findings, guideline: Guideline) -> tuple[Figure, ...]:
    """Draw a chart per set of widths and scale that were tried; without any, those of x1 without measured points."""
    panels: dict[tuple[str, int], list[Trial]] = {}
    for trial in findings.of(guideline):
        panels.setdefault((trial.task.setting.widths, trial.task.setting.scale), []).append(trial)
    untried: dict[tuple[str, int], list[Trial]] = {(widths, SCALES[0]): [] for widths in guideline.width_sets}
    here = list(dict.fromkeys(_here(trial) for trial in findings.trials))
    looks = {name: (HERE[index % len(HERE)], "circle") for index, name in enumerate(here)} | BESIDE
    return tuple(_slow_downs(guideline, *panel, trials, looks) for panel, trials in (panels or untried).items())


def main(figures: Sequence[Figure]) -> Figure:
    """Return the chart that stands for a guideline: of its last set of widths, the aligned ones, at scale x1."""
    return next((figure for figure in reversed(figures) if figure.name.endswith(f"-x{SCALES[0]}")), figures[-1])


def _slow_downs(
    guideline: Guideline, widths: str, scale: int, trials: list[Trial], looks: Mapping[str, tuple[str, str]]
) -> Figure:
    alt: Any = required("altair")
    measured = [record for trial in trials for record in _measured(trial)]
    records = [*measured, *_beside(guideline, widths, scale)]
    drawn = {record["series"] for record in records}
    series = [name for name in looks if name in drawn]
    variants = [variant.name for variant in guideline.variants(widths, scale)]
    titles = {"series": "By", "text": "Slow-down", "interval": "95 % interval", "verdict": "Verdict"}
    ends = [record[end] for record in records for end in ("low", "high", "slow_down")]
    colours = alt.Scale(domain=series, range=[looks[name][0] for name in series])
    shapes = alt.Scale(domain=series, range=[looks[name][1] for name in series])
    base = chart_of(records).encode(
        x=alt.X("variant:N", title=None, sort=variants).axis(labelAngle=0, labelExpr=IN_TWO_LINES),
        xOffset=alt.XOffset("series:N", sort=series),
        color=alt.Color("series:N", title=None, sort=series, scale=colours, legend=legend()),
        tooltip=tooltip(variant="Variant", **titles),
    )
    y = ratio_axis(alt.Y("slow_down:Q", title="slow-down"), ends, padding=10)
    stems = base.mark_rule(strokeWidth=1.5, opacity=0.4).encode(y=y, y2=alt.datum(1))
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        y=y, shape=alt.Shape("series:N", title=None, sort=series, scale=shapes, legend=legend())
    )
    name = f"{guideline.name}-{widths.lower()}-x{scale}"
    title, words = f"{guideline.name.upper()}, {widths} widths x{scale}", _verdict(trials)
    chart = (parity() + stems + intervals(base) + points).properties(height=150, title=_headline(words))
    said = f"{title}: slow-down at equal mult-adds. {_largest(records)}"
    return figure(name, title, said, chart, is_small=True)


def _headline(lines: Sequence[str]) -> Any:
    """Return the verdict as the heading of a panel, a line per order of its variants."""
    return required("altair").TitleParams(list(lines), anchor="start", fontSize=13, offset=6)


def _verdict(trials: Sequence[Trial]) -> list[str]:
    """Say the verdict of a panel on each order of the variants: a word, with its number where the trials disagree."""
    found: dict[str, Counter[str]] = {}
    for trial in trials:
        for finding in judge(trial):
            found.setdefault(finding.order.label, Counter())[str(finding.verdict)] += 1
    lines = []
    for order, verdicts_of in found.items():
        verdict, number = verdicts_of.most_common(1)[0]
        whole = "" if number == verdicts_of.total() else f" in {number} of {verdicts_of.total()}"
        lines.append(f"{order}: {verdict}{whole}".removeprefix(": "))
    return lines or ["not measured"]


def _here(trial: Trial) -> str:
    """Return the name of what was measured here, by its conditions."""
    return f"here, {trial.task.setting.conditions}"


def _measured(trial: Trial) -> Iterator[dict[str, Any]]:
    """Yield a point per variant that was timed; the base is 1 by definition."""
    here, verdict = _here(trial), verdicts(trial)
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
