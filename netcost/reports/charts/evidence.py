"""The chart of the evidence: the error of mult-adds against the error of memory access, a point per setting."""

from __future__ import annotations

from math import log
from typing import Any

from netcost.prediction.evidence import Evidence
from netcost.prediction.evidence.judging import CANNOT_TELL, RIVALS, SettingEvidence
from netcost.reports.charts.figure import PALETTE, Figure, figure, required
from netcost.reports.charts.parts import chart_of, log_scale, non_overlapping, tooltip
from netcost.text import units

KINDS = {
    "PyTorch, half to single": PALETTE[0],
    "PyTorch, double": PALETTE[1],
    "ncnn, CPUs": PALETTE[2],
    "ncnn, GPUs": PALETTE[5],
}

MOST_NAMES = 4
"""Most names written beside points: of the settings that are farthest from the diagonal."""


def errors(evidence: Evidence) -> Figure:
    """Draw both errors of each setting, and the diagonal on which they are equal."""
    alt: Any = required("altair")
    records = _points(evidence)
    colours = alt.Scale(domain=list(KINDS), range=list(KINDS.values()))
    values = [record[axis] for record in records for axis in ("x", "y")]
    diagonal = chart_of([{"x": end, "y": end} for end in (min(values), max(values))])
    line = diagonal.mark_line(strokeDash=[4, 4], opacity=0.6, color="grey").encode(x="x:Q", y="y:Q")
    titles = {"x_text": "Mult-adds", "y_text": "Memory access", "winner": "Winner", "networks": "Networks"}
    base = chart_of(records).encode(
        x=alt.X("x:Q", title="median error of mult-adds x a constant", scale=log_scale()).axis(format="~%"),
        y=alt.Y("y:Q", title="median error of memory access x a constant", scale=log_scale()).axis(format="~%"),
        tooltip=tooltip(setting="Measured on", **titles),
    )
    legend = alt.Legend(orient="top", labelLimit=0, columns=2)
    points = base.mark_point(filled=True, size=45).encode(
        color=alt.Color("kind:N", title=None, scale=colours, legend=legend),
        opacity=alt.Opacity("opacity:Q", scale=None),
    )
    names = base.mark_text(align="left", dx=4, dy=-7, fontSize=10).encode(text="left:N")
    names += base.mark_text(align="right", dx=-4, dy=-7, fontSize=10).encode(text="right:N")
    wins = {name: len(evidence.won(name)) for name in ("mult-adds", "memory access")}
    title = "Error of mult-adds against error of memory access (pale: cannot tell)"
    words = (
        f"Error of mult-adds against error of memory access, in {len(records)} settings of public tables. Below the "
        f"diagonal memory access is nearer: it wins in {wins['memory access']}, mult-adds in {wins['mult-adds']}."
    )
    return figure("errors", title, words, (line + points + names).properties(height=420))


def kind_of(entry: SettingEvidence) -> str:
    """Return the kind of a setting, by which it is coloured."""
    if entry.measured.source == "ncnn":
        return f"ncnn, {entry.measured.chip}s"
    return "PyTorch, double" if entry.measured.precision == "double" else "PyTorch, half to single"


def _points(evidence: Evidence) -> list[dict[str, Any]]:
    farthest = sorted(evidence.settings, key=lambda entry: -abs(log(entry.ratio.value)))
    both = {entry.measured.table: [entry.fit(name).error.value for name in RIVALS] for entry in farthest}
    places = [(log(both[entry.measured.table][0]), log(both[entry.measured.table][1])) for entry in farthest]
    named = {farthest[index].measured.table for index in non_overlapping(places, MOST_NAMES)}
    return [
        {
            "setting": entry.measured.title,
            **_name(entry, both[entry.measured.table][0], entry.measured.table in named),
            "opacity": 0.35 if entry.winner == CANNOT_TELL else 0.9,
            "kind": kind_of(entry),
            "winner": entry.winner,
            "networks": units.exact(entry.networks),
            "x": both[entry.measured.table][0],
            "y": both[entry.measured.table][1],
            "x_text": units.percent(both[entry.measured.table][0]),
            "y_text": units.percent(both[entry.measured.table][1]),
        }
        for entry in evidence.settings
    ]


def _name(entry: SettingEvidence, x: float, is_named: bool) -> dict[str, str]:
    """Return the name beside a point: to the right of it in the left part of the chart, else to the left."""
    measured = entry.measured
    name = measured.device if measured.source == "ncnn" else measured.title
    return {"left": name if is_named and x < MIDDLE else "", "right": name if is_named and x >= MIDDLE else ""}


MIDDLE = 0.4
"""Error of mult-adds from which on a name stands to the left of its point."""
