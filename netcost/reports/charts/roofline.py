"""What was attained under the roof of a device: points that layers of any chart share, and the roof above them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netcost.profiling.roofline import Peaks
from netcost.reports.charts.figure import GREY, required
from netcost.text import units

MAIN = "fp32"
"""The element type whose roof is drawn, where it was measured; else that of the first that was."""

MARGIN = 2
"""The roof reaches past the points on both sides by this factor."""


def points(records: Sequence[dict[str, Any]], colour: Any, **encodings: Any) -> Any:
    """A point a record: FLOP/s attained over FLOPs a byte, both logarithmic.

    Args:
        records: each with "intensity" and "flops_per_s", above 0.
        colour: of the points.
        encodings: further ones.
    """
    alt: Any = required("altair")
    return (
        alt.Chart(alt.Data(values=list(records)))
        .mark_point(filled=True, opacity=0.85)
        .encode(
            x=alt.X("intensity:Q", title="FLOPs a byte", scale=_log()).axis(format="~s", tickCount=6),
            y=alt.Y("flops_per_s:Q", title="FLOP/s", scale=_log()).axis(format="~s", tickCount=6),
            color=colour,
            **encodings,
        )
    )


def attained(flops: int, access_bytes: int, time_s: float) -> dict[str, Any]:
    """Where a point lies, and how its figures read in the tables."""
    rate, intensity = flops / time_s, flops / access_bytes
    return {
        "intensity": intensity,
        "intensity_text": units.ratio(intensity),
        "flops_per_s": rate,
        "rate_text": units.flop_rate(rate),
    }


def roof(peaks: Peaks, records: Sequence[dict[str, Any]]) -> Any:
    """The roof over these points: a slope a level of memory, and the peak of the arithmetic, each with its name."""
    alt: Any = required("altair")
    lines = _lines(peaks, [record["intensity"] for record in records])
    corners = [{"line": name, "x": x, "y": y} for name, ends in lines.items() for x, y in ends]
    base = alt.Chart(alt.Data(values=corners)).encode(x=alt.X("x:Q", scale=_log()), y=alt.Y("y:Q", scale=_log()))
    drawn = base.mark_line(strokeDash=[5, 3], strokeWidth=1.5, color=GREY).encode(detail="line:N")
    starts = [{"line": name, "x": ends[0][0], "y": ends[0][1]} for name, ends in lines.items()]
    named = base.properties(data=alt.Data(values=starts)).mark_text(align="left", dx=6, dy=-6, fontSize=10)
    return drawn + named.encode(text="line:N")


def _lines(peaks: Peaks, intensities: Sequence[float]) -> dict[str, list[tuple[float, float]]]:
    """Both ends of each line, FLOPs a byte and FLOP/s; a slope that starts above the peak of arithmetic has none."""
    least, most = min(intensities) / MARGIN, max(intensities) * MARGIN
    found = {}
    product = next((each for each in peaks.products if each.dtype == MAIN), next(iter(peaks.products), None))
    for each in peaks.bandwidths:
        end = most if product is None else min(most, product.flops_per_s.best / each.best)
        if end > least:
            found[f"{each.level}, {units.data_rate(each.best)}"] = [(least, least * each.best), (end, end * each.best)]
    if product is not None:
        peak = product.flops_per_s.best
        begin = max(least, min(most / MARGIN, peak / peaks.bandwidths[0].best))
        found[f"{product.dtype}, {units.flop_rate(peak)}"] = [(begin, peak), (max(most, begin * MARGIN), peak)]
    return found


def _log() -> Any:
    return required("altair").Scale(type="log", nice=False, padding=16)
