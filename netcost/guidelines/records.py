"""Findings as flat rows of numbers, one per variant and setting: for CSV, pandas and charts."""

from __future__ import annotations

from operator import attrgetter
from typing import NamedTuple

from netcost.counting.analysis import Analysis
from netcost.guidelines.findings import COUNTS, Findings, predicted
from netcost.guidelines.guideline import ARM, GPU
from netcost.guidelines.judging import Step, judge
from netcost.guidelines.networks import overview as networks_overview
from netcost.guidelines.trial import Trial, VariantTimes
from netcost.guidelines.variant import Variant
from netcost.text.metrics import METRICS
from netcost.text.tables import Column, Table, table_of


class VariantRow(NamedTuple):
    """One variant of a trial; `step` leads to it from the base."""

    trial: Trial
    variant: Variant
    times: VariantTimes
    step: Step

    @property
    def counted(self) -> Analysis:
        """Return the variant as counted at the batch size of the trial."""
        return self.variant.counted(self.trial.task.setting.batch)


SETTING = attrgetter("trial.task.setting")

RECORDS = (
    Column("guideline", "Guideline", of=lambda row: row.trial.task.guideline.name),
    Column("device", "Device").through(SETTING),
    Column("widths", "Widths").through(SETTING),
    Column("scale", "Scale", "count").through(SETTING),
    Column("batch", "Batch", "count").through(SETTING),
    Column("threads", "Threads", "count").through(SETTING),
    Column("variant", "Variant", of=lambda row: row.variant.name),
    Column("channels", "Channels", of=lambda row: row.variant.channels),
    *(METRICS[name].through(attrgetter("counted")) for name in COUNTS),
    Column("predicted", "Predicted", "ratio", of=lambda row: predicted(row.trial.task, row.variant)),
    Column("median_s", "Time", "seconds", of=lambda row: row.times.median_s),
    Column("low_s", "Time, low", "seconds", of=lambda row: row.times.ci95_s and row.times.ci95_s[0]),
    Column("high_s", "Time, high", "seconds", of=lambda row: row.times.ci95_s and row.times.ci95_s[1]),
    Column("samples", "Samples", "count", of=lambda row: len(row.times.times_s)),
    Column("slow_down", "Slow-down", "ratio", of=lambda row: row.step.slow_down),
    Column("slow_down_low", "Slow-down, low", "ratio", of=lambda row: row.step.ci95 and row.step.ci95[0]),
    Column("slow_down_high", "Slow-down, high", "ratio", of=lambda row: row.step.ci95 and row.step.ci95[1]),
    Column("paper_gpu", "Paper GPU", "ratio", of=lambda row: row.trial.task.paper_slow_down(GPU, row.variant.name)),
    Column("paper_arm", "Paper ARM", "ratio", of=lambda row: row.trial.task.paper_slow_down(ARM, row.variant.name)),
    Column("elementwise_time_share", "Element-wise time", "percent", of=lambda row: row.times.elementwise_time_share),
    Column("verdict", "Verdict", of=lambda row: verdicts(row.trial)),
    Column("error", "Error", of=lambda row: row.times.error),
)


def tables(findings: Findings) -> list[Table]:
    """Return a table of variants where guidelines were asked for, and one of networks where these were."""
    variants = [records(findings)] if findings.guidelines else []
    return [*variants, *([networks_overview.records(findings.networks)] if findings.networks else [])]


def records(findings: Findings) -> Table:
    """Return every figure as a number, with a row per variant and setting: for programs."""
    return table_of(RECORDS, [row for trial in findings.trials for row in rows_of(trial)])


def verdicts(trial: Trial) -> str:
    """Return the verdict on each order of a trial, on one line."""
    return "; ".join(f"{finding.order.label}: {finding.verdict}".removeprefix(": ") for finding in judge(trial))


def rows_of(trial: Trial) -> list[VariantRow]:
    """Return every variant of a trial with its times and its step from the base."""
    base = trial.series[0].name
    return [
        VariantRow(trial, variant, times, Step(base, times.name, trial.slow_down(times.name)))
        for variant, times in zip(trial.task.variants, trial.series, strict=True)
    ]
