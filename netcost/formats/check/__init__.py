"""A check's report as text: each format is one pure function from a `Report` to a `str`, found here by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, cast

from netcost.registry import Registry

if TYPE_CHECKING:
    from netcost.regression import Report

_places: Registry[str] = Registry("format", hint="`--format` says how a report is written")
_places.add("table", "text")
_places.add("markdown", "comment")
_places.add("json", "plain")
_places.add("csv", "rows")
_places.add("github", "workflow")
_places.add("junit", "junit")

CHECK_FORMATS = tuple(_places.names())
"""What `netcost check --format` takes."""


def check_renderer(name: str) -> Callable[[Report], str]:
    """The function that writes a report in the format called `name`; the text ends with one newline.

    Raises:
        RequestError: there is no such format.
    """
    return cast("Callable[[Report], str]", import_module(f"{__name__}.{_places.get(name)}").render)
