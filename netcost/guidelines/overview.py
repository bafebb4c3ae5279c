"""Findings as people read them: the verdicts, the slow-downs, and the figures behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from netcost.guidelines.findings import Findings, verdict_counts
from netcost.guidelines.guideline import ARM, GPU, PAPER, Guideline, Order
from netcost.guidelines.judging import THRESHOLD, GuidelineFinding, judge
from netcost.guidelines.networks import overview as networks_overview
from netcost.guidelines.networks.overview import interval
from netcost.guidelines.records import RECORDS, SETTING, VariantRow, rows_of, tables
from netcost.guidelines.trial import Trial, VariantTimes
from netcost.text import units
from netcost.text.explanations import more_about
from netcost.text.tables import Column, Section, Table, from_records, table_of
from netcost.timing import stats
from netcost.timing.setting import EAGER, EffectiveSetting

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
    Column(
        "elementwise",
        "Element-wise",
        "percent",
        of=lambda row: row[1].counted().elementwise_access / row[1].counted().memory_access,
    ),
    Column("kernels", "Kernels", "count", of=lambda row: row[1].counted().kernels),
)
"""For rows of (name of a set of widths, variant)."""


SETTINGS = (
    Column("widths", "Widths", of=lambda setting: f"{setting.widths} x{setting.scale}").through(SETTING),
    Column("batch", "Batch", "count").through(SETTING),
    Column("threads", "Threads", "count").through(SETTING),
    Column("slow_down", "Slow-down", "ratio", of=lambda finding: finding.extent.slow_down),
    Column("interval", "95 % interval", of=lambda finding: interval(finding.extent.ci95, "ratio"), flush_right=True),
    Column("paper_gpu", "Paper GPU", "ratio", of=lambda row: row.trial.task.paper_slow_down(GPU, row.extent.slow)),
    Column("paper_arm", "Paper ARM", "ratio", of=lambda row: row.trial.task.paper_slow_down(ARM, row.extent.slow)),
    Column("verdict", "Verdict", of=lambda finding: str(finding.verdict)),
)


def _interval_unless_base(row: VariantRow) -> str | None:
    return None if row.times is row.trial.series[0] else interval(row.step.ci95, "ratio")


RECORD = {column.name: column for column in RECORDS}

DETAILS = (
    *(RECORD[name] for name in ("variant", "predicted", "median_s")),
    Column(
        "half_width",
        "± 95 %",
        "percent",
        of=lambda row: stats.relative_half_width(row.times.ci95_s, row.times.median_s or 0.0),
    ),
    RECORD["slow_down"],
    Column("interval", "95 % interval", of=_interval_unless_base, flush_right=True),
    *(RECORD[name] for name in ("paper_gpu", "paper_arm", "elementwise_time_share")),
)


@dataclass(frozen=True, slots=True)
class ShownFindings:
    """The result of `netcost guidelines`."""

    findings: Findings

    def to_dict(self) -> dict[str, Any]:
        """Return the object of `guidelines --format json`."""
        return self.findings.to_dict()

    def records(self) -> list[Table]:
        """Return a table of variants and one of networks, where these were asked for."""
        return tables(self.findings)

    def sections(self) -> list[Section]:
        """Return the whole report."""
        return sections(self.findings)


def sections(findings: Findings) -> list[Section]:
    """Return the whole report: the verdicts, and a section per guideline."""
    summary = from_records(SUMMARY, [row for guideline in findings.guidelines for row in _summary(findings, guideline)])
    backend = findings.setting.backend
    runtime = "" if backend == EAGER else f", in {backend}"
    subject = "The guidelines of ShuffleNet V2" if findings.guidelines else "Counts and latency"
    first = Section(
        f"{subject} on {_device(findings)}{runtime}",
        (*_introduction(findings), *(_conclusion(findings, guideline) for guideline in findings.guidelines)),
        (summary,) if findings.trials else (),
        level=1,
    )
    whole = [] if findings.networks is None else [networks_overview.section(findings.networks, findings.environment)]
    return [first, *(_section(findings, guideline) for guideline in findings.guidelines), *whole]


def _device(findings: Findings) -> str:
    """Return the name of the device; "paper" where nothing was timed."""
    environment = findings.environment
    if environment is None:
        return "paper"
    gpu = environment.get("gpu") or {}
    return str(gpu.get("name") or environment.get("cpu") or environment.get("machine"))


def _introduction(findings: Findings) -> Iterable[str]:
    """Say how it was measured, and how it is judged."""
    environment, networks, goal = findings.environment, findings.networks, findings.goal
    if findings.guidelines:
        yield (
            f"{PAPER} supports four guidelines with controlled experiments on a GTX 1080Ti and a Snapdragon 810, which "
            "are repeated here. Variants of one setting have equal mult-adds and take turns in the same rounds, in "
            "random order. The small differences in mult-adds that remain are divided out of every time, including the "
            "paper's."
        )
    if environment is None:
        yield "Nothing was timed: give a --device."
        return
    tried = [f"{len(findings.trials)} of {findings.planned} settings"] if findings.guidelines else []
    tried += [f"{len(networks.times)} of {networks.planned} panels of networks"] if networks else []
    setting = "" if findings.setting == EffectiveSetting() else f", {findings.setting}"
    budget = ""
    if goal is not None:
        budget = (
            f", each for {units.seconds(goal.budget_s)} and time left over by others, or until every slow-down was "
        )
        budget += f"within ± {units.percent(goal.precision)}"
    yield (
        f"Timed with torch {environment.get('torch')} ({environment.get('torch_build')}) on {_device(findings)}, "
        f"{environment.get('cores')} cores{setting}: {' and '.join(tried)}{budget}."
    )
    if findings.guidelines:
        yield (
            "A guideline holds in a setting where every step of its order is slower: the whole 95 % interval of the "
            f"ratio is above {units.ratio(1 + THRESHOLD)}. It does not hold where the whole interval of any step is "
            "below that; otherwise one cannot tell. Predicted is memory access per mult-add, relative to the first "
            "variant. Paper GPU and Paper ARM are the slow-downs that the paper's speeds give, at its own widths of "
            "the same scale."
        )


def _conclusion(findings: Findings, guideline: Guideline) -> str:
    """Return one guideline over all settings, in a sentence."""
    parts = [_over_settings(findings.verdicts(guideline, order.label), order) for order in guideline.orders]
    return f"{guideline.title}: {'; '.join(parts)}."


def _over_settings(findings: list[GuidelineFinding], order: Order) -> str:
    label = f"{order.label} " if order.label else ""
    if not findings:
        return f"{label}not measured"
    verdicts = ", ".join(f"{verdict} in {number}" for verdict, number in verdict_counts(findings).items() if number)
    settings = f"{len(findings)} setting{'s' if len(findings) > 1 else ''}"
    return f"{label}{verdicts} of {settings}, slow-down from end to end {_range(findings) or 'unknown'}"


def _range(findings: list[GuidelineFinding]) -> str | None:
    """Return the smallest and the largest slow-down from the first to the last variant of an order."""
    ratios = [finding.extent.slow_down for finding in findings if finding.extent.slow_down is not None]
    if not ratios:
        return None
    least, most = units.times(min(ratios)), units.times(max(ratios))
    return least if least == most else f"{least} – {most}"


def _summary(findings: Findings, guideline: Guideline) -> Iterable[Mapping[str, Any]]:
    """Give a row per order and set of widths."""
    for order in guideline.orders:
        for widths in guideline.width_sets:
            judged = findings.verdicts(guideline, order.label)
            chosen = [finding for finding in judged if finding.trial.task.setting.widths == widths]
            yield {
                "guideline": f"{guideline.name.upper()} {order.label}".rstrip(),
                "widths": widths,
                "range": _range(chosen),
                **{name.replace(" ", "_"): number for name, number in verdict_counts(chosen).items()},
            }


def _section(findings: Findings, guideline: Guideline) -> Section:
    """Return one guideline: design, deviations, variants, settings, and each setting in detail."""
    trials = findings.of(guideline)
    tables = [_variants(guideline)]
    tables += [_settings(findings.verdicts(guideline, order.label), order) for order in guideline.orders if trials]
    tables += [_details(trial) for trial in trials]
    warnings = (warning for trial in trials for times in trial.series for warning in times.doubts)
    explained = more_about(str(warning.get("doubt")) for warning in warnings)
    tables[-1] = replace(tables[-1], notes=(*tables[-1].notes, *explained))
    return Section(guideline.title, (guideline.design, *guideline.deviations), tuple(tables))


def _variants(guideline: Guideline) -> Table:
    """Return the variants at x1 and batch 1."""
    rows = [(widths, variant) for widths in guideline.width_sets for variant in guideline.variants(widths, 1)]
    has_share = any(variant.counted().elementwise_access for _, variant in rows)
    shown = [column for column in VARIANTS if column.name != "elementwise" or has_share]
    return table_of(shown, rows, title="Variants at x1, batch 1")


def _settings(findings: list[GuidelineFinding], order: Order) -> Table:
    """Return a row per setting: the slow-down from end to end, and the verdict."""
    ends = sorted({(finding.extent.fast, finding.extent.slow) for finding in findings})
    label = f"{order.label}: " if order.label else ""
    pairs = ", ".join(f"{slow} against {fast}" for fast, slow in ends)
    return table_of(SETTINGS, findings, title=f"Slow-down from end to end, {label}{pairs}")


def _details(trial: Trial) -> Table:
    """Return a row per variant, with the findings and warnings below it."""
    profiled = any(times.elementwise_time_share is not None for times in trial.series)
    shown = [column for column in DETAILS if column.name != "elementwise_time_share" or profiled]
    title = f"{trial.task}: {max((len(times.times_s) for times in trial.series), default=0)} rounds"
    notes = [*(finding.sentence for finding in judge(trial)), *_warnings(trial.series)]
    return table_of(shown, rows_of(trial), title, notes)


def _warnings(series: Sequence[VariantTimes]) -> list[str]:
    """Return the errors and warnings of the times, each once with the variants that it is about."""
    about: dict[str, list[str]] = {}
    for times in series:
        for text in (*([times.error] if times.error else []), *(str(doubt.get("seen")) for doubt in times.doubts)):
            about.setdefault(text, []).append(times.name)
    return [f"{'all' if len(names) == len(series) else ', '.join(names)}: {text}" for text, names in about.items()]
