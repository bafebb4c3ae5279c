"""Places the names of a still picture, as Vega's label transform does in a browser: that one needs a canvas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

ANCHORS = ("right", "left", "top", "bottom", "top-right", "bottom-right", "top-left", "bottom-left")
ABOVE = ("top-left", "top", "left", "top-right", "right", "bottom", "bottom-right", "bottom-left")
"""Sides of a point at which there may be room for its name, the first ones first; those of names of rising lines."""

OFFSETS = (8, 14, 22)
"""Distances of a name from its point (pixels), the first ones first."""

BESIDE = 17
"""Pixels, along both axes together, from which on a name has a line to its point."""

POINT = 6
"""Half of the width of a point (pixels)."""


class Rectangle(NamedTuple):
    """A rectangle of a picture (pixels)."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Rectangle) -> bool:
        """Return True where both cover some place."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


ADVANCES = {"ijl|'": 0.22, " .,:;!/ftI[]": 0.28, "()r-": 0.33, "cksvxyzJ": 0.5, "w": 0.72, "GOQmMW%@": 0.83}
"""Widths of the characters of a usual sans-serif font, in units of its size."""

UPPER_CASE, OTHERS = 0.68, 0.556
"""Widths of the other capitals, and of digits and all other characters."""


def advance(character: str) -> float:
    """Return about how wide a sans-serif character is, in units of the font's size."""
    known = (wide for characters, wide in ADVANCES.items() if character in characters)
    return next(known, UPPER_CASE if character.isupper() else OTHERS)


def width(words: str, size: float) -> float:
    """Return about how wide a text is (pixels)."""
    return size * sum(map(advance, words))


def around(x: float, y: float) -> Rectangle:
    """Return the rectangle that a point covers."""
    return Rectangle(x - POINT, y - POINT, x + POINT, y + POINT)


def placed(
    texts: Sequence[Mapping[str, Any]], covered: list[Rectangle], whole: Rectangle, anchors: Sequence[str] = ANCHORS
) -> Iterator[dict[str, Any]]:
    """Yield each text that has room, with its place, its alignment, and the line to a point that is not beside it.

    Args:
        texts: each with the point "x" and "y", its "text" and its "fontSize"; the first ones are placed first.
        covered: what they may not cover; the placed ones are added.
        whole: the picture.
        anchors: sides of the point, the first ones first.
    """
    for text in texts:
        for offset in OFFSETS if text.get("text") else ():
            found = next(
                (place for anchor in anchors for place in [_place(text, anchor, offset, covered, whole)] if place), None
            )
            if found is not None:
                yield found
                break


def _place(
    text: Mapping[str, Any], anchor: str, offset: int, covered: list[Rectangle], whole: Rectangle
) -> dict[str, Any] | None:
    """Return the text at one side of its point; None where it covers something, or would leave the picture."""
    size, x, y = text["fontSize"], text["x"], text["y"]
    wide = width(text["text"], size) * 1.1  # of fonts wider than usual
    far = offset if "-" not in anchor else offset * 0.71
    right = 1 if "right" in anchor else -1 if "left" in anchor else 0
    down = 1 if "bottom" in anchor else -1 if "top" in anchor else 0
    at_x, at_y = x + right * far, y + down * far
    left = at_x - (0 if right > 0 else wide if right < 0 else wide / 2)
    top = at_y - (0 if down > 0 else size if down < 0 else size / 2)
    box = Rectangle(left, top, left + wide, top + size)
    is_inside = (
        box.left >= whole.left and box.right <= whole.right and box.top >= whole.top and box.bottom <= whole.bottom
    )
    if not is_inside or any(box.meets(other) for other in covered):
        return None
    covered.append(box)
    return {
        "x": at_x,
        "y": at_y,
        "text": text["text"],
        "size": size,
        "align": {1: "left", -1: "right", 0: "center"}[right],
        "baseline": {1: "top", -1: "bottom", 0: "middle"}[down],
        "point_x": x,
        "point_y": y,
        "line": 0.5 if abs(at_x - x) + abs(at_y - y) > BESIDE else 0.0,
    }
