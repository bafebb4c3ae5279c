"""Instrumented forward passes: the time of each operator, on the host or in a GPU's kernels."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, NamedTuple

import torch

from netcost.graph.graph import Op, Phase
from netcost.profiling.operator_timer import OperatorTimer, Span
from netcost.text.errors import MeasurementError
from netcost.timing.sampling import Clock, Run

MARK = "netcost:"
"""The beginning of the names of the profiler's ranges; the number of the operator follows."""

NOT_DISPATCHED = frozenset({"aten.scalar_tensor"})
"""Operators that turn a Python number into a tensor on a GPU and on the meta device (in a trace), not on a CPU."""

ALIKE = {"aten._unsafe_view": "aten.view"}
"""Operators that torch takes for one another, on shapes and on real tensors."""

REACH = 12
"""Places by which operators of a step may be apart in a trace and in a run."""


class Kernel(NamedTuple):
    """One kernel on a GPU: its name, and when it ran (seconds, on the host's clock)."""

    name: str
    begun: float
    ended: float


class Pass(NamedTuple):
    """One instrumented forward pass.

    Args:
        spans: the operators of the graph as the host saw them; None for one that this device does not run.
        times_s: seconds that each of them took: on the host, or in its kernels.
        outside_s: seconds that the host spent outside of the operators, including the instrument's own work; None on a
            GPU.
        kernels: in the order in which they began; none on a CPU.
        begins_sample: False for a further pass of the same sample: a sample of a short network is several passes.
    """

    spans: tuple[Span | None, ...]
    times_s: tuple[float, ...]
    outside_s: float | None
    kernels: tuple[Kernel, ...] = ()
    begins_sample: bool = True


@dataclass
class Probe:
    """An instrumented run that keeps the passes of its samples. Passes before the first sample are not kept.

    Args:
        run: the model's run.
        ops: of the counted graph; the operators that run must be these.
        clock: seconds, from any origin.
    """

    run: Run
    ops: Sequence[Op]
    clock: Clock
    _samples: list[list[Pass]] = field(default_factory=list, init=False)

    def begin_sample(self) -> None:
        """Assign the passes from now on, until the next call of this, to one sample."""
        self._samples.append([])

    @property
    def passes(self) -> tuple[Pass, ...]:
        """All passes of all samples, in the order in which they ran."""
        return tuple(chain.from_iterable(self._samples))

    def _keep(self, done: Pass) -> None:
        if self._samples:
            sample = self._samples[-1]
            sample.append(done._replace(begins_sample=not sample))


class HostProbe(Probe):
    """Times operators that are finished when they return: on a CPU."""

    def __call__(self) -> object:
        """Run one forward pass."""
        timer, begun = OperatorTimer(self.clock), self.clock()
        with timer:
            result = self.run()
        elapsed_s = self.clock() - begun
        spans = joined(timer.spans, self.ops)
        times_s = tuple(0.0 if span is None else span.elapsed_s for span in spans)
        self._keep(Pass(spans, times_s, elapsed_s - sum(times_s)))
        return result


@dataclass
class KernelProbe(Probe):
    """Times operators by the kernels that they launch, as torch's profiler sees them on the GPU.

    Args:
        synchronize: waits until the GPU has finished.
        record: runs a function under a profiler and returns the profiler's events.
        mark: opens a range of that name in the profiler.
    """

    synchronize: Run
    record: Callable[[Run], Iterable[Any]] = lambda run: _recorded(run)
    mark: Callable[[str], AbstractContextManager[object]] = torch.profiler.record_function

    def __call__(self) -> object:
        """Run one forward pass and wait for its kernels."""
        timer = OperatorTimer(self.clock, lambda number: self.mark(f"{MARK}{number}"))
        results: list[object] = []

        def run() -> None:
            with timer:
                results.append(self.run())
            self.synchronize()

        events = list(self.record(run))
        spans = joined(timer.spans, self.ops)
        busy_s = kernel_seconds(events, len(timer.spans))
        busy = {id(span): seconds for span, seconds in zip(timer.spans, busy_s, strict=True)}
        times_s = tuple(0.0 if span is None else busy[id(span)] for span in spans)
        self._keep(Pass(spans, times_s, None, kernels_of(events, timer.spans)))
        return results[0]


def _recorded(run: Run) -> Iterable[Any]:
    """Run under torch's profiler, whose own library, Kineto, stays silent on standard error; return its events."""
    before = os.environ.get("KINETO_LOG_LEVEL")
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    try:
        activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
        with torch.profiler.profile(activities=activities) as profiler:
            run()
    finally:
        if before is None:
            del os.environ["KINETO_LOG_LEVEL"]
    return profiler.events() or ()


def joined(spans: Sequence[Span], ops: Sequence[Op]) -> tuple[Span | None, ...]:
    """Match the operators that ran with those of the graph, by name and order; others are a MeasurementError.

    The result is None for an operator that this device does not run. Of a training step, operators next to each other
    may change places: autograd takes gradients that are ready at the same time in any order.
    """
    ran = deque(span for span in spans if span.traced)
    reach = 1 if all(op.phase is Phase.FORWARD for op in ops) else REACH
    matched: list[Span | None] = []
    for index, op in enumerate(ops):
        names = (ALIKE.get(span.name, span.name) for span in islice(ran, reach))
        place = next((place for place, name in enumerate(names) if name == ALIKE.get(op.name, op.name)), None)
        if place is not None:
            matched.append(ran[place])
            del ran[place]
        elif op.name in NOT_DISPATCHED:
            matched.append(None)
        else:
            where = f" in module {op.module!r}" if op.module else ""
            other = f"{ran[0].name} ran" if ran else "no more operators ran"
            raise MeasurementError(f"operator {index} was counted as {op.name}{where}, but {other}: {_UNLIKE_COUNT}")
    if ran:
        raise MeasurementError(f"{len(ops)} operators were counted, but {ran[0].name} ran after them: {_UNLIKE_COUNT}")
    return tuple(matched)


_UNLIKE_COUNT = (
    "on this device the forward pass runs other operators than in the trace, so that times cannot be joined to counts; "
    "try --concrete (recurrent layers that have a kernel of their own cannot be profiled)"
)


def kernel_seconds(events: Iterable[Any], number: int) -> list[float]:
    """Seconds in kernels for each of the first `number` marked ranges.

    Args:
        events: of torch's profiler; a range's children are the events within it, each with the kernels it launched.

    Raises:
        MeasurementError: the profiler saw no kernel at all.
    """
    seconds = [0.0] * number
    for event in events:
        if event.device_type.name == "CPU" and event.name.startswith(MARK):
            seconds[int(event.name.removeprefix(MARK))] += _microseconds(event) / 1e6
    if not any(seconds):
        raise MeasurementError(
            "torch's profiler saw no kernels on the GPU: its tracing library (CUPTI) is missing or not permitted; "
            "ask for access to the GPU's performance counters, or profile with --device cpu"
        )
    return seconds


def _microseconds(event: Any) -> float:
    """Sum the kernels of an event and of all events within it, without the range's own shadow on the GPU."""
    own = sum(kernel.duration for kernel in event.kernels if not kernel.name.startswith(MARK))
    return float(own + sum(map(_microseconds, event.cpu_children)))


def kernels_of(events: Iterable[Any], spans: Sequence[Span]) -> tuple[Kernel, ...]:
    """Return every kernel, its times moved from the profiler's clock to the host's: the first range begins its span."""
    events = list(events)
    first = next((event for event in events if event.name == f"{MARK}0"), None)
    if first is None or not spans:
        return ()
    offset_s = spans[0].begun - first.time_range.start / 1e6
    kernels = [
        Kernel(event.name, event.time_range.start / 1e6 + offset_s, event.time_range.end / 1e6 + offset_s)
        for event in events
        if event.device_type.name != "CPU" and not event.name.startswith(MARK)
    ]
    return tuple(sorted(kernels, key=lambda kernel: kernel.begun))
