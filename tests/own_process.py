"""A worker that is none: it counts in this process, so that a test does not wait for another import of torch."""

import json
import sys
from contextlib import chdir

from netcost.checking.counter import count_target
from netcost.timing.workers import WorkerPlace


class OwnProcess:
    """Counts targets at its place, without a process of its own."""

    def __init__(self, place: WorkerPlace, **_: float) -> None:
        self._place = place

    def __enter__(self) -> "OwnProcess":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing."""

    def ask(self, do: str, function: str, args: list[object], kwargs: dict[str, object]) -> dict[str, object]:
        assert (do, function) == ("call", "netcost.checking.counter:count_target")
        path = sys.path[:]
        sys.path[:] = self._place.search_path()
        try:
            with chdir(self._place.folder or "."):
                return json.loads(json.dumps(count_target(*args, **kwargs)))
        finally:
            sys.path[:] = path
