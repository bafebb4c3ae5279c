"""A page as one self-contained HTML file: styles, charts and their script are in it, and it loads nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from netcost.reports.charts import compiled, script
from netcost.reports.charts.figure import required
from netcost.reports.pages import Page, PageSection
from netcost.text.explanations import find
from netcost.text.tables import Column, Table, bare, distinct

WORDS = frozenset({"metric", "kind", "verdict"})
"""First columns whose cells are words that netcost explains; in other columns they are names of a user."""

Placed = tuple[PageSection, str]
"""A part of a page, and its anchor."""

TOP_LEVEL = 2
"""Level of a part of the page; those of a level below it belong to it."""

LONG = 30
"""Rows from which on a table scrolls within the page, under its head, and can be filtered."""


def render(page: Page) -> str:
    """Return the page. Names are escaped, charts have a description in words, and tables sort on a click.

    Raises:
        RequestError: the extra `netcost[report]` is not installed.
    """
    jinja = required("jinja2")
    environment = jinja.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja.StrictUndefined,
    )
    environment.filters["code"] = _code
    figures, anchors = page.figures, _anchors(page)
    text: str = environment.from_string(_resource("page.html.j2")).render(
        page=page,
        style=_markup(_resource("page.css")),
        program=_markup(_resource("page.js")),
        charts=_markup(script()) if figures else None,
        specs=_markup(_json([compiled(figure) for figure in figures])),
        number={figure.name: index for index, figure in enumerate(figures)},
        cells=cells,
        meaning=meaning,
        groups=_groups(list(zip(page.sections, anchors, strict=True))),
        long=LONG,
        parts=dict(zip((section.title for section in page.sections), anchors, strict=True)),
    )
    return text


def cells(table: Table) -> list[list[dict[str, Any]]]:
    """Return each cell as text, with its meaning, its value for sorting, and True where it is a number."""
    return [
        [
            {
                "text": table.text(row, index),
                "meaning": _meaning(table.text(row, index)) if column.name in WORDS and index == 0 else "",
                "sort": bare(table.rows[row][index]),
                "number": column.is_number,
            }
            for index, column in enumerate(table.columns)
        ]
        for row in range(len(table.rows))
    ]


def meaning(column: Column) -> str:
    """Return the meaning of a column's heading; "" without one, or where the heading is the name of a network."""
    return "" if column.name in ("metric", column.heading) else _meaning(column.heading)


def _meaning(word: str) -> str:
    explanation = find(word)
    return "" if explanation is None else explanation.meaning


def _anchors(page: Page) -> tuple[str, ...]:
    """Return the name of each section in a link, distinct from the charts' names."""
    figures = [figure.name for figure in page.figures]
    titles = [re.sub(r"[^0-9a-z]+", "-", section.title.lower()).strip("-") or "part" for section in page.sections]
    return distinct([*figures, *titles])[len(figures) :]


def _code(words: str) -> Any:
    """Return words as HTML, in which what stands between backticks is code."""
    escaped = str(required("markupsafe").escape(words))
    return _markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped))


def _groups(
    placed: Sequence[tuple[PageSection, str]],
) -> list[tuple[tuple[PageSection, str], list[tuple[PageSection, str]]]]:
    """Return each part of level 2 with those below it, which are folded where it is; each with its anchor."""
    starts = [index for index, (section, _) in enumerate(placed) if index == 0 or section.level == TOP_LEVEL]
    ends = [*starts[1:], len(placed)]
    return [(placed[start], list(placed[start + 1 : end])) for start, end in zip(starts, ends, strict=False)]


def _resource(name: str) -> str:
    return (files("netcost.reports") / "templates" / name).read_text(encoding="utf-8")


def _json(value: Any) -> str:
    """Return JSON for a script element: no text in it ends the script or opens a comment."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _markup(text: str) -> Any:
    return required("markupsafe").Markup(text)
