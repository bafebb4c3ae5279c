"""Tables as text: each format is one pure function from a `Table` to a `str`, found here by name.

A format is imported when it is first asked for: `netcost --help` names them all and loads none.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from netcost.registry import Registry
from netcost.tables import Table

Renderer = Callable[[Table], str]

_places: Registry[str] = Registry("format", hint="`--format` says how a table is written")
_places.add("table", "terminal:render")
_places.add("markdown", "markdown:render")
_places.add("csv", "csv_text:render")
_places.add("json", "json_text:render_table")

FORMATS = tuple(_places.names())
"""What `--format` takes."""


def renderer(name: str) -> Renderer:
    """The function that writes a table in the format called `name`; the text ends with one newline.

    Raises:
        RequestError: there is no such format.
    """
    module, function = _places.get(name).split(":")
    return cast(Renderer, getattr(import_module(f"{__name__}.{module}"), function))
