"""A made-up GPU, and models to run on it.

As a real one does, it takes launches while it works, gets to an event when the work before it is done, and makes the
host wait in `synchronize` alone.
"""

from contextlib import nullcontext

import torch
from torch import nn

from netcost.timing.devices import EventRun
from netcost.timing.environment import LoadMeter


class Event:
    """A GPU event of a made-up device: remembers when the device got to it."""

    def __init__(self, gpu):
        self._gpu = gpu

    def record(self):
        self.at = max(self._gpu.free_at, self._gpu.clock())

    def elapsed_time(self, later):
        return (later.at - self.at) * 1000  # milliseconds, as torch has them


FLUSH_S = 2.0**-4
"""Seconds that the made-up GPU needs to fill its cache with something else."""


class Gpu:
    """A made-up device: the host spends `launch_s` on a call, and the device works `work_s` on it later."""

    name = "cuda:0"

    def __init__(self, clock, launch_s, work_s, reasons=None):
        self.clock, self.launch_s, self.work_s, self.reasons = clock, launch_s, work_s, reasons
        self.free_at = self.free_elsewhere_at = 0.0
        self.flushes = 0

    def enqueue(self, work_s):
        """Begin this work when that before it is done, now at the earliest."""
        self.free_at = max(self.free_at, self.clock()) + work_s

    def active(self):
        return nullcontext()

    def place(self, model, call):
        return model, call

    def watch(self, run):
        def launch():
            run()
            self.clock.spend(self.launch_s)
            self.enqueue(self.work_s)

        return EventRun(launch, lambda: Event(self), self.clock)

    def graph(self, run):
        run()
        return lambda: None  # a replay of its kernels: Python runs none of the model

    def cold_cache(self):
        def flush():
            self.flushes += 1
            self.enqueue(FLUSH_S)

        return flush

    def synchronize(self):
        self.clock.spend(max(0.0, self.free_at - self.clock(), self.free_elsewhere_at - self.clock()))

    def throttle_reasons(self):
        return self.reasons


def quiet_meter():
    return LoadMeter(lambda: None, lambda: 0.0, lambda: 0.0)


class Plain(nn.Module):
    """Doubles its input."""

    def forward(self, x):
        return 2 * x


class Hungry(nn.Module):
    """Runs out of memory, as a GPU does."""

    def forward(self, _):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
