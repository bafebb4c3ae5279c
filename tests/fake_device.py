"""A made-up GPU, and models to run on it."""

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
        self._gpu.queue.append(self)

    def elapsed_time(self, later):
        return (later.at - self.at) * 1000  # milliseconds, as torch has them


FLUSH_S = 2.0**-4
"""Seconds that the made-up GPU needs to fill its cache with something else."""


class Gpu:
    """A made-up device: the host spends `launch_s` on a call, and the device works `work_s` on it later."""

    name = "cuda:0"

    def __init__(self, clock, launch_s, work_s, reasons=None):
        self.clock, self.launch_s, self.work_s, self.reasons = clock, launch_s, work_s, reasons
        self.queue = []
        self.flushes = 0

    def active(self):
        return nullcontext()

    def place(self, model, call):
        return model, call

    def watch(self, run):
        def launch():
            run()
            self.clock.spend(self.launch_s)
            self.queue.append(self.work_s)

        return EventRun(launch, lambda: Event(self), self.clock)

    def cold_cache(self):
        def flush():
            self.flushes += 1
            self.queue.append(FLUSH_S)

        return flush

    def synchronize(self):
        for event in self.queue:
            if isinstance(event, Event):
                event.at = self.clock()
            else:
                self.clock.spend(event)
        self.queue.clear()

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
