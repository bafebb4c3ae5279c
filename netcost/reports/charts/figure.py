"""A chart on its way to a page or a file, and what all charts share: colours, widths, the way to a still picture."""

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
"""Eight hues that keep a contrast of 3:1 on white and on near-black, so that one set serves both schemes."""

GREY = "#7b8494"
"""Of what stands beside the subject of a chart; with the same contrast."""

STILL_WIDTH = 640
"""Pixels that a picture is wide where no page gives it a width."""

_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")

LIGHT = {"text": "#1d2430", "faint": "#d9dee6", "back": "#ffffff"}
DARK = {"text": "#e4e8ee", "faint": "#3a4250", "back": "#14181f"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart.

    Args:
        name: in file names and anchors ("mult-adds-against-latency").
        title: what it shows, in a few words.
        description: what a reader who cannot see it must know.
        spec: Vega-Lite, as wide as what it stands in.
    """

    name: str
    title: str
    description: str
    spec: Mapping[str, Any]


def figure(name: str, title: str, description: str, chart: altair.Chart | altair.LayerChart) -> Figure:
    """The chart as a `Figure`, as wide as its container."""
    fitted = {"type": "fit-x", "contains": "padding"}
    looks = {"width": "container", "background": "transparent", "autosize": fitted}
    spec = chart.properties(**looks, description=description).to_dict()
    return Figure(name, title, description, _printable(spec))


def _printable(spec: Any) -> Any:
    """The same with no control character or half a surrogate in any text: no picture could hold it."""
    if isinstance(spec, dict):
        return {name: _printable(value) for name, value in spec.items()}
    if isinstance(spec, list):
        return [_printable(value) for value in spec]
    return printable(spec) if isinstance(spec, str) else spec


def required(package: str) -> ModuleType:
    """A package of the extra `netcost[report]`.

    Raises:
        RequestError: it is not installed.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise RequestError(
            f"pages and pictures need {package!r}, which is not installed; run: pip install 'netcost[report]'"
        ) from error


def theme(scheme: Mapping[str, str]) -> dict[str, Any]:
    """Vega-Lite's configuration in the colours of a scheme (`LIGHT` or `DARK`)."""
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
    """The chart as a still picture, `STILL_WIDTH` pixels wide, on the scheme's background.

    Raises:
        RequestError: the extra is not installed.
    """
    spec = {**chart.spec, "width": STILL_WIDTH, "background": scheme["back"]}
    picture: str = required("vl_convert").vegalite_to_svg(json.dumps(spec), config=theme(scheme))
    # Vega takes a backslash in a name for the beginning of an escape, even of a sign that no XML may hold.
    return _NOT_IN_XML.sub("\ufffd", picture)


@cache
def script() -> str:
    """The JavaScript that draws charts in a page, whole: no page asks the network for it.

    Raises:
        RequestError: the extra is not installed.
    """
    bundle: str = required("vl_convert").javascript_bundle()
    return bundle
