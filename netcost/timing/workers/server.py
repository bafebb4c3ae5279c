"""The loop that a worker runs: an order, an answer, until the orders end.

A new order is a method of `Server` with the order's name, listed in `ORDERS`; its result is the answer.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import fields
from importlib import import_module
from typing import Any, BinaryIO

import torch

from netcost.text.errors import RequestError
from netcost.timing.arguments import both
from netcost.timing.devices import Device, open_device
from netcost.timing.environment import flushed_denormals, thread_number
from netcost.timing.measuring import batch_of, random_call
from netcost.timing.preparation import Ready, ready_to_run
from netcost.timing.sampling import Subject
from netcost.timing.setting import Timing
from netcost.timing.subjects import in_element_type
from netcost.timing.threads import rest, wake
from netcost.timing.workers import messages
from netcost.timing.workers.messages import Message
from netcost.timing.workers.recipes import Recipe

ORDERS = ("hello", "call", "build", "sample", "set_up", "finish")

OWN_PATH = tuple(sys.path)
"""`sys.path` without the user's folders in front, which `__main__` adds afterwards: no file of theirs shadows ours."""


def serve(orders: BinaryIO, answers: BinaryIO) -> None:
    """Handle orders until there are no more, then end this process and whatever it started."""
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders, waiting), daemon=True).start()
    server, own_process = Server(), os.getpid()
    while True:
        order = messages.read(waiting.get())
        assert order is not None, "only the process that started this one writes here"
        number = order.pop("id")
        try:
            answer = server.handle(order)
        except BaseException as error:  # sys.exit() in the user's code does not end the worker either
            answer = {"error": messages.error_to_dict(error)}
        if os.getpid() != own_process:  # the user's code called os.fork(), and its child returned as well
            os._exit(0)
        _flush()
        answers.write(b"\n")  # ends whatever the user's code may have written into this pipe
        messages.write(answers, {**answer, "id": number, "cpu_s": time.process_time()})


class Server:
    """The state of a worker between orders: the network that it has built last."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._built: tuple[Subject, Ready, Device] | None = None

    def handle(self, order: Message) -> Message:
        """Carry out an order and return its answer."""
        do = order.pop("do")
        if do not in ORDERS:
            raise RequestError(f"a worker has no order {do!r}; expected one of {', '.join(ORDERS)}")
        answer: Message = getattr(self, do)(**order)
        return answer

    def hello(self) -> Message:
        """Answer once everything is imported."""
        return {}

    def call(self, function: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Message:
        """Call one of netcost's own functions, like "netcost.checking.recording:record_here"."""
        module, _, name = function.partition(":")
        path = sys.path[:]
        sys.path[:] = OWN_PATH
        try:
            target = getattr(import_module(module), name)
        finally:
            sys.path[:] = path
        answer: Message = target(*args, **kwargs)
        return answer

    def build(self, recipe: Mapping[str, Any], timing: Mapping[str, Any]) -> Message:
        """Build a network and make it ready to be called; the one before is dropped."""
        self._stack.close()
        self._built = None
        if unknown := timing.keys() - {field.name for field in fields(Timing)}:
            raise RequestError(f"a worker knows no setting {', '.join(map(repr, sorted(unknown)))}")
        asked = Timing(**timing)
        target = in_element_type(Recipe.from_dict(recipe).resolved(), asked)
        model = target.build()
        call = random_call(target.required_inputs(), model=model)
        device, enter = open_device(asked.device), self._stack.enter_context
        enter(device.active())
        threads = enter(thread_number(asked.threads))
        enter(flushed_denormals())
        ready = enter(ready_to_run(device, model, call, asked, {}, time.perf_counter))
        prepare = device.cold_cache() if asked.cold_cache else None
        self._built = Subject(target.name, ready.run, both(prepare, ready.prepare), ready.set_up), ready, device
        return {"threads": threads, "batch": batch_of(call), "is_single": self._built[0].is_single}

    def sample(self, calls: int) -> Message:
        """Make `calls` calls in a row, and return the seconds that they took here."""
        subject, ready, device = self._require()
        if not ready.own_threads:
            wake()
        try:
            with torch.inference_mode():
                return {"seconds": subject.seconds(calls, time.perf_counter, device.synchronize)}
        finally:
            rest()

    def set_up(self) -> Message:
        """Run the untimed setup of a sample."""
        subject, _, _ = self._require()
        with torch.inference_mode():
            subject.set_up()
        return {}

    def finish(self) -> Message:
        """Return the device's record of all calls since the network was built."""
        _, ready, device = self._require()
        return {
            "times": ready.run.times(),
            "setting": ready.setting.to_dict(),
            "compile_s": ready.compile_s,
            "throttle_reasons": device.throttle_reasons(),
        }

    def _require(self) -> tuple[Subject, Ready, Device]:
        if self._built is None:
            raise RequestError("a worker has nothing to time before it has built a network")
        return self._built


def _listen(orders: BinaryIO, waiting: queue.SimpleQueue[bytes]) -> None:
    """Pass orders on; end at once when the process that gives them is gone, even in the middle of a call."""
    for line in orders:
        waiting.put(line)
    if hasattr(os, "killpg") and os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with all that the user's code has started
    os._exit(0)


def _flush() -> None:
    """Pass on what the user's code has printed, before the answer to which it belongs."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the user's code may have closed or replaced it
            stream.flush()
