"""One instrumented forward pass after the other: how long each operator takes, on the host or in a GPU's kernels."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple, Protocol

import torch

from netcost.graph.graph import Op
from netcost.profiling.operator_timer import OperatorTimer, Span
from netcost.text.errors import MeasurementError
from netcost.timing.sampling import Clock, Run

MARK = "netcost:"
"""What the profiler's ranges are called, before the number of the operator."""


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
        outside_s: seconds that the host spent outside of them, with the instrument's own work; None where they were
            timed on a GPU.
        kernels: in the order in which they began; none on a CPU.
    """

    spans: tuple[Span | None, ...]
    times_s: tuple[float, ...]
    outside_s: float | None
    kernels: tuple[Kernel, ...] = ()


class Probe(Protocol):
    """An instrumented run, which keeps every pass."""

    passes: list[Pass]

    def __call__(self) -> object:
        """One forward pass."""


class HostProbe:
    """Times operators where they return when they are done: on a CPU.

    Args:
        run: the model's run.
        ops: of the counted graph, which the operators that run must be.
        clock: seconds, from any origin.
    """

    def __init__(self, run: Run, ops: Sequence[Op], clock: Clock) -> None:
        self._run, self._ops, self._clock = run, ops, clock
        self.passes: list[Pass] = []

    def __call__(self) -> object:
        """One forward pass."""
        timer, begun = OperatorTimer(self._clock), self._clock()
        with timer:
            result = self._run()
        elapsed_s = self._clock() - begun
        spans = joined(timer.spans, self._ops)
        times_s = tuple(0.0 if span is None else span.elapsed_s for span in spans)
        self.passes.append(Pass(spans, times_s, elapsed_s - sum(times_s)))
        return result


class KernelProbe:
    """Times operators by the kernels that they launch, as torch's profiler sees them on the GPU.

    Args:
        run: the model's run.
        ops: of the counted graph.
        clock: seconds, on the host.
        synchronize: waits until the GPU has finished.
        record: runs something under a profiler, and gives back its events.
        mark: makes a range that the profiler shows under that name.
    """

    def __init__(
        self,
        run: Run,
        ops: Sequence[Op],
        clock: Clock,
        synchronize: Run,
        record: Callable[[Run], Iterable[Any]] | None = None,
        mark: Callable[[str], AbstractContextManager[object]] = torch.profiler.record_function,
    ) -> None:
        self._run, self._ops, self._clock, self._synchronize = run, ops, clock, synchronize
        self._record, self._mark = record or _recorded, mark
        self.passes: list[Pass] = []

    def __call__(self) -> object:
        """One forward pass, its kernels finished."""
        timer = OperatorTimer(self._clock, lambda number: self._mark(f"{MARK}{number}"))
        results: list[object] = []

        def run() -> None:
            with timer:
                results.append(self._run())
            self._synchronize()

        events = list(self._record(run))
        spans = joined(timer.spans, self._ops)
        busy_s = kernel_seconds(events, len(timer.spans))
        busy = {id(span): seconds for span, seconds in zip(timer.spans, busy_s, strict=True)}
        times_s = tuple(0.0 if span is None else busy[id(span)] for span in spans)
        self.passes.append(Pass(spans, times_s, None, kernels_of(events, timer.spans)))
        return results[0]


def _recorded(run: Run) -> Iterable[Any]:
    """The events of torch's profiler."""
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with _quiet_kineto(), torch.profiler.profile(activities=activities) as profiler:
        run()
    return profiler.events() or ()


@contextmanager
def _quiet_kineto() -> Iterator[None]:
    """The profiler's own library, Kineto, does not write its stages to standard error within."""
    before = os.environ.get("KINETO_LOG_LEVEL")
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    try:
        yield
    finally:
        if before is None:
            del os.environ["KINETO_LOG_LEVEL"]


NOT_DISPATCHED = frozenset({"aten.scalar_tensor"})
"""What torch makes of a Python number on a GPU and on the meta device, where a trace runs; on a CPU nothing runs."""


def joined(spans: Sequence[Span], ops: Sequence[Op]) -> tuple[Span | None, ...]:
    """The span of each operator of the graph, compared with it name by name; None where this device runs nothing.

    Raises:
        MeasurementError: others ran than were counted.
    """
    ran = deque(span for span in spans if span.traced)
    found: list[Span | None] = []
    for index, op in enumerate(ops):
        if ran and ran[0].name == op.name:
            found.append(ran.popleft())
        elif op.name in NOT_DISPATCHED:
            found.append(None)
        else:
            where = f" in module {op.module!r}" if op.module else ""
            other = f"{ran[0].name} ran" if ran else "no more ran"
            raise MeasurementError(
                f"operator {index} was counted as {op.name}{where}, and {other}: {_UNLIKE_THE_COUNT}"
            )
    if ran:
        raise MeasurementError(
            f"{len(ops)} operators were counted, and {ran[0].name} ran after them: {_UNLIKE_THE_COUNT}"
        )
    return tuple(found)


_UNLIKE_THE_COUNT = (
    "on this device the forward pass runs other operators than on shapes, so that times cannot be joined to counts; "
    "try --concrete (recurrent layers that have a kernel of their own cannot be profiled)"
)


def kernel_seconds(events: Iterable[Any], number: int) -> list[float]:
    """Seconds in kernels, for each of so many marked ranges.

    Args:
        events: of torch's profiler; a range's children are what ran in it, and each has the kernels that it launched.

    Raises:
        MeasurementError: the profiler saw no kernel at all.
    """
    seconds = [0.0] * number
    for event in events:
        if _on_host(event) and event.name.startswith(MARK):
            seconds[int(event.name.removeprefix(MARK))] += _microseconds(event) / 1e6
    if not any(seconds):
        raise MeasurementError(
            "torch's profiler saw no kernels on the GPU: its tracing library (CUPTI) is missing or not permitted; "
            "ask for access to the GPU's performance counters, or profile with --device cpu"
        )
    return seconds


def _on_host(event: Any) -> bool:
    return bool(event.device_type.name == "CPU")


def _microseconds(event: Any) -> float:
    """Of the kernels of an event and of all events within it; the range's own shadow on the GPU is none of them."""
    own = sum(kernel.duration for kernel in event.kernels if not kernel.name.startswith(MARK))
    return float(own + sum(_microseconds(each) for each in event.cpu_children))


def kernels_of(events: Iterable[Any], spans: Sequence[Span]) -> tuple[Kernel, ...]:
    """Every kernel, its times moved from the profiler's clock to the host's: the first range began with its span."""
    listed = list(events)
    first = next((each for each in listed if each.name == f"{MARK}0"), None)
    if first is None or not spans:
        return ()
    offset_s = spans[0].begun - first.time_range.start / 1e6
    found = [
        Kernel(each.name, each.time_range.start / 1e6 + offset_s, each.time_range.end / 1e6 + offset_s)
        for each in listed
        if not _on_host(each) and not each.name.startswith(MARK)
    ]
    return tuple(sorted(found, key=lambda kernel: kernel.begun))
