"""Several networks, counted and timed together -> Comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from netcost.comparison import side_by_side
from netcost.comparison.subjects import subjects
from netcost.counting.analysis import Analysis, analyze
from netcost.counting.figures import Figures
from netcost.profiling.roofline import Peaks, Roofline, under_roof
from netcost.targets.naming import Target
from netcost.text.errors import MeasurementError, NetcostError
from netcost.text.tables import METRICS, Table
from netcost.text.version import __version__
from netcost.timing.conversion import Call
from netcost.timing.environment import Environment, load_per_core, read_environment, require_device
from netcost.timing.measurement import Measurement
from netcost.timing.measuring import measure_all, random_call
from netcost.timing.ratios import Ratio, ratio_of_rounds, ratio_of_runs
from netcost.timing.setting import Setting
from netcost.timing.workers import Recipe, Worker, measure_in, recipe_of

SCHEMA = 1
NO_DEVICE = "none"

Progress = Callable[[float, str], None]
Isolated = tuple[Worker, Recipe]
"""A worker, and what it is to build."""


@dataclass(frozen=True, slots=True)
class Run:
    """What the networks of one run have in common.

    Args:
        environment: of the timing; None where nothing was timed.
        name: of the file that it was read from; "" for a run of this process.
        version: of the netcost that ran.
        command: the command line that ran it; "" where it was none.
    """

    environment: Environment | None = None
    name: str = ""
    version: str = __version__
    command: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One network of a comparison.

    Args:
        model: as it was asked for.
        figures: its cost; None where it could not be counted.
        analysis: its cost with the graph; None for one that was read from a file, too.
        measurement: its latency; None where it was not measured.
        ratio: its latency in units of another network's.
        error: why something is missing.
        run: the index of the run it belongs to.
    """

    model: str
    figures: Figures | None = None
    analysis: Analysis | None = None
    measurement: Measurement | None = None
    ratio: Ratio | None = None
    error: NetcostError | None = None
    run: int = 0

    @property
    def verdict(self) -> str | None:
        """Faster or slower than the other network, or "cannot tell"; None where there is no ratio."""
        return None if self.ratio is None else self.ratio.verdict

    @property
    def batch(self) -> int | None:
        """The first size of the first input."""
        if self.measurement is not None:
            return self.measurement.batch
        return self.figures.inputs[0][0] if self.figures and self.figures.inputs and self.figures.inputs[0] else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Networks side by side.

    Args:
        entries: one a network, in the order asked for; the first is the base of the ratios.
        runs: those that the entries come from.
        peaks: of the device, for the share of the roofline; None where nobody gave any.
    """

    entries: tuple[Entry, ...]
    runs: tuple[Run, ...] = (Run(),)
    peaks: Peaks | None = None

    @property
    def environment(self) -> Environment | None:
        """Of the timing; None where nothing was timed, or several runs were."""
        return self.runs[0].environment if len(self.runs) == 1 else None

    @property
    def errors(self) -> list[NetcostError]:
        """What went wrong, network by network."""
        return [entry.error for entry in self.entries if entry.error is not None]

    @property
    def unknown_ops(self) -> dict[str, int]:
        """Operators that no rule counts, in all networks together."""
        found: dict[str, int] = {}
        for entry in self.entries:
            for name, times in (entry.figures.unknown_ops if entry.figures else {}).items():
                found[name] = found.get(name, 0) + times
        return found

    def label(self, entry: Entry) -> str:
        """The network's name, with its batch and its run where the others' differ."""
        batches = {each.batch for each in self.entries if each.batch is not None}
        batch = f", batch {entry.batch}" if len(batches) > 1 and entry.batch is not None else ""
        return f"{entry.model}{batch}" + (f" ({self.runs[entry.run].name})" if len(self.runs) > 1 else "")

    def run_by(self, command: str) -> Comparison:
        """The same, known to come from a command line."""
        return replace(self, runs=tuple(replace(run, command=command) for run in self.runs))

    def rated(self, bases: Sequence[int]) -> Comparison:
        """The same with the ratio of each network to that of the given index; none to itself."""
        entries = [replace(entry, ratio=self._ratio(at, bases[at])) for at, entry in enumerate(self.entries)]
        return replace(self, entries=tuple(entries))

    def _ratio(self, at: int, base_at: int) -> Ratio | None:
        entry, base = self.entries[at], self.entries[base_at]
        if at == base_at or entry.measurement is None or base.measurement is None:
            return None
        to = self.label(base)
        if entry.run == base.run:
            return ratio_of_rounds(to, base.measurement, entry.measurement)
        before, after = self.runs[base.run].environment, self.runs[entry.run].environment
        return ratio_of_runs(to, (base.measurement, before), (entry.measurement, after))

    def roofline(self, entry: Entry) -> Roofline | None:
        """A network under the roof of the device; None without peaks, or where there is no graph of it."""
        if self.peaks is None or entry.analysis is None:
            return None
        latency_s = entry.measurement.median_s if entry.measurement else None
        return under_roof(entry.analysis.count, entry.analysis.peak_memory_bytes, self.peaks, latency_s)

    def to_dict(self) -> dict[str, Any]:
        """The object of `compare --format json` (design, section 6)."""
        several = len(self.runs) > 1
        environments = [None if run.environment is None else run.environment.to_dict() for run in self.runs]
        runs = [
            {"name": run.name, "netcost": run.version, "command": run.command, "environment": environment}
            for run, environment in zip(self.runs, environments, strict=True)
        ]
        return {
            "schema": SCHEMA,
            "netcost": __version__ if several else self.runs[0].version,
            **({} if several else {"command": self.runs[0].command}),
            "environment": None if several else environments[0],
            **({"runs": runs} if several else {}),
            "models": [self._plain(entry) | ({"run": entry.run} if several else {}) for entry in self.entries],
        }

    def records(self) -> Table:
        """A row a network with every figure as a number: for CSV and pandas."""
        return side_by_side.records(self)

    def table(self) -> Table:
        """A row a metric and a column a network: for people."""
        return side_by_side.table(self)

    def notes(self) -> list[str]:
        """What must be said under the table."""
        return side_by_side.notes(self)

    def _plain(self, entry: Entry) -> dict[str, Any]:
        missing: dict[str, Any] = {"model": entry.model, "input": None, **dict.fromkeys(METRICS), "unknown_ops": {}}
        roofline = self.roofline(entry)
        return {
            **(missing if entry.figures is None else entry.figures.to_dict()),
            "latency": None if entry.measurement is None else entry.measurement.to_dict(),
            "roofline": None if roofline is None else roofline.to_dict(),
            "ratio": None if entry.ratio is None else entry.ratio.to_dict(),
            **({} if entry.error is None else {"error": str(entry.error)}),
        }


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
        isolate: time each network in a process of its own, which first tries whether it can be counted: one that
            crashes is an error, and nothing more. A module cannot be isolated; name it as a target.
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
            entries.append(_counted(target, mode, concrete, setting, *workers[at : at + 1]))
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
    target: Target, mode: str, concrete: bool, setting: Setting, isolated: tuple[Worker, Recipe] | None = None
) -> Entry:
    """The network's cost, where it has one; with a worker, only after the network has survived being counted there."""
    try:
        if isolated is not None:
            worker, recipe = isolated
            worker.analyse(recipe, mode, concrete, setting)
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
