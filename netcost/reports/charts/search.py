"""The charts of a search: its front over two objectives, and its candidates in parallel coordinates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from netcost.reports.charts.figure import GREY, PALETTE, Figure, figure, required
from netcost.reports.charts.parts import chart_of, names, tooltip
from netcost.search import SearchResult
from netcost.search.journal import SearchRow
from netcost.text import units
from netcost.text.tables import Column

BEYOND, WITHIN, FRONT = "beyond the budgets", "within the budgets", "on the Pareto front"
COLOURS = {BEYOND: GREY, WITHIN: PALETTE[0], FRONT: PALETTE[1]}

MOST_POINTS = 2000
"""Candidates drawn beside the front: evenly chosen where there are more."""

MOST_LINES = 200
"""Lines of parallel coordinates beside those of the front."""

FEW = 12
"""Most candidates that are drawn as large as those of the front, and have their names."""

SYMLOG = 100.0
"""Ratio of the largest to the smallest value from which on an axis is logarithmic."""


def front(result: SearchResult) -> Figure | None:
    """Draw the candidates over two metrics: the first two objectives, or the objective and the next metric shown."""
    alt: Any = required("altair")
    columns = [result.column(name) for name in result.shown_names()[:2]]
    records = list(_points(result, columns))
    if not records:
        return None
    x, y = (
        make(f"{axis}:Q", title=column.heading, scale=_scale(alt, [record[axis] for record in records]))
        for axis, make, column in (("x", alt.X, columns[0]), ("y", alt.Y, columns[1]))
    )
    x, y = x.axis(format="~s", tickCount=6), y.axis(format="~s", tickCount=6)
    titles = {"x_text": columns[0].heading, "y_text": columns[1].heading}
    base = chart_of(records).encode(x=x, y=y, tooltip=tooltip(label="Candidate", **titles))
    is_few = len(records) <= FEW
    size = alt.condition(f"datum.where == '{FRONT}'", alt.value(70), alt.value(70 if is_few else 22))
    points = base.mark_point(filled=True, opacity=0.75).encode(color=_colour(alt, records), size=size, order="order:Q")
    points = points + names(base, "label") if is_few else points
    words = (
        f"{columns[1].heading} over {columns[0].heading} of {len(records)} candidates, "
        f"{len(result.front)} of them on the Pareto front."
    )
    title = f"{columns[1].heading} against {columns[0].heading}"
    return figure("front", title, words, points.properties(height=380))


def _points(result: SearchResult, columns: Sequence[Column]) -> Iterator[dict[str, Any]]:
    """Yield a point per candidate that has both figures."""
    for row, where in _drawn(result, MOST_POINTS):
        values = [result.value(row, column.name) for column in columns]
        texts = [units.text(value, column.unit) for value, column in zip(values, columns, strict=True)]
        if None not in values:
            placed = {"x": values[0], "y": values[1], "x_text": texts[0], "y_text": texts[1]}
            yield {"label": result.label(row), "where": where, "order": list(COLOURS).index(where), **placed}


def coordinates(result: SearchResult) -> Figure | None:
    """Draw each candidate as a line through its values and its figures, each axis from the least to the most."""
    alt: Any = required("altair")
    rows = [(row, where) for row, where in _drawn(result, MOST_LINES) if where != BEYOND]
    axes = list(_axes(result, [row for row, _ in rows]))
    if len(axes) < 2:
        return None
    records = [
        {
            "label": result.label(row),
            "where": where,
            "order": list(COLOURS).index(where),
            "axis": heading,
            "place": place,
            "share": shares[index],
            "value": texts[index],
        }
        for place, (heading, shares, texts) in enumerate(axes)
        for index, (row, where) in enumerate(rows)
        if shares[index] is not None
    ]
    base = chart_of(records).encode(
        x=alt.X("axis:N", sort=[heading for heading, _, _ in axes], title=None).axis(
            labelAngle=0, labelOverlap=False, labelExpr="split(datum.label, ' ')", grid=True
        ),
        y=alt.Y("share:Q", title="from the least to the most").axis(labels=False, ticks=False, grid=False),
        color=_colour(alt, records),
        detail="label:N",
        tooltip=tooltip(label="Candidate", axis="Axis", value="Value"),
    )
    opacity = max(0.25, min(0.9, 18 / (len(result.front) or 1)))  # a front of hundreds would be one area
    other = opacity if len(rows) <= FEW else 0.15
    is_front = alt.condition(f"datum.where == '{FRONT}'", alt.value(opacity), alt.value(other))
    lines = base.mark_line(strokeWidth=1.5).encode(opacity=is_front, order="place:Q")
    points = base.mark_point(filled=True, size=22).encode(opacity=is_front)
    words = f"{len(rows)} candidates as lines through {', '.join(heading for heading, _, _ in axes)}."
    return figure("coordinates", "Values and figures of each candidate", words, (lines + points).properties(height=300))


def _drawn(result: SearchResult, most: int) -> Iterator[tuple[SearchRow, str]]:
    """Yield the candidates to draw with their places, those of the front last and all of them."""
    on_front = {row.candidate for row in result.front}
    within = {row.candidate for row in result.within}
    others = [row for row in result.counted if row.candidate not in on_front]
    step = -(-len(others) // most) or 1
    for row in others[::step]:
        yield row, WITHIN if row.candidate in within else BEYOND
    for row in result.front:
        yield row, FRONT


def _colour(alt: Any, records: Sequence[dict[str, Any]]) -> Any:
    shown = {name: colour for name, colour in COLOURS.items() if any(record["where"] == name for record in records)}
    scale = alt.Scale(domain=list(shown), range=list(shown.values()))
    return alt.Color("where:N", title=None, scale=scale, legend=alt.Legend(orient="top", labelLimit=0, columns=1))


def _scale(alt: Any, values: Sequence[float]) -> Any:
    """Return a logarithmic scale for values of several orders of magnitude."""
    is_wide = min(values) > 0 and max(values) / min(values) > SYMLOG
    return alt.Scale(type="log", nice=False, padding=12) if is_wide else alt.Scale(zero=False, padding=12)


def _axes(result: SearchResult, rows: Sequence[SearchRow]) -> Iterator[tuple[str, list[float | None], list[str]]]:
    """Yield heading, places from 0 to 1, and texts of each axis: the values that were chosen, then the metrics."""
    for name, values in result.space.choices.items():
        places: list[float | None] = [float(values.index(row.candidate.values[name])) for row in rows]
        yield name, _shares(places), [str(row.candidate.values[name]) for row in rows]
    for name in result.shown_names():
        column = result.column(name)
        figures = [result.value(row, name) for row in rows]
        yield column.heading, _shares(figures), [units.text(figure, column.unit) for figure in figures]


def _shares(values: Sequence[float | None]) -> list[float | None]:
    """Return values between the least (0) and the most (1); the middle where all are equal."""
    known = [value for value in values if value is not None]
    least, most = min(known, default=0), max(known, default=0)
    return [None if value is None else (value - least) / (most - least) if most > least else 0.5 for value in values]
