"""Pages: escaped and self-contained as text, and opened in a real headless Chromium."""

import json
import re
import statistics
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
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
from netcost.guidelines.networks.study import METRICS, Study
from netcost.guidelines.running import run
from netcost.profiling import Profile
from netcost.profiling.roofline import Peaks
from netcost.reports import html
from netcost.reports.charts import compare as compare_charts
from netcost.reports.charts import compiled, parts, svg
from netcost.reports.charts import guidelines as guideline_charts
from netcost.reports.charts import networks as network_charts
from netcost.reports.charts import profile as profile_charts
from netcost.reports.charts import show as show_charts
from netcost.reports.charts.figure import GREY
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

PICTURES = Path(__file__).parents[2] / "reports" / "pictures"
A4 = 700
"""Width of paper between its margins (pixels)."""

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
    "predict": lambda: page_of(netcost.predict(["lenet5", "alexnet"], on=["rtx4090"])),
    "hostile": lambda: show_page(netcost.analyze(Hostile(), (1, 3, 8, 8))),
}


def values_of(spec: Any) -> list[dict[str, Any]]:
    """Every record that a chart is drawn from, in all of its layers; layers may share records."""
    inside = [value for layer in spec.get("layer", []) for value in values_of(layer)]
    every = [*spec.get("data", {}).get("values", []), *inside]
    return list({json.dumps(value): value for value in every}.values())


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
    assert boxes["conv2"].value == 28 * 28 * 4 * 3 * 3 * 64 * 192  # as is conv2.0, which would only repeat it
    assert "conv2.0" not in boxes
    assert boxes["inception_3b.branch_3x3.1"].name == "1 ConvReLU"


def test_balanced_pointwise_convolutions_meet_the_bound_of_g1() -> None:
    model = nn.Conv2d(64, 64, 1)
    figure = show_charts.pointwise_channels(netcost.analyze(model, (1, 64, 56, 56)))
    assert figure is not None
    assert [point["over"] for point in values_of(figure.spec) if "over" in point] == [pytest.approx(1.0)]


def test_a_block_of_no_module_is_called_the_model() -> None:
    figure = show_charts.fragments(netcost.analyze(nn.Conv2d(8, 8, 3), (1, 8, 9, 9)))
    assert "The largest: (model) with 1." in figure.description


def test_a_network_without_pointwise_convolutions_has_no_such_chart() -> None:
    assert show_charts.pointwise_channels(netcost.analyze("lenet5")) is None


@pytest.mark.parametrize("name", ["googlenet", "nasnet_a_mobile"])
def test_the_bars_of_a_profile_add_up_to_all_of_each_part(name: str) -> None:
    profile = profiled(name)
    records = values_of(profile_charts.by_kind(profile).spec)
    for part in ("Time", "Mult-adds", "Memory access"):
        shares = {record["label"]: record["share"] for record in records if record["part"] == part}
        assert sum(shares.values()) == pytest.approx(1)
    [gap] = [record["share"] for record in records if record["label"] == "(gap)"]
    assert gap == pytest.approx(profile.gap_s / profile.total_s)


def test_an_operator_lies_where_its_work_and_time_put_it() -> None:
    figure = profile_charts.under_roof(profiled("lenet5"))
    assert figure is not None
    flops, elements = 2 * 28 * 28 * 5 * 5 * 6 + 28 * 28 * 6, 32 * 32 + 5 * 5 * 6 + 6 + 28 * 28 * 6  # and a bias each
    [conv] = [point for point in values_of(figure.spec) if point["module"] == "c1.0"]
    assert conv["intensity"] == pytest.approx(flops / (4 * elements))
    assert conv["gflops_per_s"] == pytest.approx(flops / (1e-9 * elements) / 1e9)


def test_the_roof_is_the_slope_of_the_memory_up_to_the_peak() -> None:
    figure = profile_charts.under_roof(profiled("googlenet", made_up_peaks()))
    assert figure is not None
    slope = [value for value in values_of(figure.spec) if value.get("line", "").startswith("memory")][:2]
    assert slope[0]["y"] == slope[0]["x"] * 2**32 / 1e9
    assert (slope[-1]["x"], slope[-1]["y"]) == (2**36 / 2**32, 2**36 / 1e9)


def test_a_guideline_is_drawn_beside_the_paper_and_the_prediction() -> None:
    findings = tried("g1", "g2", "g3", "g4")
    g1 = findings.guidelines[0]
    figures = guideline_charts.slow_downs(findings, g1)
    assert [figure.name for figure in figures] == ["g1-gpu-x1", "g1-arm-x1", "g1-aligned-x1"]
    points = values_of(figures[0].spec)
    index = {(point["series"], point["variant"]): point for point in points if "series" in point}
    assert figures[0].spec["title"]["text"] == [index["here, batch 1, 1 thread", "1:12"]["verdict"]]
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


def test_a_series_looks_the_same_in_every_chart_of_the_guidelines() -> None:
    findings = tried("g1", "g2", "g3", "g4")
    looks: dict[str, set[tuple[str, str]]] = {}
    for guideline in findings.guidelines:
        for figure in guideline_charts.slow_downs(findings, guideline):
            points = next(layer for layer in figure.spec["layer"] if "shape" in layer.get("encoding", {}))
            scales = [points["encoding"][channel]["scale"] for channel in ("color", "shape")]
            for name, *look in zip(scales[0]["domain"], scales[0]["range"], scales[1]["range"], strict=True):
                looks.setdefault(name, set()).add(tuple(look))
    assert {"paper GPU", "paper ARM", "predicted by memory access"} < set(looks)
    assert all(len(found) == 1 for found in looks.values())
    assert len(set.union(*looks.values())) == len(looks)


def test_predicted_over_measured_is_what_the_median_error_is_of() -> None:
    study = networks()
    figures = {figure.name: figure for figure in network_charts.predicted(study)}
    assert set(figures) == {f"networks-{name.replace('_', '-')}" for name in METRICS}
    for fit in study.explanations:
        figure = figures[f"networks-{fit.metric.replace('_', '-')}"]
        points = [value for value in values_of(figure.spec) if "ratio" in value]
        assert all(point["predicted"] / point["measured"] == pytest.approx(point["ratio"]) for point in points)
        assert len(points) == fit.networks
        assert statistics.median(abs(point["ratio"] - 1) for point in points) == pytest.approx(fit.error)


def test_few_networks_that_are_faster_by_far_are_left_out() -> None:
    many = {f"network_{number}": 1.0 + 0.1 * number for number in range(40)}
    assert network_charts._crowd(many) == list(many)
    assert network_charts._crowd({"lenet5": 0.1, "lenet5_1998": 0.3, **many}) == list(many)  # 2 of 42
    assert len(network_charts._crowd({"lenet5": 0.1, **dict(list(many.items())[:10])})) == 11  # 1 of 11: not few


@given(st.floats(1e-3, 1e12), st.floats(1.01, 1e8))
def test_an_axis_has_about_five_lines_within_its_values(least: float, factor: float) -> None:
    found = parts.ticks(least, least * factor)
    assert 1 <= len(found) <= 9
    assert all(0.99 * least <= value <= 1.01 * least * factor for value in found)


def test_a_network_has_one_colour_and_one_mark_and_no_two_have_both() -> None:
    names = [f"network_{number}" for number in range(14)]
    looks = parts.identities(names)
    ranges = [looks[channel].to_dict()["scale"]["range"] for channel in ("fill", "stroke", "shape")]
    assert len(set(zip(*ranges, strict=True))) == 14
    assert ranges[0][0] == GREY and GREY not in ranges[0][1:]
    coloured = [colour for colour in ranges[0][1:] if colour != "transparent"]
    assert len(coloured) == len(set(coloured)) == 8


def test_a_chart_of_several_timed_networks_says_which_is_which() -> None:
    ratios = compare_charts.ratios(compared("lenet5", "alexnet", "nin"))
    assert ratios is not None
    for figure in (ratios, compare_charts.over_batch(swept(), "median_s")):
        [legend] = compiled(figure)["legends"]
        assert {"fill", "stroke", "shape"} <= {*legend}


def test_the_page_of_a_sweep_says_each_knee_and_the_ratio_at_the_largest_batch() -> None:
    shown = swept()  # 1, 1.41 and 2 ms at batch 1, 2 and 4: 1,000, 1,414 and 2,000 per second
    both = Sweep(shown.comparison.with_ratios([index % 3 for index in range(6)]), shown.batches)
    lead = sweep_page(both).lead
    grows = "no knee within the sweep: throughput still grows at batch 4"
    assert lead.startswith(f"a: {grows}; its best throughput is 2.00 k/s, at batch 4. b: {grows}; ")
    assert lead.endswith("b, batch 4 takes 1.00 x the time of a, batch 4 (cannot tell).")


def test_the_same_reason_at_several_batch_sizes_is_said_once() -> None:
    shown = swept()
    notes = shown.comparison.with_ratios([index % 3 for index in range(6)]).notes()
    [said] = [note for note in notes if "cannot tell against" in note]
    assert said.startswith("b, batch 1, 2, 4: cannot tell against a, batch 1, 2, 4: ")


def test_the_ratios_of_a_comparison_end_with_the_latency_and_its_interval() -> None:
    comparison = compared("googlenet", "mobilenet_v2")
    figure = compare_charts.ratios(comparison)
    assert figure is not None
    records = values_of(figure.spec)
    last = [record for record in records if "metric" in record][-1]
    assert (last["metric"], last["ratio"]) == ("Latency", 2.0)  # 20 ms to 10 ms
    [mult_adds] = [record for record in records if record.get("metric") == "Mult-adds"]
    assert mult_adds["ratio"] == pytest.approx(300_774_272 / 1_582_671_872)
    assert compare_charts.ratios(compared("googlenet")) is None


@pytest.mark.parametrize(
    ("base", "other", "said"),
    [
        ({"mult_adds": 100, "memory_access": 100}, {"mult_adds": 19, "memory_access": 105}, "but 1.05 x the memory"),
        ({"mult_adds": 100, "memory_access": 100}, {"mult_adds": 19, "memory_access": 50}, "and 0.500 x the memory"),
        ({"mult_adds": 100, "memory_access": 100}, {"mult_adds": 190, "memory_access": 105}, ": but 1.90 x the mult"),
    ],
)
def test_a_count_that_points_the_other_way_is_said_with_but(
    base: dict[str, int], other: dict[str, int], said: str
) -> None:
    entries = (
        Entry("a", figures("a", **base), measurement=measurement(0.02)),
        Entry("b", figures("b", **other), measurement=measurement(0.01)),
    )
    lead = compare_page(Comparison(entries, (Run(machine()),)).with_ratios([0, 0])).lead
    assert lead.startswith("b takes 0.500 x the time of a (faster): ") and said in lead


def test_the_networks_of_figure_2_are_divided_by_kind_once_they_are_profiled() -> None:
    study = networks()
    assert network_charts.by_kind(study) == ()
    profiled_s = {"mobilenet_v2": {"1x1 convolution": 3.0, "depthwise convolution": 1.0}}
    [figure] = network_charts.by_kind(replace(study, seconds_by_kind=profiled_s))
    records = values_of(figure.spec)
    times = {record["kind"]: record["share"] for record in records if record["part"] == "Time"}
    assert times == {"1x1 convolution": 0.75, "depthwise convolution": 0.25}
    for part in ("Mult-adds", "Memory access"):
        assert sum(record["share"] for record in records if record["part"] == part) == pytest.approx(1)


def test_a_network_lies_under_the_roof_where_its_work_and_time_put_it() -> None:
    comparison = replace(compared("googlenet", "mobilenet_v2"), peaks=made_up_peaks())
    figure = compare_charts.under_roof(comparison)
    assert figure is not None
    points = {value["model"]: value for value in values_of(figure.spec) if "model" in value}
    counted = netcost.analyze("googlenet").total
    assert points["googlenet"]["gflops_per_s"] == pytest.approx(counted.flops / 0.010 / 1e9)
    assert points["googlenet"]["intensity"] == pytest.approx(counted.flops / counted.memory_access_bytes)
    assert compare_charts.under_roof(compared("googlenet")) is None


def test_names_in_a_chart_are_as_small_as_its_other_words() -> None:
    for name in ("compare_roofline", "networks", "profile_roofline"):
        for figure in (figure for section in page(name).sections for figure in section.figures):
            layers = [layer for layer in figure.spec.get("layer", []) if layer.get("mark", {}).get("type") == "text"]
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


# Words that cover words by more than a pixel, and marks that leave their plot by more than half of a point.
FAULTS = """() => {
  const faults = [];
  const shown = (element) => element.textContent.trim() && element.checkVisibility()
    && Number(element.getAttribute("opacity") ?? 1) > 0;
  for (const svg of document.querySelectorAll("svg.marks")) {
    const words = [...svg.querySelectorAll("text")].filter(shown).map((text) => [text, text.getBoundingClientRect()]);
    words.forEach(([one, a], index) => {
      for (const [other, b] of words.slice(index + 1)) {
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 1 && down > 3) faults.push(`${one.textContent} | ${other.textContent}`);
      }
      const whole = svg.getBoundingClientRect();
      if (a.left < whole.left - 1 || a.right > whole.right + 1 || a.top < whole.top - 2 || a.bottom > whole.bottom + 2)
        faults.push(`cut: ${one.textContent}`);
    });
    const plot = svg.querySelector(".root path.background").getBoundingClientRect();
    for (const mark of svg.querySelectorAll(".role-mark path, .role-mark line")) {
      const box = mark.getBoundingClientRect(), room = 8;
      if (mark.getAttribute("opacity") === "0" || !mark.getAttribute("d")?.length && mark.tagName === "path") continue;
      if (box.left < plot.left - room || box.right > plot.right + room || box.top < plot.top - room
        || box.bottom > plot.bottom + room) faults.push(`outside: ${mark.getAttribute("aria-label")}`);
    }
  }
  return faults;
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
    phone, desk = 375, 1280
    with opened(started, files[name], scheme=scheme, width=phone if scheme == "light" else desk) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= seen.page.viewport_size["width"]
        assert seen.page.evaluate("document.documentElement.scrollHeight") <= 15 * 900
        assert seen.page.evaluate(FAULTS) == []
        seen.page.set_viewport_size({"width": desk, "height": 900})
        assert seen.console == []
        assert seen.requests == [files[name].as_uri()]
        for chart in seen.page.query_selector_all("[data-drawn]"):
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
        assert seen.page.evaluate("document.documentElement.scrollHeight") < 5 * 900
        seen.page.fill("#search", "854M multiply-adds")
        assert seen.page.locator("section:visible h3").all_inner_texts() == ["inception-naive-854", "inception-854-358"]
        seen.page.fill("#search", "")
        assert not seen.page.locator("#inception-854-358").is_visible()
        seen.page.evaluate("location.hash = 'inception-854-358'")
        seen.page.locator("#inception-854-358").wait_for(state="visible")
        links = seen.page.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].map((link) => link.hash.slice(1))")
        assert {"inception-854-358", "inception-naive-854"} <= set(links)
        assert all(seen.page.evaluate("(id) => document.getElementById(id) !== null", link) for link in links)


@NEEDS_BROWSER
def test_no_words_of_a_saved_picture_overlap_and_no_mark_leaves_its_plot(started: Any) -> None:
    page = started.new_page()
    faults = {}
    for path in sorted(PICTURES.glob("*.svg")):
        page.set_content(path.read_text(encoding="utf-8"))
        if found := page.evaluate(FAULTS):
            faults[path.name] = found[:3]
    page.close()
    assert faults == {}


@NEEDS_BROWSER
def test_words_on_words_are_seen(started: Any) -> None:
    page = started.new_page()
    words = '<text x="9" y="20">one</text><text x="12" y="22">two</text>'
    page.set_content(
        f'<svg class="marks"><g class="root"><path class="background" d="M0,0h99v99h-99Z"/>{words}</g></svg>'
    )
    assert page.evaluate(FAULTS) == ["one | two"]
    page.close()


@NEEDS_BROWSER
@pytest.mark.parametrize("name", ["compare", "zoo", "show"])
def test_a_page_prints_and_nothing_is_cut(files: dict[str, Path], started: Any, tmp_path: Path, name: str) -> None:
    with opened(started, files[name], scheme="dark") as seen:
        seen.page.pdf(path=tmp_path / "page.pdf")
        seen.page.emulate_media(media="print")
        seen.page.set_viewport_size({"width": A4, "height": 900})
        wide = (
            "[...document.querySelectorAll('.scroll, .chart')].filter((one) => one.scrollWidth > one.clientWidth + 1)"
        )
        assert seen.page.evaluate(f"{wide}.map((one) => one.textContent.slice(0, 60))") == []
        assert seen.page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert (tmp_path / "page.pdf").stat().st_size > 10_000


def test_specifications_are_json_that_a_script_can_hold(files: dict[str, Path]) -> None:
    text = files["show"].read_text(encoding="utf-8")
    specs = re.search(r'<script type="application/json" id="specs">(.*?)</script>', text, re.DOTALL)
    assert specs is not None and len(json.loads(specs[1])) == 4
