"""Timing of models on a CPU or a GPU -> Measurement.

`measure` and `measure_all` apply `sample_rounds` to models: evaluation mode, no gradients, inputs allocated before the
clock starts, denormals flushed; everything that they set is put back afterwards. Models are compared by timing them in
the same rounds: the times of one `measure_all` stand side by side, and `stats.ratio` takes them round by round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Unpack

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from netcost.text.errors import MeasurementError
from netcost.timing.arguments import both
from netcost.timing.conversion import Call
from netcost.timing.devices import Device, RunTimes, open_device
from netcost.timing.doubts import Doubt, doubts_about, launch_bound, throttled
from netcost.timing.environment import LoadMeter, flushed_denormals, thread_number
from netcost.timing.measurement import Effort, Measurement
from netcost.timing.placement import Placement
from netcost.timing.preparation import Ready, ready_to_run
from netcost.timing.runtimes import RUNTIMES, require_runtimes
from netcost.timing.sampling import Clock, Progress, Series, Subject, sample_rounds
from netcost.timing.setting import (
    BUDGET_S,
    EAGER,
    PRECISION,
    EffectiveSetting,
    Timing,
    TimingOptions,
    timing_of,
)
from netcost.tracing import InputSpec, call_arguments
from netcost.tracing.inputs import drawing
from netcost.tracing.nests import parts, tensors_in, with_tensors


def measure(
    model: nn.Module,
    inputs: Any,
    device: str = "cpu",
    *,
    timing: Timing | None = None,
    progress: Progress | None = None,
    **options: Unpack[TimingOptions],
) -> Measurement:
    """Measure the time of one forward pass.

    Args:
        inputs: as for `analyze`; a shape stands for random normal values of the model's own floating-point type. The
            caller's own tensors and objects are not passed on, but copies, and anew to each call that changes them.
        timing: device and all options in one value, instead of them.
        options: the parts of a `Timing`: threads, dtype, memory_format, backend, cold_cache, budget_s (5 unless given)
            and precision (0.02); a model that has to change for them is copied.
        progress: called with the share of the work that is done and the next step.

    Raises:
        MeasurementError: there is no such device, or the model failed on it.
        RequestError: the inputs, an option or the device's name are not valid.
    """
    asked = timing_of(timing, device, options).or_else(5.0, PRECISION)
    asked.refuse("measuring one module", "isolate")
    dtype = next((weight.dtype for weight in model.parameters() if weight.is_floating_point()), torch.float32)
    [result] = measure_all([(type(model).__name__, model, random_call(inputs, dtype, model))], asked, progress)
    if isinstance(result, MeasurementError):
        raise result
    return result


def measure_all(
    models: Sequence[tuple[str, nn.Module, Call]],
    timing: Timing = Timing(),
    progress: Progress | None = None,
    *,
    backends: Sequence[str] | None = None,
    device: Device | None = None,
    clock: Clock = time.perf_counter,
    meter: Callable[[], LoadMeter] = LoadMeter,
) -> list[Measurement | MeasurementError]:
    """Measure the time of each model, side by side; a model that fails yields its error, and the others go on.

    The n-th times of all results are of the same round.

    Args:
        models: name, module, and the arguments of its forward pass. A module that is listed with several arguments is
            copied and moved once.
        timing: of all of them [default: 10 s and a precision of 0.02].
        backends: of each model, instead of that of `timing`.
        device: an open one, instead of the one that `timing` names.
        clock, meter: of the time, and of the load by other programs.
    """
    if backends is None:
        timing.require_one_backend()
    asked = [replace(timing, backend=name) for name in backends or [timing.backend] * len(models)]
    require_runtimes([one.backend for one in asked])
    device = open_device(timing.device) if device is None else device
    budget_s, precision = timing.goal(BUDGET_S, PRECISION)
    with ExitStack() as stack:
        stack.enter_context(device.active())
        threads = stack.enter_context(thread_number(timing.threads))
        stack.enter_context(flushed_denormals())
        placements: dict[int, Placement] = {}
        ready: list[Ready] = []
        for (name, model, call), own in zip(models, asked, strict=True):
            if progress is not None and own.backend != EAGER:
                progress(0.0, f"{RUNTIMES[own.backend].doing} {name}")
            ready.append(stack.enter_context(ready_to_run(device, model, call, own, placements, clock)))
        prepare = device.cold_cache() if timing.cold_cache and models else None
        named = [(name, batch_of(call), entry) for (name, _, call), entry in zip(models, ready, strict=True)]
        load, begun = meter(), clock()
        with torch.inference_mode():
            rounds = sample_rounds(
                [Subject(name, entry.run, both(prepare, entry.prepare), entry.set_up) for name, _, entry in named],
                clock=clock,
                synchronize=device.synchronize,
                budget_s=budget_s,
                precision=precision,
                progress=progress,
            )
        effort = Effort(precision, budget_s, clock() - begun, rounds.stopped)
        context = Context(device.name, threads, effort, (load.doubt(), throttled(device.throttle_reasons())))
        return [
            series.error or context.measurement(series, batch, entry.setting, entry.compile_s, entry.run.times())
            for series, (_, batch, entry) in zip(rounds.series, named, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Context:
    """The facts that the measurements of one sampling share."""

    device: str
    threads: int
    effort: Effort
    doubts: tuple[Doubt | None, ...]

    def measurement(
        self,
        series: Series,
        batch: int | None,
        setting: EffectiveSetting,
        compile_s: float | None,
        times: RunTimes | None,
    ) -> Measurement:
        """Return the measurement of one series, with the times of its run on the host and between GPU events."""
        host, between = map(tuple, times or ((), ()))
        bound = launch_bound(series.times_s, host, between) if between else None
        first_call_s = series.first_call_s
        assert first_call_s is not None, "a series without an error has a first call"
        return Measurement(
            device=self.device,
            threads=self.threads,
            batch=batch,
            setting=setting,
            compile_s=compile_s,
            first_call_s=first_call_s,
            warmup_s=series.warmup_s,
            calls_per_sample=series.calls,
            times_s=series.times_s,
            device_times_s=between or None,
            effort=self.effort,
            doubts=doubts_about(first_call_s, series.times_s, bound, *self.doubts),
        )


def random_call(inputs: Any, dtype: torch.dtype = torch.float32, model: nn.Module | None = None, seed: int = 0) -> Call:
    """Return the arguments that `inputs` stand for: values as they are, shapes and InputSpecs as `drawing` fills them.

    Args:
        dtype: of a shape, and of an InputSpec that says float32, its default.
        model: whose embeddings bound the indices.

    Raises:
        RequestError: the inputs have no form that `call_arguments` takes.
    """
    draw = drawing(model, dtype, seed)
    call = call_arguments(inputs, draw)
    if any(tensor.is_meta for tensor in tensors_in(call)):
        call = with_tensors(call, lambda tensor: draw(InputSpec.of(tensor)) if tensor.is_meta else tensor)
    return call


def batch_of(call: Call) -> int | None:
    """Return the first size of the first tensor that has one, or the sequences of a packed one; None if there is none.

    An empty batch is none either: it has no throughput.
    """
    for part in parts(call):
        if isinstance(part, PackedSequence):
            return int(part.batch_sizes[0])
        if isinstance(part, torch.Tensor) and part.dim() > 0:
            return int(part.shape[0]) or None
    return None
