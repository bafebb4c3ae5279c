"""A worker as the process that started it sees it: orders out, answers in, and an end in every case."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, ParamSpec, Self

from netcost.text.errors import MeasurementError
from netcost.timing.workers import lines
from netcost.timing.workers.places import WorkerPlace

P = ParamSpec("P")

STARTUP_S = 120.0
"""Seconds that a worker may take to start: importing torch takes 1 to 10 s, and longer from a slow disk."""

PATIENCE_S = 600.0
"""Seconds that an answer may take: that of building or counting a large network, or of one slow call."""

POLL_S = 0.5
"""Seconds between two looks at a silent worker, which may have died: a process that it started may hold its pipe."""


class Worker:
    """A process that builds and times one network at a time, or calls a function. It ends when the `with` block does.

    Args:
        place: where it runs.
        startup_s, patience_s: how long it may take to start, and to answer (seconds).
    """

    def __init__(
        self, place: WorkerPlace | None = None, *, startup_s: float = STARTUP_S, patience_s: float = PATIENCE_S
    ) -> None:
        self._place, self._startup_s, self.patience_s = place or WorkerPlace(), startup_s, patience_s
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None
        self._greeted = False
        self.cpu_s = 0.0
        """Core-seconds that the worker had worked when it last answered."""

    def __enter__(self) -> Self:
        """Start the process, and do not wait for it: several start side by side."""
        self._said = tempfile.TemporaryFile()  # closed in `end`
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("__main__.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                cwd=self._place.folder,
                start_new_session=True,  # Ctrl-C in a terminal is for us, and what it starts can be ended with it
            )
        except OSError as error:
            raise MeasurementError(f"no process can be started: {error}") from error
        assert self._process.stdout is not None
        threading.Thread(target=_collect, args=(self._process.stdout, self._answers), daemon=True).start()
        self._send({"path": self._place.search_path()})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self.end()

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process is not None, "a worker starts with its `with` block"
        return self._process.pid

    def ask(self, do: str, **details: Any) -> lines.Message:
        """The answer to an order.

        Raises:
            NetcostError: what went wrong in the worker, as it was raised there if it is one of netcost's own errors.
            MeasurementError: anything else that went wrong there, or it died or gave no answer.
        """
        if not self._greeted:
            self._greeted = True
            self._order({"do": "hello"}, self._startup_s)
        return self._order({"do": do, **details}, self.patience_s)

    def call(self, function: Callable[P, lines.Message], *args: P.args, **kwargs: P.kwargs) -> lines.Message:
        """Call a function of netcost's in the worker; what it takes and gives is what JSON can hold.

        This is how a room that stands right of this one has its own work done there.

        Raises:
            NetcostError: as for `ask`.
        """
        name = f"{function.__module__}:{function.__name__}"
        return self.ask("call", function=name, args=args, kwargs=kwargs)

    def end(self) -> None:
        """End the process, whatever it is doing, and all that it started."""
        if self._process is None or self._process.stdin is None or self._said is None:
            return
        self._kill()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._said.close()

    def _order(self, order: lines.Message, patience_s: float) -> lines.Message:
        self._send(order)
        answer = lines.read(self._awaited(patience_s))
        self.cpu_s = answer.pop("cpu_s")
        if "error" in answer:
            raise lines.error_from_dict(answer["error"])
        return answer

    def _send(self, message: lines.Message) -> None:
        assert self._process is not None and self._process.stdin is not None, "a worker starts with its `with` block"
        with contextlib.suppress(OSError, ValueError):  # it is dead; waiting for its answer says of what
            lines.write(self._process.stdin, message)

    def _awaited(self, patience_s: float) -> bytes:
        """The next line, or why there will be none."""
        assert self._process is not None
        until = time.monotonic() + patience_s
        while True:
            left = until - time.monotonic()
            with contextlib.suppress(queue.Empty):
                line = self._answers.get(timeout=max(0.0, min(left, POLL_S)))
                if line:
                    return line
                raise MeasurementError(self._exit_reason())
            if self._process.poll() is not None and self._answers.empty():
                raise MeasurementError(self._exit_reason())
            if left <= 0:
                self._kill()
                raise MeasurementError(f"its process gave no answer within {patience_s:g} s, and was ended")

    def _kill(self) -> None:
        """End the process and its group. Once it has been waited for, its number may be another's."""
        assert self._process is not None
        if self._process.returncode is not None:
            return
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def _exit_reason(self) -> str:
        """Tell how the process ended, and the last that it said."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):  # it may have closed its pipe and live on
            self._process.wait(POLL_S)
        self._kill()
        code = self._process.returncode
        how = f"ended with exit code {code}" if code >= 0 else f"was killed by {_signal_name(-code)}"
        if code == -signal.SIGKILL:
            how += ", as the system does where memory runs out"
        words = self._last_words()
        return f"its process {how}" + (f"; it last said: {words}" if words else "")

    def _last_words(self) -> str:
        """The last line that the user's code, or Python on its behalf, has printed."""
        assert self._said is not None
        if self._said.closed:
            return ""
        size = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, size - 2000))
        notable = self._said.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(notable) if line.strip()), "")[:200]


def _collect(answers: IO[bytes], into: queue.SimpleQueue[bytes]) -> None:
    """Pass answers on; an empty one says that there are no more."""
    with answers:  # closed here, because closing waits for whoever reads
        for line in answers:
            into.put(line)
    into.put(b"")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
