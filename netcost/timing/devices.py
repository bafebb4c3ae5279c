"""What a model is timed on: a processor, or a GPU with its events, clocks and memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from statistics import fmean as mean
from typing import Any, Protocol, TypeVar

import torch
from torch import nn

from netcost.text import units
from netcost.text.errors import MeasurementError
from netcost.timing import environment
from netcost.timing.conversion import Call, is_out_of_memory, moved
from netcost.timing.gpu import open_driver
from netcost.timing.sampling import Clock, Run

T = TypeVar("T")

UNKNOWN_CACHE = 64 * 2**20
"""Bytes taken for a last-level cache that the machine says nothing of: few processors have more for one core."""


class TimedRun(Protocol):
    """A model's run as its device sees it: called by the sampling, and asked when all calls are over."""

    def __call__(self) -> object:
        """One call of the model."""

    def begin_sample(self) -> None:
        """Take the calls from now on, until the next sample begins, for those of one sample."""

    def times(self) -> tuple[list[float], list[float]] | None:
        """Seconds per call that the host needed to launch it, and between the GPU events around it, per sample."""


class Device(Protocol):
    """What measuring needs of a device; a test brings its own."""

    name: str

    def active(self) -> AbstractContextManager[object]:
        """The device is torch's current one within, and torch's random state is kept."""

    def place(self, model: nn.Module, call: Call) -> tuple[nn.Module, Call]:
        """Model and inputs on the device; a model that is elsewhere is copied, the caller's stays where it is."""

    def watch(self, run: Run) -> TimedRun:
        """The run, with whatever the device can tell of each call."""

    def cold_cache(self) -> Run:
        """What to call to have the device's caches hold something else than a model and its inputs."""

    def synchronize(self) -> None:
        """Wait until the device has finished."""

    def throttle_reasons(self) -> tuple[str, ...] | None:
        """Why the device holds its clocks back; None where it does not say."""


class HostRun:
    """A run that nothing but the wall's clock looks at."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(self) -> object:
        """One call."""
        return self._run()

    def begin_sample(self) -> None:
        """Nothing is kept of a call."""

    def times(self) -> None:
        """Nothing beyond the wall's clock."""


class EventRun:
    """A run between two GPU events, with the time that the host needs to launch it.

    Args:
        run: the model's run.
        new_event: makes an event that keeps time.
        clock: seconds, on the host.
    """

    def __init__(self, run: Run, new_event: Callable[[], Any], clock: Clock = time.perf_counter) -> None:
        self._run, self._new_event, self._clock = run, new_event, clock
        self._samples: list[list[tuple[float, Any, Any]]] = []

    def __call__(self) -> object:
        """One call, between two new events: reading one would make the host wait."""
        before, after = self._new_event(), self._new_event()
        begun = self._clock()
        before.record()
        result = self._run()
        after.record()
        if self._samples:
            self._samples[-1].append((self._clock() - begun, before, after))
        return result

    def begin_sample(self) -> None:
        """Calls before the first sample, the warm-up, are kept nowhere."""
        self._samples.append([])

    def times(self) -> tuple[list[float], list[float]]:
        """Seconds per call on the host and between the events, per sample; the device must have finished."""
        samples = [sample for sample in self._samples if sample]
        host = [mean(seconds for seconds, _, _ in sample) for sample in samples]
        return host, [mean(before.elapsed_time(after) / 1000 for _, before, after in sample) for sample in samples]


class CpuDevice:
    """The processor."""

    name = "cpu"

    def __init__(self) -> None:
        self._thermal_events = environment.thermal_events()

    def active(self) -> AbstractContextManager[object]:
        """Torch's random state is kept within."""
        return torch.random.fork_rng(devices=[])

    def place(self, model: nn.Module, call: Call) -> tuple[nn.Module, Call]:
        """Model and inputs in main memory."""
        return translating_out_of_memory(lambda: moved(model, call, torch.device("cpu")), self.name)

    def watch(self, run: Run) -> HostRun:
        """The run alone."""
        return HostRun(lambda: translating_out_of_memory(run, self.name))

    def cold_cache(self) -> Run:
        """A write as large as the last-level cache, by all of torch's threads: each has caches of its own, too."""
        return cache_flusher(environment.last_level_cache_bytes() or UNKNOWN_CACHE, torch.device("cpu"))

    def synchronize(self) -> None:
        """Nothing: a call returns when it is finished."""

    def throttle_reasons(self) -> tuple[str, ...] | None:
        """Heat, where it slowed a core down since this device was opened."""
        before, now = self._thermal_events, environment.thermal_events()
        if before is None or now is None:
            return None
        return ("temperature",) if now > before else ()


class CudaDevice:
    """A GPU. Its events, clocks and memory are reached from here and nowhere else."""

    def __init__(self, name: str) -> None:
        self.name = name
        asked = torch.device(name)
        self._index = torch.cuda.current_device() if asked.index is None else asked.index
        self._driver = open_driver(f"GPU-{torch.cuda.get_device_properties(self._index).uuid}")

    @contextmanager
    def active(self) -> Iterator[None]:
        """The GPU is torch's current one within, so that events go to its stream; the random state is kept."""
        with torch.cuda.device(self._index), torch.random.fork_rng(devices=[self._index]):
            yield

    def place(self, model: nn.Module, call: Call) -> tuple[nn.Module, Call]:
        """Model and inputs on the GPU."""
        where = torch.device("cuda", self._index)
        placed = translating_out_of_memory(lambda: moved(model, call, where), self.name, torch.cuda.empty_cache)
        self.synchronize()
        return placed

    def watch(self, run: Run) -> EventRun:
        """The run between events."""
        return EventRun(
            lambda: translating_out_of_memory(run, self.name, torch.cuda.empty_cache),
            lambda: torch.cuda.Event(enable_timing=True),  # type: ignore[no-untyped-call]  # torch leaves it so
        )

    def cold_cache(self) -> Run:
        """A write as large as the L2 cache."""
        size = torch.cuda.get_device_properties(self._index).L2_cache_size or UNKNOWN_CACHE
        return cache_flusher(size, torch.device("cuda", self._index))

    def synchronize(self) -> None:
        """Wait until the GPU has finished."""
        torch.cuda.synchronize(self._index)

    def throttle_reasons(self) -> tuple[str, ...] | None:
        """What the driver names now, straight after sampling."""
        return None if self._driver is None else self._driver.throttle_reasons()


def open_device(name: str) -> Device:
    """The device called "cpu", "cuda" or "cuda:N".

    Raises:
        RequestError: netcost does not measure on devices of that name.
        MeasurementError: torch sees no such GPU.
    """
    return CpuDevice() if environment.require_device(name) == "cpu" else CudaDevice(name)


def cache_flusher(size: int, where: torch.device) -> Run:
    """What writes `size` bytes of memory at `where`, which it holds from now on.

    Raises:
        MeasurementError: there is no room for them.
    """
    try:
        memory = torch.zeros(size, dtype=torch.int8, device=where)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        room = units.data_size(size)
        raise MeasurementError(f"out of memory: no room for the {room} of a cache; leave out --cold-cache") from None
    return memory.bitwise_not_  # it reads as well: mere writing may go past the caches


def translating_out_of_memory(run: Callable[[], T], device: str, release: Callable[[], None] = lambda: None) -> T:
    """What `run` returns.

    Raises:
        MeasurementError: it ran out of memory; `release` was called, so that others can go on.
    """
    try:
        return run()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # Only out here is the traceback gone, and with it the activations that its frames hold.
    release()
    raise MeasurementError(f"out of memory: {device} cannot hold the model and its activations; try a smaller --batch")
