"""Compares a network with another in a sentence: why the one that does less arithmetic need not be faster."""

from __future__ import annotations

from dataclasses import replace

from netcost.counting.analysis import analyze
from netcost.counting.count import Count
from netcost.graph.cost import Kind
from netcost.linting.report import LintReport
from netcost.profiling.roofline import Peaks, bounds_s
from netcost.targets.naming import Target
from netcost.text import units


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
    return [f"By the device's peaks, it is expected to take {units.times(mine / other)} the time of {name}, at least."]


def expected_s(count: Count, peaks: Peaks) -> float:
    """Return the least time of a pass (seconds): each operator at its bound, or at that of its launch."""
    bounds = zip(bounds_s(count, peaks), count.costs, strict=True)
    return sum(max(bound or 0.0, min(peaks.launch_s)) for bound, cost in bounds if cost.kernels)
