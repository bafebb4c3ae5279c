"""Results in an interactive Python: one line, a table in `print`, HTML and Markdown in a notebook."""

import json
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from fixed_results import INPUTS, fixed_profile

import netcost
from netcost.profiling.roofline import read_peaks

RESULTS: dict[str, Callable[[], object]] = {
    "analysis": lambda: netcost.analyze("lenet5"),
    "comparison": lambda: netcost.load_comparison(INPUTS / "compare.json"),
    "sweep": lambda: netcost.load_comparison(INPUTS / "sweep.json"),
    "profile": lambda: fixed_profile("lenet5", peaks=None),
    "peaks": lambda: read_peaks(INPUTS / "peaks.json"),
    "lint": lambda: netcost.lint("lenet5"),
    "predictions": lambda: netcost.predict(["lenet5"], on="rtx4090"),
    "choice": lambda: netcost.choose(on="rtx4090"),
    "evidence": lambda: netcost.evidence("rtx3090"),
}


class Tags(HTMLParser):
    """Requires that each tag is closed where it must be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  # as HTMLParser calls it
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_a_line_a_table_html_and_markdown(name: str) -> None:
    result = RESULTS[name]()
    assert len(repr(result)) < 500
    assert "\n" not in repr(result)
    assert len(str(result).splitlines()) > 1
    assert "|" in result._repr_markdown_() or name == "lint"  # type: ignore[attr-defined]
    tags = Tags()
    tags.feed(result._repr_html_())  # type: ignore[attr-defined]
    assert tags.open == []


def test_the_line_has_name_and_six_figures_and_print_the_table() -> None:
    analysis = netcost.analyze("lenet5")
    assert repr(analysis).startswith("<Analysis of lenet5: Params 61.7 k, Mult-adds")
    assert repr(analysis).count(",") == 5
    assert "<td" in analysis._repr_html_()
    assert str(analysis).count("61.7 k") == 2  # params, and all params


def test_the_parts_of_a_result_are_short_too() -> None:
    [entry, *_] = netcost.compare(["googlenet"], device="none").entries
    assert len(repr(entry.analysis.graph)) < 100  # type: ignore[union-attr]
    assert len(repr(entry)) < 2000
    saved = json.loads((INPUTS / "compare.json").read_text())["models"][0]["latency"]
    [timed, *_] = netcost.load_comparison(INPUTS / "compare.json").entries
    assert f"{saved['samples']} samples" in repr(timed.measurement)
