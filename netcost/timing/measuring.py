"""Models timed on a CPU or a GPU -> Measurement.

`measure` and `measure_all` apply `sample_rounds` to models: evaluation mode, no gradients, inputs allocated before,
denormals flushed, and everything that they set put back afterwards. Comparing models means taking them in the same
rounds: the times of one `measure_all` stand side by side, and `stats.ratio` takes them round by round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Unpack

import torch
from torch import nn

from netcost.text.errors import MeasurementError
from netcost.timing.conversion import Call
from netcost.timing.devices import Device, open_device
from netcost.timing.doubts import Doubt, doubts_about, launch_bound, throttled
from netcost.timing.environment import LoadMeter, flushed_denormals, thread_number
from netcost.timing.measurement import Effort, Measurement
from netcost.timing.placement import Placement
from netcost.timing.preparation import Ready, RunRecord, ready_to_run
from netcost.timing.sampling import Clock, Progress, Series, Subject, sample_rounds
from netcost.timing.setting import COMPILE, Timing, TimingOptions, timing_of
from netcost.tracing import InputSpec, call_arguments

Inputs = torch.Tensor | InputSpec | Sequence[Any] | Mapping[str, Any]
"""A shape, a tensor, an InputSpec, or several of these, in order or by name."""


def measure(
    model: nn.Module,
    inputs: Inputs,
    device: str = "cpu",
    *,
    timing: Timing | None = None,
    progress: Progress | None = None,
    **options: Unpack[TimingOptions],
) -> Measurement:
    """Measure how long one forward pass takes.

    Args:
        inputs: a shape such as (1, 3, 224, 224), a tensor, an InputSpec, or several of these in order or by name; a
            shape stands for random normal values of the model's own floating-point type.
        timing: device and all options in one value, instead of them.
        options: the parts of a `Timing`: threads, dtype, memory_format, backend, cold_cache, budget_s (5 unless given)
            and precision (0.02); what has to change is changed on a copy.
        progress: told the share done and what is being done.

    Raises:
        MeasurementError: there is no such device, or the model failed on it.
        RequestError: the inputs, an option or the device's name are none.
    """
    asked = timing_of(timing, device, options).or_else(5.0, 0.02)
    asked.refuse("measuring one module", "isolate")
    own = next((each.dtype for each in model.parameters() if each.is_floating_point()), torch.float32)
    named = (type(model).__name__, model, random_call(inputs, own))
    [result] = measure_all([named], asked, progress)
    if isinstance(result, MeasurementError):
        raise result
    return result


def measure_all(
    models: Sequence[tuple[str, nn.Module, Call]],
    timing: Timing = Timing(),
    progress: Progress | None = None,
    *,
    device: Device | None = None,
    clock: Clock = time.perf_counter,
    meter: Callable[[], LoadMeter] = LoadMeter,
) -> list[Measurement | MeasurementError]:
    """Measure how long each of the models takes, side by side; one that fails is its error, and the others go on.

    The n-th times of all results are of the same round.

    Args:
        models: name, module, and the arguments of its forward pass. The same module with other arguments is copied
            and moved once.
        timing: of all of them; 10 s and a precision of 0.02 unless it says.
        device: an open one, instead of the one that `timing` names.
        clock, meter: of the time, and of the load by others.
    """
    device = open_device(timing.device) if device is None else device
    budget_s, precision = timing.goal(10.0, 0.02)
    with ExitStack() as stack:
        stack.enter_context(device.active())
        used = stack.enter_context(thread_number(timing.threads))
        stack.enter_context(flushed_denormals())
        ready = _all_ready(stack, device, models, timing, clock, progress)
        prepare = device.cold_cache() if timing.cold_cache and models else None
        subjects = [
            Subject(name, each.watch, prepare, each.set_up) for (name, _, _), each in zip(models, ready, strict=True)
        ]
        load, begun = meter(), clock()
        with torch.inference_mode():
            rounds = sample_rounds(
                subjects,
                clock=clock,
                synchronize=device.synchronize,
                budget_s=budget_s,
                precision=precision,
                progress=progress,
            )
        effort = Effort(precision, budget_s, clock() - begun, rounds.stopped)
        shared = (load.doubt(), throttled(device.throttle_reasons()))
        context = Context(device.name, used, effort, tuple(doubt for doubt in shared if doubt is not None))
        return [
            series.error or context.measurement(series, each.outcome(), batch_of(call))
            for series, each, (_, _, call) in zip(rounds.series, ready, models, strict=True)
        ]


def _all_ready(
    stack: ExitStack,
    device: Device,
    models: Sequence[tuple[str, nn.Module, Call]],
    timing: Timing,
    clock: Clock,
    progress: Progress | None,
) -> list[Ready]:
    """The models ready to run, until the stack is left."""
    placements: dict[int, Placement] = {}
    ready: list[Ready] = []
    for name, model, call in models:
        if progress is not None and timing.backend == COMPILE:
            progress(0.0, f"compiling {name}")
        ready.append(stack.enter_context(ready_to_run(device, model, call, timing, placements, clock)))
    return ready


@dataclass(frozen=True, slots=True)
class Context:
    """What the measurements of one sampling have in common."""

    device: str
    threads: int
    effort: Effort
    doubts: tuple[Doubt, ...]

    def measurement(self, series: Series, outcome: RunRecord, batch: int | None) -> Measurement:
        """The measurement of one series, with what its run has told."""
        host, between = map(tuple, outcome.times or ((), ()))
        bound = launch_bound(series.times_s, host, between) if between else None
        first_call_s = series.first_call_s
        assert first_call_s is not None, "a series without an error has a first call"
        own = (*doubts_about(first_call_s, series.times_s), *((bound,) if bound else ()))
        return Measurement(
            device=self.device,
            threads=self.threads,
            batch=batch,
            setting=outcome.setting,
            compile_s=outcome.compile_s,
            first_call_s=first_call_s,
            warmup_s=series.warmup_s,
            calls_per_sample=series.calls,
            times_s=series.times_s,
            device_times_s=between or None,
            effort=self.effort,
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


def batch_of(call: Call) -> int | None:
    """The first size of the first tensor, or None where there is none."""
    args, kwargs = call
    shapes = (each.shape for each in (*args, *kwargs.values()) if isinstance(each, torch.Tensor) and each.dim() > 0)
    first = next(shapes, None)
    return None if first is None else int(first[0])
