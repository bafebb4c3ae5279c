"""Preparation of a model for timing: converts a copy, moves it to the device, switches it to eval and compiles it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import nn

from netcost.text.errors import MeasurementError
from netcost.timing import conversion
from netcost.timing.arguments import Arguments
from netcost.timing.conversion import Call
from netcost.timing.devices import Device, TimedRun, translating_out_of_memory
from netcost.timing.placement import Placement, UntimedSetup, placed
from netcost.timing.sampling import Clock, Run
from netcost.timing.setting import COMPILE, CUDAGRAPH, EAGER, EffectiveSetting, Timing
from netcost.tracing import set_training

BACKEND_NAMES = {COMPILE: "torch.compile", CUDAGRAPH: "CUDA graph"}  # in errors


@dataclass(frozen=True, slots=True)
class Ready:
    """A model that can be called; the run of one that failed raises its error.

    It has no untimed setup on a GPU, which has memory and caches of another kind, nor compiled: such code may rely on
    the addresses of the weights.
    """

    run: TimedRun
    setting: EffectiveSetting
    compile_s: float | None = None  # the first call of a compiled model, or recording a graph; None for eager
    untimed_setup: Run | None = None
    prepare: Run | None = None  # before each timed call: gives it inputs that the call before has changed

    def set_up(self) -> None:
        """Run the untimed setup, then begin a sample."""
        if self.untimed_setup is not None:
            self.untimed_setup()
        self.run.begin_sample()

    @classmethod
    def failed(cls, error: MeasurementError) -> Ready:
        """Return a model whose first call raises the error, so that the others go on."""
        text = str(error)  # alone: a kept exception would keep its frames, and they the weights on the device

        def run() -> object:
            raise MeasurementError(text)

        return cls(TimedRun(run), EffectiveSetting())


@contextmanager
def ready_to_run(
    device: Device, model: nn.Module, call: Call, timing: Timing, placements: dict[int, Placement], clock: Clock
) -> Iterator[Ready]:
    """Prepare the model as the timing asks, on the device and in evaluation mode; mode and weights are put back.

    A module with a placement, by its identity, has been prepared before and is not copied again.
    """
    known = placements.get(id(model))
    try:
        there = translating_out_of_memory(
            lambda: known.model if known else conversion.converted(model, timing), device.name
        )
        there, call = device.place(there, conversion.converted_call(call, timing))
    except MeasurementError as error:
        yield Ready.failed(error)
        return
    except RuntimeError as error:  # of torch: a GPU that was lost
        yield Ready.failed(MeasurementError(conversion.first_line(error)))
        return
    with evaluating(there), placed(there) if known is None else nullcontext(known) as placement:
        placements[id(model)] = placement
        ready = _start(device, there, call, timing, clock)
        stays = device.name != "cpu" or timing.backend == COMPILE
        yield ready if stays else replace(ready, untimed_setup=UntimedSetup(placement, ready.run, clock))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put every module into evaluation mode within, and back into its own mode afterwards."""
    modes = [
        (module, module.training) for module in model.modules() if hasattr(module, "training")
    ]  # a frozen one has no mode
    set_training(model, False)
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _start(device: Device, model: nn.Module, call: Call, timing: Timing, clock: Clock) -> Ready:
    """Return the model's run on its device; compiled or recorded as a graph, where the timing asks for it."""
    setting = conversion.observed(model, call, timing)
    function = conversion.compiled(model) if timing.backend == COMPILE else model
    arguments = Arguments(call)
    run = _naming_dtype(arguments.bound(function, trial=model), timing)
    if timing.backend == EAGER:
        return Ready(device.watch(run), setting, prepare=arguments.renewing)
    begun = clock()
    try:
        with conversion.quiet_compiler(BACKEND_NAMES[timing.backend]), torch.inference_mode():
            if timing.backend == CUDAGRAPH:
                if arguments.renewing is not None:
                    raise MeasurementError("a call changes its inputs, and a graph has one copy; try --backend eager")
                watched = device.watch(device.graph(run))
            else:
                watched = device.watch(run)
                watched()
            device.synchronize()
    except MeasurementError as error:
        return Ready.failed(error)
    return Ready(watched, setting, clock() - begun, prepare=arguments.renewing)


def _naming_dtype(run: Run, timing: Timing) -> Run:
    """Wrap the run so that its failure in an element type that was asked for names that type."""
    if timing.dtype is None:
        return run

    def wrapped() -> object:
        try:
            return run()
        except Exception as error:
            if conversion.is_out_of_memory(error):
                raise
            raise MeasurementError(f"{conversion.first_line(error)} (in {timing.dtype}: try without --dtype)") from None

    return wrapped
