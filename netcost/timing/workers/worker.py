"""A worker from the side of the process that started it: orders out, answers in, and an end in every case."""

from __future__ import annotations

import codecs
import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ParamSpec, Self

from netcost.text.errors import MeasurementError, TimeLimitError
from netcost.timing.workers import messages
from netcost.timing.workers.messages import Message

P = ParamSpec("P")

STARTUP_S = 120.0  # a worker may take this long to start: importing torch takes 1 to 10 s, longer from a slow disk
PATIENCE_S = 600.0  # an answer may take this long: that of building or counting a large network, or of one slow call
KEPT = 2000
"""Bytes of what a user's code printed that are kept for the message about its end."""
POLL_S = 0.5  # between two looks at a silent worker, which may have died: its own child may hold the pipe open


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """A worker's current folder, and its `sys.path`; None stands for those of this process."""

    folder: Path | None = None
    path: tuple[str, ...] | None = None

    def search_path(self) -> list[str]:
        """Return the worker's `sys.path`."""
        return [str(Path(entry or ".").resolve()) for entry in sys.path] if self.path is None else list(self.path)


class Worker:
    """A process that builds and times one network at a time, or calls a function. It ends when the `with` block does.

    It has `startup_s` seconds to start, and `patience_s` per answer. What the user's code prints goes to our standard
    error.
    """

    _process: subprocess.Popen[bytes]
    _orders: IO[bytes]
    _printer: threading.Thread

    def __init__(
        self, place: WorkerPlace | None = None, *, startup_s: float = STARTUP_S, patience_s: float = PATIENCE_S
    ) -> None:
        self._place, self._startup_s, self.patience_s = place or WorkerPlace(), startup_s, patience_s
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._has_answered = False
        self._sent = 0  # orders
        self._printed = b""  # the end of it
        self.cpu_s = 0.0
        """Core-seconds that the worker had used when it last answered."""

    def __enter__(self) -> Self:
        """Start the process, and do not wait for it: several start side by side."""
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("__main__.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._place.folder,
                start_new_session=True,  # Ctrl-C in a terminal is for us, and its own children can be ended with it
            )
        except OSError as error:
            raise MeasurementError(f"no process can be started: {error}") from error
        assert self._process.stdin is not None
        self._orders = self._process.stdin
        threading.Thread(target=_collect, args=(self._process.stdout, self._answers), daemon=True).start()
        self._printer = threading.Thread(target=self._print, args=(self._process.stderr,), daemon=True)
        self._printer.start()
        self._send({"path": self._place.search_path()})
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, even in the middle of a call, and all that it started."""
        self._kill()
        with contextlib.suppress(OSError):
            self._orders.close()
        self._printer.join(POLL_S)  # a process that left the worker's group may hold the pipe open

    @property
    def pid(self) -> int:
        """Return the process number."""
        return self._process.pid

    def ask(self, do: str, **details: Any) -> Message:
        """Send an order and return its answer.

        Raises:
            NetcostError: one of netcost's own errors, as it was raised in the worker.
            MeasurementError: any other error of the worker; or it died or gave no answer.
        """
        if not self._has_answered:
            self._has_answered = True
            self._order({"do": "hello"}, self._startup_s)
        return self._order({"do": do, **details}, self.patience_s)

    def call(self, function: Callable[P, Message], *args: P.args, **kwargs: P.kwargs) -> Message:
        """Call a function of netcost's in the worker; its arguments and its result must be plain JSON values.

        Rooms that may import this one have their own work done in a worker by this. The errors are those of `ask`.
        """
        name = f"{function.__module__}:{function.__name__}"
        return self.ask("call", function=name, args=args, kwargs=kwargs)

    def _order(self, order: Message, patience_s: float) -> Message:
        self._sent += 1
        self._send({"id": self._sent, **order})
        answer = self._answer(self._sent, patience_s)
        self.cpu_s = answer.pop("cpu_s")
        if "error" in answer:
            raise messages.error_from_dict(answer["error"])
        return answer

    def _send(self, message: Message) -> None:
        with contextlib.suppress(OSError, ValueError):  # it is dead; waiting for its answer raises the reason
            messages.write(self._orders, message)

    def _answer(self, number: int, patience_s: float) -> Message:
        """Return the answer to the order of that number, or raise the reason why there is none."""
        until = time.monotonic() + patience_s
        while True:
            left = until - time.monotonic()
            with contextlib.suppress(queue.Empty):
                line = self._answers.get(timeout=max(0.0, min(left, POLL_S)))
                if not line:
                    raise MeasurementError(self._exit_reason())
                answer = messages.read(line)
                if answer is not None and answer.pop("id", None) == number:
                    return answer
                continue  # the user's code wrote into our pipe
            if self._process.poll() is not None and self._answers.empty():
                raise MeasurementError(self._exit_reason())
            if left <= 0:
                self._kill()
                raise TimeLimitError(f"its process gave no answer within {patience_s:g} s, and was ended")

    def _kill(self) -> None:
        """End the process and its group; nothing once it has been waited for, as its number may be reused."""
        if self._process.returncode is not None:
            return
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def _print(self, stderr: IO[bytes]) -> None:
        """Pass on what the user's code prints, as it comes, and keep the end of it for a message."""
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")  # a letter may come in two parts
        with stderr:
            while printed := os.read(stderr.fileno(), 2**16):
                self._printed = (self._printed + printed)[-KEPT:]
                _print(decoder.decode(printed))

    def _exit_reason(self) -> str:
        """Return the way in which the process ended, and the last line that the user's code, or Python, printed."""
        with contextlib.suppress(subprocess.TimeoutExpired):  # it may have closed its pipe and live on
            self._process.wait(POLL_S)
        self._kill()
        code = self._process.returncode
        reason = f"ended with exit code {code}" if code >= 0 else f"was killed by {_signal_name(-code)}"
        if code == -signal.SIGKILL:
            reason += ", as the system does where memory runs out"
        self._printer.join(POLL_S)
        lines = self._printed.decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"its process {reason}" + (f"; it last said: {last[:200]}" if last else "")


def _print(printed: str) -> None:
    """Print what a user's code printed, wherever standard error is at the moment."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # nobody reads it, or there is none
        sys.stderr.write(printed)
        sys.stderr.flush()


def _collect(answers: IO[bytes], into: queue.SimpleQueue[bytes]) -> None:
    """Pass answers on; an empty one marks the end."""
    with answers:  # closed here, because closing waits for the reader
        for line in answers:
            into.put(line)
    into.put(b"")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
