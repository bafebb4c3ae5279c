"""The place that a worker runs in: its folder, and the folders in which its Python looks for modules."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """A worker's current folder, and its `sys.path`; None stands for those of this process."""

    folder: Path | None = None
    path: tuple[str, ...] | None = None

    def search_path(self) -> list[str]:
        """The worker's `sys.path`."""
        return [str(Path(each or ".").resolve()) for each in sys.path] if self.path is None else list(self.path)
