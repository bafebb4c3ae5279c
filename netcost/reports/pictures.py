"""The first chart of a page as a picture alone: SVG, PNG or PDF."""

from __future__ import annotations

from netcost.reports.charts import svg
from netcost.reports.charts.figure import required
from netcost.reports.pages import Page
from netcost.text.errors import RequestError

PIXELS = 2.0
"""Of a PNG per pixel of the chart."""


def drawn(page: Page, format_name: str) -> str | bytes:
    """Return the first chart of the page in one of `PICTURES`, without a browser.

    Raises:
        RequestError: the page has none.
    """
    if not page.figures:
        raise RequestError(f"this result has no chart for the format {format_name!r}; expected a table or html")
    picture = svg(page.figures[0])
    if format_name == "svg":
        return picture + "\n"
    convert = required("vl_convert")
    made: bytes = convert.svg_to_png(picture, scale=PIXELS) if format_name == "png" else convert.svg_to_pdf(picture)
    return made
