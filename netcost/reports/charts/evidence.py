"""The chart of the evidence: the error of mult-adds against the error of memory access, a point per setting."""

from __future__ import annotations

from math import log
from typing import Any

from netcost.prediction.evidence import Evidence
from netcost.prediction.evidence.judging import CANNOT_TELL, RIVALS, SettingEvidence
from netcost.reports.charts.figure import PALETTE, Figure, figure, required
from netcost.reports.charts.parts import SHAPES, chart_of, equality, legend, log_axis, names, tooltip
from netcost.text import units

KINDS = {
    "PyTorch, half to single": PALETTE[0],
    "PyTorch, double": PALETTE[1],
    "ncnn, CPUs": PALETTE[2],
    "ncnn, GPUs": PALETTE[5],
}

MOST_NAMES = 8
"""Most names written beside points where there is room: of the settings that are farthest from the diagonal."""


def errors(evidence: Evidence) -> Figure:
    """Draw both errors of each setting, and the diagonal on which they are equal."""
    alt: Any = required("altair")
    records = _points(evidence)
    colours = alt.Scale(domain=list(KINDS), range=list(KINDS.values()))
    shapes = alt.Scale(domain=list(KINDS), range=["circle", *SHAPES[: len(KINDS) - 1]])
    values = [record[axis] for record in records for axis in ("x", "y")]
    titles = {"x_text": "Mult-adds", "y_text": "Memory access", "winner": "Winner", "networks": "Networks"}
    base = chart_of(records).encode(
        x=log_axis(alt.X("x:Q", title="median error of mult-adds x a constant"), values, format="~%"),
        y=log_axis(alt.Y("y:Q", title="median error of memory access x a constant"), values, format="~%"),
        tooltip=tooltip(setting="Measured on", **titles),
    )
    points = base.mark_point(filled=True, size=45).encode(
        color=alt.Color("kind:N", title=None, scale=colours, legend=legend()),
        shape=alt.Shape("kind:N", title=None, scale=shapes, legend=legend()),
        opacity=alt.Opacity("opacity:Q", scale=None),
    )
    wins = {name: len(evidence.won(name)) for name in ("mult-adds", "memory access")}
    title = "Error of mult-adds against error of memory access (pale: cannot tell)"
    words = (
        f"Error of mult-adds against error of memory access, in {len(records)} settings of public tables. Below the "
        f"diagonal memory access is nearer: it wins in {wins['memory access']}, mult-adds in {wins['mult-adds']}."
    )
    chart = equality(min(values), max(values)) + points + names(base)
    return figure("errors", title, words, chart.properties(height=380))


def kind_of(entry: SettingEvidence) -> str:
    """Return the kind of a setting, by which it is coloured."""
    if entry.measured.source == "ncnn":
        return f"ncnn, {entry.measured.chip}s"
    return "PyTorch, double" if entry.measured.precision == "double" else "PyTorch, half to single"


def _points(evidence: Evidence) -> list[dict[str, Any]]:
    """Return a record per setting; those farthest from the diagonal have names, the farthest of all first."""
    farthest = sorted(evidence.settings, key=lambda entry: -abs(log(entry.ratio.value)))
    return [_point(entry, index < MOST_NAMES) for index, entry in enumerate(farthest)]


def _point(entry: SettingEvidence, is_named: bool) -> dict[str, Any]:
    measured = entry.measured
    x, y = (entry.fit(name).error.value for name in RIVALS)
    name = measured.device if measured.source == "ncnn" else measured.title
    return {
        "setting": measured.title,
        "name": name if is_named else "",
        "opacity": 0.35 if entry.winner == CANNOT_TELL else 0.9,
        "kind": kind_of(entry),
        "winner": entry.winner,
        "networks": units.exact(entry.networks),
        "x": x,
        "y": y,
        "x_text": units.percent(x),
        "y_text": units.percent(y),
    }
