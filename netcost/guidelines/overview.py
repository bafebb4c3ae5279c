"""Findings as people read them: what holds where, by how much, and the figures behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from netcost.guidelines.findings import Findings, counted
from netcost.guidelines.guideline import PAPER, Guideline, Order
from netcost.guidelines.judging import THRESHOLD, GuidelineFinding, GuidelineVerdict, judge
from netcost.guidelines.networks import overview as networks_overview
from netcost.guidelines.records import paper_slow_downs, rows_of, tables
from netcost.guidelines.trial import Trial, VariantTimes
from netcost.text import units
from netcost.text.explanations import more_about
from netcost.text.tables import Column, Section, Table, from_records, table_of
from netcost.timing import stats

SUMMARY = (
    Column("guideline", "Guideline"),
    Column("widths", "Widths"),
    Column("holds", "Holds", "count"),
    Column("does_not_hold", "Does not hold", "count"),
    Column("cannot_tell", "Cannot tell", "count"),
    Column("range", "End to end", flush_right=True),
)

VARIANTS = (
    Column("widths", "Widths", of=lambda row: row[0]),
    Column("variant", "Variant", of=lambda row: row[1].name),
    Column("channels", "Channels", of=lambda row: row[1].channels),
    Column("mult_adds", "Mult-adds", "count", of=lambda row: row[1].counted().mult_adds),
    Column("memory_access", "Memory access", "elements", of=lambda row: row[1].counted().memory_access),
    Column("elementwise", "Element-wise", "percent", of=lambda row: row[1].counted().elementwise_share),
    Column("kernels", "Kernels", "count", of=lambda row: row[1].counted().kernels),
)
"""Of the name of a set of widths and a variant."""

SETTINGS = (
    Column("widths", "Widths"),
    Column("batch", "Batch", "count"),
    Column("threads", "Threads", "count"),
    Column("slow_down", "Slow-down", "ratio"),
    Column("interval", "95 % interval", flush_right=True),
    Column("paper_gpu", "Paper GPU", "ratio"),
    Column("paper_arm", "Paper ARM", "ratio"),
    Column("verdict", "Verdict"),
)

DETAILS = (
    Column("variant", "Variant"),
    Column("predicted", "Predicted", "ratio"),
    Column("median_s", "Time", "seconds"),
    Column("half_width", "± 95 %", "percent"),
    Column("slow_down", "Slow-down", "ratio"),
    Column("interval", "95 % interval", flush_right=True),
    Column("paper_gpu", "Paper GPU", "ratio"),
    Column("paper_arm", "Paper ARM", "ratio"),
    Column("elementwise_time", "Element-wise time", "percent"),
)


@dataclass(frozen=True, slots=True)
class ShownFindings:
    """The result of `netcost guidelines`."""

    findings: Findings

    def to_dict(self) -> dict[str, Any]:
        """Return the object of `guidelines --format json`."""
        return self.findings.to_dict()

    def records(self) -> list[Table]:
        """Return a table of variants and one of networks, as far as either was asked for."""
        return tables(self.findings)

    def sections(self) -> list[Section]:
        """Return the whole report."""
        return sections(self.findings)


def sections(findings: Findings) -> list[Section]:
    """The whole report: what holds where, and a section a guideline."""
    summary = from_records(SUMMARY, [row for each in findings.guidelines for row in _summary(findings, each)])
    first = Section(
        f"{'The guidelines of ShuffleNet V2' if findings.guidelines else 'Counts and latency'} on {_where(findings)}",
        (*_introduction(findings), *(_conclusion(findings, each) for each in findings.guidelines)),
        (summary,) if findings.trials else (),
        level=1,
    )
    whole = [] if findings.networks is None else [networks_overview.section(findings.networks, findings.environment)]
    return [first, *(_section(findings, guideline) for guideline in findings.guidelines), *whole]


def _where(findings: Findings) -> str:
    """The device, in words."""
    environment = findings.environment
    if environment is None:
        return "paper"
    gpu = environment.get("gpu")
    return str((gpu or {}).get("name") or environment.get("cpu") or environment.get("machine"))


def _introduction(findings: Findings) -> Iterable[str]:
    """How it was measured, and how it is judged."""
    if findings.guidelines:
        yield _experiments()
    environment, networks = findings.environment, findings.networks
    if environment is None:
        yield "Nothing was timed: give a --device."
        return
    tried = [f"{len(findings.trials)} of {findings.planned} settings"] if findings.guidelines else []
    tried += [f"{len(networks.times)} of {networks.planned} panels of networks"] if networks else []
    yield (
        f"Timed with torch {environment.get('torch')} ({environment.get('torch_build')}) on {_where(findings)}, "
        f"{environment.get('cores')} cores: {' and '.join(tried)}{_budget(findings)}."
    )
    if findings.guidelines:
        yield _rule()


def _experiments() -> str:
    return (
        f"{PAPER} supports four guidelines with controlled experiments on a GTX 1080Ti and a Snapdragon 810, which are "
        "repeated here. Variants of one setting have equal mult-adds and take turns in the same rounds, in random "
        "order; the small differences in mult-adds that remain are divided out of every time, the paper's too."
    )


def _rule() -> str:
    return (
        "A guideline holds in a setting where every step of its order is slower: the whole 95 % interval of the ratio "
        f"above {units.ratio(1 + THRESHOLD)}. It does not hold where the whole interval of any step is below that; "
        "otherwise one cannot tell. Predicted is memory access a mult-add, relative to the first variant; Paper GPU "
        "and Paper ARM are the slow-downs that the paper's speeds come to, at its own widths of the same scale."
    )


def _budget(findings: Findings) -> str:
    """How long each setting could last."""
    goal = findings.goal
    if goal is None:
        return ""
    return (
        f", with {units.seconds(goal.budget_s)} each and what others left over, or until every slow-down was "
        f"within ± {units.percent(goal.precision)}"
    )


def _conclusion(findings: Findings, guideline: Guideline) -> str:
    """One guideline over all settings, in a sentence."""
    parts = [_over_settings(findings.verdicts(guideline, order.label), order) for order in guideline.orders]
    return f"{guideline.title}: {'; '.join(parts)}."


def _over_settings(found: list[GuidelineFinding], order: Order) -> str:
    label = f"{order.label} " if order.label else ""
    if not found:
        return f"{label}not measured"
    times = counted(found)
    told = ", ".join(f"{verdict} in {times[str(verdict)]}" for verdict in GuidelineVerdict if times[str(verdict)])
    settings = f"{len(found)} setting{'s' if len(found) > 1 else ''}"
    return f"{label}{told} of {settings}, slow-down from end to end {_range(found) or 'unknown'}"


def _range(found: list[GuidelineFinding]) -> str | None:
    """The smallest and the largest slow-down from the first to the last variant of an order."""
    ratios = [finding.extent.ratio.median for finding in found if finding.extent.ratio is not None]
    if not ratios:
        return None
    least, most = units.times(min(ratios)), units.times(max(ratios))
    return least if least == most else f"{least} – {most}"


def _summary(findings: Findings, guideline: Guideline) -> Iterable[Mapping[str, Any]]:
    """A row an order and set of widths."""
    for order in guideline.orders:
        for widths in guideline.width_sets:
            found = [
                each for each in findings.verdicts(guideline, order.label) if each.trial.task.setting.widths == widths
            ]
            times = counted(found)
            yield {
                "guideline": f"{guideline.name.upper()} {order.label}".rstrip(),
                "widths": widths,
                "holds": times[GuidelineVerdict.HOLDS],
                "does_not_hold": times[GuidelineVerdict.DOES_NOT_HOLD],
                "cannot_tell": times[GuidelineVerdict.CANNOT_TELL],
                "range": _range(found),
            }


def _section(findings: Findings, guideline: Guideline) -> Section:
    """One guideline: design, slips, variants, settings, and each setting in detail."""
    trials = findings.of(guideline)
    tables = [_variants(guideline)]
    tables += [_settings(findings.verdicts(guideline, order.label), order) for order in guideline.orders if trials]
    tables += [_details(trial) for trial in trials]
    doubts = (doubt for trial in trials for series in trial.series for doubt in series.doubts)
    explained = more_about(str(doubt.get("doubt")) for doubt in doubts)
    tables[-1] = replace(tables[-1], notes=(*tables[-1].notes, *explained))
    return Section(guideline.title, (guideline.design, *guideline.deviations), tuple(tables))


def _variants(guideline: Guideline) -> Table:
    """What is run, at x1 and batch 1."""
    rows = [(widths, variant) for widths in guideline.width_sets for variant in guideline.variants(widths, 1)]
    has_share = any(variant.counted().elementwise_share for _, variant in rows)
    shown = [column for column in VARIANTS if column.name != "elementwise" or has_share]
    return table_of(shown, rows, title="Variants at x1, batch 1")


def _settings(found: list[GuidelineFinding], order: Order) -> Table:
    """A row a setting: the slow-down from end to end, and the verdict."""
    ends = {(finding.extent.fast, finding.extent.slow) for finding in found}
    told = ", ".join(f"{slow} against {fast}" for fast, slow in sorted(ends))
    label = f"{order.label}: " if order.label else ""
    return from_records(SETTINGS, map(_setting, found), title=f"Slow-down from end to end, {label}{told}")


def _setting(finding: GuidelineFinding) -> Mapping[str, Any]:
    task, extent = finding.trial.task, finding.extent
    ratio = extent.ratio
    return {
        "widths": f"{task.setting.widths} x{task.setting.scale}",
        "batch": task.setting.batch,
        "threads": task.setting.threads,
        "slow_down": None if ratio is None else ratio.median,
        "interval": None if ratio is None else _interval(ratio.ci95, "ratio"),
        **paper_slow_downs(task.guideline, extent.slow, task.setting.scale),
        "verdict": str(finding.verdict),
    }


def _details(trial: Trial) -> Table:
    """A row a variant, and what follows below it."""
    rows = [
        {
            **record,
            "half_width": stats.relative_half_width(series.ci95_s, series.median_s or 0.0),
            "interval": _interval(None if ratio is None or series is trial.series[0] else ratio.ci95, "ratio"),
            "elementwise_time": series.elementwise_time_share,
        }
        for record, series in zip(rows_of(trial), trial.series, strict=True)
        for ratio in [trial.slow_down(series.name)]
    ]
    profiled = any(series.elementwise_time_share is not None for series in trial.series)
    shown = [column for column in DETAILS if column.name != "elementwise_time" or profiled]
    title = f"{trial.task}: {max((len(each.times_s) for each in trial.series), default=0)} rounds"
    return from_records(shown, rows, title, [*(each.sentence for each in judge(trial)), *_doubts(trial.series)])


def _doubts(series: Sequence[VariantTimes]) -> list[str]:
    """What speaks against the times; what is true of several is said once."""
    said: dict[str, list[str]] = {}
    for each in series:
        for text in (*([each.error] if each.error else []), *(str(doubt.get("seen")) for doubt in each.doubts)):
            said.setdefault(text, []).append(each.name)
    return [f"{'all' if len(names) == len(series) else ', '.join(names)}: {text}" for text, names in said.items()]


def _interval(interval: stats.Interval | None, unit: str) -> str | None:
    return None if interval is None else " – ".join(units.text(end, unit) for end in interval)
