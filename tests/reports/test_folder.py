"""`netcost report`: a folder made of saved measurements and fresh counts; nothing is written before all is made."""

import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pandas
import pytest
from fake_trials import FakeTimer, options_of
from fixed_results import INPUTS
from golden_files import OF_PYTHON_311
from made_up import machine, measurement
from torch import nn

import netcost
from netcost.cli.app import run as run_command
from netcost.comparison.entry import Run
from netcost.comparison.result import Comparison
from netcost.comparison.running import compare
from netcost.guidelines.networks import panels
from netcost.guidelines.running import run
from netcost.reports import document, folder, html, left_out, made, write
from netcost.reports.document import Report
from netcost.reports.kinds import claims_report, evidence_report, zoo_report
from netcost.reports.pages import Page
from netcost.text.formats import EXTRA, json_text
from netcost.zoo import ARCHITECTURES

REPORTS = Path(__file__).parents[2] / "reports"
COMPARED = "netcost compare googlenet mobilenet_v2 --format json"
TRIED = "netcost guidelines g1 networks --format json"


def comparison() -> Comparison:
    """GoogLeNet in 10 ms, MobileNet v2 in 20."""
    counted = compare(["googlenet", "mobilenet_v2"], "none").entries
    entries = [replace(entry, measurement=measurement(0.010 * index)) for index, entry in enumerate(counted, start=1)]
    return Comparison(tuple(entries), (Run(machine(), command=COMPARED),)).with_ratios([0, 0])


def guidelines_document() -> str:
    """A quick run of one guideline and the networks, every variant as fast as the others."""
    with patch.object(panels, "built", lambda _: (nn.Identity(), ((), {}))):
        how = options_of(threads=1, quick=True, budget_s=3.0, time_all=FakeTimer())
        return json_text.render(replace(run(["g1", "networks"], how), command=TRIED).to_dict())


@pytest.fixture(scope="module", autouse=True)
def counted_once() -> Iterator[None]:
    """What does not depend on the folder is counted for the first one, and drawn for each."""
    zoo, claims, evidence = cache(zoo_report), cache(claims_report), cache(evidence_report)
    with patch.multiple(folder, zoo_report=lambda _: zoo(), claims_report=claims, evidence_report=evidence):
        yield


@pytest.fixture(scope="module")
def measurements(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    (folder / "compare-two.json").write_text(json_text.render(comparison().to_dict()), encoding="utf-8")
    (folder / "guidelines-here.json").write_text(guidelines_document(), encoding="utf-8")
    (folder / "benchmark.md").write_text("# How long <it> takes\n", encoding="utf-8")
    (folder / "unrelated.json").write_text("{", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def files(measurements: Path) -> dict[str, str]:
    return made(measurements, measurements)


@pytest.fixture
def uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without content for what is counted, where a test is about what was measured."""
    monkeypatch.setattr(folder, "zoo_report", lambda _: Report("zoo", Page("The zoo", "", ())))
    monkeypatch.setattr(folder, "evidence_report", lambda: Report("evidence", Page("The map", "", ())))
    monkeypatch.setattr(folder, "claims_report", lambda name, **_: Report(name, Page(name, "", ())))


def test_each_report_comes_in_every_format(files: dict[str, str]) -> None:
    endings = {
        "zoo": {"md", "csv", "json", "html"},
        "claims": {"md", "csv", "json", "html"},
        "errata": {"md", "csv", "json", "html"},
        "evidence": {"md", "csv", "json", "html"},
        "compare-two": {"md", "csv", "html"},
        "guidelines-here": {"md", "csv", "networks.csv", "html"},
    }
    expected = {f"{name}.{ending}" for name, formats in endings.items() for ending in formats}
    assert {name for name in files if not name.startswith("pictures/")} == {"README.md", *expected}


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("compare-two.md", COMPARED),
        ("compare-two.html", COMPARED),
        ("guidelines-here.md", TRIED),
        ("guidelines-here.html", TRIED),
        ("zoo.md", "netcost report -o DIR"),
        ("evidence.md", "netcost evidence"),
        ("claims.md", "netcost claims --format markdown"),
        ("errata.md", "netcost claims --errata --format markdown"),
    ],
)
def test_each_names_the_command_and_the_versions_that_made_it(files: dict[str, str], name: str, command: str) -> None:
    assert command in files[name]
    assert f"netcost {netcost.__version__}" in files[name]


@pytest.mark.parametrize("name", ["compare-two.md", "compare-two.html"])
def test_what_was_timed_names_the_machine(files: dict[str, str], name: str) -> None:
    assert "Quick CPU" in files[name]


def test_every_link_of_the_index_leads_to_a_file(files: dict[str, str], measurements: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", files["README.md"])
    assert {"zoo.html", "claims.md", "compare-two.csv", "guidelines-here.json", "benchmark.md"} <= set(links)
    assert [link for link in links if link not in files and not (measurements / link).is_file()] == []
    assert r"How long \<it\> takes" in files["README.md"]


def test_the_pictures_of_the_markdown_are_drawings(files: dict[str, str]) -> None:
    texts = [text for name, text in files.items() if name.endswith(".md")]
    shown = {link for text in texts for link in re.findall(r"!\[[^\n]*\]\(([^)]+)\)", text)}
    assert shown == {name for name in files if name.startswith("pictures/") and not name.endswith("-dark.svg")}
    assert "#14181f" in files["pictures/compare-two-ratios-dark.svg"]
    for name in shown:
        drawing = ET.fromstring(files[name])  # our own, of this very run
        assert drawing.tag.endswith("svg") and drawing.findall(".//{*}path")


def test_measurements_from_elsewhere_are_handed_on_as_they_are(
    measurements: Path, tmp_path: Path, uncounted: None
) -> None:
    (tmp_path / "from").mkdir()
    text = (measurements / "compare-two.json").read_text(encoding="utf-8").replace("\n", "\r\n")
    (tmp_path / "from" / "compare-two.json").write_bytes(text.encode())
    (tmp_path / "from" / "notes.md").write_text("# Notes of that folder\n")
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "mine.md").write_text("no heading\n")
    (tmp_path / "to" / "compare-gone.md").write_text("# Of a measurement that is gone\n")
    (tmp_path / "to" / "folder.md").mkdir()
    found = made(tmp_path / "to", tmp_path / "from")
    assert found["compare-two.json"] == text
    links = re.findall(r"\]\(([^)]+)\)", found["README.md"])
    assert "mine.md" in links
    assert [link for link in links if link not in found and not (tmp_path / "to" / link).is_file()] == []
    assert not {"notes.md", "compare-gone.md", "folder.md"} & set(links)


def test_names_and_commands_of_a_stranger_are_text(tmp_path: Path, uncounted: None) -> None:
    document = comparison().to_dict()
    document["command"] = "x` <img src=//evil.example> `\n\n# Title"
    document["models"][0]["model"] = "[a](http://evil.example)\ud800\u0001"
    (tmp_path / "compare-a b)[.json").write_text(json.dumps(document))
    found = made(tmp_path, tmp_path)
    for name in ("README.md", "compare-a b)[.md"):
        assert "<img" not in re.sub(r"``[^\n]+?``", "", found[name])
        assert "\n# Title" not in found[name]
        assert not re.search(r"(?<!\\)\]\(http://evil", found[name])
    assert "(compare-a%20b%29%5B.md)" in found["README.md"]
    for name in found:
        if name.startswith("pictures/"):
            ET.fromstring(found[name])


def test_the_same_number_reads_the_same_everywhere(files: dict[str, str]) -> None:
    counted, of_all = netcost.analyze("googlenet"), pandas.read_csv(io.StringIO(files["zoo.csv"])).set_index("model")
    for metric in ("params", "mult_adds", "memory_access", "kernels", "peak_memory_bytes"):
        value = getattr(counted, metric)
        assert of_all.loc["googlenet", metric] == value
        [plain] = [model for model in json.loads(files["zoo.json"])["models"] if model["model"] == "googlenet"]
        assert plain[metric] == value
    for text in ("7.00 M", "1.58 G"):
        for name in ("zoo.md", "zoo.html", "compare-two.md", "compare-two.html"):
            assert text in files[name]


def test_all_of_the_zoo_is_in_it(files: dict[str, str]) -> None:
    rows = re.findall(r"^\| (\w+) \| \d{4} \|", files["zoo.md"], re.MULTILINE)
    assert rows == list(ARCHITECTURES)
    assert len(files["zoo.html"]) < 3_000_000


def test_a_folder_made_again_is_the_same(files: dict[str, str], measurements: Path, tmp_path: Path) -> None:
    here = [path for path in measurements.iterdir() if path.suffix in (".json", ".md")]
    write(tmp_path, {**files, **{path.name: path.read_text(encoding="utf-8") for path in here}})
    again = made(tmp_path, tmp_path)
    assert again.keys() == files.keys()
    assert [name for name in files if again[name] != files[name]] == []


def test_a_file_that_is_as_it_should_be_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "new", {"a.md": "one", "pictures/b.svg": "two"})
    before = (tmp_path / "new" / "a.md").stat()
    write(tmp_path / "new", {"a.md": "one", "pictures/b.svg": "three"})
    after = (tmp_path / "new" / "a.md").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert (tmp_path / "new" / "pictures" / "b.svg").read_text() == "three"


def test_a_damaged_measurement_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "compare-broken.json").write_text("{")
    assert run_command(["report", "-o", str(tmp_path), "--quiet"]) == 2
    assert "compare-broken.json" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["compare-broken.json"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "{}/file"], "it is a file; name a folder"),
        (["-o", "{}/no/such"], "create it first"),
        (["-o", "{}/new", "--from", "{}/nowhere"], "name that of the saved measurements"),
        (["-o", ""], "--output is empty"),
        (["-o", "{}"], "which it did not write"),
        (["-o", "{}/" + 300 * "x"], "too long"),
        ([], "--output"),
    ],
)
def test_a_folder_that_cannot_be_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "README.md").write_text("# My project\n")
    assert run_command(["report", "--quiet", *(argument.format(tmp_path) for argument in arguments)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "file"]
    assert (tmp_path / "README.md").read_text() == "# My project\n"


def test_a_missing_extra_is_said_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXTRA, "html", ("no_such_package",))
    assert run_command(["report", "-o", str(tmp_path / "new")]) == 2
    assert "pip install 'netcost[report]'" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_new_folder_without_measurements_has_what_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "netcost.reports.made", lambda _folder, measurements, _progress: {"README.md": str(measurements)}
    )
    assert run_command(["report", "-o", str(tmp_path / "new"), "--quiet"]) == 0
    assert (tmp_path / "new" / "README.md").read_text() == "None"
    assert "wrote 1 file" in capsys.readouterr().out


def test_the_readme_opens_with_the_map_and_the_picture_of_the_comparison() -> None:
    readme = (REPORTS.parent / "README.md").read_text(encoding="utf-8")
    opening = readme.partition("## ")[0]
    document = json.loads((REPORTS / "evidence.json").read_text(encoding="utf-8"))
    assert f"{len(document['settings'])} settings" in opening
    for kind in ("GPUs, amp, eager", "GPUs, double, inference", "ncnn CPUs"):
        [found] = [entry for entry in document["kinds"] if entry["kind"] == kind]
        mult_adds, memory = (round(100 * error) for error in found["median_errors"].values())
        assert f"{mult_adds} % against {memory} %" in opening
    pictures = re.findall(r"reports/pictures/[^)\"]+", readme)
    assert "compare-googlenet-mobilenet_v2-ratios.svg" in opening  # and its dark one
    assert len(pictures) == 2
    assert [picture for picture in pictures if not (REPORTS.parent / picture).is_file()] == []


def test_the_readme_shows_the_comparison_that_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    saved = REPORTS / "compare-googlenet-mobilenet_v2.json"
    assert run_command(["compare", "--from", str(saved)]) == 0
    readme = (REPORTS.parent / "README.md").read_text(encoding="utf-8")
    [shown] = [block for block in re.findall(r"```\n(.*?)```", readme, re.DOTALL) if "Verdict" in block]
    lines = shown.splitlines()
    assert len(lines) == 2 + 10  # headings and ten rows
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line not in printed] == []


@OF_PYTHON_311
def test_the_reports_of_this_project_are_as_they_are_made_today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and pictures carry the versions of what drew them; words and numbers are netcost's own."""
    monkeypatch.setattr(document, "svg", lambda *_: "")
    monkeypatch.setattr(html, "render", lambda _: "")
    found = made(REPORTS, REPORTS)
    own = [name for name in found if name.endswith((".md", ".csv", "zoo.json")) and name not in TORCH_IN_IT]
    stale = [name for name in own if (REPORTS / name).read_text(encoding="utf-8") != found[name]]
    assert stale == [], "run: netcost report -o reports"


TORCH_IN_IT = {"claims.md", "errata.md", "zoo.md", "README.md"}
"""They name the torch of the machine that made them."""


def test_a_file_is_known_by_what_is_in_it(tmp_path: Path, uncounted: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compare", "peaks", "guidelines", "baseline"):
        (tmp_path / f"my-{name}.json").write_bytes((INPUTS / f"{name}.json").read_bytes())
    monkeypatch.chdir(tmp_path)
    for line in ("show lenet5 -o shown.json", "predict lenet5 --on rtx4090 -o p.json", "list lenet5 -o list.json"):
        assert run_command(line.split()) == 0
    (tmp_path / "notes.json").write_text("[1]")
    (tmp_path / "other.json").write_text("{")
    written = made(tmp_path / "site", tmp_path)
    assert {"my-compare.html", "my-peaks.md", "my-guidelines.md", "shown.md", "p.html", "list.md"} <= set(written)
    assert "61.7 k" in written["shown.md"]
    assert left_out(tmp_path) == {
        "my-baseline.json": "it is a baseline; see `netcost baseline show`",
        "notes.json": "netcost did not write it",
        "other.json": "it is not JSON",
    }
