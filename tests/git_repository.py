"""A git repository for tests, made in a folder."""

import subprocess
from pathlib import Path


class Repository:
    """A git repository in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "A")
        self.git("config", "user.email", "a@example.com")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def commit(self, message: str = "as it is") -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def is_alone(self) -> bool:
        """Whether no other worktree is left."""
        return self.git("worktree", "list").count("\n") == 1 and not list((self.folder / ".git").glob("worktrees/*"))
