"""Times a network's plain and instrumented runs in the same rounds and joins them to its graph.

The plain run says how long a forward pass takes, the instrumented one how that time is divided. The rest of the plain
run beside the operators is the gap between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Unpack

import torch
from torch import nn

from netcost.counting.analysis import analyze
from netcost.profiling.probes import HostProbe, KernelProbe
from netcost.profiling.result import Profile
from netcost.profiling.roofline import Peaks
from netcost.targets import Target
from netcost.text.errors import MeasurementError, NetcostError
from netcost.timing.arguments import Arguments, both, copies_note
from netcost.timing.conversion import Call, converted, converted_call, first_line, observed
from netcost.timing.devices import Device, open_device, translating_out_of_memory
from netcost.timing.doubts import doubts_about, throttled
from netcost.timing.environment import LoadMeter, flushed_denormals, read_environment, thread_number
from netcost.timing.measuring import random_call
from netcost.timing.preparation import evaluating
from netcost.timing.sampling import Clock, Progress, Run, Subject, sample_rounds
from netcost.timing.setting import Timing, TimingOptions, timing_of
from netcost.timing.subjects import subject
from netcost.timing.training import TrainingStep, step_on
from netcost.tracing import TrainStep


def profile(
    model: nn.Module | str | Target,
    inputs: Any = None,
    device: str | Device = "cpu",
    *,
    concrete: bool = False,
    step: TrainStep | None = None,
    timing: Timing | None = None,
    peaks: Peaks | None = None,
    progress: Progress | None = None,
    clock: Clock = time.perf_counter,
    meter: Callable[[], LoadMeter] = LoadMeter,
    **options: Unpack[TimingOptions],
) -> Profile:
    """Measure where the time of a forward pass goes, operator by operator.

    The measured instance was never traced: a target is built anew for it, and a module copied. Torch's fused attention
    path is off, as in the count: it would hide the operators.

    Args:
        model: an nn.Module, or a target such as "googlenet" or "torchvision:resnet50".
        inputs: as for `analyze`; None for a target's own.
        device: "cpu", "cuda", "cuda:1", or an open one.
        concrete: trace on real tensors, for a forward pass that depends on values.
        step: a training step, to be timed instead of the forward pass.
        timing: device and all options in one value, instead of them.
        peaks: of this device, for the shares of the roofline.
        progress: called with the share done and the present step.
        clock, meter: for the time, and for the load by other programs.
        options: the parts of a `Timing`: threads, dtype, memory_format, cold_cache, budget_s (10 unless given), and
            precision (0.01), here of instrumented / plain. Compiled code has no operators to time, and instruments
            do not reach into other processes.

    Raises:
        RequestError: the target is unknown, its input missing, its code raised, or the peaks are of another device.
        MeasurementError: there is no such device, the run failed on it, or it ran other operators than were counted.
    """
    name = device if isinstance(device, str) else device.name
    asked = timing_of(timing, name, options).or_else(10.0, 0.01)
    asked.refuse("a profile", "backend", "isolate")
    opened = open_device(asked.device) if isinstance(device, str) else device
    if peaks is not None:
        peaks.require(opened.name)
    target = subject(model, inputs, asked)
    step = None if step is None else step_on(step, asked)
    analysis = analyze(target, concrete=concrete, step=step).require_timeable()
    analysis = replace(analysis, input_notes=(*analysis.input_notes, *copies_note(target.required_inputs())))
    ops = analysis.graph.ops if analysis.training is None else analysis.training.graph.ops
    with opened.active(), thread_number(asked.threads) as used, flushed_denormals(), _attention_in_parts():
        placed, call = _prepared(opened, target, asked)
        setting, arguments = observed(placed, call, asked), Arguments(call)
        placed = placed if step is None else TrainingStep(placed, step)
        with evaluating(placed), torch.inference_mode():
            run = arguments.bound(placed)
            # Operators are finished when they return on a CPU; on a GPU they are then only launched.
            on_host = opened.name == "cpu"
            probe = HostProbe(run, ops, clock) if on_host else KernelProbe(run, ops, clock, opened.synchronize)
            if step is not None:  # the first makes the state of the optimizer
                _try_out(run, analysis.model, opened.name)
            _try_out(probe, analysis.model, opened.name)
            prepare = both(opened.cold_cache() if asked.cold_cache else None, arguments.renewing)
            load = meter()
            rounds = sample_rounds(
                [
                    Subject(analysis.model, opened.watch(run), prepare),
                    Subject(f"{analysis.model}, instrumented,", probe, prepare, untimed_setup=probe.begin_sample),
                ],
                clock=clock,
                synchronize=opened.synchronize,
                budget_s=asked.budget_s or 0.0,
                precision=asked.precision or 0.0,
                progress=progress,
            )
    for series in rounds.series:
        if series.error is not None:
            raise series.error
    plain, instrumented = rounds.series
    machine_doubts = (load.doubt(), throttled(opened.throttle_reasons()))
    assert plain.first_call_s is not None, "a series without an error has a first call"
    return Profile(
        analysis=analysis,
        environment=read_environment(opened.name, used),
        setting=setting,
        plain_s=plain.times_s,
        instrumented_s=instrumented.times_s,
        passes=probe.passes,
        doubts=(*doubts_about(plain.first_call_s, plain.times_s), *filter(None, machine_doubts)),
        peaks=peaks,
    )


def _prepared(device: Device, target: Target, timing: Timing) -> tuple[nn.Module, Call]:
    """Build the model as its timing asks for it, with its inputs, on the device."""
    built = converted(target.build(), timing)
    dtype = next((weight.dtype for weight in built.parameters() if weight.is_floating_point()), torch.float32)
    call = random_call(target.required_inputs(), dtype, built)
    return device.place(built, converted_call(call, timing))


def _try_out(probe: Run, name: str, device: str) -> None:
    """Run one pass before anything is measured; a failure is a MeasurementError, as are operators not counted."""
    try:
        translating_out_of_memory(probe, device)
    except NetcostError:
        raise
    except Exception as error:
        raise MeasurementError(f"{name} failed in its first call: {first_line(error)}") from error


@contextmanager
def _attention_in_parts() -> Iterator[None]:
    """Switch off torch's fused path of attention and of transformer layers within."""
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
