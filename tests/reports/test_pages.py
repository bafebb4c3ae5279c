"""Pages: escaped and self-contained as text, and opened in a real headless Chromium."""

import json
import re
import statistics
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest.mock import patch

import made_up
import pytest
from chromium import browser, chromium, opened
from fake_bench import made_up_peaks
from fake_trials import FakeTimer, options_of
from hypothesis import given
from hypothesis import strategies as st
from made_up import figures, machine, measurement
from torch import Tensor, nn

import netcost
from netcost.claims import review
from netcost.comparison.batches import Sweep
from netcost.comparison.entry import Entry, Run
from netcost.comparison.result import Comparison
from netcost.comparison.running import compare
from netcost.guidelines.findings import Findings
from netcost.guidelines.networks import panels
from netcost.guidelines.networks.overview import HEADINGS
from netcost.guidelines.networks.study import METRICS, Study
from netcost.guidelines.running import run
from netcost.profiling import Profile
from netcost.profiling.roofline import Peaks
from netcost.reports import html
from netcost.reports.charts import compare as compare_charts
from netcost.reports.charts import guidelines as guideline_charts
from netcost.reports.charts import networks as network_charts
from netcost.reports.charts import parts, svg
from netcost.reports.charts import profile as profile_charts
from netcost.reports.charts import show as show_charts
from netcost.reports.pages import (
    Page,
    PageSection,
    choice_page,
    claims_page,
    compare_page,
    guidelines_page,
    page_of,
    profile_page,
    show_page,
    sweep_page,
    zoo_page,
)
from netcost.search import SearchResult
from netcost.search.counted import target_of
from netcost.search.journal import SearchRow
from netcost.search.objectives import Objective
from netcost.search.spaces import space_of
from netcost.text.errors import RequestError
from netcost.text.formats import EXTRA, require
from netcost.text.metrics import METRICS as COUNTED
from netcost.text.tables import Column, Table

FEW = """
lenet5 alexnet nin googlenet bn_inception vgg11 resnet18 se_resnet50 densenet121 mobilenet_v1_0_25 mobilenet_v1
mobilenet_v2_0_35 mobilenet_v2 shufflenet_v1_g3_x1_0 shufflenet_v2_x0_5 shufflenet_v2_x1_0 se_shufflenet_v2_164
""".split()
"""Networks of a dozen families, for pages that would have a row or a point for each of the whole zoo."""

HOSTILE = "<script>hacked = true</script>"
NEEDS_BROWSER = pytest.mark.skipif(chromium() is None, reason="no Chromium here: apt-get install chromium")


def compared(*names: str) -> Comparison:
    """Networks as if each had taken 10 ms longer than the one before."""
    counted = compare(names, "none").entries
    entries = [replace(entry, measurement=measurement(0.010 * index)) for index, entry in enumerate(counted, start=1)]
    return Comparison(tuple(entries), (Run(machine()),)).with_ratios([0] * len(entries))


def swept() -> Sweep:
    """Two networks at three batch sizes."""
    entries = [
        Entry(model, figures(model, batch), measurement=measurement(0.001 * batch**0.5, batch))
        for model in "ab"
        for batch in (1, 2, 4)
    ]
    return Sweep(Comparison(tuple(entries), (Run(machine()),)), (1, 2, 4))


def searched() -> SearchResult:
    space = space_of(["mobilenet_v2"], {"width": (0.5, 1.0), "resolution": (64, 96)})
    rows = [SearchRow(one, netcost.analyze(target_of(one)).metrics()) for one in map(space.__getitem__, range(4))]
    return SearchResult(space, tuple(rows), (Objective("mult_adds"), Objective("params", is_larger_better=True)))


def profiled(name: str, over: Peaks | None = None) -> Profile:
    return made_up.profile(netcost.analyze(name), machine(), over)


@cache
def tried(*names: str) -> Findings:
    """A quick run whose every variant, and every network, is a little slower than the one before in the alphabet."""

    def seconds(name: str) -> list[float]:
        return [(1 + 0.01 * (sum(map(ord, name)) % 97)) * factor for factor in (1.0, 1.01, 0.99, 1.02) * 5]

    with (
        patch.object(panels, "built", lambda _: (nn.Identity(), ((), {}))),
        patch.object(panels, "chosen", lambda _: list(FEW)),
    ):
        return run(names, options_of(threads=1, quick=True, budget_s=3.0, time_all=FakeTimer(seconds)))


def networks() -> Study:
    study = tried("networks").networks
    assert study is not None
    return study


class Hostile(nn.Module):
    """A module whose children's names are markup."""

    def __init__(self) -> None:
        super().__init__()
        self.add_module(HOSTILE, nn.Conv2d(3, 8, 1))

    def forward(self, x: Tensor) -> Tensor:
        for child in self.children():
            x = child(x)
        return x


PAGES: dict[str, Any] = {
    "compare": lambda: compare_page(compared("googlenet", "mobilenet_v2", "shufflenet_v2_x1_0"), "netcost compare …"),
    "compare_roofline": lambda: compare_page(replace(compared("googlenet", "mobilenet_v2"), peaks=made_up_peaks())),
    "compare_untimed": lambda: compare_page(compare(["lenet5", "alexnet"], "none")),
    "sweep": lambda: sweep_page(swept()),
    "show": lambda: show_page(netcost.analyze("googlenet")),
    "show_plain": lambda: show_page(netcost.analyze("lenet5")),
    "profile": lambda: profile_page(profiled("nasnet_a_mobile"), "netcost profile …"),
    "profile_roofline": lambda: profile_page(profiled("googlenet", made_up_peaks())),
    "guidelines": lambda: guidelines_page(tried("g1", "g2", "g3", "g4"), "netcost guidelines …"),
    "guidelines_untimed": lambda: guidelines_page(run(["g1"], options_of(device="none"))),
    "networks": lambda: guidelines_page(tried("networks")),
    "zoo": lambda: zoo_page(compare(FEW, "none"), "netcost report"),
    "claims": lambda: claims_page(review(), "netcost claims"),
    "choose": lambda: choice_page(netcost.choose("rtx4090", "<= 60 ms", min_accuracy=70), "netcost choose …"),
    "search": lambda: page_of(searched()),
    "hostile": lambda: show_page(netcost.analyze(Hostile(), (1, 3, 8, 8))),
}


@cache
def page(name: str) -> Page:
    return PAGES[name]()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    written = {name: folder / f"{name}.html" for name in PAGES}
    for name, path in written.items():
        path.write_text(html.render(page(name)), encoding="utf-8")
    return written


@pytest.fixture(scope="module")
def started() -> Iterator[Any]:
    with browser() as running:
        yield running


# --- as text


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_one_file_that_refers_to_no_other(files: dict[str, Path], name: str) -> None:
    text = files[name].read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>") and text.endswith("</html>\n")
    markup = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=[\"'](?!data:)", markup)
    assert len(text) < 3_000_000


def test_names_are_text_and_never_markup(files: dict[str, Path]) -> None:
    text = files["hostile"].read_text(encoding="utf-8")
    assert HOSTILE not in text
    assert "&lt;script&gt;hacked" in text
    assert "\\u003cscript\\u003e" in text  # in the charts' own figures


def test_titles_headings_notes_and_cells_are_escaped() -> None:
    table = Table((Column("a", HOSTILE), Column("b", "B")), ((HOSTILE, HOSTILE),), HOSTILE, (HOSTILE,))
    hostile = Page(HOSTILE, HOSTILE, (PageSection(HOSTILE, (HOSTILE,), (table,)),), HOSTILE, (HOSTILE,))
    assert HOSTILE not in html.render(hostile)


def test_every_cell_reads_as_in_every_other_format() -> None:
    table = compared("lenet5", "alexnet").table()
    shown = [[cell["text"] for cell in row] for row in html.cells(table)]
    assert shown == [[table.text(row, index) for index in range(len(table.columns))] for row in range(len(table.rows))]


def test_words_of_netcost_have_their_meaning_and_names_of_networks_have_none() -> None:
    entries = [Entry(name, figures(name)) for name in ("depth", "linear")]
    table = Comparison(tuple(entries), (Run(machine()),)).table()
    by_kind = Table((Column("kind", "Kind"), COUNTED["flops"]), (("linear", 1), ("total", 1)))
    by_model = Table((Column("model", "Model"),), (("linear",),))
    texts = [
        re.findall('<abbr title="[^"]+">([^<]+)</abbr>', html.render(page_of(shown))) for shown in (table, by_kind)
    ]
    assert "depth" not in texts[0]
    assert {"Depth", "Memory access (MAC)"} <= {*texts[0]}
    assert texts[1] == ["Kind", "FLOPs", "linear"]
    assert "linear</abbr>" not in html.render(page_of(by_model))


def test_a_missing_extra_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRA, "html", ("no_such_package",))
    with pytest.raises(
        RequestError, match=r"no_such_package, not installed here; run: pip install 'netcost\[report\]'"
    ):
        require("html")


# --- what is drawn


def test_the_icicle_is_the_module_tree() -> None:
    analysis = netcost.analyze("googlenet")
    boxes = {box.path: box for box in show_charts.boxes(analysis)}
    assert (boxes["(model)"].begin, boxes["(model)"].end) == (0, 1)
    first = [box for box in boxes.values() if box.level == 1]
    assert sum(box.value for box in first) == analysis.mult_adds
    assert boxes["inception_3b"].value == 304_267_264
    inner = [box for path, box in boxes.items() if path.startswith("inception_3b.") and box.level == 2]
    assert sum(box.value for box in inner) == boxes["inception_3b"].value
    assert min(box.begin for box in inner) == pytest.approx(boxes["inception_3b"].begin)
    assert max(box.end for box in inner) == pytest.approx(boxes["inception_3b"].end)


def test_balanced_pointwise_convolutions_meet_the_bound_of_g1() -> None:
    model = nn.Conv2d(64, 64, 1)
    figure = show_charts.pointwise_channels(netcost.analyze(model, (1, 64, 56, 56)))
    assert figure is not None
    points = [value for layer in figure.spec["layer"] for value in layer.get("data", {}).get("values", [])]
    assert [point["over"] for point in points if "over" in point] == [pytest.approx(1.0)]


def test_a_block_of_no_module_is_called_the_model() -> None:
    figure = show_charts.fragments(netcost.analyze(nn.Conv2d(8, 8, 3), (1, 8, 9, 9)))
    assert "The largest: (model) with 1." in figure.description


def test_a_network_without_pointwise_convolutions_has_no_such_chart() -> None:
    assert show_charts.pointwise_channels(netcost.analyze("lenet5")) is None


@pytest.mark.parametrize("name", ["googlenet", "nasnet_a_mobile"])
def test_the_bars_of_a_profile_add_up_to_all_of_each_part(name: str) -> None:
    profile = profiled(name)
    records = profile_charts.by_kind(profile).spec["data"]["values"]
    for part in ("Time", "Mult-adds", "Memory access"):
        shares = {record["label"]: record["share"] for record in records if record["part"] == part}
        assert sum(shares.values()) == pytest.approx(1)
    [gap] = [record["share"] for record in records if record["label"] == "(gap)"]
    assert gap == pytest.approx(profile.gap_s / profile.total_s)


def test_an_operator_lies_where_its_work_and_time_put_it() -> None:
    figure = profile_charts.under_roof(profiled("lenet5"))
    assert figure is not None
    flops, elements = 2 * 28 * 28 * 5 * 5 * 6 + 28 * 28 * 6, 32 * 32 + 5 * 5 * 6 + 6 + 28 * 28 * 6  # and a bias each
    [conv] = [point for point in figure.spec["data"]["values"] if point["module"] == "c1.0"]
    assert conv["intensity"] == pytest.approx(flops / (4 * elements))
    assert conv["flops_per_s"] == pytest.approx(flops / (1e-9 * elements))


def test_the_roof_is_the_slope_of_the_memory_up_to_the_peak() -> None:
    figure = profile_charts.under_roof(profiled("googlenet", made_up_peaks()))
    assert figure is not None
    corners = figure.spec["layer"][0]["data"]["values"]
    slope = [corner for corner in corners if corner["line"].startswith("memory")]
    assert slope[0]["y"] == slope[0]["x"] * 2**32
    assert (slope[-1]["x"], slope[-1]["y"]) == (2**36 / 2**32, 2**36)


def test_a_guideline_is_drawn_beside_the_paper_and_the_prediction() -> None:
    findings = tried("g1", "g2", "g3", "g4")
    g1 = findings.guidelines[0]
    figures = guideline_charts.slow_downs(findings, g1)
    assert [figure.name for figure in figures] == ["g1-gpu-x1", "g1-arm-x1", "g1-aligned-x1"]
    points = [
        value
        for layer in figures[0].spec["layer"]
        for value in layer.get("data", figures[0].spec.get("data"))["values"]
    ]
    index = {(point["series"], point["variant"]): point for point in points if "series" in point}
    assert index["paper GPU", "1:12"]["slow_down"] == g1.paper_slow_down("GPU", "1:12", 1)
    ratio = findings.of(g1)[0].slow_down("1:12")
    assert ratio is not None
    here = index["here, batch 1, 1 thread", "1:12"]
    assert (here["slow_down"], (here["low"], here["high"])) == (ratio.median, ratio.ci95)
    assert here["verdict"] == str(findings.verdicts(g1, "")[0].verdict)
    assert f"({here['verdict']})" in figures[0].description
    # 1:12 moves (36 + 432) / (128 + 128) of the activations and 36·432 / (128·128) of the weights, a mult-add.
    place = 56 * 56
    ends = [(place * (one + other) + one * other) / (place * one * other) for one, other in ((36, 432), (128, 128))]
    assert index["predicted by memory access", "1:12"]["slow_down"] == pytest.approx(ends[0] / ends[1])


def test_networks_are_drawn_against_each_count_with_its_correlation() -> None:
    study = networks()
    figures = network_charts.against_latency(study)
    assert [figure.name for figure in figures] == [f"networks-{name.replace('_', '-')}" for name in METRICS]
    assert all("rho" in figure.title for figure in figures)


def test_predicted_over_measured_is_what_the_median_error_is_of() -> None:
    study = networks()
    [figure] = network_charts.predicted(study)
    points = [value for layer in figure.spec["layer"] for value in layer["data"]["values"] if "ratio" in value]
    for explanation in (
        explanation for explanation in study.explanations if explanation.metric in network_charts.PREDICTING
    ):
        heading = f"by {HEADINGS[explanation.metric]}:"
        errors = [abs(point["ratio"] - 1) for point in points if point["by"].startswith(heading)]
        assert len(errors) == explanation.networks
        assert statistics.median(errors) == pytest.approx(explanation.error)


POINTS = st.lists(st.tuples(*[st.integers(-100, 100).map(float)] * 2), min_size=1, max_size=30)


@given(POINTS, st.integers(1, 12))
def test_names_in_a_crowd_have_room_and_the_first_has_its_own(points: list[tuple[float, float]], most: int) -> None:
    kept = parts.non_overlapping(points, most)
    assert kept[0] == 0 and len(kept) <= most
    spans = [max(axis) - min(axis) or 1.0 for axis in zip(*points, strict=True)]
    for one, other in combinations(kept, 2):
        between = [abs(a / span - b / span) for a, b, span in zip(points[one], points[other], spans, strict=True)]
        assert any(distance >= room for distance, room in zip(between, parts.ROOM, strict=True))


def test_as_many_points_are_named_as_there_is_room_for() -> None:
    assert parts.non_overlapping([(0.0, 0.0), (0.1, 0.01), (0.1, 1.0), (1.0, 0.0)], 10) == [0, 2, 3]
    assert parts.non_overlapping([], 10) == []


def test_the_networks_of_figure_2_are_divided_by_kind_once_they_are_profiled() -> None:
    study = networks()
    assert network_charts.by_kind(study) == ()
    profiled_s = {"mobilenet_v2": {"1x1 convolution": 3.0, "depthwise convolution": 1.0}}
    [figure] = network_charts.by_kind(replace(study, seconds_by_kind=profiled_s))
    records = figure.spec["data"]["values"]
    times = {record["kind"]: record["share"] for record in records if record["part"] == "Time"}
    assert times == {"1x1 convolution": 0.75, "depthwise convolution": 0.25}
    for part in ("Mult-adds", "Memory access"):
        assert sum(record["share"] for record in records if record["part"] == part) == pytest.approx(1)


def test_a_network_lies_under_the_roof_where_its_work_and_time_put_it() -> None:
    comparison = replace(compared("googlenet", "mobilenet_v2"), peaks=made_up_peaks())
    figure = compare_charts.under_roof(comparison)
    assert figure is not None
    values = [value for layer in figure.spec["layer"] for value in layer["data"]["values"]]
    points = {value["model"]: value for value in values if "model" in value}
    counted = netcost.analyze("googlenet").total
    assert points["googlenet"]["flops_per_s"] == pytest.approx(counted.flops / 0.010)
    assert points["googlenet"]["intensity"] == pytest.approx(counted.flops / counted.memory_access_bytes)
    assert compare_charts.under_roof(compared("googlenet")) is None


def test_names_in_a_chart_are_as_small_as_its_other_words() -> None:
    for name in ("compare_roofline", "networks", "profile_roofline"):
        for figure in (figure for section in page(name).sections for figure in section.figures):
            layers = [layer for layer in figure.spec.get("layer", []) if layer["mark"]["type"] == "text"]
            assert not any("size" in layer["encoding"] for layer in layers)


@pytest.mark.parametrize("name", PAGES)
def test_every_chart_becomes_a_picture_without_a_browser(name: str) -> None:
    for section in page(name).sections:
        for figure in section.figures:
            assert svg(figure).startswith("<svg")
            assert figure.description


# --- in a browser


# A contrast is one of colours, sizes and what lies behind: two words of each kind on a page stand for all of them.
EACH_LOOK = """() => {
  const style = (element) => {
    const { color, backgroundColor, backgroundImage, opacity, fontSize, fontWeight } = getComputedStyle(element);
    return [element.tagName, color, backgroundColor, backgroundImage, opacity, fontSize, fontWeight].join();
  };
  const look = (element) => element === null ? "" : style(element) + look(element.parentElement);
  const seen = {};
  for (const element of document.body.querySelectorAll("*")) {
    const words = [...element.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
    if (words && element.checkVisibility()) {
      const key = look(element);
      seen[key] = (seen[key] ?? 0) + 1;
      element.toggleAttribute("data-look", seen[key] <= 2);
    }
  }
}"""


def violations(page: Any, colours_alone: bool) -> list[dict[str, Any]]:
    """All that axe finds; contrast, the slowest of its rules by far, on two words of each look."""
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate(EACH_LOOK)
    short = {"resultTypes": ["violations"]}
    of_colour = {"runOnly": ["color-contrast", "link-in-text-block"], **short}
    others = {"rules": {"color-contrast": {"enabled": False}}, **short}
    found = [Axe().run(page, "[data-look]", of_colour), *([] if colours_alone else [Axe().run(page, None, others)])]
    return [violation for results in found for violation in results.response["violations"]]


@NEEDS_BROWSER
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_complaint_request_sideways_scroll_or_a_serious_violation_that_axe_finds(
    files: dict[str, Path], started: Any, name: str, scheme: str
) -> None:
    phone, desk = 375, 1000
    with opened(started, files[name], scheme=scheme, width=phone if scheme == "light" else desk) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= seen.page.viewport_size["width"]
        seen.page.set_viewport_size({"width": desk, "height": 900})
        assert seen.console == []
        assert seen.requests == [files[name].as_uri()]
        for chart in seen.page.query_selector_all("[data-chart]"):
            assert chart.query_selector_all("svg path"), "a chart has marks"
        assert seen.page.evaluate("window.hacked") is None
        found = violations(seen.page, colours_alone=scheme == "dark")
    serious = [violation for violation in found if violation["impact"] in ("serious", "critical")]
    assert [(violation["id"], [node["html"][:120] for node in violation["nodes"]][:3]) for violation in serious] == []


@NEEDS_BROWSER
def test_axe_sees_a_pale_word(files: dict[str, Path], started: Any) -> None:
    with opened(started, files["show_plain"]) as seen:
        seen.page.evaluate("document.querySelector('main p').style.color = '#ccc'")
        assert "color-contrast" in {violation["id"] for violation in violations(seen.page, colours_alone=True)}


@NEEDS_BROWSER
def test_a_table_sorts_on_a_click(files: dict[str, Path], started: Any) -> None:
    with opened(started, files["compare"]) as seen:
        seen.page.click("summary")
        column = "[...document.querySelectorAll('details tbody tr')].map((row) => row.cells[3].dataset.sort)"
        heading = seen.page.locator("details thead th").nth(3)
        heading.locator("button").click()
        rising = [float(value) for value in seen.page.evaluate(column)]
        assert rising == sorted(rising) and len(set(rising)) == 3
        assert heading.get_attribute("aria-sort") == "ascending"
        heading.locator("button").click()
        assert [float(value) for value in seen.page.evaluate(column)] == rising[::-1]


@NEEDS_BROWSER
def test_a_tooltip_shows_the_figures(files: dict[str, Path], started: Any) -> None:
    with opened(started, files["compare"]) as seen:
        seen.page.locator("#mult-adds-against-latency svg .mark-symbol path").first.hover()
        tooltip = seen.page.locator("#vg-tooltip-element.visible")
        tooltip.wait_for()
        assert "1.58 G" in tooltip.inner_text() and "10.0 ms" in tooltip.inner_text()


@NEEDS_BROWSER
def test_every_claim_is_reached_from_the_overview_of_its_topic(files: dict[str, Path], started: Any) -> None:
    with opened(started, files["claims"]) as seen:
        links = seen.page.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].map((link) => link.hash.slice(1))")
        assert {"inception", "inception-854-358", "speed"} <= set(links)
        assert all(seen.page.evaluate("(id) => document.getElementById(id) !== null", link) for link in links)


@NEEDS_BROWSER
def test_a_page_prints(files: dict[str, Path], started: Any, tmp_path: Path) -> None:
    with opened(started, files["compare"]) as seen:
        seen.page.pdf(path=tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").stat().st_size > 10_000


def test_specifications_are_json_that_a_script_can_hold(files: dict[str, Path]) -> None:
    text = files["show"].read_text(encoding="utf-8")
    specs = re.search(r'<script type="application/json" id="specs">(.*?)</script>', text, re.DOTALL)
    assert specs is not None and len(json.loads(specs[1])) == 4
