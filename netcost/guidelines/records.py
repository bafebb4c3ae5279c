"""Findings as flat rows of numbers, a row a variant in a setting: for CSV, pandas and charts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from netcost.guidelines.findings import Findings, predicted
from netcost.guidelines.guideline import ARM, GPU, Guideline
from netcost.guidelines.judging import judge
from netcost.guidelines.networks import overview as networks_overview
from netcost.guidelines.trial import Trial
from netcost.text.tables import Column, Table, from_records

RECORDS = (
    Column("guideline", "Guideline"),
    Column("device", "Device"),
    Column("widths", "Widths"),
    Column("scale", "Scale", "count"),
    Column("batch", "Batch", "count"),
    Column("threads", "Threads", "count"),
    Column("variant", "Variant"),
    Column("channels", "Channels"),
    Column("mult_adds", "Mult-adds", "count"),
    Column("memory_access", "Memory access (MAC)", "elements"),
    Column("elementwise_access", "Element-wise", "elements"),
    Column("kernels", "Kernels", "count"),
    Column("predicted", "Predicted", "ratio"),
    Column("median_s", "Time", "seconds"),
    Column("low_s", "Time, low", "seconds"),
    Column("high_s", "Time, high", "seconds"),
    Column("samples", "Samples", "count"),
    Column("slow_down", "Slow-down", "ratio"),
    Column("slow_down_low", "Slow-down, low", "ratio"),
    Column("slow_down_high", "Slow-down, high", "ratio"),
    Column("paper_gpu", "Paper GPU", "ratio"),
    Column("paper_arm", "Paper ARM", "ratio"),
    Column("elementwise_time_share", "Element-wise time", "percent"),
    Column("verdict", "Verdict"),
    Column("error", "Error"),
)


def tables(findings: Findings) -> list[Table]:
    """A table of variants and one of networks, as far as either was asked for."""
    variants = [records(findings)] if findings.guidelines else []
    return [*variants, *([networks_overview.records(findings.networks)] if findings.networks else [])]


def records(findings: Findings) -> Table:
    """A row a variant in a setting with every figure as a number: for programs."""
    return from_records(RECORDS, [row for trial in findings.trials for row in rows_of(trial)])


def paper_slow_downs(guideline: Guideline, variant: str, scale: int) -> dict[str, float | None]:
    """What the paper's speeds of a variant come to."""
    return {
        "paper_gpu": guideline.paper_slow_down(GPU, variant, scale),
        "paper_arm": guideline.paper_slow_down(ARM, variant, scale),
    }


def verdicts(trial: Trial) -> str:
    """The verdict on each order of a trial, on one line."""
    return "; ".join(f"{each.order.label}: {each.verdict}".removeprefix(": ") for each in judge(trial))


def rows_of(trial: Trial) -> Iterable[dict[str, Any]]:
    """Every variant of a trial as a flat row of numbers."""
    setting, guideline = trial.task.setting, trial.task.guideline
    judged = verdicts(trial)
    for variant, series in zip(trial.task.variants, trial.series, strict=True):
        found, ratio = variant.counted(setting.batch), trial.slow_down(series.name)
        low_s, high_s = series.ci95_s or (None, None)
        low, high = (None, None) if ratio is None or ratio.ci95 is None else ratio.ci95
        yield {
            "guideline": guideline.name,
            **setting.to_dict(),
            "variant": variant.name,
            "channels": variant.channels,
            "mult_adds": found.mult_adds,
            "memory_access": found.memory_access,
            "elementwise_access": found.elementwise_access,
            "kernels": found.kernels,
            "predicted": predicted(trial.task, variant),
            "median_s": series.median_s,
            "low_s": low_s,
            "high_s": high_s,
            "samples": len(series.times_s),
            "slow_down": None if ratio is None else ratio.median,
            "slow_down_low": low,
            "slow_down_high": high,
            **paper_slow_downs(guideline, variant.name, setting.scale),
            "elementwise_time_share": series.elementwise_time_share,
            "verdict": judged,
            "error": series.error,
        }
