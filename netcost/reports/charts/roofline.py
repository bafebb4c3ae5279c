"""Points below the roof of a device, which layers of any chart share, and the roof above them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netcost.profiling.roofline import Peaks
from netcost.reports.charts.figure import GREY, required
from netcost.reports.charts.parts import chart_of, log_scale
from netcost.text import units

MAIN = "fp32"
"""The element type whose roof is drawn, where it was measured; else that of the first that was."""

MARGIN = 2
"""Factor by which the roof reaches past the points on both sides."""


def points(records: Sequence[dict[str, Any]], colour: Any, **encodings: Any) -> Any:
    """Return a point per record: FLOP/s attained over FLOPs per byte, both logarithmic.

    Args:
        records: each with "intensity" and "flops_per_s", above 0.
        colour: of the points.
        encodings: further ones.
    """
    alt: Any = required("altair")
    return (
        chart_of(records)
        .mark_point(filled=True, opacity=0.85)
        .encode(
            x=alt.X("intensity:Q", title="FLOPs per byte", scale=log_scale()).axis(format="~s", tickCount=6),
            y=alt.Y("flops_per_s:Q", title="FLOP/s", scale=log_scale()).axis(format="~s", tickCount=6),
            color=colour,
            **encodings,
        )
    )


def attained(flops: int, access_bytes: int, time_s: float) -> dict[str, Any]:
    """Return the place of a point, and its figures in words."""
    rate, intensity = flops / time_s, flops / access_bytes
    return {
        "intensity": intensity,
        "intensity_text": units.ratio(intensity),
        "flops_per_s": rate,
        "rate_text": units.flop_rate(rate),
    }


def roof(peaks: Peaks, records: Sequence[dict[str, Any]]) -> Any:
    """Return the roof over these points: a slope per level of memory, and the peak of arithmetic, with their names."""
    alt: Any = required("altair")
    lines = _lines(peaks, [record["intensity"] for record in records])
    corners = [{"line": name, "x": x, "y": y} for name, ends in lines.items() for x, y in ends]
    base = chart_of(corners).encode(x=alt.X("x:Q", scale=log_scale()), y=alt.Y("y:Q", scale=log_scale()))
    drawn = base.mark_line(strokeDash=[5, 3], strokeWidth=1.5, color=GREY).encode(detail="line:N")
    starts = alt.Data(values=[{"line": name, "x": ends[0][0], "y": ends[0][1]} for name, ends in lines.items()])
    named = base.properties(data=starts).mark_text(align="left", dx=6, dy=-6, fontSize=10)
    return drawn + named.encode(text="line:N")


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
