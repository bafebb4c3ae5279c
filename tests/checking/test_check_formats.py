"""A check's report in every format: one fixed report as golden files, and names that try to be more than names."""

import csv
import io
import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from golden_files import golden_names, require_golden, without_version
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sarif_pydantic import Sarif
from snapshots import module, snapshot

from netcost.checking.formats import CHECK_FORMATS, check_text, comment, junit, workflow
from netcost.checking.limits import Limits, parse_budget, parse_tolerance
from netcost.checking.regression import UPDATE, CheckReport, Place, TargetResult, compare
from netcost.text.errors import RequestError

HOSTILE = "<b>|`\n::error::%0A,x](y) @someone \x1b[31m"
OLD = snapshot(
    {"conv1": module(params=216, mult_adds=194_400), "conv2": module(params=1152, mult_adds=1_036_800)},
    operators={"aten.conv2d": 2},
)
WIDER = snapshot({**OLD.modules, "conv2": module(params=1728, mult_adds=1_555_200)}, operators=OLD.operators)
RENAMED = snapshot({"stem": OLD.modules["conv1"], "conv2": OLD.modules["conv2"]}, operators=OLD.operators)
MOVED = snapshot({path: module(params=684, mult_adds=615_600) for path in OLD.modules}, operators=OLD.operators)
LIMITS = Limits(
    tolerance={"params": parse_tolerance("params", "1%")}, budget={"mult_adds": parse_budget("mult_adds", "<= 1.5M")}
)
REPORT = CheckReport(
    (
        compare("same", OLD, OLD),
        compare("renamed", OLD, RENAMED),
        replace(compare("wider", OLD, WIDER, LIMITS), place=Place("nets/wider.py", 12)),
        compare("less", WIDER, OLD),
        compare("moved", OLD, MOVED),
        compare("operators", OLD, replace(OLD, operators={"aten.conv2d": 1, "aten.linear": 1})),
        compare("input", OLD, replace(OLD, inputs=("1x3x4x4",))),
        compare(HOSTILE, None, replace(OLD, unknown_ops={f"my.{HOSTILE}": 2}), problems=("has no entry in 'b.json'",)),
    ),
    "baseline 'b.json'",
    baseline="b.json",
    settings="netcost.toml",
    updating=(*UPDATE, "--config", "netcost.toml"),
    stale=("gone",),
    remarks=("the baseline was counted with torch 2.13, this with 2.14",),
    exact=True,
)

awkward = st.text(st.characters(codec=None), max_size=30)


def test_a_narrow_terminal_shows_in_red_what_fails_and_names_each_row_of_a_table_in_parts() -> None:
    error = TargetResult("broken", None, error=RequestError("no such file"))
    text = check_text(CheckReport((*REPORT.results[:3], error)), "table", width=80, color=True)
    red = re.findall(r"^\x1b\[(?:1;)?31m(.+?) *\x1b\[0m", text, flags=re.MULTILINE)
    assert [word for word in red if "broken" in word] == ["broken: NOT CHECKED"]
    assert {"wider: FAILS", "not checked: no such file"} <= set(red)
    assert red.index("NOT CHECKED") < red.index("FAILS")
    [rules] = [part for part in text.split("\n\n") if "budget <=" in part]
    assert all(word in rules for word in ("Verdict", "Metric", "Mult-adds"))


@pytest.mark.parametrize("name", CHECK_FORMATS)
def test_the_fixed_report_reads_as_its_golden_file(name: str) -> None:
    require_golden(f"check.{name}", without_version(check_text(REPORT, name)))


def test_every_golden_file_is_compared_with_something() -> None:
    assert golden_names("check.*") == {f"check.{name}" for name in CHECK_FORMATS}


@pytest.mark.parametrize("name", CHECK_FORMATS)
def test_every_format_ends_with_one_newline(name: str) -> None:
    assert re.search(r"[^\n]\n\Z", check_text(REPORT, name))
    assert re.search(r"[^\n]\n\Z", check_text(CheckReport(()), name))


def hostile(name: str) -> CheckReport:
    """A report in which everything that a project can name is called `name`."""
    parts = {f"{name}1": module(name, params=7), "b": module(params=8)}
    now = {"b": module(params=9), f"{name}2": module(name, params=5)}
    old, new = snapshot(parts, model=name, inputs=(name,)), snapshot(now, model=name, unknown_ops={name: 1})
    return CheckReport((compare(name, old, new),), f"baseline {name!r}", name, name, (*UPDATE, name), stale=(name,))


def unescaped(written: str) -> str:
    return written.replace("%0A", "\n").replace("%0D", "\r").replace("%3A", ":").replace("%2C", ",").replace("%25", "%")


@given(awkward)
def test_a_name_is_no_workflow_command(name: str) -> None:
    written = workflow.render(hostile(name))
    commands = [line for line in written.split("\n") if line]
    assert len(commands) == 2
    assert "\r" not in written
    for command in commands:
        properties = re.fullmatch(r"::(?:error|notice) ([^:]*)::.*", command)
        assert properties is not None
        assert [each.split("=")[0] for each in properties[1].split(",")] == ["title"]


@given(awkward)
def test_a_name_is_no_element_of_xml(name: str) -> None:
    suite = ElementTree.fromstring(junit.render(replace(hostile(name), exact=True)).encode("utf-8", "surrogatepass"))
    assert [case.tag for case in suite] == ["testcase", "testcase"]
    assert suite.attrib["failures"] == "2"
    assert [child.tag for case in suite for child in case] == ["failure", "failure"]


@given(awkward)
def test_a_name_is_no_html_and_mentions_no_one(name: str) -> None:
    written = comment.render(hostile(name))
    assert written.startswith(comment.MARKER)
    assert written.count(comment.MARKER) == 1
    assert not re.search(r"@(?!<!-- -->)", written)
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(written)
    inline = [child.content for token in tokens for child in token.children or () if child.type == "html_inline"]
    assert set(inline) <= {"<!-- -->"}
    blocks = [token.content for token in tokens if token.type == "html_block"]
    assert all(
        re.fullmatch(r"<!-- netcost check -->|</?details>(<summary>.*</summary>)?", each.strip()) for each in blocks
    )


@given(awkward)
def test_a_name_is_text_in_a_terminal(name: str) -> None:
    assert "\x1b" not in check_text(hostile(name), "table")


@given(awkward)
def test_a_name_comes_back_from_json_and_csv(name: str) -> None:
    assert json.loads(check_text(hostile(name), "json"))["targets"][0]["target"] == name
    rows = list(csv.DictReader(io.StringIO(check_text(hostile("x" + name.replace("\r", "")), "csv")), strict=True))
    assert {row["metric"] for row in rows} >= {"params", "unknown_ops"}


def test_a_comment_is_no_longer_than_github_takes() -> None:
    results = tuple(compare(f"net{index}", OLD, WIDER) for index in range(400))
    written = comment.render(CheckReport(results, "baseline 'b.json'"))
    assert len(written) < 65_536
    assert re.search(r"… and \d+ more targets: see the log", written)


def test_many_modules_are_cut_and_said_to_be() -> None:
    new = snapshot({f"block{index}": module(params=index + 1) for index in range(50)})
    [*_, modules] = CheckReport((compare("net", OLD, new),)).tables()
    assert len(modules.rows) == 20
    assert modules.notes == ("and 32 more modules; --format json has them all",)


def test_a_report_of_nothing_but_sameness_is_a_line_per_target() -> None:
    report = CheckReport((compare("net", OLD, OLD), compare("other", OLD, OLD)), "baseline 'b.json'", baseline="b.json")
    first, _, _, _, *lines = check_text(report, "table").splitlines()
    assert first == "netcost check: 2 targets pass against baseline 'b.json': nothing changed"
    assert [line.split() for line in lines] == [["passes", "net", "–", "–"], ["passes", "other", "–", "–"]]
    assert workflow.render(report).startswith("::notice title=netcost check::2 targets pass")


ODD = Place("a b%.py", 1)
UNCOUNTED = replace(
    REPORT,
    results=(
        TargetResult("lost", None, error=RequestError("no file 'net.py'")),
        replace(compare("novel", None, OLD), absence="revision 'main' has none", file="nets/novel.py", place=ODD),
        replace(compare("stale", OLD, OLD), elsewhere={"nets": "site-packages/nets/wider.py"}),
        *REPORT.results,
    ),
)


def test_sarif_has_a_result_per_target_the_worst_first() -> None:
    [log] = Sarif.model_validate_json(check_text(UNCOUNTED, "sarif")).runs
    results = [(result.rule_id, str(result.level.value), result.properties["target"]) for result in log.results]
    assert results[:2] == [("not-checked", "error", "lost"), ("costs-more", "error", "wider")]
    assert ("new", "note", "novel") in results
    assert ("passes", "warning", "stale") in results
    assert len(results) == len(UNCOUNTED.results)
    places = [location.physical_location for result in log.results for location in result.locations or ()]
    assert [(place.artifact_location.uri, place.region.start_line) for place in places] == [
        ("nets/wider.py", 12),
        ("a%20b%25.py", 1),
    ]
    assert {result.rule_id for result in log.results} <= {rule.id for rule in log.tool.driver.rules}


def test_junit_keeps_to_its_schema() -> None:
    # Reference: junit-10.xsd of Jenkins' xunit plugin.
    written = ElementTree.fromstring(check_text(UNCOUNTED, "junit").encode())
    assert (written.tag, set(written.keys())) == ("testsuite", {"name", "tests", "failures", "errors"})
    cases = written.findall("testcase")
    failures, errors = (written.findall(f"testcase/{kind}") for kind in ("failure", "error"))
    counted = {"tests": len(cases), "failures": len(failures), "errors": len(errors)}
    assert {name: int(written.get(name)) for name in counted} == counted
    assert [error.get("message") for error in errors] == ["no file 'net.py'"]
    assert {child.tag for child in written} <= {"testcase", "system-out"}
    assert {child.tag for case in cases for child in case} <= {"failure", "error", "system-out"}


@pytest.mark.parametrize("name", CHECK_FORMATS)
def test_every_format_says_for_each_target_where_it_was_counted_and_how_it_went(name: str) -> None:
    written = check_text(UNCOUNTED, name)
    for said in ("NOT CHECKED", "no file ", "novel", "nets/novel.py", "site-packages/nets/wider.py"):
        assert said in written
