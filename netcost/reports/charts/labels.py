"""Which points of a crowded chart bear their names: as many as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

ROOM = (0.22, 0.06)
"""Width and height that a name takes, as shares of the chart's."""


def non_overlapping(points: Sequence[tuple[float, float]], most: int) -> list[int]:
    """Indices of points whose names do not cover each other.

    Args:
        points: where they are drawn, in any units, those first that matter most.
        most: how many of them.
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
        if len(kept) == most:
            break
    return kept
