"""netcost in continuous integration: its own check, the action, the hook and the examples."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from netcost.checking import config
from netcost.checking.baseline import read
from netcost.checking.formats.comment import MARKER
from netcost.cli.app import run
from netcost.zoo import list_models

ROOT = Path(__file__).parent.parent
ACTION = ROOT / ".github" / "actions" / "netcost"
BODY = f"{MARKER}\n### ❌ netcost check: 1 of 1 targets fails\n\n**small: FAILS**\n"

NETCOST = """
printf '%s\\n' "$@" >called
cat body >>"$GITHUB_STEP_SUMMARY"
exit "$(cat code)"
"""
GH = """
printf '%s\\n' "$*" >>asked
for word in "$@"; do
    case $word in body=@*) cat "${word#body=@}" >sent ;; esac
done
case $* in *--jq*) cat earlier ;; esac
[[ ! -e refused ]]
"""


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job's folder, with a `netcost` and a `gh` that write down how they were called."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "body").write_text(BODY)
    (tmp_path / "earlier").write_text("")
    (tmp_path / "code").write_text("1")
    for name, script in {"netcost": NETCOST, "gh": GH}.items():
        (tmp_path / "bin" / name).write_text(f"#!/usr/bin/env bash{script}")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def check(job: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{job / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(job / "summary"),
        "GITHUB_REPOSITORY": "someone/project",
        **{f"NETCOST_{name.upper()}": value for name, value in inputs.items()},
    }
    return subprocess.run([ACTION / "check.sh"], cwd=job, env=environment, capture_output=True, text=True, check=False)


def called(job: Path) -> list[str]:
    return (job / "called").read_text().splitlines()


def asked(job: Path) -> list[str]:
    return (job / "asked").read_text().splitlines() if (job / "asked").exists() else []


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


def test_the_action_ends_as_the_check_does_and_adds_to_the_summary(job: Path) -> None:
    (job / "summary").write_text("before\n")
    for code in ("0", "1", "2", "3"):
        (job / "code").write_text(code)
        assert str(check(job, exact="true").returncode) == code
    assert called(job) == ["check", "--format", "github", "--exact", "--"]
    assert (job / "summary").read_text() == "before\n" + 4 * BODY
    assert asked(job) == []


def test_a_first_comment_is_made_where_there_is_something_to_say(job: Path) -> None:
    assert check(job, comment="true", pull_request="7").returncode == 1
    assert asked(job)[-1].startswith("api --method POST repos/someone/project/issues/7/comments -F body=@")
    assert (job / "sent").read_text() == BODY
    (job / "asked").unlink()
    (job / "body").write_text(f"{MARKER}\n### ✅ netcost check: 1 target passes\n")
    check(job, comment="true", pull_request="7")
    assert "POST" not in (job / "asked").read_text()


def test_an_earlier_comment_is_updated_in_its_place(job: Path) -> None:
    (job / "earlier").write_text("41\n42\n")
    (job / "body").write_text(f"{MARKER}\n### ✅ netcost check: 1 target passes\n")
    check(job, comment="true", pull_request="7")
    assert asked(job)[-1].startswith("api --method PATCH repos/someone/project/issues/comments/41 -F body=@")


def test_a_comment_that_is_refused_is_a_warning(job: Path) -> None:
    (job / "refused").touch()
    (job / "code").write_text("0")
    done = check(job, comment="true", pull_request="7")
    assert done.returncode == 0
    assert "::warning title=netcost check::the comment could not be written" in done.stdout


def test_the_action_looks_for_the_marker_that_a_comment_begins_with() -> None:
    assert f'marker="{MARKER}"' in (ACTION / "check.sh").read_text()


def test_the_action_s_inputs_are_all_handed_on_and_never_in_the_script() -> None:
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    [step] = action["runs"]["steps"]
    handed = " ".join(step["env"].values())
    assert all(f"inputs.{name} " in handed for name in action["inputs"])
    assert "${{" not in step["run"]
    assert os.access(ACTION / "check.sh", os.X_OK)


def test_the_hook_is_a_command_that_parses(capsys: pytest.CaptureFixture[str]) -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *words = hook["entry"].split()
    assert program == "netcost"
    assert run([*words, "--help"]) == 0
    assert "netcost check" in capsys.readouterr().out


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
