"""Running of a comparison: several networks, counted and timed together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Unpack

import torch
from torch import nn

from netcost.comparison.entry import Entry, Run
from netcost.comparison.isolated import counted_in
from netcost.comparison.result import Comparison
from netcost.counting.analysis import analyze
from netcost.prediction.coefficients import Coefficients
from netcost.prediction.predicted import predicted_latencies
from netcost.prediction.predicting import coefficients, differences, source_note
from netcost.profiling.roofline import Peaks
from netcost.targets.naming import Target
from netcost.text.errors import MeasurementError, NetcostError, RequestError
from netcost.text.tables import distinct
from netcost.timing.arguments import copies_note
from netcost.timing.conversion import Call
from netcost.timing.devices import require_device
from netcost.timing.environment import load_per_core, read_environment
from netcost.timing.measurement import Measurement
from netcost.timing.measuring import measure_all, random_call
from netcost.timing.setting import Timing, TimingOptions, timing_of
from netcost.timing.subjects import Models, subjects
from netcost.timing.training import TrainingStep, step_on
from netcost.timing.workers import Recipe, Worker, measure_in, recipe_of
from netcost.tracing import TrainStep

Progress = Callable[[float, str], None]
Isolated = tuple[Worker, Recipe]
Pair = tuple[Target, str | None]


def compare(
    models: Models,
    device: str = "cpu",
    *,
    inputs: Any = None,
    batch: int | None = None,
    mode: str = "eval",
    concrete: bool = False,
    step: TrainStep | None = None,
    timing: Timing | None = None,
    peaks: Peaks | None = None,
    on: Sequence[str] = (),
    progress: Progress | None = None,
    **options: Unpack[TimingOptions],
) -> Comparison:
    """Count each network, then time them all side by side, each in every runtime of `backend`.

    Args:
        models: targets ("googlenet", "torchvision:resnet50") or modules, or a single one; the first is the base of the
            ratios. A module needs `inputs`; a copy of it that was never traced is timed.
        device: "cpu", "cuda", "cuda:1", or "none" to time nothing.
        inputs: for every network instead of its own, as for `analyze`; what is given as values is timed with them.
        batch: first dimension of every input instead of 1; the rows of a given tensor are repeated.
        mode: "eval" or "train", of the count; timing is always in eval.
        concrete: trace on real tensors.
        step: a training step to count and to time instead of the forward pass; loss and optimizer are inside the clock.
        timing: device and all options in one value, instead of them.
        peaks: of the device, for each network's share of them.
        on: devices such as "rtx4090", or files of `netcost calibrate`, to predict the latency on.
        progress: called with the share done and the step, in words.
        options: the parts of a `Timing`: threads, dtype, memory_format, backend (also a list), cold_cache, isolate,
            budget_s (10 unless given) and precision (0.02). Networks are counted in the element type, too. With
            isolate, each is counted and timed in a process of its own: a crash is only an error of its entry, and
            entries have no analysis. A module cannot be isolated, so name it as a target.

    Raises:
        RequestError: a target or an option is unknown, or an input missing.
        MeasurementError: there is no such device.
    """
    asked = timing_of(timing, device, options)
    targets = [target if batch is None else target.with_batch(batch) for target in subjects(models, inputs, asked)]
    pairs = [(target, name) for target in targets for name in backends_of(asked)]
    return compared(pairs, asked, mode, concrete, peaks, progress, step, on)


def backends_of(timing: Timing) -> tuple[str | None, ...]:
    """Return the runtimes that each network is timed in; a single one, that of the timing, is None."""
    return timing.backends if len(timing.backends) > 1 else (None,)


def compared(
    pairs: Sequence[Pair],
    timing: Timing,
    mode: str,
    concrete: bool,
    peaks: Peaks | None,
    progress: Progress | None,
    step: TrainStep | None = None,
    on: Sequence[str] = (),
) -> Comparison:
    """Count the targets, predict them, and time them unless the device is "none"; ratios are to the first.

    Args:
        pairs: each target with its runtime, if there are several.
    """
    targets = [target for target, _ in pairs]
    say = progress or (lambda _share, _text: None)
    if on:
        timing.require_one_backend()
    if on and (step is not None or timing.isolate):
        raise RequestError(f"--on predicts a forward pass, counted here; leave out {'--step' if step else '--isolate'}")
    devices, predicting = _devices(on, timing)
    step = None if step is None else step_on(step, timing)
    if timing.is_timed:
        timing = replace(timing, device=require_device(timing.device))
        if peaks is not None:
            peaks.require(timing.device)
    with ExitStack() as stack:
        recipes = [recipe_of(target) for target in targets] if timing.isolate and timing.is_timed else []
        workers = [(stack.enter_context(Worker()), recipe) for recipe in recipes]
        known: dict[int, Entry] = {}
        for index, target in enumerate(targets):
            if id(target) in known:
                continue
            say(index / len(targets) * (0.1 if timing.is_timed else 1.0), f"counting {target.name}")
            isolated = workers[index] if workers else None
            entry = _counted(target, mode, concrete, timing, peaks, isolated, step)
            if devices and entry.error is None:
                entry = replace(entry, predicted=predicted_latencies(target, entry.analysis, devices))
            known[id(target)] = entry
        entries = [replace(known[id(target)], backend=backend) for target, backend in pairs]
        if not timing.is_timed:
            return Comparison(tuple(entries), (Run(predicting=predicting),), peaks)
        entries = [_with_copies_note(entry, target) for entry, target in zip(entries, targets, strict=True)]
        load = load_per_core()  # before our own work is in it
        results = _timed(entries, pairs, workers, timing, say, step)
    for index, result in results.items():
        part = {"error": result} if isinstance(result, NetcostError) else {"measurement": result}
        entries[index] = replace(entries[index], **part)
    environment = replace(read_environment(timing.device, timing.threads), load_per_core=load)
    run = Run(environment, predicting=predicting)
    return Comparison(tuple(entries), (run,), peaks).with_ratios([0] * len(entries))


def _devices(on: Sequence[str], timing: Timing) -> tuple[list[Coefficients], tuple[str, ...]]:
    """Return the coefficients of devices under different names, and notes on them: sources, and other settings."""
    if not on:
        return [], ()
    known = [coefficients(name) for name in on]
    named = distinct([one.device for one in known])
    devices = [replace(one, device=name) for one, name in zip(known, named, strict=True)]
    asked = {"dtype": timing.dtype, "memory_format": timing.memory_format}
    if timing.is_timed:
        asked = {"dtype": timing.dtype or "fp32", "memory_format": timing.memory_format or "contiguous"}
        asked["backend"] = timing.backend
    here: dict[str, Any] = {"torch": torch.__version__, **asked}
    if timing.device == "cpu":
        here["threads"] = timing.threads or torch.get_num_threads()
    notes = [note for one in devices for note in (*differences(one, here), source_note(one))]
    return devices, tuple(dict.fromkeys(notes))


def _timed(
    entries: list[Entry],
    pairs: Sequence[Pair],
    workers: Sequence[Isolated],
    timing: Timing,
    say: Progress,
    step: TrainStep | None,
) -> Mapping[int, Measurement | NetcostError]:
    """Time the networks that were counted, here or in the workers: measurement or error by the network's index."""

    def say_sampling(share: float, text: str) -> None:
        say(0.2 + 0.8 * share, text)

    if timing.isolate:
        indices = [index for index, entry in enumerate(entries) if entry.figures is not None]
        backends = [pairs[index][1] or timing.backend for index in indices]
        results = measure_in([workers[index] for index in indices], timing, say_sampling, backends=backends)
        return dict(zip(indices, results, strict=True))
    ready = _built(entries, pairs, say)
    if step is not None:
        ready = {index: (TrainingStep(model, step), call) for index, (model, call) in ready.items()}
    models = [(pairs[index][0].name, model, call) for index, (model, call) in ready.items()]
    backends = [pairs[index][1] or timing.backend for index in ready]
    return dict(zip(ready, measure_all(models, timing, say_sampling, backends=backends), strict=True))


def _counted(
    target: Target,
    mode: str,
    concrete: bool,
    timing: Timing,
    peaks: Peaks | None,
    isolated: Isolated | None,
    step: TrainStep | None,
) -> Entry:
    """Count a network, in its worker if it has one; an error becomes part of the entry."""
    try:
        if isolated is not None:
            return counted_in(*isolated, target.name, timing, mode, concrete, peaks)
        analysis = analyze(target, mode=mode, concrete=concrete, step=step)
        if timing.is_timed:
            analysis.require_timeable()
    except MeasurementError as error:
        return Entry(target.name, error=MeasurementError(f"{target.name} failed while it was counted: {error}"))
    except NetcostError as error:
        return Entry(target.name, error=error)
    figures = analysis.figures
    if step is not None and timing.is_timed:
        note = f"Timed is a whole training step ({step.title}): forward, loss, backward and optimizer."
        figures = replace(figures, count_notes=(*figures.count_notes, note))
    return Entry(target.name, figures, analysis)


def _with_copies_note(entry: Entry, target: Target) -> Entry:
    """Add the note on inputs that the timed calls may change."""
    if entry.figures is None:
        return entry
    notes = (*entry.figures.count_notes, *copies_note(target.required_inputs()))
    return replace(entry, figures=replace(entry.figures, count_notes=notes))


def _built(entries: list[Entry], pairs: Sequence[Pair], say: Progress) -> dict[int, tuple[nn.Module, Call]]:
    """Build each network that was counted, and its inputs, by index; an error becomes part of the entry.

    A target with several inputs, or in several runtimes, is built once; with the same inputs again in the same runtime,
    it is another instance.
    """
    ready: dict[int, tuple[nn.Module, Call]] = {}
    made: dict[tuple[int, int], nn.Module] = {}
    for index, (entry, (target, backend)) in enumerate(zip(entries, pairs, strict=True)):
        if entry.figures is None:
            continue
        say(0.1 + 0.1 * index / len(pairs), f"building {target.name}")
        before = [
            other
            for other, its_backend in pairs[:index]
            if other.make is target.make and other.inputs == target.inputs and its_backend == backend
        ]
        instance = id(target.make), len(before)
        try:
            if instance not in made:
                made[instance] = target.build()
            ready[index] = made[instance], random_call(target.required_inputs(), model=made[instance])
        except NetcostError as error:
            entries[index] = replace(entry, error=error)
    return ready
