"""A chart for a page or a file, its colours, and its still picture."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from netcost.text.errors import RequestError
from netcost.text.tables import printable

if TYPE_CHECKING:
    import altair

PALETTE = ("#3b76c4", "#d1662b", "#2f9277", "#a9567f", "#8a7a2b", "#6b63b5", "#b24a4a", "#4a8a9c")
"""Eight hues with a contrast of 3:1 on white and on near-black, so that one set serves both schemes."""

GREY = "#7b8494"
"""Colour of everything beside the subject of a chart; with the same contrast."""

STILL_WIDTH = 640
"""Width of a still picture (pixels)."""

_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")

LIGHT = {"text": "#1d2430", "faint": "#d9dee6", "back": "#ffffff"}
DARK = {"text": "#e4e8ee", "faint": "#3a4250", "back": "#14181f"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart.

    Args:
        name: in file names and anchors ("mult-adds-against-latency").
        title: a few words.
        description: the content in words, for readers who cannot see it.
        spec: Vega-Lite, as wide as its container.
    """

    name: str
    title: str
    description: str
    spec: Mapping[str, Any]


def figure(name: str, title: str, description: str, chart: altair.Chart | altair.LayerChart) -> Figure:
    """Return the chart as a `Figure`, as wide as its container."""
    fitted = {"type": "fit-x", "contains": "padding"}
    looks = {"width": "container", "background": "transparent", "autosize": fitted}
    spec = chart.properties(**looks, description=description).to_dict()
    return Figure(name, title, description, _printable(spec))


def _printable(spec: Any) -> Any:
    """Return the specification without control characters and half surrogates: no picture could hold them."""
    if isinstance(spec, dict):
        return {name: _printable(value) for name, value in spec.items()}
    if isinstance(spec, list):
        return [_printable(value) for value in spec]
    return printable(spec) if isinstance(spec, str) else spec


def required(package: str) -> ModuleType:
    """Import a package of the extra `netcost[report]`, or raise a RequestError where it is not installed."""
    try:
        return import_module(package)
    except ImportError as error:
        raise RequestError(
            f"pages and pictures need {package!r}, which is not installed; run: pip install 'netcost[report]'"
        ) from error


def theme(scheme: Mapping[str, str]) -> dict[str, Any]:
    """Return Vega-Lite's configuration in the colours of a scheme (`LIGHT` or `DARK`)."""
    words = {"labelColor": scheme["text"], "titleColor": scheme["text"]}
    return {
        "font": "system-ui, sans-serif",
        "axis": {**words, "gridColor": scheme["faint"], "domainColor": scheme["text"], "tickColor": scheme["text"]},
        "legend": words,
        "header": words,
        "title": {"color": scheme["text"], "subtitleColor": scheme["text"]},
        "text": {"color": scheme["text"]},
        "rule": {"color": scheme["text"]},
        "view": {"stroke": scheme["faint"]},
        "range": {"category": list(PALETTE)},
    }


def svg(chart: Figure, scheme: Mapping[str, str] = LIGHT) -> str:
    """Return the chart as a still picture, `STILL_WIDTH` pixels wide, on the scheme's background."""
    spec = {**chart.spec, "width": STILL_WIDTH, "background": scheme["back"]}
    picture: str = required("vl_convert").vegalite_to_svg(json.dumps(spec), config=theme(scheme))
    # Vega reads a backslash in a name as the beginning of an escape, even of a character that XML forbids.
    return _NOT_IN_XML.sub("\ufffd", picture)


@cache
def script() -> str:
    """Return all the JavaScript that draws charts in a page, so that no page loads it from the network."""
    bundle: str = required("vl_convert").javascript_bundle()
    return bundle
