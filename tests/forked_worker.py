"""Workers' processes as forks of one that has imported torch: a start takes milliseconds and not seconds.

What a test says about the start itself, or about what Python finds at its start, needs a process that starts anew.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PRELOADED = (
    "netcost.timing.workers.server",
    "netcost.checking.counter",
    "netcost.comparison.isolated",
    "netcost.counting.crosscheck",
    "netcost.zoo",
)


class ForkedProcess:
    """Has of `subprocess.Popen` all that a `Worker` asks of its process."""

    def __init__(self, _command: list[str], *, cwd: str | Path | None, **_: object) -> None:
        if cwd is not None and not Path(cwd).is_dir():
            raise FileNotFoundError(cwd)
        (orders, self_orders), (answers, self_answers), (printed, self_printed) = (os.pipe() for _ in range(3))
        theirs = [orders, self_answers, self_printed]
        self.pid = _asked({"cwd": str(cwd or Path.cwd()), "environment": dict(os.environ)}, theirs)
        for descriptor in theirs:
            os.close(descriptor)
        self.stdin, self.stdout, self.stderr = (
            os.fdopen(self_orders, "wb"),
            os.fdopen(answers, "rb"),
            os.fdopen(printed, "rb"),
        )
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = _asked({"status of": self.pid})
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        if self.returncode is None:
            handle = os.pidfd_open(self.pid)
            ready, _, _ = select.select([handle], [], [], timeout)
            os.close(handle)
            if not ready:
                raise subprocess.TimeoutExpired("a forked worker", timeout or 0.0)
        return self.poll()

    def kill(self) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


SUBPROCESS = SimpleNamespace(Popen=ForkedProcess, PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired)
"""What stands for `subprocess` in the file of `Worker`."""


@cache
def _template() -> socket.socket:
    """Start the process that is forked; it ends when our end of the socket is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen([sys.executable, "-P", __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()])
    theirs.close()
    atexit.register(lambda: (ours.close(), process.wait()))
    return ours


def _asked(message: dict[str, Any], descriptors: list[int] | None = None) -> Any:
    socket.send_fds(_template(), [json.dumps(message).encode()], descriptors or [])
    return json.loads(_template().recv(2**8))


def serve(asked: socket.socket) -> None:
    """Fork, and say how forks have ended, until nobody asks."""
    for name in PRELOADED:
        __import__(name)
    while True:
        text, descriptors, *_ = socket.recv_fds(asked, 2**18, 3)
        if not text:
            return
        message = json.loads(text)
        if descriptors:
            answer: int | None = os.fork()
            if answer == 0:
                asked.close()
                _become_worker(message, descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
        else:
            ended, status = os.waitpid(message["status of"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if ended else None
        asked.send(json.dumps(answer).encode())


def _become_worker(message: dict[str, Any], descriptors: list[int]) -> None:
    from netcost.timing.workers.__main__ import main

    os.setsid()
    os.chdir(message["cwd"])
    os.environ.clear()
    os.environ.update(message["environment"])
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    main()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    serve(socket.socket(fileno=int(sys.argv[1])))
