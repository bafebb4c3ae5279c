"""`netcost check --latency`: what fails, what passes, and what cannot be told; on fixed times, and in a repository."""

import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import made_up
import pytest
from commands import refused
from fake_clock import LONG, Clock
from fake_worker import FakeWorker
from git_repository import Repository
from snapshots import module, snapshot

from netcost.checking import LatencyGate, latency
from netcost.checking.formats import check_text
from netcost.checking.latency import Pairing, Side, measure_pairing
from netcost.checking.regression import Attempt, CheckReport, CheckVerdict, LatencyResult, compare
from netcost.checking.revision import place_in
from netcost.cli.app import run
from netcost.text.errors import NetcostError
from netcost.timing import doubts, stats
from netcost.timing.ratios import ratio_of_rounds
from netcost.timing.setting import Timing
from netcost.timing.workers import Recipe, WorkerPlace, measure_in

STEADY = (1.0,) * 12
SLOWER = (2.0,) * 12
UNCLEAR = (0.5, 2.0) * 6
"""Half of the rounds say that it is faster, half that it is slower."""
FEW = (2.0,) * (stats.MIN_ROUNDS - 1)
LIMIT = 0.25


def sides() -> tuple[Side, Side]:
    return Side("'net' at revision 'main'", WorkerPlace(), Recipe("then")), Side("'net'", WorkerPlace(), Recipe("now"))


def pairing(bound: float = 1 + LIMIT, *, is_relative: bool = False) -> Pairing:
    return Pairing("net", "'other'" if is_relative else "revision 'main'", bound, *sides(), is_relative=is_relative)


def sampling(now: tuple[float, ...], **changes) -> Attempt:
    base, here = made_up.measurement(times_s=STEADY), made_up.measurement(times_s=now, **changes)
    return Attempt(base, here, ratio_of_rounds("revision 'main'", base, here))


class FakeMeasure:
    """Answers with a base that takes a second, and with the next of these times."""

    def __init__(self, *series: tuple[float, ...]) -> None:
        self.left, self.precisions = list(series), []

    def __call__(self, _sides, timing, progress):
        self.precisions.append(timing.precision)
        if progress is not None:
            progress(1.0, "done")
        return made_up.measurement(times_s=STEADY), made_up.measurement(times_s=self.left.pop(0))


# ---- verdicts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("series", "measured", "verdict"),
    [
        ([STEADY], 1, CheckVerdict.HOLDS),
        ([UNCLEAR], 1, CheckVerdict.CANNOT_TELL),
        ([FEW], 1, CheckVerdict.CANNOT_TELL),
        ([SLOWER, SLOWER], 2, CheckVerdict.FAILS),
        ([SLOWER, STEADY], 2, CheckVerdict.CANNOT_TELL),
        ([SLOWER, UNCLEAR], 2, CheckVerdict.CANNOT_TELL),
        ([(1 + LIMIT,) * 12], 1, CheckVerdict.HOLDS),
    ],
)
def test_only_what_is_above_the_bound_twice_fails(series, measured, verdict) -> None:
    measure = FakeMeasure(*series, STEADY)
    result = measure_pairing(pairing(), LatencyGate(limit=LIMIT), measure=measure)
    assert (len(result.samplings), result.verdict) == (measured, verdict)
    assert len(measure.left) == len(series) + 1 - measured


def test_one_sampling_alone_breaks_no_rule() -> None:
    assert LatencyResult("revision 'main'", 1.05, (sampling(SLOWER),)).verdict is CheckVerdict.CANNOT_TELL


def test_another_batch_is_other_work() -> None:
    assert sampling(SLOWER, batch=4).verdict(1.05) is CheckVerdict.CANNOT_TELL
    result = LatencyResult("revision 'main'", 1.05, (sampling(SLOWER, batch=4),))
    assert "warnings: batch: 1 and 4" in result.words


def test_a_clock_that_saw_no_time_pass_tells_nothing() -> None:
    result = LatencyResult("revision 'main'", 1.05, (sampling((0.0,) * 12),))
    assert (result.verdict, result.share) == (CheckVerdict.CANNOT_TELL, None)
    assert "no ratio" in result.words[0]


@pytest.mark.parametrize(("limit", "precision"), [(0.5, 0.02), (0.05, 0.02), (0.02, 0.01), (0.0, 0.0)])
def test_a_narrow_limit_is_measured_more_closely(limit: float, precision: float) -> None:
    measure = FakeMeasure(STEADY, STEADY)
    measure_pairing(pairing(), LatencyGate(limit=limit), measure=measure)
    measure_pairing(pairing(is_relative=True), LatencyGate(limit=limit), measure=measure)
    assert measure.precisions == [precision, latency.PRECISION]


def test_a_warning_says_ratio_interval_doubts_and_what_may_help() -> None:
    few = doubts.TooFewRounds(9, stats.MIN_ROUNDS)
    line, speaking_against, mending = LatencyResult("revision 'main'", 1.05, (sampling(FEW, doubts=(few,)),)).words
    for fact in (
        "warning: cannot tell",
        "5.00 %",
        "revision 'main'",
        "2.00 x",
        "interval none",
        "9 rounds",
        "1.00 s, 2.00 s",
    ):
        assert fact in line
    assert speaking_against == f"warnings: {few}"
    assert few.remedy in mending


def test_a_doubt_of_both_sides_is_said_once() -> None:
    load = doubts.OtherLoad(0.5, 2)
    drift = doubts.Drift(1.0, 2.0)
    seen = sampling(UNCLEAR, doubts=(load,))
    seen = replace(seen, base=replace(seen.base, doubts=(load, drift)))
    words = "; ".join(LatencyResult("revision 'main'", 1.05, (seen,)).words)
    assert words.count(str(load)) == 1
    assert f"of revision 'main', {drift}" in words


# ---- in workers -----------------------------------------------------------------------------------------------------


class InBlock(FakeWorker):
    """A fake worker that knows whether it was ended."""

    ended = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended = True


def on_fake_workers(monkeypatch: pytest.MonkeyPatch, *workers: InBlock) -> None:
    """Have these started, one after another."""
    waiting = list(workers)
    monkeypatch.setattr(latency, "Worker", lambda _place: waiting.pop(0))
    quiet = partial(measure_in, clock=workers[0].clock, busy=lambda: None)
    monkeypatch.setattr(latency, "measure_in", quiet)


def test_what_fails_was_measured_in_new_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    workers = [InBlock(clock, seconds) for seconds in (LONG, 2 * LONG, LONG, 4 * LONG)]
    on_fake_workers(monkeypatch, *workers)
    result = measure_pairing(pairing(), LatencyGate(Timing(budget_s=1e6)))
    assert result.verdict is CheckVerdict.FAILS
    assert [each.ratio and each.ratio.ci95 for each in result.samplings] == [(2.0, 2.0), (4.0, 4.0)]
    assert all(worker.ended for worker in workers)


def test_a_side_that_dies_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    workers = [InBlock(clock, LONG, dies_in_round=3), InBlock(clock, LONG)]
    on_fake_workers(monkeypatch, *workers)
    with pytest.raises(NetcostError, match=r"'net' at revision 'main'.* in round 3") as error:
        measure_pairing(pairing(), LatencyGate(Timing(budget_s=1e6)))
    assert error.value.exit_code == 3
    assert all(worker.ended for worker in workers)


def test_the_base_looks_for_modules_in_its_own_tree_and_nowhere_in_the_working_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, tree = (tmp_path / "project").resolve(), (tmp_path / "base").resolve()
    (tree / "nets" / "src").mkdir(parents=True)
    monkeypatch.setattr("sys.path", [str(root / "tools"), str(tmp_path / "site-packages")])
    then = place_in(tree, tree / "nets", replaces=root)
    assert then.folder == tree / "nets"
    own = [tree / "nets", tree / "nets" / "src", tree / "tools"]
    assert then.path == (*map(str, own), str(tmp_path / "site-packages"))


# ---- in words -------------------------------------------------------------------------------------------------------

OLD = snapshot({"conv": module(params=216)})


def reported(*results: LatencyResult) -> CheckReport:
    return CheckReport(
        (replace(compare("net", OLD, OLD), latencies=results),), "revision 'main'", settings="netcost.toml"
    )


FAILING = LatencyResult("'other'", 1.2, (sampling(SLOWER), sampling(SLOWER)), is_relative=True)
UNTOLD = LatencyResult("revision 'main'", 1.05, (sampling(UNCLEAR),))
HOLDING = LatencyResult("revision 'main'", 1.05, (sampling(STEADY),))


@pytest.mark.parametrize("name", ["table", "markdown", "json", "github", "junit"])
def test_every_format_says_how_latency_came_out(name: str) -> None:
    failed = check_text(reported(HOLDING, FAILING), name)
    assert "latency holds" in failed
    assert "latency FAILS (at most 1.20 x that of 'other'): 2.00 x" in failed
    assert "change latency.max_ratio of 'net' in 'netcost.toml'" in failed
    assert "cannot tell whether latency holds" in check_text(reported(UNTOLD), name)
    assert "latency rule" in check_text(replace(reported(), remarks=("the latency rule was not checked",)), name)


def test_csv_has_a_row_a_rule() -> None:
    rows = check_text(reported(HOLDING, FAILING), "csv").splitlines()
    assert [row.split(",")[3] for row in rows if ",latency," in row] == ["holds", "FAILS"]


def test_what_cannot_be_told_passes_with_a_warning() -> None:
    assert not reported(UNTOLD).fails
    assert "latency of 1 unclear" in reported(UNTOLD).headline
    assert check_text(reported(UNTOLD), "github").count("::warning ") == 2
    assert "failure" not in check_text(reported(UNTOLD), "junit").replace('failures="0"', "")


def test_what_is_slower_fails_and_says_what_would_let_it_pass() -> None:
    against_revision = replace(FAILING, to="revision 'main'", is_relative=False)
    assert reported(against_revision).fails
    assert "1 slower than allowed" in reported(against_revision).headline
    assert "--latency-limit" in check_text(reported(against_revision), "table")
    assert 'message="latency (at most 1.20 x that of' in check_text(reported(FAILING), "junit")


def test_json_has_every_time() -> None:
    [target] = json.loads(check_text(reported(FAILING), "json"))["targets"]
    [rule] = target["latency"]
    assert (rule["to"], rule["max_ratio"], rule["verdict"]) == ("'other'", 1.2, "FAILS")
    assert [each["now"]["times_s"] for each in rule["samplings"]] == [list(SLOWER)] * 2


# ---- the command ----------------------------------------------------------------------------------------------------

NET = """
from torch import nn


def convolutions(channels, count):
    return (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(count))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.body = nn.Sequential(*convolutions(16, 4))

    def forward(self, x):
        return self.body(self.stem(x))
"""
SLOW = NET.replace("3, 16, 3", "3, 32, 3").replace("convolutions(16, 4)", "convolutions(32, 16)")
SETTINGS = """
[[targets]]
name = "small"
model = "net.py:Net"
input = "1x3x48x48"
budget = {params = "<= 1M"}
"""
RULED = SETTINGS + 'latency = {relative_to = "lenet5", max_ratio = 1.2}\n'
CONFIG = ["--config", "netcost.toml"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forked_workers: None) -> Path:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "netcost.toml").write_text(RULED)
    return tmp_path


def test_a_rule_runs_only_when_it_is_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    def measure(sides, timing, *_):
        seen.append(([side.recipe.target for side in sides], {side.place.folder for side in sides}, timing))
        return made_up.measurement(times_s=STEADY), made_up.measurement(times_s=SLOWER)

    monkeypatch.setattr(latency, "in_workers", measure)
    assert run(["check", *CONFIG]) == 0
    assert "small; add --latency" in capsys.readouterr().out
    assert seen == []
    assert run(["check", *CONFIG, "--latency", "--threads", "1", "--budget", "3"]) == 1
    out = capsys.readouterr().out
    assert "latency FAILS" in out and "1.20 x" in out
    assert "not checked" not in out
    timing = Timing(threads=1, budget_s=3.0, precision=0.02)
    assert seen == [(["lenet5", "net.py:Net"], {project.resolve()}, timing)] * 2


def test_a_rule_may_name_another_target(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = '[[targets]]\nname = "lenet5"\nmodel = "net.py:Net"\ninput = "2x3x48x48"\nbudget = {params = "<= 1M"}\n'
    (project / "netcost.toml").write_text(RULED + other)
    inputs = []

    def measure(sides, *_):
        inputs.append([side.recipe.inputs for side in sides])
        return made_up.measurement(), made_up.measurement()

    monkeypatch.setattr(latency, "in_workers", measure)
    assert run(["check", *CONFIG, "--latency"]) == 0
    assert inputs == [[("2x3x48x48",), ("1x3x48x48",)]]


def test_a_common_rule_holds_no_target_against_itself(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "netcost.toml").write_text(
        'latency = {relative_to = "lenet5", max_ratio = 2}\n'
        '[[targets]]\nmodel = "lenet5"\nbudget = {params = "<= 1M"}\n'
    )
    assert run(["check", *CONFIG]) == 0
    assert "not checked" not in capsys.readouterr().out
    assert run(["check", *CONFIG, "--latency"]) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--latency"], "nothing to compare a target with"),
        (["--budget", "3"], "--budget is for timing; add --latency"),
        (["--latency-limit", "3%"], "--latency-limit is for timing"),
        (["--device", "cpu"], "--device is for timing"),
        (["--latency", "--latency-limit", "3%"], "add --base REVISION"),
        (["--latency", "--base", "HEAD", "--latency-limit", "net"], "'net' does not parse; expected a share like 5%"),
        (["--latency", "--base", "HEAD", "--latency-limit=-1%"], "does not parse"),
        (["--latency", "--base", "HEAD", "--latency-limit=nan"], "does not parse"),
        (["--latency", "--base", "HEAD", "--device", "none"], "device 'none' is not one to measure on"),
    ],
)
def test_a_request_that_cannot_be_meant_is_one_clear_line(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (project / "netcost.toml").write_text(SETTINGS)
    assert said in refused(capsys, ["check", *CONFIG, *arguments])


def test_a_rule_that_names_no_model_says_so(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "netcost.toml").write_text(RULED.replace("lenet5", "lenet6"))
    assert run(["check", *CONFIG, "--latency"]) == 2
    out = capsys.readouterr().out
    assert "'lenet6' cannot be timed: " in out
    assert "lenet5" in out


def test_a_revision_is_timed_beside_the_working_tree(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No time here is judged but that of a network with some ten times the work, which no load hides."""
    (project / "netcost.toml").write_text(SETTINGS)
    repository = Repository(project)
    repository.commit()
    asked = ["check", *CONFIG, "--base", "HEAD", "--latency", "--latency-limit", "50%", "--threads", "1"]
    asked += ["--budget", "3", "--format", "json"]

    assert run(asked) == 0
    [same] = json.loads(capsys.readouterr().out)["targets"]
    assert same["latency"][0]["to"] == "revision 'HEAD'"

    repository.write("net.py", SLOW)
    assert run(asked) == 1
    [slower] = json.loads(capsys.readouterr().out)["targets"]
    [rule] = slower["latency"]
    assert (rule["verdict"], len(rule["samplings"])) == ("FAILS", 2)
    assert all(each["ratio"]["ci95"][0] > 1.5 for each in rule["samplings"])
    assert repository.is_alone()
