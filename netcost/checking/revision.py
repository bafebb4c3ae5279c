"""A git revision's files in a folder of their own, for as long as they are needed, and Python's way to them.

A revision's code cannot be imported beside the working tree's: Python keeps one module of a name. So each side runs in
a worker, at the place that `place_in` gives.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netcost.text.errors import RequestError
from netcost.timing.workers import WorkerPlace

LOCAL_VARIABLES = frozenset(
    """
    GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR GIT_DIR GIT_GRAFT_FILE GIT_IMPLICIT_WORK_TREE GIT_INDEX_FILE
    GIT_INTERNAL_SUPER_PREFIX GIT_NO_REPLACE_OBJECTS GIT_OBJECT_DIRECTORY GIT_PREFIX GIT_REPLACE_REF_BASE
    GIT_SHALLOW_FILE GIT_WORK_TREE
    """.split()
)
"""What a git hook says about its own repository and index (`git rev-parse --local-env-vars`): not about our copy."""

NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")


def repository(folder: Path) -> Path:
    """The top folder of the repository that the folder is in.

    Raises:
        RequestError: it is in none, or there is no git.
    """
    found = _git(folder, "rev-parse", "--show-toplevel")
    if found.returncode != 0:
        raise RequestError(f"{str(folder)!r} is in no git repository, which a base revision needs: {_reason(found)}")
    return Path(found.stdout.rstrip("\n")).resolve()


def commit_of(root: Path, revision: str) -> str:
    """The commit that a revision names.

    Args:
        root: of the repository.
        revision: a branch, tag or commit, as git reads it.

    Raises:
        RequestError: it names none, or is none.
    """
    if not revision or revision.startswith("-") or not revision.isprintable():
        raise RequestError(f"{revision!r} is no revision; expected a branch, tag or commit, like origin/main")
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found.returncode != 0:
        raise RequestError(
            f"git knows no revision {revision!r}; expected a branch, tag or commit "
            "(a shallow clone has few of them: git fetch --unshallow, or fetch-depth: 0 of actions/checkout)"
        )
    return found.stdout.strip()


@contextmanager
def checked_out(root: Path, revision: str) -> Iterator[Path]:
    """The files of a revision in a temporary worktree, which is removed whatever happens.

    Args:
        root: of the repository. Its own files and index are left alone, and no hook of it runs.
        revision: a branch, tag or commit.

    Raises:
        RequestError: there is no such revision, or git cannot check it out.
    """
    commit = commit_of(root, revision)
    with tempfile.TemporaryDirectory(prefix="netcost-", ignore_cleanup_errors=True) as folder:
        tree = Path(folder).resolve() / "base"
        try:
            made = _git(root, *NO_HOOKS, "worktree", "add", "--quiet", "--detach", str(tree), commit)
            if made.returncode != 0:
                raise RequestError(f"git cannot check {revision!r} out: {_reason(made)}")
            yield tree
        finally:
            # Twice: it is locked while it is being made, and an interrupt may come then.
            _git(root, "worktree", "remove", "--force", "--force", str(tree))


def place_in(root: Path, folder: Path, replaces: Path | None = None) -> WorkerPlace:
    """Return the place where a tree's code runs: Python looks in the folder first and in its `src`.

    Args:
        root: of the tree.
        folder: in it, where models' files and modules are looked for.
        replaces: root of the working tree that this tree stands in for, whose code must not be imported: where Python
            would look for modules there, it looks in the same folder of this tree.
    """
    own = [folder, *(source for source in (folder / "src", root / "src") if source.is_dir())]
    path = [Path(entry or ".").resolve() for entry in sys.path]
    if replaces is not None:
        path = [root / entry.relative_to(replaces) if _is_of(entry, replaces) else entry for entry in path]
    return WorkerPlace(folder, (*dict.fromkeys(map(str, own)), *map(str, path)))


def refuse_strays(replaces: str, root: str) -> dict[str, Any]:
    """Refuse a count that a worker made with the working tree's code: it would say that nothing changed.

    Args:
        replaces, root: as for `place_in`.

    Raises:
        RequestError: a module was imported from the working tree.
    """
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        # The temporary folder may lie in the working tree.
        if isinstance(file, str) and _is_of(Path(file), Path(replaces)) and not _is_of(Path(file), Path(root)):
            raise RequestError(
                f"{name!r} was imported from the working tree and not from the revision: it is installed from there "
                "(pip install -e); name its file as the target, path/to/file.py:Net, or install it without -e"
            )
    return {}


def _is_of(file: Path, tree: Path) -> bool:
    """Whether a file or folder is of the tree's own code, and not installed in it."""
    path = file.resolve()
    return path.is_relative_to(tree) and "site-packages" not in path.parts


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git in a folder."""
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
        raise RequestError(f"git cannot be run: {error.strerror}; a base revision needs it") from error


def _reason(failed: subprocess.CompletedProcess[str]) -> str:
    """Git's own words, in a line."""
    return " ".join(failed.stderr.split()) or f"git ended with {failed.returncode}"
