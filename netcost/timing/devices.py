"""Devices that a model is timed on: a processor, or a GPU with its events, clocks and memory."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from statistics import fmean
from typing import Any, Protocol, TypeVar

import torch
from torch import nn

from netcost.text import units
from netcost.text.errors import MeasurementError, RequestError
from netcost.timing import environment
from netcost.timing.conversion import Call, first_line, is_out_of_memory, moved
from netcost.timing.gpu import open_driver
from netcost.timing.sampling import Clock, Run

T = TypeVar("T")

RunTimes = tuple[Sequence[float], Sequence[float]]
"""Seconds per call that the host needs to launch it, and between the GPU events around it; one each per sample."""

UNKNOWN_CACHE = 64 * 2**20  # bytes of a last-level cache of unknown size: few processors have more for one core

CALLS_BEFORE_GRAPH = 3  # as in torch's documentation


class TimedRun:
    """A model's run as its device sees it: on a CPU, the clock of the sampling is enough, and nothing is recorded."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(self) -> object:
        """Call the model once."""
        return self._run()

    def begin_sample(self) -> None:
        """Begin a sample: it holds all calls until the next one begins."""

    def times(self) -> RunTimes | None:
        """Return the recorded times, once all calls are over; None where nothing is recorded."""
        return None


class EventRun(TimedRun):
    """A run between two new GPU events, which record their times; the host's clock times the launch.

    `look` is called before each sample, outside the clock.
    """

    def __init__(
        self,
        run: Run,
        new_event: Callable[[], Any],
        clock: Clock = time.perf_counter,
        look: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(run)
        self._new_event, self._clock, self._look = new_event, clock, look
        self._samples: list[list[tuple[float, Any, Any]]] = []

    def __call__(self) -> object:
        """Call the model between two new events: reading one would make the host wait."""
        before, after = self._new_event(), self._new_event()
        begun = self._clock()
        before.record()
        result = self._run()
        after.record()
        if self._samples:  # calls before the first sample, the warm-up, are not recorded
            self._samples[-1].append((self._clock() - begun, before, after))
        return result

    def begin_sample(self) -> None:
        """Begin a sample."""
        self._look()
        self._samples.append([])

    def times(self) -> RunTimes:
        """Return the mean times per sample; the device must have finished."""
        samples = [sample for sample in self._samples if sample]
        host = [fmean(seconds for seconds, _, _ in sample) for sample in samples]
        return host, [fmean(before.elapsed_time(after) / 1000 for _, before, after in sample) for sample in samples]


class Device(Protocol):
    """The part of a device that timing needs; a test brings its own."""

    name: str

    def active(self) -> AbstractContextManager[object]:
        """Make the device torch's current one within, so that events go to its stream; torch's random state is kept."""

    def place(self, model: nn.Module, call: Call) -> tuple[nn.Module, Call]:
        """Return model and inputs on the device; a model that is elsewhere is copied, the caller's stays there."""

    def watch(self, run: Run) -> TimedRun:
        """Wrap the run so that the device's own times of each call are recorded."""

    def graph(self, run: Run) -> Run:
        """Record the run's kernels in a CUDA graph; return the run that launches them all at once, on the same inputs.

        The run is called a few times for that, and its inputs must stay where they are in memory.
        """

    def cold_cache(self) -> Run:
        """Return a function that fills the device's last-level cache, so that no model or input is left in it."""

    def synchronize(self) -> None:
        """Wait until the device has finished."""

    def throttle_reasons(self) -> tuple[str, ...] | None:
        """Return the reasons why the device has held its clocks back; None where they are unknown."""


class _CpuDevice(Device):
    """The processor."""

    name = "cpu"

    def __init__(self) -> None:
        self._thermal_events = environment.thermal_events()

    def active(self) -> AbstractContextManager[object]:
        return torch.random.fork_rng(devices=[])

    def place(self, model: nn.Module, call: Call) -> tuple[nn.Module, Call]:
        return translating_out_of_memory(lambda: moved(model, call, torch.device("cpu")), self.name)

    def watch(self, run: Run) -> TimedRun:
        return TimedRun(lambda: translating_out_of_memory(run, self.name))

    def graph(self, run: Run) -> Run:  # noqa: ARG002  # the same for every run
        raise MeasurementError("a CPU has no CUDA graphs")

    def cold_cache(self) -> Run:
        # Written by all of torch's threads: each core has caches of its own, too.
        return cache_flusher(environment.last_level_cache_bytes() or UNKNOWN_CACHE, torch.device("cpu"))

    def synchronize(self) -> None:
        return  # a call returns when it is finished

    def throttle_reasons(self) -> tuple[str, ...] | None:
        before, now = self._thermal_events, environment.thermal_events()
        if before is None or now is None:
            return None
        return ("temperature",) if now > before else ()


class _CudaDevice(Device):
    """A GPU. Only this class touches its events, clocks and memory."""

    def __init__(self, name: str) -> None:
        self.name = name
        number = torch.device(name).index
        self._device = torch.device("cuda", torch.cuda.current_device() if number is None else number)
        self._driver = open_driver(f"GPU-{torch.cuda.get_device_properties(self._device.index).uuid}")
        self._reasons: dict[str, None] | None = None  # those of all looks, in the order in which they came

    @contextmanager
    def active(self) -> Iterator[None]:
        with torch.cuda.device(self._device.index), torch.random.fork_rng(devices=[self._device.index]):
            yield

    def place(self, model: nn.Module, call: Call) -> tuple[nn.Module, Call]:
        placed = translating_out_of_memory(lambda: moved(model, call, self._device), self.name, torch.cuda.empty_cache)
        self.synchronize()
        return placed

    def watch(self, run: Run) -> TimedRun:
        return EventRun(
            lambda: translating_out_of_memory(run, self.name, torch.cuda.empty_cache),
            lambda: torch.cuda.Event(enable_timing=True),  # type: ignore[no-untyped-call]  # torch leaves it so
            look=self.throttle_reasons,
        )

    def graph(self, run: Run) -> Run:
        # As in torch's notes on CUDA semantics, "CUDA Graphs": the first calls, in which libraries allocate and choose
        # kernels, come before the capture, on a stream other than the default one.
        def record() -> tuple[torch.cuda.CUDAGraph, object]:
            here = torch.cuda.current_stream(self._device)
            side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]  # torch leaves it so
            side.wait_stream(here)
            with torch.cuda.stream(side):
                for _ in range(CALLS_BEFORE_GRAPH):
                    run()
            here.wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                return graph, run()

        graph, result = translating_out_of_memory(record, self.name, torch.cuda.empty_cache)

        def replay() -> object:
            graph.replay()
            return result

        return replay

    def cold_cache(self) -> Run:
        size = torch.cuda.get_device_properties(self._device.index).L2_cache_size
        return cache_flusher(size or UNKNOWN_CACHE, self._device)

    def synchronize(self) -> None:
        torch.cuda.synchronize(self._device.index)

    def throttle_reasons(self) -> tuple[str, ...] | None:
        # The driver names those of this moment, and at the end of a measurement the device is idle already.
        now = None if self._driver is None else self._driver.throttle_reasons()
        if now is not None:
            self._reasons = {**(self._reasons or {}), **dict.fromkeys(now)}
        return None if self._reasons is None else tuple(self._reasons)


def require_device(name: str) -> str:
    """Return the name of a device unchanged, if netcost can measure on it.

    Raises:
        RequestError: netcost does not measure on devices of that name.
        MeasurementError: torch sees no such GPU.
    """
    if name == "cpu":
        return name
    match = re.fullmatch(r"cuda(?::([0-9]+))?", name, re.ASCII)
    if match is None:
        raise RequestError(f"device {name!r} is not one to measure on; use cpu, cuda or cuda:N, such as --device cpu")
    seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(match[1] or 0) < seen:
        return name
    what = "no CUDA device" if seen == 0 else f"CUDA devices 0 to {seen - 1}, not {name!r}"
    raise MeasurementError(f"torch {torch.__version__} sees {what}; use --device cpu, or --device none to count only")


def open_device(name: str) -> Device:
    """Open the device called "cpu", "cuda" or "cuda:N".

    Raises the errors of `require_device`, and a MeasurementError for a GPU that does not answer.
    """
    if require_device(name) == "cpu":
        return _CpuDevice()
    try:
        return _CudaDevice(name)
    except RuntimeError as error:
        raise MeasurementError(f"{name} does not answer: {first_line(error)}; see nvidia-smi") from None


def cache_flusher(size: int, where: torch.device) -> Run:
    """Return a function that overwrites `size` bytes of memory at `where`, allocated now and kept.

    Raises:
        MeasurementError: the memory cannot be allocated.
    """
    try:
        memory = torch.zeros(size, dtype=torch.int8, device=where)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        room = units.data_size(size)
        raise MeasurementError(f"out of memory: no room for the {room} of a cache; leave out --cold-cache") from None
    return memory.bitwise_not_  # it reads as well: mere writing may bypass the caches


def translating_out_of_memory(run: Callable[[], T], device: str, release: Callable[[], None] = lambda: None) -> T:
    """Call `run` and return its result.

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
