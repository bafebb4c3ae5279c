"""Parts that several charts share: data, scales, tooltips, layers, and the choice of points that bear a name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from netcost.reports.charts.figure import required

ROOM = (0.22, 0.06)
"""Width and height of a point's name, as shares of the chart's."""


def chart_of(records: Iterable[Any]) -> Any:
    """Return a chart of the records, which has no marks yet."""
    alt = required("altair")
    return alt.Chart(alt.Data(values=list(records)))


def log_scale(padding: int = 16) -> Any:
    """Return a logarithmic scale that leaves this many pixels at both ends."""
    return required("altair").Scale(type="log", nice=False, padding=padding)


def tooltip(**titles: str) -> list[Any]:
    """Return the fields of a tooltip with their titles."""
    return [required("altair").Tooltip(f"{field}:N", title=title) for field, title in titles.items()]


def intervals(base: Any, width: float = 2) -> Any:
    """Return a layer that draws the interval from "low" to "high"."""
    return base.mark_rule(strokeWidth=width).encode(y=required("altair").Y("low:Q"), y2="high:Q")


def parity(opacity: float) -> Any:
    """Return a layer with a dashed line at 1, where both sides of a ratio are equal."""
    return chart_of([{"one": 1}]).mark_rule(strokeDash=[4, 4], opacity=opacity).encode(y="one:Q")


def divided_bars(records: Iterable[Any], parts: Sequence[str], colour: Any, **titles: str) -> Any:
    """Return a bar per part, divided by kind of operator.

    Reference: ShuffleNet V2 (arXiv:1807.11164), Figure 2, which divides the time.

    Args:
        records: each with "part", "share" and "order", its place in the bar.
        parts: from the top to the bottom.
        colour: of the kinds.
        titles: of the fields of the tooltip.
    """
    alt: Any = required("altair")
    bars = chart_of(records).mark_bar(stroke="white", strokeWidth=0.5)
    return bars.encode(
        x=alt.X("share:Q", title="share", scale=alt.Scale(domain=[0, 1])).axis(format="%"),
        y=alt.Y("part:N", title=None, sort=list(parts)),
        color=colour,
        order=alt.Order("order:Q"),
        tooltip=tooltip(**titles),
    ).properties(height=44 * len(parts))


def non_overlapping(points: Sequence[tuple[float, float]], most: int) -> list[int]:
    """Return the indices of at most `most` points whose names do not cover each other.

    Args:
        points: in any units, the most important first.
        most: number of names.
    """
    if not points:
        return []
    spans = [max(axis) - min(axis) or 1.0 for axis in zip(*points, strict=True)]
    placed = [tuple(value / span for value, span in zip(point, spans, strict=True)) for point in points]
    kept: list[int] = []
    for index, point in enumerate(placed):
        if all(
            any(abs(a - b) >= room for a, b, room in zip(point, placed[other], ROOM, strict=True)) for other in kept
        ):
            kept.append(index)
    return kept[:most]
