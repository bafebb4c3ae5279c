"""The start of a worker's process: it secures its pipes, imports its own netcost, and sets where Python looks for code.

This file is run by its path, so that its own netcost is imported and no other, whatever lies in the worker's folder or
in the code that it is to run.
"""

import json
import os
import sys
from pathlib import Path
from typing import BinaryIO


def main() -> None:
    """Serve the process that started this one, through the original standard input and output."""
    orders, answers = _claimed_pipes()
    place = json.loads(orders.readline() or "{}")
    path = place.get("path", sys.path)
    # This file's own netcost is imported, and stays in sys.modules: its other modules are found through it. The user's
    # folders come last, so that a `queue.py` of theirs is not what netcost and torch get.
    sys.path[:] = [str(Path(__file__).resolve().parents[3]), *sys.path, *path]
    from netcost.timing.workers.server import serve

    sys.path[:] = path
    serve(orders, answers)


def _claimed_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take the pipes out of the user's reach: its code prints to standard error, and has nothing to read."""
    orders, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return orders, answers


if __name__ == "__main__":
    main()
