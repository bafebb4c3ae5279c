"""Times the operators of a finding beside their replacement, at the shapes that they have in the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

# Each import registers rewrites.
from netcost.linting.finding import Keeps, Network
from netcost.linting.report import Gain, LintReport, Row
from netcost.linting.rewrites import REWRITES, TOLERANCE, Rewrite, layers, operators  # noqa: F401
from netcost.text.errors import MeasurementError
from netcost.timing import Measurement, Timing, measure_all
from netcost.timing.conversion import Call
from netcost.timing.measuring import random_call
from netcost.timing.ratios import ratio_of_rounds
from netcost.timing.sampling import Progress

TimeAll = Callable[[Sequence[tuple[str, nn.Module, Call]], Timing], list[Measurement | MeasurementError]]
"""The signature of `measure_all`; a test brings its own."""

BUDGET_S = 2.0
"""Seconds per finding."""

MOST = 20
"""Findings that are timed, the largest first."""


def measured(
    report: LintReport,
    timing: Timing,
    *,
    most: int = MOST,
    time_all: TimeAll = measure_all,
    progress: Progress | None = None,
) -> LintReport:
    """Return the report with the measured gain of its largest findings, and of the largest that only this can tell.

    Args:
        timing: device and setting; the budget is per finding.
        most: findings to time.
    """
    gains: dict[Any, Gain] = {}
    candidates = [row for row in report.all_rows if row.is_timed]
    candidates.sort(key=lambda row: -report.network.cost(row.first.ops).mult_adds)
    rows = [*report.rows[:most], *candidates[:most]]
    for number, row in enumerate(rows):
        if progress is not None:
            progress(number / len(rows), f"timing {row.first.code} {row.first.module}")
        gains[row.key] = gain_of(report.network, row, timing, time_all)
    return replace(report, gains=gains)


def rewrite_of(network: Network, row: Row) -> Rewrite | None:
    """Return the change of the largest finding, or None where there is none, or it would not keep the function."""
    make = REWRITES.find(row.first.code)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        change = None if make is None else make(network, row.first)
        if change is None:
            return None
        if row.first.keeps is Keeps.FUNCTION and change.difference() > TOLERANCE:
            return None
    return change


def gain_of(network: Network, row: Row, timing: Timing, time_all: TimeAll = measure_all) -> Gain:
    """Time the largest finding of a row beside its replacement."""
    change = rewrite_of(network, row)
    if change is None:
        return Gain(reason="no replacement can be built for it alone")
    asked = timing.or_else(BUDGET_S, 0.02)
    after_shapes = change.after_shapes or change.shapes
    models = [
        (name, module.eval(), random_call(list(shapes), torch.float32, module))
        for name, module, shapes in (
            ("as it is", change.before, change.shapes),
            ("instead", change.after, after_shapes),
        )
    ]
    before, after = time_all(models, asked)
    for failed in (before, after):
        if isinstance(failed, MeasurementError):
            return Gain(reason=str(failed))
    assert isinstance(before, Measurement)
    assert isinstance(after, Measurement)
    return Gain(ratio_of_rounds("as it is", before, after), before.median_s)
