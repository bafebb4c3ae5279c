"""Several networks, counted and timed together -> Comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from torch import nn

from netcost.comparison.entry import Entry, Run
from netcost.comparison.isolated import counted_in
from netcost.comparison.result import Comparison
from netcost.comparison.subjects import subjects
from netcost.counting.analysis import analyze
from netcost.profiling.roofline import Peaks
from netcost.targets.naming import Target
from netcost.text.errors import MeasurementError, NetcostError
from netcost.timing.conversion import Call
from netcost.timing.environment import load_per_core, read_environment, require_device
from netcost.timing.measurement import Measurement
from netcost.timing.measuring import measure_all, random_call
from netcost.timing.setting import Setting
from netcost.timing.workers import Recipe, Worker, measure_in, recipe_of

NO_DEVICE = "none"

Progress = Callable[[float, str], None]


def compare(
    models: Sequence[str | Target | nn.Module],
    device: str = "cpu",
    *,
    inputs: Any = None,
    threads: int | None = None,
    batch: int | None = None,
    dtype: str | None = None,
    memory_format: str | None = None,
    backend: str = "eager",
    cold_cache: bool = False,
    mode: str = "eval",
    concrete: bool = False,
    isolate: bool = False,
    budget_s: float = 10.0,
    precision: float = 0.02,
    peaks: Peaks | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Count each network, then time them all side by side.

    Args:
        models: targets ("googlenet", "torchvision:resnet50") or modules; the first is the base of the ratios. A
            module needs `inputs`; what is timed is a copy of it that was never traced.
        device: "cpu", "cuda", "cuda:1", or "none" to time nothing.
        inputs: for every network instead of its own: a shape, tensors, or InputSpecs.
        threads: of the CPU; torch's own number unless given.
        batch: first dimension of every input instead of 1.
        dtype, memory_format, backend, cold_cache: as for `Setting`; networks are counted in the element type, too.
        mode: "eval" or "train", of the count; timing is always in eval.
        concrete: trace on real tensors.
        isolate: count and time each network in a process of its own: one that crashes is an error, and nothing more.
            Its entry has no analysis. A module cannot be isolated; name it as a target.
        budget_s: seconds for timing all networks together, not counting what it takes to compile them.
        precision: half width of the ratio's 95 % interval at which timing may stop.
        peaks: of the device, to say how much of it each network uses.
        progress: told the share done and what is being done.

    Raises:
        RequestError: a target is unknown, its input missing, or the setting none.
        MeasurementError: there is no such device.
    """
    setting = Setting(dtype, memory_format, backend, cold_cache)
    if device != NO_DEVICE:
        device = require_device(device)
        if peaks is not None:
            peaks.require(device)
    targets = subjects(models, inputs, setting)
    return compared(
        targets if batch is None else [target.with_batch(batch) for target in targets],
        device,
        setting,
        peaks=peaks,
        isolate=isolate,
        threads=threads,
        mode=mode,
        concrete=concrete,
        budget_s=budget_s,
        precision=precision,
        progress=progress,
    )


def compared(
    targets: Sequence[Target],
    device: str,
    setting: Setting,
    *,
    threads: int | None,
    mode: str,
    concrete: bool,
    budget_s: float,
    precision: float,
    progress: Progress | None,
    peaks: Peaks | None = None,
    isolate: bool = False,
) -> Comparison:
    """The targets counted, and timed unless the device is "none", each with its ratio to the first."""
    say = progress or (lambda _share, _text: None)
    timed = device != NO_DEVICE
    with ExitStack() as stack:
        recipes = [recipe_of(target) for target in targets] if isolate and timed else []
        workers = [(stack.enter_context(Worker()), recipe) for recipe in recipes]
        entries: list[Entry] = []
        for at, target in enumerate(targets):
            say(at / len(targets) * (0.1 if timed else 1.0), f"counting {target.name}")
            entries.append(_counted(target, mode, concrete, setting, peaks, *workers[at : at + 1]))
        if not timed:
            return Comparison(tuple(entries), peaks=peaks)
        load = load_per_core()  # before our own work is in it
        goal = device, threads, budget_s, precision, lambda share, text: say(0.2 + 0.8 * share, text)
        results: Mapping[int, Measurement | NetcostError]
        if isolate:
            places = [at for at, entry in enumerate(entries) if entry.figures is not None]
            taken = measure_in([workers[at] for at in places], *goal, setting=setting)
            results = dict(zip(places, taken, strict=True))
        else:
            ready = _built(entries, targets, say)
            models = [(targets[at].name, model, call) for at, (model, call) in ready.items()]
            results = dict(zip(ready, measure_all(models, *goal, setting=setting), strict=True))
    for at, result in results.items():
        known = {"error": result} if isinstance(result, NetcostError) else {"measurement": result}
        entries[at] = replace(entries[at], **known)
    environment = replace(read_environment(device, threads), load_per_core=load)
    return Comparison(tuple(entries), (Run(environment),), peaks).rated([0] * len(entries))


def _counted(
    target: Target,
    mode: str,
    concrete: bool,
    setting: Setting,
    peaks: Peaks | None,
    isolated: tuple[Worker, Recipe] | None = None,
) -> Entry:
    """The network's cost, where it has one: counted in the worker, if there is one, and nowhere else."""
    try:
        if isolated is not None:
            return counted_in(*isolated, target.name, setting, mode, concrete, peaks)
        analysis = analyze(target, mode=mode, concrete=concrete)
    except MeasurementError as error:
        return Entry(target.name, error=MeasurementError(f"{target.name} failed while it was counted: {error}"))
    except NetcostError as error:
        return Entry(target.name, error=error)
    return Entry(target.name, analysis.figures, analysis)


def _built(entries: list[Entry], targets: Sequence[Target], say: Progress) -> dict[int, tuple[nn.Module, Call]]:
    """Module and inputs of each network that could be counted, by its index; one that fails becomes its error.

    A target with several inputs is built once; with the same inputs again, it is another instance.
    """
    ready: dict[int, tuple[nn.Module, Call]] = {}
    made: dict[tuple[int, int], nn.Module] = {}
    for at, (entry, target) in enumerate(zip(entries, targets, strict=True)):
        if entry.figures is None:
            continue
        say(0.1 + 0.1 * at / len(targets), f"building {target.name}")
        alike = [each for each in targets[:at] if each.make is target.make and each.inputs == target.inputs]
        instance = id(target.make), len(alike)
        try:
            if instance not in made:
                made[instance] = target.build()
            ready[at] = made[instance], random_call(target.required_inputs())
        except NetcostError as error:
            entries[at] = replace(entry, error=error)
    return ready
