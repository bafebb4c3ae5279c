"""Points below the roof of a device, which layers of any chart share, and the roof above them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netcost.profiling.roofline import Peaks
from netcost.reports.charts.figure import GREY, required
from netcost.reports.charts.parts import chart_of, log_axis, names
from netcost.text import units

MAIN = "fp32"
"""The element type whose roof is drawn, where it was measured; else that of the first that was."""

MARGIN = 2
"""Factor by which the roof reaches past the points on both sides."""


GIGA = 1e9
"""FLOP/s in a GFLOP/s, the unit of the axis."""


def points(records: Sequence[dict[str, Any]], **encodings: Any) -> Any:
    """Return a point per record: GFLOP/s attained over FLOPs per byte, both logarithmic.

    Args:
        records: each with "intensity" and "gflops_per_s", above 0.
        encodings: further ones.
    """
    alt: Any = required("altair")
    return (
        chart_of(records)
        .mark_point(opacity=0.85)
        .encode(
            x=log_axis(alt.X("intensity:Q", title="FLOPs per byte"), _of(records, "intensity"), format=",~g"),
            y=log_axis(alt.Y("gflops_per_s:Q", title="GFLOP/s"), _of(records, "gflops_per_s"), format=",~g"),
            **encodings,
        )
    )


def attained(flops: int, access_bytes: int, time_s: float) -> dict[str, Any]:
    """Return the place of a point, and its figures in words."""
    rate, intensity = flops / time_s, flops / access_bytes
    return {
        "intensity": intensity,
        "intensity_text": units.ratio(intensity),
        "gflops_per_s": rate / GIGA,
        "rate_text": units.flop_rate(rate),
    }


def _of(records: Sequence[dict[str, Any]], field: str) -> list[float]:
    return [record[field] for record in records]


def roof(peaks: Peaks, records: Sequence[dict[str, Any]]) -> Any:
    """Return the roof over these points: a slope per level of memory, and the peak of arithmetic, with their names."""
    alt: Any = required("altair")
    lines = _lines(peaks, _of(records, "intensity"))
    corners = [{"line": name, "x": x, "y": y / GIGA} for name, ends in lines.items() for x, y in ends]
    every = [*corners, *({"x": record["intensity"], "y": record["gflops_per_s"]} for record in records)]
    base = chart_of(corners).encode(
        x=log_axis(alt.X("x:Q"), _of(every, "x"), format=",~g"), y=log_axis(alt.Y("y:Q"), _of(every, "y"), format=",~g")
    )
    drawn = base.mark_line(strokeWidth=1.5, color=GREY).encode(detail="line:N")
    middles = alt.Data(values=[_middle(name, ends) for name, ends in lines.items()])
    return drawn + names(base.properties(data=middles), "line", is_above=True)


def _middle(name: str, ends: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return the place of a line's name: a third of the way along it, on its logarithmic axes."""
    (x, y), (x_end, y_end) = ends
    return {"line": name, "x": x * (x_end / x) ** 0.3, "y": y * (y_end / y) ** 0.3 / GIGA}


def _lines(peaks: Peaks, intensities: Sequence[float]) -> dict[str, list[tuple[float, float]]]:
    """Return both ends of each line (FLOPs per byte, FLOP/s), without slopes that start above the peak."""
    least, most = min(intensities) / MARGIN, max(intensities) * MARGIN
    lines = {}
    product = next((entry for entry in peaks.products if entry.dtype == MAIN), next(iter(peaks.products), None))
    for level in peaks.bandwidths:
        slope = level.best
        end = most if product is None else min(most, product.flops_per_s.best / slope)
        if end > least:
            lines[f"{level.level}, {units.data_rate(slope)}"] = [(least, least * slope), (end, end * slope)]
    if product is not None:
        peak = product.flops_per_s.best
        begin = max(least, min(most / MARGIN, peak / peaks.bandwidths[0].best))
        lines[f"{product.dtype}, {units.flop_rate(peak)}"] = [(begin, peak), (max(most, begin * MARGIN), peak)]
    return lines
