"""A chart for a page or a file, its colours, and its still picture."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import unescape
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from netcost.reports.charts import placing
from netcost.text.errors import RequestError
from netcost.text.tables import printable

if TYPE_CHECKING:
    import altair

PALETTE = ("#3b76c4", "#d1662b", "#2f9277", "#a9567f", "#8a7a2b", "#6b63b5", "#b24a4a", "#4a8a9c")
"""Eight hues with a contrast of 3:1 on white and on near-black, so that one set serves both schemes."""

GREY = "#7b8494"
"""Colour of the base, and of everything beside the subject of a chart; with the same contrast."""

STILL_WIDTH = 640
"""Width of a still picture (pixels)."""

SMALL_WIDTH = 400
"""Width of the still picture of a small chart (pixels)."""

_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_TEXT = re.compile(r"<text(?P<attributes>[^>]*?)>(?P<words>[^<]+)</text>")
_SIZE = re.compile(r'font-size="([0-9.]+)px"')

PLACES = {
    "type": "label",
    "offset": [offset for offset in placing.OFFSETS for _ in placing.ANCHORS],
    "size": {"signal": "[max(width, 1), max(height, 1)]"},
    "padding": 0,
}
"""Vega's transform that places names."""

CONTAINER = "containerSize()[0]"
"""Width of a chart's place in a page, as Vega's expression; a still picture has its own width."""

Scheme = Mapping[str, str]

LIGHT = {"text": "#1d2430", "faint": "#d9dee6", "back": "#ffffff"}
DARK = {"text": "#e4e8ee", "faint": "#3a4250", "back": "#14181f"}
PAGE = {"text": "var(--text)", "faint": "var(--line)", "back": "var(--back)"}
"""The variables of a page, which follow the reader's scheme, and are black on white on paper."""

BACK = PAGE["back"]
"""Colour of lines between areas, in a chart's specification."""

NAMES = "names"
"""End of the name of a layer whose texts are placed where they cover nothing."""

COVERED = ("symbol", "rect", "text")
"""Marks that no name may cover."""

ABOVE = "above"
"""Beginning of the name of such a layer whose texts prefer to stand above: they name rising lines."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart.

    Args:
        name: in file names and anchors ("mult-adds-against-latency").
        title: a few words.
        description: the content in words, for readers who cannot see it.
        spec: Vega-Lite, as wide as its container.
        is_small: True where it stands beside others of its kind, if the page is wide enough.
    """

    name: str
    title: str
    description: str
    spec: Mapping[str, Any]
    is_small: bool = False


def figure(
    name: str, title: str, description: str, chart: altair.Chart | altair.LayerChart, *, is_small: bool = False
) -> Figure:
    """Return the chart as a `Figure`, as wide as its container."""
    fitted = {"type": "fit-x", "contains": "padding"}
    looks = {"width": "container", "background": "transparent", "autosize": fitted}
    spec = chart.properties(**looks, description=description).to_dict()
    return Figure(name, title, description, _printable(spec), is_small)


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


def theme(scheme: Scheme) -> dict[str, Any]:
    """Return Vega-Lite's configuration in the colours of a scheme (`LIGHT`, `DARK` or `PAGE`)."""
    words = {"labelColor": scheme["text"], "titleColor": scheme["text"], "labelFontSize": 12, "titleFontSize": 12}
    lines = {"gridColor": scheme["faint"], "domainColor": scheme["faint"], "tickColor": scheme["faint"]}
    return {
        "font": "system-ui, sans-serif",
        "axis": {**words, **lines, "titleFontWeight": "normal", "labelOverlap": "greedy", "labelSeparation": 6},
        "legend": {**words, "labelLimit": 0, "symbolStrokeWidth": 1.5, "symbolOpacity": 1},
        "header": words,
        "title": {"color": scheme["text"], "subtitleColor": scheme["text"]},
        "text": {"color": scheme["text"], "fontSize": 12},
        "rule": {"color": scheme["text"]},
        "view": {"stroke": scheme["faint"]},
        "range": {"category": list(PALETTE)},
    }


def compiled(chart: Figure, scheme: Scheme = PAGE, width: int | None = None) -> dict[str, Any]:
    """Return the chart as Vega, in the colours of a scheme, with its names where they cover nothing.

    Args:
        width: pixels [default: that of its container].
    """
    text = json.dumps(chart.spec if width is None else {**chart.spec, "width": width})
    text = text if width is None else text.replace(CONTAINER, str(width))
    for name, colour in scheme.items():
        text = text.replace(PAGE[name], colour)
    spec: dict[str, Any] = required("vl_convert").vegalite_to_vega(text, config=theme(scheme))
    marks = spec["marks"]
    names = [mark for mark in marks if mark["name"].endswith(f"{NAMES}_marks")]
    others = [mark for mark in marks if mark not in names]
    spec["marks"] = others
    _place(spec, names, scheme) if width is None else _place_now(spec, names, scheme)
    return spec


def _place(spec: dict[str, Any], names: Sequence[dict[str, Any]], scheme: Scheme) -> None:
    """Add names to a picture in a page, with Vega's transform that places them."""
    covered = [mark["name"] for mark in spec["marks"] if mark["type"] in COVERED]
    for mark in names:
        anchors = list(_anchors(mark)) * len(placing.OFFSETS)
        mark["transform"] = [{**PLACES, "anchor": anchors, "avoidMarks": covered}]
        covered = [*covered, mark["name"]]
        spec["marks"] += [mark, _leader(mark, scheme)]


def _anchors(mark: Mapping[str, Any]) -> Sequence[str]:
    return placing.ABOVE if mark["name"].startswith(ABOVE) else placing.ANCHORS


def _leader(names: Mapping[str, Any], scheme: Scheme) -> dict[str, Any]:
    """Return lines from the points to those names that do not stand right beside them."""
    place = names["encode"]["update"]
    x, y = (f"scale('{place[axis]['scale']}', datum.datum['{place[axis]['field']}'])" for axis in "xy")
    is_far = f"datum.opacity > 0 && abs(datum.x - {x}) + abs(datum.y - {y}) > {placing.BESIDE}"
    ends = {"x": {"signal": x}, "y": {"signal": y}, "x2": {"signal": "datum.x"}, "y2": {"signal": "datum.y"}}
    looks = {"stroke": {"value": scheme["text"]}, "opacity": {"signal": f"{is_far} ? 0.5 : 0"}}
    return _mark("rule", names["name"], {**ends, **looks})


def _mark(kind: str, source: str, encoding: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": kind, "interactive": False, "from": {"data": source}, "encode": {"update": encoding}}


def _place_now(spec: dict[str, Any], names: Sequence[dict[str, Any]], scheme: Scheme) -> None:
    """Add names to a still picture, each where it has room."""
    if not names:
        return
    for mark in names:
        mark["encode"]["update"]["limit"] = {"value": 1}  # a text that leaves the picture would change its scales
    scene = required("vl_convert").vega_to_scenegraph({**spec, "marks": [*spec["marks"], *names]})
    root = scene["scenegraph"]["items"][0]
    drawn = [mark for mark in root["items"] if mark.get("role") == "mark"]
    texts, others = drawn[len(drawn) - len(names) :], drawn[: len(drawn) - len(names)]
    points = [item for mark in others if mark["marktype"] == "symbol" for item in mark["items"]]
    covered = [placing.around(item.get("x", 0), item.get("y", 0)) for item in points]
    whole = placing.Rectangle(0, 0, root["width"], root["height"])
    for mark, shown in zip(names, texts, strict=True):
        found = [{"x": 0, "y": 0, **item} for item in shown["items"]]
        values = list(placing.placed(found, covered, whole, _anchors(mark)))
        source = f"placed_{mark['name']}"
        spec["data"].append({"name": source, "values": values})
        fields = {name: {"field": name} for name in ("x", "y", "text", "align", "baseline")}
        looks = {"fill": {"value": scheme["text"]}, "fontSize": {"field": "size"}}
        ends = {"x2": {"field": "point_x"}, "y2": {"field": "point_y"}}
        line = {"x": fields["x"], "y": fields["y"], **ends, "stroke": {"value": scheme["text"]}}
        spec["marks"] += [
            _mark("text", source, {**fields, **looks}),
            _mark("rule", source, {**line, "opacity": {"field": "line"}}),
        ]


def svg(chart: Figure, scheme: Scheme = LIGHT) -> str:
    """Return the chart as a still picture on the scheme's background; its texts have a width of their own."""
    width = SMALL_WIDTH if chart.is_small else STILL_WIDTH
    spec = {**compiled(chart, scheme, width), "background": scheme["back"]}
    picture: str = required("vl_convert").vega_to_svg(spec)
    # Vega reads a backslash in a name as the beginning of an escape, even of a character that XML forbids.
    return _TEXT.sub(_reserved, _NOT_IN_XML.sub("\ufffd", picture))


def _reserved(text: re.Match[str]) -> str:
    """Return a text of a still picture with its width, into which a reader's font is fitted."""
    attributes, words = text["attributes"], text["words"]
    size = _SIZE.search(attributes)
    if size is None:
        return text[0]
    length = placing.width(unescape(words), float(size[1])) * (1.06 if "bold" in attributes else 1.0)
    return f'<text{attributes} textLength="{length:.0f}" lengthAdjust="spacingAndGlyphs">{words}</text>'


@cache
def script() -> str:
    """Return all the JavaScript that draws charts in a page, so that no page loads it from the network."""
    bundle: str = required("vl_convert").javascript_bundle()
    return bundle
