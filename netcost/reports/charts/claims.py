"""The chart of a published claim: the terms of each computed sum, to scale, beside the published number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netcost.claims.review import Reviewed
from netcost.reports.charts.figure import BACK, GREY, PALETTE, Figure, figure, required
from netcost.reports.charts.parts import chart_of, legend, tooltip
from netcost.text import units
from netcost.text.errors import RequestError

DRAWN = "inception-854-358"
"""The claim that stands on most slides: its three sums are drawn."""

KINDS = {"1x1": PALETTE[0], "3x3": PALETTE[1], "5x5": PALETTE[2], "other": GREY}
"""Colours of the terms, by the kernel of their layer, which ends their name."""

ROW = 64
"""Height of a sum and its published number (pixels)."""

MILLION = 1e6


def stacks(result: Reviewed) -> Figure:
    """Draw each sum of multiply-adds as a stack of its terms, to scale, with a line at the published number."""
    alt: Any = required("altair")
    terms, published = list(_terms(result)), list(_published(result))
    rows = list(dict.fromkeys(record["sum"] for record in published))
    kinds = {kind: colour for kind, colour in KINDS.items() if any(record["kind"] == kind for record in terms)}
    scale = alt.Scale(domain=list(kinds), range=list(kinds.values()))
    most = max(record["end"] for record in [*terms, *published])
    x = alt.X("begin:Q", title="million multiply-adds", scale=alt.Scale(domain=[0, 1.15 * most], nice=False))
    y = alt.Y("sum:N", title=None, sort=rows).axis(ticks=False, domain=False)
    titles = {"term": "Term", "arithmetic": "Arithmetic", "value": "Multiply-adds"}
    bars = (
        chart_of(terms)
        .mark_bar(stroke=BACK, strokeWidth=1, size=22)
        .encode(
            x=x.axis(tickCount=5),
            x2="end:Q",
            y=y,
            color=alt.Color("kind:N", title=None, scale=scale, legend=legend(80)),
            tooltip=tooltip(**titles),
        )
    )
    base = chart_of(published).encode(y=y)
    marks = base.mark_tick(size=40, thickness=2.5).encode(x="end:Q", tooltip=tooltip(words="Published"))
    words = base.mark_text(align="left", baseline="bottom", dx=4, dy=-14, fontSize=11).encode(
        x=alt.datum(0), text="words:N"
    )
    title = "Terms of the sums, to scale, and the published numbers"
    said = f"{result.claim.says} {'; '.join(record['words'] for record in published)}."
    return figure("stacks", title, said, (bars + marks + words).properties(height=ROW * len(rows)))


def result_of(results: tuple[Reviewed, ...]) -> Reviewed | None:
    """Return the claim that is drawn; None where it is not among them."""
    return next((result for result in results if result.claim.id == DRAWN), None)


def _terms(result: Reviewed) -> Iterator[dict[str, Any]]:
    """Yield each term from where the one before it ends (million multiply-adds)."""
    for check in result.finding.checks:
        begin = 0.0
        for term in check.terms:
            end = begin + term.value / MILLION
            kernel = term.name.rpartition(" ")[2]
            yield {
                "sum": _name(check.what),
                "term": term.name,
                "kind": kernel if kernel in KINDS else "other",
                "arithmetic": term.arithmetic,
                "value": units.exact(term.value),
                "begin": begin,
                "end": end,
            }
            begin = end


def _published(result: Reviewed) -> Iterator[dict[str, Any]]:
    """Yield the published number of each sum that has terms (million multiply-adds)."""
    for check in result.finding.checks:
        if check.terms and check.expected and isinstance(check.computed, int | float):
            try:
                end = units.parse_quantity(check.expected) / MILLION
            except RequestError:  # a figure in words
                continue
            computed = units.count(check.computed)
            yield {"sum": _name(check.what), "end": end, "words": f"computed {computed}, published {check.expected}"}


def _name(what: str) -> str:
    """Return the name of a sum without the quantity and the channels: "naive"."""
    return what.partition(", ")[2].partition(":")[0]
