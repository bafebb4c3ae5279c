"""Checks out a git revision into a temporary folder, and sets the import path of code that runs there.

A revision's code cannot be imported beside the working tree's, because Python keeps one module per name. So each side
runs in a worker, at the place that `place_in` returns.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from netcost.checking.places import INSTALLED, is_own_code, module_names
from netcost.text.errors import RequestError
from netcost.timing.workers import WorkerPlace

LOCAL_VARIABLES = frozenset(
    """
    GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR GIT_DIR GIT_GRAFT_FILE GIT_IMPLICIT_WORK_TREE GIT_INDEX_FILE
    GIT_INTERNAL_SUPER_PREFIX GIT_NO_REPLACE_OBJECTS GIT_OBJECT_DIRECTORY GIT_PREFIX GIT_REPLACE_REF_BASE
    GIT_SHALLOW_FILE GIT_WORK_TREE
    """.split()
)
"""Variables by which git tells a hook its repository and index (`git rev-parse --local-env-vars`)."""

DEEPEST = 4
"""Folders below the root in which modules are looked for, where there is no repository."""
NO_HOOKS = f"core.hooksPath={os.devnull}"
SUBMODULE = "160000"
"""The mode of a submodule's entry in a tree of git's."""


def repository(folder: Path) -> Path:
    """Return the root of the git repository around the folder.

    Raises:
        RequestError: the folder is in no repository, or git is missing.
    """
    answer = _git(folder, "rev-parse", "--show-toplevel")
    if answer.returncode != 0:
        raise RequestError(f"{str(folder)!r} is not in a git repository, which --base needs: {_reason(answer)}")
    return Path(answer.stdout.rstrip("\n")).resolve()


def commit_of(root: Path, revision: str) -> str:
    """Return the commit that a branch, tag or commit names in the repository at `root`.

    Raises:
        RequestError: the revision does not exist or is not a revision.
    """
    if not revision or revision.startswith("-") or not revision.isprintable():
        raise RequestError(f"{revision!r} is not a revision; expected a branch, tag or commit, like origin/main")
    answer = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if answer.returncode != 0:
        raise RequestError(
            f"git knows no revision {revision!r}; expected a branch, tag or commit "
            "(in a shallow clone, run git fetch --unshallow, or set fetch-depth: 0 for actions/checkout)"
        )
    return answer.stdout.strip()


@contextmanager
def checked_out(root: Path, revision: str) -> Iterator[Path]:
    """Check out a revision into a temporary worktree, which is removed whatever happens.

    The files and index of the repository at `root` stay as they are, and none of its hooks runs.

    Raises:
        RequestError: the revision does not exist, or git cannot check it out.
    """
    commit = commit_of(root, revision)
    with tempfile.TemporaryDirectory(prefix="netcost-", ignore_cleanup_errors=True) as folder:
        tree = Path(folder).resolve() / "base"
        try:
            added = _git(root, "-c", NO_HOOKS, "worktree", "add", "--quiet", "--detach", str(tree), commit)
            if added.returncode != 0:
                raise RequestError(f"git cannot check out {revision!r}: {_reason(added)}")
            with ExitStack() as submodules:
                _check_out_submodules(root, tree, commit, submodules)
                yield tree
        finally:
            _remove(root, tree)


def _check_out_submodules(root: Path, tree: Path, commit: str, stack: ExitStack) -> None:
    """Check out, into `tree`, the commit that each submodule had; one that is not initialised here stays empty."""
    if not (tree / ".gitmodules").is_file():
        return
    for entry in _git(root, "ls-tree", "-r", "-z", "--full-tree", commit).stdout.split("\0"):
        description, _, path = entry.partition("\t")
        mode, _, name = (*description.split(), "", "", "")[:3]
        if mode != SUBMODULE or not (root / path / ".git").exists():
            continue
        source, target = root / path, tree / path
        stack.callback(_remove, source, target)
        added = _git(source, "-c", NO_HOOKS, "worktree", "add", "--quiet", "--detach", str(target), name)
        if added.returncode != 0:
            raise RequestError(
                f"the submodule {path!r} cannot be checked out at its commit {name[:12]}: {_reason(added)}; "
                f"fetch it: git -C {path} fetch origin {name}"
            )
        _check_out_submodules(source, target, name, stack)


def _remove(root: Path, tree: Path) -> None:
    """Remove a worktree; --force twice, because git locks one while it adds it, and an interrupt may come then."""
    _git(root, "worktree", "remove", "--force", "--force", str(tree))


def renamed_files(root: Path, commit: str) -> dict[str, str]:
    """Return the present path of each file that git takes for a renamed one, with its path at the commit."""
    fields = iter(_git(root, "diff", "--name-status", "-z", "--find-renames", commit).stdout.split("\0"))
    renamed = {}
    for status in fields:
        if status.startswith(("R", "C")):
            old, new = next(fields), next(fields)
            renamed[new] = old
        else:
            next(fields, None)
    return renamed


@cache
def own_modules(tree: Path) -> dict[str, str]:
    """Return the modules of a tree with their files, relative to it, without what git ignores or pip installed in it.

    git does not look into folders that it ignores, which hold data. Outside of a repository, files are looked for
    that are at most `DEEPEST` folders below the tree.
    """
    paths = [*_listed(tree, "--recurse-submodules"), *_listed(tree, "--others", "--exclude-standard")]
    return module_names(
        [path for path in paths or _walked(tree) if not any(part in INSTALLED for part in path.split("/"))]
    )


def _listed(tree: Path, *options: str) -> list[str]:
    with suppress(RequestError):  # there is no git
        return [path for path in _git(tree, "ls-files", "-z", *options, "--", "*.py").stdout.split("\0") if path]
    return []


def _walked(tree: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(tree):
        above = Path(folder).relative_to(tree)
        is_last = len(above.parts) == DEEPEST or "pyvenv.cfg" in files
        folders[:] = [] if is_last else [name for name in folders if not name.startswith((".", "node_modules"))]
        yield from ((above / name).as_posix() for name in files if name.endswith(".py"))


def place_in(root: Path, folder: Path, replaces: Path | None = None, *, search: Sequence[str] = ()) -> WorkerPlace:
    """Return the place where a tree's code runs: Python imports from the folder first, then from its `src`.

    Args:
        root: of the tree.
        folder: in the tree; models' files and modules are looked up there.
        search: further folders of the tree's own code, relative to `folder`.
        replaces: root of the working tree that this tree stands in for; its `sys.path` entries are redirected to
            `root`, so that its code is not imported.
    """
    own = own_folders(root, folder, search)
    path = [Path(entry or ".").resolve() for entry in sys.path]
    if replaces is not None:
        path = [root / entry.relative_to(replaces) if is_own_code(entry, replaces) else entry for entry in path]
    return WorkerPlace(folder, (*dict.fromkeys(map(str, own)), *map(str, path)))


def own_folders(root: Path, folder: Path, search: Sequence[str] = ()) -> list[Path]:
    """Return the folders of a tree's own modules: `folder`, those of `search`, and `src` there and in the root."""
    sources = (*(folder / name for name in search), folder / "src", root / "src")
    return [folder, *(source for source in sources if source.is_dir())]


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in LOCAL_VARIABLES}
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env={**environment, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
        )
    except OSError as error:
        raise RequestError(f"git cannot be run: {error.strerror}; install it, --base needs it") from error


def _reason(failed: subprocess.CompletedProcess[str]) -> str:
    """Return git's own message on one line."""
    return " ".join(failed.stderr.split()) or f"git ended with {failed.returncode}"
