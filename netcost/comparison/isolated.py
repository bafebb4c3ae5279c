"""Counting in a worker: figures and roofline come back as plain values, the graph stays there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from netcost.comparison.entry import Entry
from netcost.counting.analysis import analyze
from netcost.counting.figures import Figures
from netcost.profiling.roofline import Peaks, Roofline, under_roof
from netcost.timing.setting import Timing
from netcost.timing.subjects import in_element_type
from netcost.timing.workers import Recipe, Worker


def counted_in(
    worker: Worker, recipe: Recipe, name: str, timing: Timing, mode: str, concrete: bool, peaks: Peaks | None
) -> Entry:
    """Have a worker count a network, in the element type of `timing`; the rest is as for `compare`.

    Raises:
        NetcostError: it cannot be counted.
        MeasurementError: the worker crashed, or gave no answer.
    """
    plain_peaks = None if peaks is None else peaks.to_dict()
    answer = worker.call(count_here, recipe.to_dict(), asdict(timing), mode, concrete, plain_peaks)
    figures, roofline = answer["figures"], answer["roofline"]
    inputs = tuple(tuple(entry) if isinstance(entry, list) else entry for entry in figures.pop("inputs"))
    counted = Figures(inputs=inputs, count_notes=tuple(figures.pop("count_notes")), **figures)
    return Entry(name, counted, roofline=None if roofline is None else Roofline(**roofline))


def count_here(
    recipe: Mapping[str, Any], timing: Mapping[str, Any], mode: str, concrete: bool, peaks: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Count a network in this worker; arguments (those of `counted_in`) and result are plain values."""
    target = in_element_type(Recipe.from_dict(recipe).resolved(), Timing(**timing))
    analysis = analyze(target, mode=mode, concrete=concrete)
    roof = None if peaks is None else under_roof(analysis.count, analysis.peak_memory_bytes, Peaks.from_dict(peaks))
    return {"figures": asdict(analysis.figures), "roofline": None if roof is None else asdict(roof)}
