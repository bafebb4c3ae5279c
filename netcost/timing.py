"""How long models take, on a CPU or a GPU -> Measurement.

`measure` and `measure_all` apply `sample_rounds` to models: evaluation mode, no gradients, inputs allocated before,
denormals flushed, and everything that they set put back afterwards. Comparing models means taking them in the same
rounds: the times of one `measure_all` stand side by side, and `stats.ratio` takes them round by round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from netcost import stats
from netcost.devices import Call, Device, HostRun, Watch, open_device
from netcost.doubts import Doubt, doubts_about, launch_bound, throttled
from netcost.environment import LoadMeter, flushed_denormals
from netcost.errors import MeasurementError, RequestError
from netcost.placement import Renewal, placed
from netcost.sampling import Clock, Progress, Run, Series, Stop, Subject, sample_rounds
from netcost.tracing import InputSpec, call_arguments

Inputs = torch.Tensor | InputSpec | Sequence[Any] | Mapping[str, Any]
"""A shape, a tensor, an InputSpec, or several of these, in order or by name."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """How long one model takes on one device: every time in seconds a call, as it was taken, with its doubts."""

    device: str
    threads: int
    batch: int | None
    first_call_s: float
    warmup_calls: int
    calls_per_sample: int
    times_s: tuple[float, ...]
    """On the wall's clock, from the call until the device has finished; one a round."""
    device_times_s: tuple[float, ...] | None
    """Between GPU events around the same calls; None on a CPU."""
    stopped: Stop
    doubts: tuple[Doubt, ...] = ()

    @property
    def median_s(self) -> float:
        """The median time of a call (seconds)."""
        return stats.median(self.times_s)

    @property
    def ci95_s(self) -> stats.Interval | None:
        """The 95 % bootstrap interval of the median (seconds), or None with too few samples."""
        return stats.ci95(self.times_s)

    @property
    def iqr_s(self) -> float | None:
        """The interquartile range (seconds), or None with too few samples."""
        return stats.iqr(self.times_s)

    @property
    def samples(self) -> int:
        """The number of samples."""
        return len(self.times_s)

    @property
    def throughput_per_s(self) -> float | None:
        """Inputs a second: batch / median; None where the inputs have no batch."""
        return self.batch / self.median_s if self.batch is not None and self.median_s > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """The "latency" object of `compare --format json`."""
        return {
            "device": self.device,
            "threads": self.threads,
            "batch": self.batch,
            "first_call_s": self.first_call_s,
            "median_s": self.median_s,
            "ci95_s": None if self.ci95_s is None else list(self.ci95_s),
            "iqr_s": self.iqr_s,
            "samples": self.samples,
            "throughput_per_s": self.throughput_per_s,
            "device_median_s": None if self.device_times_s is None else stats.median(self.device_times_s),
            "doubts": [doubt.to_dict() for doubt in self.doubts],
        }


def measure(
    model: nn.Module,
    inputs: Inputs,
    device: str = "cpu",
    threads: int | None = None,
    *,
    budget_s: float = 5.0,
    precision: float = 0.02,
    progress: Progress | None = None,
) -> Measurement:
    """How long one forward pass takes.

    Args:
        inputs: a shape such as (1, 3, 224, 224), a tensor, an InputSpec, or several of these in order or by name; a
            shape stands for random normal values of the model's own floating-point type.
        threads: the number that torch uses within an operator, during the measurement; its present one unless given.
        budget_s, precision, progress: as for `sample_rounds`.

    Raises:
        MeasurementError: there is no such device, or the model failed on it.
        RequestError: the inputs, the threads or the device's name are none.
    """
    dtype = next((each.dtype for each in model.parameters() if each.is_floating_point()), torch.float32)
    named = (type(model).__name__, model, random_call(inputs, dtype))
    [result] = measure_all([named], device, threads, budget_s, precision, progress)
    if isinstance(result, MeasurementError):
        raise result
    return result


def measure_all(
    models: Sequence[tuple[str, nn.Module, Call]],
    device: str | Device = "cpu",
    threads: int | None = None,
    budget_s: float = 10.0,
    precision: float = 0.02,
    progress: Progress | None = None,
    *,
    clock: Clock = time.perf_counter,
    meter: Callable[[], LoadMeter] = LoadMeter,
) -> list[Measurement | MeasurementError]:
    """How long each of the models takes, side by side; for one that fails, its error, and the others go on.

    The n-th times of all results are of the same round.

    Args:
        models: name, module, and the arguments of its forward pass.
        device: its name, or an open one.
        clock, meter: of the time, and of the load by others.
    """
    device = open_device(device) if isinstance(device, str) else device
    with ExitStack() as stack:
        stack.enter_context(device.active())
        used = stack.enter_context(thread_number(threads))
        stack.enter_context(flushed_denormals())
        ready = [stack.enter_context(ready_to_run(device, model, call, clock)) for _, model, call in models]
        subjects = [Subject(name, each.watch, each.renewal) for (name, _, _), each in zip(models, ready, strict=True)]
        load = meter()
        with torch.inference_mode():
            rounds = sample_rounds(
                subjects,
                clock=clock,
                synchronize=device.synchronize,
                budget_s=budget_s,
                precision=precision,
                progress=progress,
            )
        shared = (load.doubt(), throttled(device.throttle_reasons()))
        context = Context(device.name, used, rounds.stopped, tuple(doubt for doubt in shared if doubt is not None))
        return [
            series.error or context.measurement(series, each.watch.times(), batch_of(call))
            for series, each, (_, _, call) in zip(rounds.series, ready, models, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Context:
    """What the measurements of one sampling have in common."""

    device: str
    threads: int
    stopped: Stop
    doubts: tuple[Doubt, ...]

    def measurement(
        self, series: Series, times: tuple[Sequence[float], Sequence[float]] | None, batch: int | None
    ) -> Measurement:
        """The measurement of one series, with the times that its watch has seen."""
        host, between = (_per_sample(seconds, series) for seconds in times or ((), ()))
        bound = launch_bound(series.times_s, host, between) if between else None
        first_call_s = series.first_call_s
        assert first_call_s is not None, "a series without an error has a first call"
        own = (*doubts_about(first_call_s, series.times_s), *((bound,) if bound else ()))
        return Measurement(
            device=self.device,
            threads=self.threads,
            batch=batch,
            first_call_s=first_call_s,
            warmup_calls=len(series.warmup_s),
            calls_per_sample=series.calls,
            times_s=series.times_s,
            device_times_s=between or None,
            stopped=self.stopped,
            doubts=(*own, *self.doubts),
        )


def random_call(inputs: Inputs, dtype: torch.dtype = torch.float32, seed: int = 0) -> Call:
    """The arguments that `inputs` stand for: tensors as they are, shapes and InputSpecs as random values on the CPU.

    The values come from a generator of their own; torch's stays as it is.

    Args:
        dtype: of a shape, and of an InputSpec that says float32, as one does unless told.

    Raises:
        RequestError: the inputs are none of these.
    """
    generator = torch.Generator().manual_seed(seed)
    floating = str(dtype).removeprefix("torch.")

    def make(spec: InputSpec) -> torch.Tensor:
        return (replace(spec, dtype=floating) if spec.dtype == "float32" else spec).random(generator)

    return call_arguments(inputs, make)


@contextmanager
def thread_number(threads: int | None) -> Iterator[int]:
    """Torch uses that many threads within an operator; yields the number that it does use."""
    if threads is not None and threads < 1:
        raise RequestError(f"--threads {threads!r}: expected 1 or more")
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield torch.get_num_threads()
    finally:
        if threads is not None:
            torch.set_num_threads(before)


@dataclass(frozen=True, slots=True)
class Ready:
    """A model that can be called.

    Args:
        watch: its run, as the device sees it; of a model that failed, what raises its error.
        renewal: what comes before each of its samples; None on a GPU, which has a memory and caches of another kind.
    """

    watch: Watch
    renewal: Run | None = None


@contextmanager
def ready_to_run(device: Device, model: nn.Module, call: Call, clock: Clock) -> Iterator[Ready]:
    """The model on the device and in evaluation mode; each module's own mode and weights are put back afterwards."""
    try:
        there, (args, kwargs) = device.place(model, call)
    except MeasurementError as error:
        yield Ready(HostRun(_raising(error)))  # the others go on
        return
    modes = [(module, module.training) for module in there.modules()]
    there.eval()
    watch = device.watch(lambda: there(*args, **kwargs))
    try:
        with placed(there) as placement:
            yield Ready(watch, Renewal(placement, watch, clock) if device.name == "cpu" else None)
    finally:
        for module, training in modes:
            module.training = training


def _raising(error: MeasurementError) -> Run:
    def run() -> object:
        raise error

    return run


def batch_of(call: Call) -> int | None:
    """The first size of the first tensor, or None where there is none."""
    args, kwargs = call
    shapes = (each.shape for each in (*args, *kwargs.values()) if isinstance(each, torch.Tensor) and each.dim() > 0)
    first = next(shapes, None)
    return None if first is None else int(first[0])


def _per_sample(seconds: Sequence[float], series: Series) -> tuple[float, ...]:
    """Seconds a call, sample by sample, from those of every call: the first one, warm-up, and then the rounds."""
    sampled = seconds[1 + len(series.warmup_s) :]
    starts = range(0, len(sampled), series.calls)
    return tuple(sum(sampled[at : at + series.calls]) / series.calls for at in starts)
