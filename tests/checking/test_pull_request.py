"""A pull request as engineers make them, under each of the ways to check it: nothing in it passes uncounted."""

import json
import os
import sys
from pathlib import Path
from unittest.mock import ANY

import pytest
from commands import PLUGIN, refused
from git_repository import Repository
from github_api import by_people, created, listed, replayed, run_action

from netcost.cli.app import run

pytest_plugins = ["pytester"]

MODELS = """
from torch import nn


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 8)

    def forward(self, x):
        return self.layer(x)


class {old}(Small):
    pass


class Sized(nn.Module):
    def __init__(self, {size}):
        super().__init__()
        self.layer = nn.Linear(4, {size})

    def forward(self, x):
        return self.layer(x)
"""
PART = "from torch import nn\n\ndef build():\n    return nn.Linear(4, {})\n"


def settings(module: str, head: str, size: str, more: str = "") -> str:
    common = 'input = "2x4"\nbudget = {params = "<= 1k"}\n'
    entries = [
        f'model = "{module}:Small"\n',
        f'name = "head"\nmodel = "{module}:{head}"\n',
        f'name = "sized"\nmodel = "{module}:Sized"\nargs = {{{size}}}\n',
        'model = "vendor/part.py:build"\n',
        *([more] if more else []),
    ]
    return "".join(f"[[tool.netcost.targets]]\n{entry}{common}" for entry in entries)


def write_base(repository: Repository, vendor: Repository) -> None:
    """The state before: a `src` layout, a submodule, and settings."""
    vendor.write("part.py", PART.format(8))
    vendor.commit()
    repository.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(vendor.folder), "vendor")
    repository.write("src/shop/__init__.py", "")
    repository.write("src/shop/models.py", MODELS.format(old="Old", size="width"))
    repository.write("pyproject.toml", settings("shop.models", "Old", "width = 8"))
    repository.commit("base")


def write_change(repository: Repository, vendor: Repository) -> None:
    """The pull request: a moved module, a renamed class, another argument, a new model, and a newer submodule."""
    vendor.write("part.py", PART.format(9))
    vendor.commit("wider")
    repository.git("-C", "vendor", "pull", "-q")
    repository.git("mv", "src/shop/models.py", "src/shop/nets.py")
    repository.write("src/shop/nets.py", MODELS.format(old="Fresh", size="channels"))
    repository.write("src/shop/novel.py", "from shop.nets import Small\n\n\nclass Novel(Small):\n    pass\n")
    novel = 'model = "shop.novel:Novel"\n'
    repository.write("pyproject.toml", settings("shop.nets", "Fresh", "channels = 10", novel))
    repository.commit("change")


@pytest.fixture
def pull_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository whose last commit is the change, and a copy of the package that was installed before it."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    for name in ("vendor", "project", "installed/site-packages/shop"):
        (tmp_path / name).mkdir(parents=True)
    stale = MODELS.format(old="Fresh", size="channels").replace("nn.Linear(4, 8)", "nn.Linear(4, 1)")
    (tmp_path / "installed/site-packages/shop/nets.py").write_text(stale)
    (tmp_path / "installed/site-packages/shop/__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "installed/site-packages"))
    monkeypatch.syspath_prepend(tmp_path / "installed/site-packages")
    monkeypatch.chdir(tmp_path / "project")
    vendor, repository = Repository(tmp_path / "vendor"), Repository(tmp_path / "project")
    write_base(repository, vendor)
    write_change(repository, vendor)
    return repository


def report(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> dict[str, dict]:
    assert run(["check", "--format", "json", *arguments]) == code
    return {target["target"]: target for target in json.loads(capsys.readouterr().out)["targets"]}


def params(target: dict) -> tuple[int | None, int]:
    change = next(change for change in target["changes"] if change["metric"] == "params")
    return change["old"], change["new"]


def test_each_target_is_compared_with_what_it_was(pull_request: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    targets = report(capsys, 1, "--base", "HEAD~1")
    verdicts = {name: (target["verdict"], target["was"]) for name, target in targets.items()}
    assert verdicts == {
        "shop.nets:Small": ("moved", "shop.models:Small"),
        "head": ("moved", "shop.models:Old"),
        "sized": ("FAILS", "shop.models:Sized"),
        "vendor/part.py:build": ("FAILS", None),
        "shop.novel:Novel": ("new", None),
    }
    assert params(targets["sized"]) == (5 * 8, 5 * 10)
    assert params(targets["vendor/part.py:build"]) == (5 * 8, 5 * 9)
    assert params(targets["shop.nets:Small"]) == (5 * 8, 5 * 8)
    assert targets["shop.nets:Small"]["file"] == "src/shop/nets.py"
    assert pull_request.is_alone()
    # A target that is not asked for is no target that is gone, and nothing that another may have been.
    assert run(["check", "shop.novel:Novel", "--base", "HEAD~1", "--format", "json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert ([target["verdict"] for target in alone["targets"]], alone["notes"]) == (["new"], [])
    assert pull_request.git("-C", "vendor", "worktree", "list").count("\n") == 1
    # A hook of git sets its repository; and without a revision, the stale copy is not what is counted either.
    with pytest.MonkeyPatch.context() as hook:
        hook.setenv("GIT_DIR", str(pull_request.folder / ".git"))
        assert params(report(capsys, 0)["shop.nets:Small"])[1] == 5 * 8


@pytest.mark.usefixtures("forked_workers")
def test_a_broken_budget_of_a_new_target_fails(pull_request: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    tight = ["shop.novel:Novel", "--base", "HEAD~1"]
    text = (pull_request.folder / "pyproject.toml").read_text()
    pull_request.write("pyproject.toml", text.replace("<= 1k", "<= 39"))
    assert report(capsys, 1, *tight)["shop.novel:Novel"]["verdict"] == "FAILS"


@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize("layout", ["package", "namespace"])
def test_a_copy_from_elsewhere_is_a_warning_that_strict_turns_into_a_failure(
    layout: str, pull_request: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pull_request.git("mv", "src", "python")
    copy = "__init__.py"
    if layout == "namespace":
        copy = "nets.py"
        for folder in (pull_request.folder / "python", tmp_path / "installed/site-packages"):
            (folder / "shop/__init__.py").unlink()
    target = report(capsys, 0, "shop.nets:Small")["shop.nets:Small"]
    assert target["elsewhere"] == {"shop": f"site-packages/shop/{copy}"}
    assert params(target)[1] == 5 * 1
    report(capsys, 1, "shop.nets:Small", "--strict")
    text = (pull_request.folder / "pyproject.toml").read_text()
    pull_request.write("pyproject.toml", f'[tool.netcost]\npath = ["python"]\n{text}')
    assert params(report(capsys, 0, "shop.nets:Small", "--strict")["shop.nets:Small"])[1] == 5 * 8


def test_the_action_comments_on_what_fails(pull_request: Repository, tmp_path: Path) -> None:
    netcost = tmp_path / "bin" / "netcost"
    netcost.parent.mkdir()
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(Path(__file__).parents[2])])
    netcost.write_text(f'#!/bin/sh\nPYTHONPATH="{path}" exec "{sys.executable}" -P -m netcost "$@"\n')
    netcost.chmod(0o755)
    inputs = {"base": "HEAD~1", "models": "head\nsized", "comment": "true", "pull_request": "7"}
    with replayed([listed(by_people), created(ANY)]) as api:
        done = run_action(pull_request.folder, api, f"{netcost.parent}{os.pathsep}{os.environ['PATH']}", **inputs)
    told = [line for line in done.stderr.splitlines() if " % after " not in line]  # the progress of a slow machine
    assert (done.returncode, told) == (1, [])
    assert "::error file=src/shop/nets.py,line=" in done.stdout
    summary = (pull_request.folder / "summary").read_text()
    assert "1 of 2 targets fails" in summary
    assert "| moved | head |" in summary


@pytest.mark.usefixtures("forked_workers")
def test_both_sides_are_timed_with_their_own_code(pull_request: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    timed = ["sized", "--base", "HEAD~1", "--latency", "--budget", "0.2", "--latency-limit", "900%"]
    target = report(capsys, 1, *timed)["sized"]  # the argument has another name then: either code refuses the other's
    assert target["error"] is None
    assert [latency["verdict"] in ("holds", "cannot tell") for latency in target["latency"]] == [True]


def test_the_fixture_counts_what_a_test_imports(pytester: pytest.Pytester, pull_request: Repository) -> None:
    pull_request.write(
        "tests/test_cost.py",
        "from shop.nets import Small\n\ndef test_cost(netcost):\n"
        "    netcost.check(Small(), (2, 4), params='<= 40', unknown_ops='== 0')\n",
    )
    ran = [
        "-p",
        PLUGIN,
        "-p",
        "no:cacheprovider",
        "--rootdir",
        pull_request.folder / "tests",
        pull_request.folder / "tests",
    ]
    pytester.runpytest_inprocess(*ran).assert_outcomes(passed=1)  # of the stale copy
    stale = pytester.runpytest_inprocess(*ran, "--netcost-strict")
    stale.assert_outcomes(failed=1)
    stale.stdout.fnmatch_lines(["netcost: warning: 'shop' was imported from 'site-packages/shop/__init__.py'*"])
    path = pull_request.folder / "src"
    pytester.runpytest_inprocess(*ran, "--netcost-strict", "-o", f"pythonpath={path}").assert_outcomes(passed=1)


def test_a_shallow_clone_says_what_to_fetch_and_tells_github(
    pull_request: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pull_request.git("clone", "-q", "--depth", "1", f"file://{pull_request.folder}", str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    assert "fetch-depth" in refused(capsys, ["check", "--base", "HEAD~1"])
    assert run(["check", "--base", "HEAD~1", "--format", "github"]) == 2
    assert capsys.readouterr().out.startswith("::error title=netcost check::git knows no revision")
    assert "git knows no revision" in (tmp_path / "summary.md").read_text()
