"""netcost in continuous integration: its own check, the action, the hook and the examples."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
from conftest import SLOW
from github_api import TOKEN, Exchange, by_people, created, listed, of_a_bot, refused, replayed, run_action, updated

from netcost.checking import config
from netcost.checking.baseline import read
from netcost.checking.formats.comment import MARKER
from netcost.cli.app import run
from netcost.zoo import list_models

ROOT = Path(__file__).parent.parent
ACTION = ROOT / ".github" / "actions" / "netcost"
BODY = f"{MARKER}\n### ❌ netcost check: 1 of 1 targets fails\n\n**small: FAILS**\n"
FINE = f"{MARKER}\n### ✅ netcost check: 1 target passes\n"

NETCOST = """#!/usr/bin/env bash
printf '%s\\n' "$@" >called
env >environment
[[ ! -e body ]] || cat body >>"$GITHUB_STEP_SUMMARY"
exit "$(cat code)"
"""


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job's folder, with a `netcost` that writes down how it was called."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "body").write_text(BODY)
    (tmp_path / "code").write_text("1")
    (tmp_path / "bin" / "netcost").write_text(NETCOST)
    (tmp_path / "bin" / "netcost").chmod(0o755)
    return tmp_path


def check(job: Path, *recorded: Exchange, token: str = TOKEN, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the action's script; a pull request's number is given where the API has anything recorded."""
    inputs = {**({"comment": "true", "pull_request": "7"} if recorded else {}), **inputs}
    with replayed(recorded) as api:
        return run_action(job, api, f"{job / 'bin'}{os.pathsep}{os.environ['PATH']}", token, **inputs)


def called(job: Path) -> list[str]:
    return (job / "called").read_text().splitlines()


def test_the_action_hands_its_inputs_on_as_words(job: Path) -> None:
    done = check(job, models="a b\n$(touch sprung)\n--exact\n", base="origin/main; touch sprung", config="my c.toml")
    assert done.returncode == 1
    assert called(job) == [
        "check",
        "--format",
        "github",
        "--base=origin/main; touch sprung",
        "--config=my c.toml",
        "--",
        "a b",
        "$(touch sprung)",
        "--exact",
    ]
    assert not (job / "sprung").exists()


def test_the_action_times_targets_where_it_is_asked_to(job: Path) -> None:
    check(job, latency="true")
    assert called(job) == ["check", "--format", "github", "--latency", "--"]


def test_the_action_lints_where_it_is_asked_to_and_an_error_fails_the_job(job: Path) -> None:
    (job / "bin" / "netcost").write_text(NETCOST.replace(">called", ">>called"))
    (job / "code").write_text("2")
    assert check(job, lint="net.py:Net 1x3x8x8\n\n$(touch sprung)\n").returncode == 2
    lint = ["lint", "--format", "github"]
    assert called(job)[:10] == [*lint, "--input=1x3x8x8", "--", "net.py:Net", *lint, "--input=sprung)"]
    assert not (job / "sprung").exists()


def test_the_action_ends_as_the_check_does_and_adds_to_the_summary(job: Path, monkeypatch) -> None:
    (job / "summary").write_text("before\n")
    for code in ("0", "1", "2", "3"):
        (job / "code").write_text(code)
        assert str(check(job, exact="true").returncode) == code
    assert called(job) == ["check", "--format", "github", "--exact", "--"]
    assert (job / "summary").read_text() == "before\n" + 4 * BODY
    (job / "body").unlink()
    for code, ending in {"0": 70, "3": 3}.items():  # where nothing was said, nothing was checked
        (job / "code").write_text(code)
        done = check(job)
        assert done.returncode == ending
        assert done.stdout.startswith("::error title=netcost check::netcost ended with exit code")
    (job / "bin" / "netcost").chmod(0o644)
    monkeypatch.setenv("PATH", str(job))  # where no other netcost is
    assert check(job).returncode == 127


def test_a_first_comment_is_made_where_there_is_something_to_say(job: Path) -> None:
    done = check(job, listed(by_people), created(BODY))
    assert (done.returncode, done.stdout) == (1, "")
    assert TOKEN not in (job / "environment").read_text()  # the code of a pull request runs there
    (job / "body").write_text(FINE)
    assert check(job, listed(by_people)).stdout == ""


def test_an_earlier_comment_is_found_on_a_later_page_and_updated_in_its_place(job: Path) -> None:
    (job / "body").write_text(FINE)
    second = "/repositories/1300192/issues/7/comments?per_page=100&page=2"
    pages = [listed(by_people, following=second), listed([of_a_bot(41), of_a_bot(42)], second)]
    assert check(job, *pages, updated(41, FINE)).stdout == ""


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        (
            [listed(by_people), refused(BODY, 403, "Resource not accessible by integration")],
            "GitHub answered 403, Resource not accessible by integration: give",
        ),
        ([listed(by_people), refused(BODY, 422, "Validation Failed")], "GitHub answered 422, Validation Failed)"),
        ([listed(b"<html>")], "JSONDecodeError"),
    ],
)
def test_a_comment_that_is_refused_is_a_warning(recorded: list[Exchange], said: str, job: Path) -> None:
    done = check(job, *recorded)
    assert done.returncode == 1
    assert done.stdout.startswith(f"::warning title=netcost check::no comment was written ({said}")
    assert done.stdout.count("\n") == 1
    assert (job / "summary").read_text() == BODY


def test_a_fork_without_a_token_has_the_summary_and_no_comment(job: Path) -> None:
    (job / "code").write_text("0")
    done = check(job, token="", comment="true", pull_request="7")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("::warning title=netcost check::no comment was written (there is no token)")
    assert (job / "summary").read_text() == BODY


def test_the_action_s_inputs_are_all_handed_on_and_never_in_the_script() -> None:
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    [step] = action["runs"]["steps"]
    handed = " ".join(step["env"].values())
    assert all(f"inputs.{name} " in handed for name in action["inputs"])
    assert "${{" not in step["run"]
    assert f'MARKER = "{MARKER}"' in (ACTION / "check.py").read_text()
    assert "$GITHUB_ACTION_PATH/check.py" in step["run"]


def test_each_hook_is_a_command_that_parses(capsys: pytest.CaptureFixture[str]) -> None:
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()):
        program, *words = hook["entry"].split()
        assert program == "netcost"
        assert hook["id"] == f"netcost-{words[0]}"
        assert run([*words, "--help"]) == 0
        assert f"netcost {words[0]}" in capsys.readouterr().out


def test_the_example_of_a_workflow_gives_inputs_that_the_action_takes() -> None:
    taken = yaml.safe_load((ACTION / "action.yml").read_text())["inputs"]
    for file in (ROOT / "examples" / "github-workflow.yml", ROOT / ".github" / "workflows" / "ci.yml"):
        [step] = yaml.safe_load(file.read_text())["jobs"]["cost"]["steps"][-1:]
        assert step["uses"].split("@")[0].endswith(".github/actions/netcost")
        assert set(step["with"]) <= set(taken)


def test_the_example_of_settings_holds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    assert run(["check", "--config", "examples/netcost.toml", "--format", "json"]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert [target["target"] for target in checked["targets"]] == ["excited block", "mobilenet_v2"]


def test_netcost_guards_the_whole_zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it costs is counted by `.ci/run`; here, that an architecture does not come or go without its baseline."""
    monkeypatch.chdir(ROOT)
    settings = config.load()
    assert settings.baseline == ROOT / "reports" / "zoo-baseline.json"
    assert set(read(settings.baseline).targets) == set(list_models())
    assert "netcost check --exact" in (ROOT / ".ci" / "run").read_text()


def test_the_source_distribution_is_whole_and_has_no_tests(tmp_path: Path) -> None:
    """Of `tests/`, setuptools alone would take the few files in its root, without what they import."""
    asked = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    tracked = [
        name for name in found.split("\0") if name and not name.startswith("reports/") and (ROOT / name).is_file()
    ]
    for name in tracked:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    build = "import sys, setuptools.build_meta as backend; backend.build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, "dist"], cwd=tmp_path, capture_output=True, check=True)
    [archive] = (tmp_path / "dist").iterdir()
    with tarfile.open(archive) as packed:
        inside = {name.partition("/")[2] for name in packed.getnames()}
    wanted = {name for name in tracked if name.startswith(("netcost/", "examples/"))}
    assert wanted <= inside
    assert not any(name.startswith("tests") for name in inside)


def test_what_is_marked_slow_is_there() -> None:
    files = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(SLOW) <= files
