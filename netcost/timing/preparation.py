"""A model made ready to be timed: copied where its setting asks for a change, placed, in evaluation mode, compiled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import nn

from netcost.text.errors import MeasurementError
from netcost.timing.conversion import (
    Call,
    compiled,
    converted,
    converted_call,
    first_line,
    is_out_of_memory,
    observed,
    quiet_compiler,
)
from netcost.timing.devices import Device, HostRun, TimedRun, translating_out_of_memory
from netcost.timing.placement import Placement, UntimedSetup, placed
from netcost.timing.sampling import Clock, Run
from netcost.timing.setting import COMPILE, EffectiveSetting, Timing


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run has told when all its calls are over.

    Args:
        times: seconds per call on the host and between GPU events, per sample; None on a CPU.
        setting: what it ran in.
        compile_s: seconds of the first call of a compiled model; None for eager.
    """

    times: tuple[Sequence[float], Sequence[float]] | None
    setting: EffectiveSetting
    compile_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """A model that can be called.

    Args:
        watch: its run, as the device sees it; of a model that failed, what raises its error.
        setting: what it runs in.
        compile_s: seconds of the first call of a compiled model; None for eager.
        untimed_setup: runs before each of its samples; None on a GPU, which has memory and caches of another kind,
            and for compiled code, which may know where the weights lie.
    """

    watch: TimedRun
    setting: EffectiveSetting
    compile_s: float | None = None
    untimed_setup: Run | None = None

    def set_up(self) -> None:
        """Do what comes before a sample, which then begins."""
        if self.untimed_setup is not None:
            self.untimed_setup()
        self.watch.begin_sample()

    def outcome(self) -> RunRecord:
        """What the run has told."""
        return RunRecord(self.watch.times(), self.setting, self.compile_s)

    @classmethod
    def failed(cls, error: MeasurementError) -> Ready:
        """The model's error, for its first call: the others go on."""
        said = str(error)  # alone: a kept exception would keep its frames, and they the weights on the device

        def run() -> object:
            raise MeasurementError(said)

        return cls(HostRun(run), EffectiveSetting())


@contextmanager
def ready_to_run(
    device: Device, model: nn.Module, call: Call, timing: Timing, placements: dict[int, Placement], clock: Clock
) -> Iterator[Ready]:
    """The model as the timing wants it, on the device and in evaluation mode; mode and weights are put back.

    Args:
        placements: what became of each module so far, by its identity.
    """
    known = placements.get(id(model))
    try:
        asked = (
            translating_out_of_memory(lambda: converted(model, timing), device.name) if known is None else known.model
        )
        there, call = device.place(asked, converted_call(call, timing))
    except MeasurementError as error:
        yield Ready.failed(error)
        return
    with evaluating(there), placed(there) if known is None else nullcontext(known) as placement:
        placements[id(model)] = placement
        ready = _started(device, there, call, timing, clock)
        stays = device.name != "cpu" or timing.backend == COMPILE
        yield ready if stays else replace(ready, untimed_setup=UntimedSetup(placement, ready.watch, clock))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Every module is in evaluation mode within, and in its own mode afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _started(device: Device, model: nn.Module, call: Call, timing: Timing, clock: Clock) -> Ready:
    """The model's run under the eyes of its device; compiled, where that is asked for."""
    args, kwargs = call
    found = observed(model, call, timing)
    if timing.backend != COMPILE:
        return Ready(device.watch(_explained(lambda: model(*args, **kwargs), timing)), found)
    quick = compiled(model)
    run = _explained(lambda: quick(*args, **kwargs), timing)
    begun = clock()
    try:
        with quiet_compiler(), torch.inference_mode():
            device.watch(run)()
            device.synchronize()
    except MeasurementError as error:
        return Ready.failed(error)
    return Ready(device.watch(run), found, clock() - begun)


def _explained(run: Run, timing: Timing) -> Run:
    """The run, whose failure in an element type that was asked for names it."""
    if timing.dtype is None:
        return run

    def named() -> object:
        try:
            return run()
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise MeasurementError(f"{first_line(error)} (in {timing.dtype}: try without --dtype)") from None

    return named
