"""Preparation of a model for timing: converts a copy, moves it to the device, switches it to eval and compiles it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from netcost.text.errors import MeasurementError
from netcost.timing import conversion
from netcost.timing.arguments import Arguments, both
from netcost.timing.conversion import Call
from netcost.timing.devices import Device, TimedRun, translating_out_of_memory
from netcost.timing.placement import Placement, UntimedSetup, placed
from netcost.timing.runtimes import RUNTIMES, NetworkCall
from netcost.timing.runtimes.agreement import require_agreement
from netcost.timing.runtimes.runtime import flat_tensors
from netcost.timing.sampling import Clock, Run
from netcost.timing.setting import EAGER, EffectiveSetting, Timing
from netcost.timing.threads import rest
from netcost.tracing import set_training


@dataclass(frozen=True, slots=True)
class Ready:
    """A model that can be called; the run of one that failed raises its error.

    It has no untimed setup on a GPU, which has memory and caches of another kind. Only eager's moves the weights: other
    code may rely on their addresses, or has copies of its own.
    """

    run: TimedRun
    setting: EffectiveSetting
    compile_s: float | None = None  # converting and the first call, or recording a graph; None for eager
    untimed_setup: Run | None = None
    prepare: Run | None = None  # before each timed call: gives it inputs that the call before has changed
    own_threads: bool = False  # beside torch's, which must not spin meanwhile

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
        if device.name == "cpu":
            setup = UntimedSetup(placement if timing.backend == EAGER else None, ready.run, clock)
            ready = replace(ready, untimed_setup=both(rest, setup) if ready.own_threads else setup)
        yield ready


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
    """Return the model's run in the runtime that the timing asks for."""
    runtime, arguments = RUNTIMES[timing.backend], Arguments(call)
    setting = conversion.observed(model, call, timing)
    if timing.backend == EAGER:
        eager = _naming_dtype(arguments.bound(model), timing)
        return Ready(device.watch(eager), setting, prepare=arguments.renewing)
    try:
        with torch.inference_mode():
            reference = Reference(device, model, call, timing)
        with conversion.quiet_compiler(runtime.title), torch.inference_mode():
            network = NetworkCall(model, arguments, device, torch.get_num_threads(), reference.outputs, timing.dtype)
            begun = clock()
            started = runtime.start(network)
            watched = device.watch(_naming_dtype(started.run, timing))
            result = watched()
            device.synchronize()
            compile_s = clock() - begun
            reference.require_agreement(runtime.title, started.outputs(result))
    except MeasurementError as error:
        return Ready.failed(error)
    except Exception as error:  # of the model itself
        return Ready.failed(MeasurementError(conversion.first_line(error)))
    if runtime.own_threads:
        setting = replace(setting, memory_format="contiguous", runtime=started.details)
    resting = rest if runtime.own_threads and timing.cold_cache else None  # torch's threads fill the caches
    prepare = both(arguments.renewing, resting)
    return Ready(watched, setting, compile_s, prepare=prepare, own_threads=runtime.own_threads)


class Reference:
    """The output of eager, which that of another runtime must agree with."""

    def __init__(self, device: Device, model: nn.Module, call: Call, timing: Timing) -> None:
        self._run = device.watch(_naming_dtype(Arguments(call).bound(model), timing))
        self.outputs = [tensor.clone() for tensor in flat_tensors(self._run())]

    def require_agreement(self, title: str, outputs: list[Tensor]) -> None:
        """Refuse outputs that differ, unless eager's own do from call to call.

        Raises:
            MeasurementError: they differ.
        """
        try:
            require_agreement(title, self.outputs, outputs)
        except MeasurementError as error:
            try:
                require_agreement("eager", self.outputs, flat_tensors(self._run()))
            except MeasurementError:
                return  # it draws random numbers
            raise error from None


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
