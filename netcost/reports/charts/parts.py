"""Parts that the charts share: the language that the face of this folder describes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from math import ceil, floor, log10
from typing import Any

from netcost.reports.charts.figure import ABOVE, BACK, CONTAINER, GREY, NAMES, PALETTE, required

SHAPES = (
    "square",
    "triangle-up",
    "diamond",
    "triangle-down",
    "cross",
    "triangle-right",
    "triangle-left",
    "M-1,-1L1,1M-1,1L1,-1",
)
"""Marks of the networks after the base, which is a circle."""

MILLI = 1e3
"""Milliseconds in a second: every axis of times is in milliseconds."""

FACTORS = {0.5: None, 1.8: (1, 2, 5), 3.2: (1, 3), 99.0: (1,)}
"""Steps within each power of ten of a logarithmic axis, by the most powers that it spans; None where it is as good as
linear."""

RATIO_LABEL = "format(datum.value, ',~g') + ' x'"
"""Text of a tick on an axis of ratios."""


def chart_of(records: Iterable[Any]) -> Any:
    """Return a chart of the records, which has no marks yet."""
    alt = required("altair")
    return alt.Chart(alt.Data(values=list(records)))


def tooltip(**titles: str) -> list[Any]:
    """Return the fields of a tooltip with their titles."""
    return [required("altair").Tooltip(f"{field}:N", title=title) for field, title in titles.items()]


def columns(room: int = 180) -> Any:
    """Return the number of a legend's columns: as many as fit into the chart's width, at `room` pixels each."""
    return required("altair").ExprRef(f"max(1, floor({CONTAINER} / {room}))")


def legend(room: int = 180, **options: Any) -> Any:
    """Return a legend above the chart, in as many columns as fit."""
    return required("altair").Legend(orient="top", columns=columns(room), **options)


# --- axes


def ticks(least: float, most: float) -> list[float]:
    """Return about five values at which a logarithmic axis has a line.

    >>> ticks(3, 120)
    [5.0, 10.0, 20.0, 50.0, 100.0]
    >>> ticks(41e6, 43.3e6)
    [41000000.0, 42000000.0, 43000000.0]
    """
    span = log10(most / least)
    factors = next(factors for powers, factors in FACTORS.items() if span <= powers)
    if factors is None:
        rough = max(most - least, most * 1e-3) / 4
        power = 10.0 ** floor(log10(rough))
        step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * 0.99)
        return [float(f"{step * index:.6g}") for index in range(ceil(least / step * 0.9999), int(most / step) + 1)]
    powers = range(floor(log10(least)), ceil(log10(most)) + 1)
    every = [float(f"{factor * 10.0**power:.6g}") for power in powers for factor in factors]
    return [value for value in every if least * 0.999 <= value <= most * 1.001]


def log_axis(channel: Any, values: Sequence[float], *, padding: int = 20, **axis: Any) -> Any:
    """Return an encoding (X or Y) with a logarithmic scale and few lines.

    Args:
        channel: with its field and title.
        values: all that are drawn on it, above 0; they decide the lines.
        padding: pixels left free at both ends.
        axis: further options of the axis [default: a number with an SI prefix].
    """
    alt: Any = required("altair")
    scale = alt.Scale(type="log", nice=False, padding=padding)
    labels = {} if "labelExpr" in axis else {"format": "~s"}
    return channel.scale(scale).axis(values=ticks(min(values), max(values)), **{**labels, **axis})


def time_axis(channel: Any, milliseconds: Sequence[float], *, padding: int = 20) -> Any:
    """Return a logarithmic encoding of times in milliseconds."""
    return log_axis(channel, milliseconds, padding=padding, format=",~g")


def ratio_axis(channel: Any, ratios: Sequence[float], *, padding: int = 20) -> Any:
    """Return a logarithmic encoding of ratios, in which 1 has its place."""
    return log_axis(channel, [*ratios, 1.0], padding=padding, labelExpr=RATIO_LABEL)


# --- networks


def identities(names: Sequence[str]) -> dict[str, Any]:
    """Return the encodings by which a network has one colour and one mark in all charts: fill, stroke and shape.

    Args:
        names: of the networks of the page, the base first; they are in the field "model" of the records.
    """
    alt: Any = required("altair")
    inside = [GREY, *PALETTE, *["transparent"] * len(names)][: len(names)]
    shapes = ["circle", *SHAPES, *SHAPES * (len(names) // len(SHAPES))][: len(names)]
    scales = {"Fill": inside, "Stroke": _ink(names), "Shape": shapes}
    shown = None if len(names) > len(PALETTE) + 1 else legend()
    return {
        channel.lower(): getattr(alt, channel)(
            "model:N", title=None, sort=list(names), scale=alt.Scale(domain=list(names), range=values), legend=shown
        )
        for channel, values in scales.items()
    }


def coloured(base: Any, names: Sequence[str]) -> Any:
    """Return a chart of lines, bars or intervals in the colours of `identities`.

    They have no scale: Vega-Lite would make one legend of two, and none where one of the two has none.
    """
    alt: Any = required("altair")
    ink = dict(zip(names, _ink(names), strict=True))
    return base.transform_calculate(ink=f"{json.dumps(ink)}[datum.model]").encode(color=alt.Color("ink:N", scale=None))


def _ink(names: Sequence[str]) -> list[str]:
    return [GREY, *PALETTE, *[GREY] * len(names)][: len(names)]


def names(base: Any, field: str = "name", *, is_above: bool = False) -> Any:
    """Return a layer with a name per point, placed so that it covers nothing (`figure.compiled`).

    Args:
        base: the chart of the points.
        field: of the names; an empty one is not drawn.
        is_above: True where the names prefer to stand above their points.
    """
    alt: Any = required("altair")
    plain = dict.fromkeys(("fill", "stroke", "shape", "color", "size", "opacity"), alt.Undefined)
    return (
        base.mark_text(fontSize=11)
        .encode(text=f"{field}:N", **plain)
        .properties(name=f"{ABOVE if is_above else ''}{NAMES}")
    )


# --- layers


def intervals(base: Any, field: str = "y", **mark: Any) -> Any:
    """Return layers that draw the interval from "low" to "high", with ends that show beside a point.

    Args:
        base: the chart of the points, whose other axis the intervals share.
        field: the axis of the interval, "x" or "y".
        mark: further properties of its marks.
    """
    ends = {"x": ("low:Q", "high:Q"), "y": ("low:Q", "high:Q")}[field]
    rule = base.mark_rule(strokeWidth=1.5, **mark).encode(**{field: ends[0], f"{field}2": ends[1]})
    orient = "vertical" if field == "x" else "horizontal"
    caps = [base.mark_tick(orient=orient, size=14, thickness=1.5, **mark).encode(**{field: end}) for end in ends]
    return rule + caps[0] + caps[1]


def parity(field: str = "y") -> Any:
    """Return a layer with a line at 1, where both sides of a ratio are equal."""
    return chart_of([{"one": 1}]).mark_rule(strokeWidth=1.5, color=GREY).encode(**{field: "one:Q"})


def equality(least: float, most: float) -> Any:
    """Return a layer with the line on which both axes are equal."""
    ends = chart_of([{"x": end, "y": end} for end in (least, most)])
    return ends.mark_line(strokeWidth=1.5, color=GREY).encode(x="x:Q", y="y:Q")


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
    bars = chart_of(records).mark_bar(stroke=BACK, strokeWidth=1)
    return bars.encode(
        x=alt.X("share:Q", title=None, scale=alt.Scale(domain=[0, 1])).axis(format="%", values=[0, 0.25, 0.5, 0.75, 1]),
        y=alt.Y("part:N", title=None, sort=list(parts)),
        color=colour,
        order=alt.Order("order:Q"),
        tooltip=tooltip(**titles),
    ).properties(height=44 * len(parts))
