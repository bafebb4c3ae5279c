"""Lines of code, comments that switch findings off, settings, formats and the command line of `netcost lint`."""

import inspect
import json
import linecache
from dataclasses import replace
from pathlib import Path

import pytest
from commands import refused
from fake_bench import made_up_peaks
from sarif_pydantic import Sarif
from torch import Tensor, nn

import netcost
from netcost.cli.app import run
from netcost.linting import Saving, lint
from netcost.linting.estimating import rates_on
from netcost.linting.formats import LINT_FORMATS, lint_text
from netcost.linting.suppressions import suppressions
from netcost.prediction import predict
from netcost.prediction.rows import rows_of
from netcost.text.errors import RequestError
from netcost.tracing.source_lines import NOBODY, USER, owner

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(8, 8, 3, bias=False)
        self.rest = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, groups=4, bias=False),{made}
        )

    def forward(self, x):
        x = self.first(x)
        return self.rest(x){call}
"""


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Write net.py into the current folder, with comments at two lines, and return its target."""
    monkeypatch.chdir(tmp_path)

    def write(call: str = "", made: str = "") -> str:
        Path("net.py").write_text(NET.format(call=call, made=made))
        linecache.checkcache()
        return "net.py:Net"

    return write


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(Path("net.py").read_text().splitlines(), 1) if text in line)


def test_a_finding_names_the_line_of_the_call_and_of_the_construction(net) -> None:
    [finding] = lint(net(), (1, 8, 16, 16), select=["NC201"]).findings
    assert finding.line is not None
    assert finding.made is not None
    assert Path(finding.line.file).name == "net.py"
    assert finding.line.line == line_of("return self.rest(x)")
    assert finding.made.line == line_of("groups=4")


@pytest.mark.parametrize("name", ["torchvision:mobilenet_v2", "torchvision:swin_t", "timm:resnext50_32x4d"])
def test_the_lines_of_libraries_are_the_library_s_own(name: str) -> None:
    package = name.partition(":")[0]
    findings = lint(name, min_share=0).findings
    assert findings
    for finding in findings:
        for line in filter(None, (finding.line, finding.made)):
            assert f"/{package}/" in line.file
        if finding.made is not None:  # the layer is made there, by its class, a factory or its parent
            assert "(" in linecache.getline(*finding.made)
        if finding.line is not None:
            assert linecache.getline(*finding.line).strip()


def test_frames_of_torch_of_netcost_and_of_python_belong_to_nobody() -> None:
    assert owner(inspect.getfile(nn.Conv2d)) == NOBODY
    assert owner(inspect.getfile(netcost)) == NOBODY
    assert owner(inspect.getfile(inspect)) == NOBODY
    assert owner("<string>") == NOBODY
    assert owner(__file__) == USER


@pytest.mark.parametrize("place", ["call", "made"])
@pytest.mark.parametrize(("codes", "hidden"), [("[NC201]", True), ("[NC2]", True), ("", True), ("[NC1]", False)])
def test_a_comment_at_either_line_switches_a_finding_off(net, place: str, codes: str, hidden: bool) -> None:
    report = lint(net(**{place: f"  # netcost: ignore{codes}"}), (1, 8, 16, 16))
    found = {finding.code for finding in report.findings}
    assert ("NC201" in found) is not hidden
    assert ("NC001" in found) is not hidden
    assert bool(report.suppressed) is hidden


def test_a_comment_for_nothing_is_no_finding_where_only_some_codes_are_looked_for(net) -> None:
    report = lint(net("  # netcost: ignore[NC1]"), (1, 8, 16, 16), select=["NC2"])
    assert {finding.code for finding in report.findings} == {"NC201"}


def test_codes_that_a_comment_names_for_nothing_are_told(net) -> None:
    target = net("  # netcost: ignore[NC201, NC999]")
    [idle] = lint(target, (1, 8, 16, 16), select=["NC001"]).findings
    assert "NC999" in idle.seen
    assert "NC201" not in idle.seen
    assert "NC001" not in {finding.code for finding in lint(target, (1, 8, 16, 16), ignore=["NC0"]).findings}


def test_a_comment_for_another_network_of_the_file_is_no_finding(net) -> None:
    target = net()
    with Path("net.py").open("a") as file:
        file.write("\ndef other(x):\n    return x + 1  # netcost: ignore[NC2]\n")
    linecache.checkcache()
    assert "NC001" not in {finding.code for finding in lint(target, (1, 8, 16, 16)).findings}


def test_comments_are_read_with_their_codes(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(
        "x = 1  # netcost: ignore[nc101, NC5]\ny = 2  #netcost:ignore\n# netcost: nothing\nz = '# netcost: ignore'\n"
    )
    assert [(found.line.line, found.codes) for found in suppressions([str(file)])] == [(1, ("NC101", "NC5")), (2, ())]


@pytest.mark.parametrize("codes", [{"select": ["NC77"]}, {"ignore": ["G1"]}, {"select": ["NC2"], "ignore": ["NC2"]}])
def test_codes_that_find_nothing_are_refused(codes: dict[str, list[str]]) -> None:
    with pytest.raises(RequestError, match="code"):
        lint(nn.Linear(2, 2), (1, 2), **codes)


def test_rows_of_one_line_are_one_and_the_largest_comes_first() -> None:
    report = lint("googlenet")
    shares = [row.share for row in report.rows]
    assert shares == sorted(shares, reverse=True)
    fragmented = next(row for row in report.rows if row.first.code == "NC301")
    assert len(fragmented.findings) == 9  # inception modules
    assert sum(row.share >= report.min_share for row in report.rows) == len(report.rows)


@pytest.mark.parametrize("format_name", [name for name in LINT_FORMATS if name not in ("html", "table")])
def test_each_format_names_code_line_and_change(net, format_name: str) -> None:
    text = lint_text(lint(net(), (1, 8, 16, 16)), format_name)
    for word in ("NC201", "net.py", str(line_of("return self.rest(x)")), "1 group"):
        assert word in text
    if format_name == "sarif":
        [found] = [entry for entry in Sarif.model_validate_json(text).runs[0].results if entry.rule_id == "NC201"]
        assert found.locations[0].physical_location.region.start_line == line_of("return self.rest(x)")
    if format_name == "json":
        [found] = [entry for entry in json.loads(text)["findings"] if entry["code"] == "NC201"]
        assert found["line"] == {"file": "net.py", "line": line_of("return self.rest(x)")}


def test_settings_choose_and_strict_fails(net, capsys: pytest.CaptureFixture[str]) -> None:
    target = [net(), "--input", "1x8x16x16"]
    assert run(["lint", *target, "--strict"]) == 1
    assert "NC201" in capsys.readouterr().out
    Path("pyproject.toml").write_text('[tool.netcost.lint]\nselect = ["NC2"]\nignore = ["NC201"]\nmin-share = 0.5\n')
    assert run(["lint", *target, "--strict"]) == 0
    assert run(["lint", *target, "--strict", "--ignore", "NC1", "--min-share", "0"]) == 1
    Path("pyproject.toml").write_text("[tool.netcost.lint]\nmin-share = 7\n")
    assert run(["lint", *target]) == 2
    assert "min-share" in capsys.readouterr().err


def test_own_networks_are_set_against_each_other_on_the_same_input(net, capsys: pytest.CaptureFixture[str]) -> None:
    target = net()
    assert run(["lint", target, "--input", "1x8x16x16", "--against", target]) == 0
    assert "1.00 x the mult-adds" in capsys.readouterr().out


def test_a_network_is_set_against_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "mobilenet_v2", "--against", "mobilenet_v1", "--format", "json"]) == 0
    first, *_ = json.loads(capsys.readouterr().out)["headlines"]
    assert run(["lint", "torchvision:alexnet", "--against", "alexnet", "--min-share", "2"]) == 2
    one, other = netcost.analyze("mobilenet_v2"), netcost.analyze("mobilenet_v1")
    assert f"{one.mult_adds / other.mult_adds:.3f} x the mult-adds of mobilenet_v1" in first


def test_seconds_on_a_device_add_up_to_its_prediction() -> None:
    batch = netcost.resolve("resnet18").with_batch(256)
    analysis, report = netcost.analyze(batch), lint(batch, min_share=0)
    report = replace(report, rates=rates_on(report.network, "resnet18", "rtx4090"))
    whole = Saving.of(analysis.total)
    [predicted] = predict("resnet18", on="rtx4090", batch=256).predictions
    # The device moves other bytes than an operator-by-operator count has: weights once per pass, in half precision.
    bytes_there = rows_of(analysis.count, predicted.on.running)
    moved = float(((bytes_there["sample_bytes"] + bytes_there["constant_bytes"] / 256) * bytes_there["count"]).sum())
    there = whole._replace(memory_access_bytes=256 * moved, kernels=len(bytes_there))
    assert report.rates.seconds(there) == pytest.approx(predicted.latency_s, rel=0.02)
    assert all(row.seconds is not None for row in report.rows)


def test_seconds_that_cannot_be_told_are_missing_and_say_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "lenet5", "--on", "rtx4090", "--min-share", "0"]) == 0
    assert "No seconds by the coefficients" in capsys.readouterr().out
    assert run(["lint", "lenet5", "--on", "rtx4091"]) == 2
    assert rates_on(lint("lenet5").network, "lenet5", "rtx4090").seconds(Saving(1)) is None


def test_peaks_without_launch_times_are_refused_before_anything_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no time of a launch" in refused(capsys, ["lint", "lenet5", "--peaks", "rtx4090"])


def test_operators_shorter_than_a_launch_are_found_by_the_peaks() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.MaxPool2d(2))

        def forward(self, x: Tensor) -> Tensor:
            return self.block(x)

    peaks = made_up_peaks()
    slow, quick = (replace(peaks, launch_s=(launch_s,)) for launch_s in (1.0, 1e-12))
    [found] = lint(Net(), (1, 8, 16, 16), select=["NC302"], peaks=slow).findings
    assert (found.module, found.saving.kernels) == ("block", 2)  # of four kernels; the ReLU is NC405's
    assert lint(Net(), (1, 8, 16, 16), select=["NC302"], peaks=quick).findings == ()
