"""Compares a network with another in a sentence: why the one that does less arithmetic need not be faster."""

from __future__ import annotations

from dataclasses import replace

from netcost.counting.analysis import analyze
from netcost.counting.count import Count
from netcost.graph.cost import Kind
from netcost.linting.report import LintReport
from netcost.prediction.columns import COLUMNS
from netcost.profiling.roofline import Peaks
from netcost.targets.naming import Target
from netcost.text import units

DEPTHWISE = COLUMNS.get("mult-adds of depthwise convolution")


def compared(report: LintReport, other: Target, *, mode: str = "eval") -> LintReport:
    """Return the report, headed by its network against another one, which is counted here."""
    mine, theirs = report.network.total, analyze(other, mode=mode)
    sentence = (
        f"{report.model} does {units.times(mine.mult_adds / max(1, theirs.mult_adds))} the mult-adds of {other.name}, "
        f"{units.times(mine.memory_access_bytes / max(1, theirs.memory_access_bytes))} its memory access and "
        f"{units.times(mine.kernels / max(1, theirs.kernels))} its kernels."
    )
    moving = sum(kind is Kind.MOVEMENT for kind in theirs.count.kinds)
    facts = f"{other.name} has {theirs.kernels:,} kernels, of which {moving:,} only move data."
    return replace(report, against=(sentence, facts, *_expected(report, theirs.count, other.name)))


def _expected(report: LintReport, theirs: Count, name: str) -> list[str]:
    """Say how the least times compare, where the device's peaks are given."""
    peaks = report.network.peaks
    if peaks is None:
        return []
    mine, other = (expected_s(count, peaks) for count in (report.network.count, theirs))
    return [f"By the device's peaks, it is estimated to take {units.times(mine / other)} the time of {name}."]


def expected_s(count: Count, peaks: Peaks) -> float:
    """Return the estimated time of a pass (seconds): of each operator its arithmetic, its memory access and its launch.

    They add, and depthwise arithmetic is far from the peak: so measured networks are explained (`netcost.prediction`).
    """
    seconds = 0.0
    for op, kind, cost in zip(count.graph.ops, count.kinds, count.costs, strict=True):
        if cost.kernels:
            peak = peaks.flops_per_s(op.outputs[0].dtype if op.outputs else "float32")
            moved = cost.memory_access_bytes / peaks.bandwidth(cost.memory_access_bytes).best
            slower = DEPTHWISE.slower if kind is Kind.DEPTHWISE_CONVOLUTION else 1.0
            seconds += min(peaks.launch_s) + moved + (slower * cost.flops / peak if peak else 0.0)
    return seconds
