"""Where a worker runs: its folder, and where its Python looks for modules."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A worker's current folder, and its `sys.path`; None stands for those of this process."""

    folder: Path | None = None
    path: tuple[str, ...] | None = None

    @classmethod
    def checkout(cls, folder: Path, of: Path) -> Place:
        """A place with another revision of the code in it.

        Where this process looks for modules within the repository, the worker looks in the same folder of the
        checkout, and nowhere in the repository itself: what the revision lacks is missing.

        Args:
            folder: with the other revision.
            of: the repository's own folder, with the present one.
        """
        own = [Path(each or ".").resolve() for each in sys.path]
        moved = [folder / each.relative_to(of) if each.is_relative_to(of) else each for each in own]
        return cls(folder, (str(folder), *map(str, moved)))

    def search_path(self) -> list[str]:
        """The worker's `sys.path`."""
        return [str(Path(each or ".").resolve()) for each in sys.path] if self.path is None else list(self.path)
