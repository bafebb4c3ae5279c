"""`netcost check --base REVISION`, in repositories with a history; nothing of them depends on this machine's git."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Self

import pytest
from commands import refused
from git_repository import Repository

from netcost.checking import recording
from netcost.checking.config import TargetConfig
from netcost.checking.recording import Counter, Tree
from netcost.checking.revision import checked_out, commit_of, own_modules, place_in
from netcost.cli.app import run
from netcost.text.errors import RequestError
from netcost.timing.workers import Worker, WorkerPlace

NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, bias=False)
        self.body = nn.Conv2d(8, width, 3, bias=False)

    def forward(self, x):
        return self.body(self.stem(x).relu())
"""
SETTINGS = '[[tool.netcost.targets]]\nname = "small"\nmodel = "net.py:Net"\ninput = "1x3x34x34"\n'
WIDER_BODY = 30 * 30 * 8 * 8 * 9


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    made = Repository(tmp_path / "project")
    made.write("net.py", NET)
    made.write("pyproject.toml", SETTINGS)
    made.commit()
    yield made
    assert made.is_alone()
    assert list((tmp_path / "temporary").iterdir()) == []


def checked(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    assert run(["check", *arguments]) == code
    out, err = capsys.readouterr()
    assert err == ""
    return out


@pytest.mark.usefixtures("own_process")
def test_a_revision_is_a_baseline_without_a_file(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write("net.py", NET.replace("width=16", "width=24"))
    repository.commit("wider")
    failed = json.loads(checked(capsys, 1, "--base", "HEAD~1", "--format", "json"))
    assert failed["against"] == "revision 'HEAD~1'"
    [target] = failed["targets"]
    assert target["modules"][0]["module"] == "body"
    assert target["modules"][0]["delta"]["mult_adds"] == WIDER_BODY
    assert "nothing changed" in checked(capsys, 0, "--base", "main")
    assert not list(repository.folder.glob("*.json"))


@pytest.mark.usefixtures("own_process")
def test_what_is_not_committed_is_checked_and_left_alone(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("net.py", NET.replace("width=16", "width=24"))
    repository.write("staged.py", "")
    repository.git("add", "staged.py")
    before = repository.git("status", "--porcelain")
    # As a hook of git has it, in which git commands write to the index of the commit that is being made.
    monkeypatch.setenv("GIT_INDEX_FILE", str(repository.folder / ".git" / "index"))
    monkeypatch.setenv("GIT_DIR", str(repository.folder / ".git"))
    out = checked(capsys, 1, "--base", "HEAD", "--format", "github")
    assert out.startswith("::error file=net.py,line=5,title=netcost%3A small%3A FAILS::")
    assert "tolerance.params of 'small' in 'pyproject.toml'" in out
    assert repository.git("status", "--porcelain") == before


@pytest.mark.usefixtures("own_process")
def test_a_model_needs_no_settings(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.git("rm", "-q", "pyproject.toml")
    repository.commit()
    named = ["net.py:Net", "--input", "1x3x34x34", "--arg", "width=4"]
    assert "nothing changed" in checked(capsys, 0, "--base", "HEAD", *named)


@pytest.mark.usefixtures("own_process")
def test_budgets_hold_against_a_revision_too(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write("pyproject.toml", SETTINGS + 'budget = {params = "<= 1"}\n')
    assert "budget.params" in checked(capsys, 1, "--base", "HEAD")


@pytest.fixture(params=[".", "src"])
def layout(request: pytest.FixtureRequest, repository: Repository) -> str:
    """Of a project whose last commit has a package there, and whose working tree a wider one."""
    layout: str = request.param
    settings = SETTINGS.replace("net.py:Net", "guarded_project.nets:Net")
    repository.write("pyproject.toml", settings)
    repository.write(f"{layout}/guarded_project/__init__.py", "")
    repository.write(f"{layout}/guarded_project/width.py", "WIDTH = 16\n")
    repository.write(
        f"{layout}/guarded_project/nets.py",
        "from guarded_project.width import WIDTH\n" + NET.replace("width=16", "width=WIDTH"),
    )
    repository.commit()
    repository.write(f"{layout}/guarded_project/width.py", "WIDTH = 24\n")
    return layout


@pytest.mark.usefixtures("forked_workers", "layout")
def test_each_side_has_its_own_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert "conv" in checked(capsys, 1, "--base", "HEAD").lower()
    # In this process, `check` without a revision finds the package in the same folders.
    path = sys.path[:]
    try:
        assert run(["baseline", "update", "--quiet"]) == 0
        assert "nothing changed" in checked(capsys, 0)
    finally:
        for name in [name for name in sys.modules if name.startswith("guarded_project")]:
            del sys.modules[name]
    assert sys.path == path


def test_each_side_has_its_own_package_where_the_working_tree_is_on_everyones_path(
    layout: str, repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As `pip install -e` has it.
    ours = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{repository.folder / layout}{os.pathsep}{ours}")
    assert "conv" in checked(capsys, 1, "--base", "HEAD").lower()


def test_the_working_tree_s_code_is_never_taken_for_the_revision_s(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repository.write("pyproject.toml", SETTINGS.replace("net.py:Net", "guarded_project:Net"))
    repository.write("lib/guarded_project.py", NET)
    repository.commit()
    # As an editable install may have it, which hooks into Python's import instead of its path.
    finder = tmp_path / "finder"
    finder.mkdir()
    (finder / "sitecustomize.py").write_text(
        "import importlib.util, sys\n"
        "class Finder:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name == 'guarded_project':\n"
        f"            file = {str(repository.folder / 'lib' / 'guarded_project.py')!r}\n"
        "            return importlib.util.spec_from_file_location(name, file)\n"
        "sys.meta_path.append(Finder)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{finder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    said = checked(capsys, 2, "--base", "HEAD")
    assert "at revision 'HEAD': 'lib/guarded_project.py' was imported from the working tree" in said


@pytest.mark.usefixtures("own_process")
def test_a_link_out_of_the_repository_is_a_warning_and_strict_fails(
    repository: Repository, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "away.py").write_text(NET)
    (repository.folder / "net.py").unlink()
    (repository.folder / "net.py").symlink_to(tmp_path / "away.py")
    repository.commit()
    [target] = json.loads(checked(capsys, 0, "--base", "HEAD", "--format", "json"))["targets"]
    assert target["elsewhere"] == {"net.py": "/".join(("…", *tmp_path.parts[-2:], "away.py"))}
    assert "away.py" in refused(capsys, ["check", "--base", "HEAD", "--strict", "--output", os.devnull], 1)


def test_a_path_into_the_working_tree_leads_into_the_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, base = tmp_path / "here", tmp_path / "base"
    (base / "src").mkdir(parents=True)
    path = [str(tmp_path / "python"), str(here / "src"), str(here / ".venv" / "lib" / "site-packages")]
    monkeypatch.setattr(sys, "path", path)
    source = str(base / "src")
    assert place_in(base, base, replaces=here) == WorkerPlace(base, (str(base), source, path[0], source, path[2]))
    assert place_in(here, here) == WorkerPlace(here, (str(here), *path))


@pytest.mark.usefixtures("own_process")
def test_settings_may_lie_in_a_folder_of_the_repository(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("part/net.py", NET)
    repository.write("part/netcost.toml", SETTINGS.replace("tool.netcost.", ""))
    assert "there is no folder 'part'" in checked(capsys, 0, "--base", "HEAD", "--config", "part/netcost.toml")
    repository.commit()
    repository.write("part/net.py", NET.replace("width=16", "width=24"))
    out = checked(capsys, 1, "--base", "HEAD", "--config", "part/netcost.toml", "--format", "github")
    assert "::error file=part/net.py,line=5," in out


@pytest.mark.usefixtures("forked_workers")
def test_what_a_model_s_code_prints_is_no_answer(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write("net.py", "print('{}')\n" + NET)
    assert run(["check", "--base", "HEAD", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["fails"], err) == (False, "{}\n")


@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize(
    ("base_code", "said"),
    [
        ("import not_there\n", "raised while it was imported: ModuleNotFoundError: No module named 'not_there'"),
        (
            "import os, sys\nprint('so long', file=sys.stderr)\nos._exit(7)\n",
            "its process ended with exit code 7; it last said: so long",
        ),
        (NET.replace("self.stem(x)", "self.stern(x)"), "net.py:12"),
    ],
)
def test_a_revision_that_cannot_be_counted_gets_one_line(
    base_code: str, said: str, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("net.py", base_code)
    repository.commit("broken")
    repository.write("net.py", NET)
    assert run(["check", "--base", "HEAD", "--format", "json"]) == 2
    [target] = json.loads(capsys.readouterr().out)["targets"]
    assert target["error"].startswith("at revision 'HEAD': ")
    assert said in target["error"]


class Watched(Worker):
    """A worker that its test knows the process of."""

    started: ClassVar[list["Watched"]] = []

    def __enter__(self) -> Self:
        self.started.append(self)
        return super().__enter__()


HANGS = "open('hangs', 'w')"
"""Waits for a reader of the pipe, which never comes."""


@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize(
    "code",
    [
        HANGS,
        NET.replace("super().__init__()", f"super().__init__(); {HANGS}"),
        NET.replace("return self.body", f"{HANGS}; return self.body"),
    ],
    ids=["import", "construction", "forward"],
)
def test_a_model_that_never_ends_is_one_line_and_leaves_no_process(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "Worker", Watched)
    os.mkfifo(tmp_path / "hangs")
    (tmp_path / "net.py").write_text(code)
    with Counter(Tree(tmp_path, tmp_path), patience_s=1.0) as counter:
        outcome = counter.count(TargetConfig("small", "net.py:Net", ("1x3x34x34",)))
    assert isinstance(outcome, RequestError)
    assert "gave no answer within 1 s" in str(outcome)
    with pytest.raises(ProcessLookupError):
        os.kill(Watched.started.pop().pid, 0)


@pytest.mark.parametrize(
    ("revision", "said"),
    [
        ("no-such-branch", "git knows no revision 'no-such-branch'"),
        ("HEAD~9", "git knows no revision 'HEAD~9'"),
        ("HEAD:net.py", "git knows no revision"),
        ("main..HEAD", "git knows no revision"),
        ("", "is not a revision"),
        ("--upload-pack=touch x", "is not a revision"),
        ("-", "is not a revision"),
        ("a\nb", "is not a revision"),
        ("a\x1b[2Jb", "is not a revision"),
    ],
)
def test_what_is_no_revision_is_refused(
    revision: str, said: str, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = refused(capsys, ["check", f"--base={revision}"])
    assert said in answer
    assert answer.isprintable() or answer.rstrip("\n").isprintable()


@pytest.mark.usefixtures("own_process")
def test_a_broken_working_tree_is_not_blamed_on_the_revision(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("net.py", "class Other: pass\n")
    said = checked(capsys, 2, "--base", "HEAD")
    assert "not checked: pyproject.toml: $.tool.netcost.targets[0] ('small'): 'net.py' has no 'Net'" in said


def test_without_a_repository_there_is_no_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "netcost.toml").write_text('[[targets]]\nmodel = "lenet5"\n')
    assert "is not in a git repository" in refused(capsys, ["check", "--config", "netcost.toml", "--base", "HEAD"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git cannot be run" in refused(capsys, ["check", "--config", "netcost.toml", "--base", "HEAD"])


def test_an_interrupt_removes_the_worktree(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        assert not repository.is_alone()
        raise KeyboardInterrupt

    monkeypatch.setattr("netcost.checking.recording.Counter.count", interrupt)
    assert "interrupted" in refused(capsys, ["check", "--base", "HEAD"], 130)


@pytest.mark.parametrize(("name", "ending"), [("INT", (130, "netcost: interrupted\n")), ("TERM", (143, ""))])
def test_a_signal_while_a_revision_is_counted_removes_the_worktree(
    name: str, ending: tuple[int, str], repository: Repository
) -> None:
    repository.write("net.py", f"import os, signal\nos.kill(os.getppid(), signal.SIG{name})\nsignal.pause()\n")
    repository.commit("waits for ever")
    command = [sys.executable, "-m", "netcost", "check", "--base", "HEAD"]
    done = subprocess.run(command, cwd=repository.folder, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (ending[0], "", ending[1])


def test_the_worktree_holds_the_revision_and_runs_no_hook(repository: Repository) -> None:
    hook = repository.folder / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch sprung\n")
    hook.chmod(0o755)
    repository.write("net.py", "new")
    repository.commit("new")
    with checked_out(repository.folder, "HEAD~1") as tree:
        assert (tree / "net.py").read_text() == NET
        assert not (tree / "sprung").exists()
        repository.git("worktree", "prune")
        assert (tree / "net.py").exists()
    assert not tree.exists()


def test_a_branch_that_is_checked_out_here_can_be_compared_with(repository: Repository) -> None:
    with checked_out(repository.folder, "main") as tree:
        assert (tree / "net.py").exists()


def test_a_name_like_an_option_is_refused_before_git_sees_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("subprocess.run", None)
    with pytest.raises(RequestError, match="'--help' is not a revision"):
        commit_of(tmp_path, "--help")


@pytest.mark.parametrize("is_repository", [True, False])
def test_a_tree_s_modules_have_the_names_of_each_folder_that_is_in_no_package(
    is_repository: bool, repository: Repository, tmp_path: Path
) -> None:
    files = ["src/shop/__init__.py", "src/shop/sub/net.py", "tools/one.py", "site-packages/two.py", ".venv/three.py"]
    more = ["data/four.py"] if is_repository else ["a/b/c/d/e/five.py"]
    repository.write(".gitignore", "data\n.venv\n")
    for file in [*files, *more]:
        repository.write(file if is_repository else f"../outside/{file}", "")
    (repository.folder / "net.py").unlink()
    repository.git("add", "-A")
    shop, net, one = files[:3]
    assert own_modules(repository.folder if is_repository else tmp_path / "outside") == {
        **{"shop": shop, "src.shop": shop, "shop.sub.net": net, "src.shop.sub.net": net},
        **{"one": one, "tools.one": one},
    }
