"""A check's report as text: each format is one pure function from a `Report` to a `str`, found here by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, cast

from netcost.text.names import Registry

if TYPE_CHECKING:
    from netcost.checking.regression import Report

_places: Registry[str] = Registry("format", hint="`--format` says how a report is written")
_places.add("table", "text:render")
_places.add("markdown", "comment:render")
_places.add("json", "data:render_json")
_places.add("csv", "data:render_csv")
_places.add("github", "workflow:render")
_places.add("junit", "junit:render")

CHECK_FORMATS = tuple(_places.names())
"""What `netcost check --format` takes."""


def check_renderer(name: str) -> Callable[[Report], str]:
    """The function that writes a report in the format called `name`; the text ends with one newline.

    Raises:
        RequestError: there is no such format.
    """
    module, function = _places.get(name).split(":")
    return cast("Callable[[Report], str]", getattr(import_module(f"{__name__}.{module}"), function))
