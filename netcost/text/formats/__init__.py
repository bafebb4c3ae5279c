"""Tables as text: each format is one pure function from a `Table` to a `str`, found here by name.

A format is imported when it is first asked for: `netcost --help` names them all and loads none.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from netcost.text.errors import RequestError
from netcost.text.names import Registry
from netcost.text.tables import Table

Renderer = Callable[[Table], str]

_places: Registry[str] = Registry("format", hint="`--format` says how a table is written")
_places.add("table", "terminal:render")
_places.add("markdown", "markdown:render")
_places.add("csv", "csv_text:render")
_places.add("json", "json_text:render_table")
_places.add("latex", "latex:render")
_places.add("html", "html:render_table")

EXTRA = {"html": ("altair", "jinja2", "vl_convert")}
"""Packages that a format needs beyond netcost's own: those of `netcost[report]`."""

FORMATS = tuple(_places.names())
"""What `--format` takes."""


def renderer(name: str) -> Renderer:
    """The function that writes a table in the format called `name`; the text ends with one newline.

    Raises:
        RequestError: there is no such format.
    """
    module, function = _places.get(name).split(":")
    return cast(Renderer, getattr(import_module(f"{__name__}.{module}"), function))


def require(name: str) -> None:
    """Refuse a format whose packages are not there, before any work is done.

    Raises:
        RequestError: one is not installed; the message says how to install it.
    """
    missing = [package for package in EXTRA.get(name, ()) if find_spec(package) is None]
    if missing:
        raise RequestError(
            f"the format {name!r} needs {', '.join(missing)}, not installed here; run: pip install 'netcost[report]'"
        )
