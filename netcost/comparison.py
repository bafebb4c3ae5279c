"""Several networks, counted and timed together -> Comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from netcost import stats, units
from netcost._version import __version__
from netcost.analysis import Analysis, analyze
from netcost.devices import Call
from netcost.environment import Environment, read_environment, require_device
from netcost.errors import MeasurementError, NetcostError, RequestError
from netcost.tables import METRICS, Column, Table, from_records, transposed
from netcost.targets import Target, resolve
from netcost.timing import Measurement, measure_all, random_call
from netcost.tracing import input_specs
from netcost.workers import Recipe, Worker, measure_in, recipe_of

SCHEMA = 1
NO_DEVICE = "none"

Progress = Callable[[float, str], None]
Isolated = tuple[Worker, Recipe]
"""A worker, and what it is to build."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One network of a comparison.

    Args:
        model: as it was asked for.
        analysis: its cost; None where it could not be counted.
        measurement: its latency; None where it was not measured.
        ratio: its latency in units of the first network's, taken round by round.
        error: why something is missing.
    """

    model: str
    analysis: Analysis | None = None
    measurement: Measurement | None = None
    ratio: stats.RatioEstimate | None = None
    error: NetcostError | None = None

    @property
    def verdict(self) -> str | None:
        """Faster or slower than the first network, or "cannot tell"; None where there is no ratio."""
        return None if self.ratio is None else str(stats.verdict(self.ratio.ci95))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Networks side by side.

    Args:
        entries: one a network, in the order asked for; the first is the base of the ratios.
        environment: of the timing; None where nothing was timed.
    """

    entries: tuple[Entry, ...]
    environment: Environment | None = None

    @property
    def errors(self) -> list[NetcostError]:
        """What went wrong, network by network."""
        return [entry.error for entry in self.entries if entry.error is not None]

    @property
    def unknown_ops(self) -> dict[str, int]:
        """Operators that no rule counts, in all networks together."""
        found: dict[str, int] = {}
        for entry in self.entries:
            for name, times in (entry.analysis.unknown_ops if entry.analysis else {}).items():
                found[name] = found.get(name, 0) + times
        return found

    def to_dict(self) -> dict[str, Any]:
        """The object of `compare --format json` (design, section 6)."""
        return {
            "schema": SCHEMA,
            "netcost": __version__,
            "environment": None if self.environment is None else self.environment.to_dict(),
            "models": [self._plain(entry) for entry in self.entries],
        }

    def _plain(self, entry: Entry) -> dict[str, Any]:
        missing: dict[str, Any] = {"model": entry.model, "input": None, **dict.fromkeys(METRICS), "unknown_ops": {}}
        counted = missing if entry.analysis is None else entry.analysis.to_dict()
        ratio = entry.ratio
        plain = {
            **counted,
            "latency": None if entry.measurement is None else entry.measurement.to_dict(),
            "ratio": None
            if ratio is None
            else {
                "to": self.entries[0].model,
                "median": ratio.median,
                "ci95": None if ratio.ci95 is None else list(ratio.ci95),
                "verdict": entry.verdict,
            },
        }
        return plain if entry.error is None else {**plain, "error": str(entry.error)}

    def records(self) -> Table:
        """A row a network with every figure as a number: for CSV and pandas."""
        return from_records(RECORD_COLUMNS, [_record(entry) for entry in self.entries])

    def table(self) -> Table:
        """A row a metric and a column a network: for people."""
        columns = (Column("model", "Model"), *(METRICS[name] for name in SHOWN))
        if self.environment is not None:
            columns = (*columns, *LATENCY_COLUMNS, *(_ratio_columns() if len(self.entries) > 1 else ()))
        rows = [_shown(entry) for entry in self.entries]
        return replace(transposed(from_records(columns, rows), ""), notes=tuple(self.notes()))

    def notes(self) -> list[str]:
        """What must be said under the table."""
        notes = [f"{entry.model}: {entry.error}" for entry in self.entries if entry.error is not None]
        for entry in self.entries:
            notes.extend(entry.analysis.notes() if entry.analysis else [])
        if self.environment is not None:
            notes.append(self._timing_note(self.environment))
        for entry in self.entries:
            doubts = entry.measurement.doubts if entry.measurement else ()
            notes.extend(f"{entry.model}: {doubt}" for doubt in doubts)
        return notes

    def _timing_note(self, environment: Environment) -> str:
        """On what it was timed, and how."""
        measured = [entry.measurement for entry in self.entries if entry.measurement]
        where = environment.gpu.name if environment.gpu else environment.cpu or environment.machine
        threads = f"{environment.threads} thread{'s' if environment.threads > 1 else ''}"
        rounds = f"{max(each.samples for each in measured)} interleaved rounds, " if measured else ""
        batch = f"batch {measured[0].batch}, " if measured and measured[0].batch else ""
        base = f"; ratios are to {self.entries[0].model}" if len(self.entries) > 1 else ""
        return f"Timed on {where}, {threads}, torch {environment.torch}: {batch}{rounds}95 % intervals{base}."


SHOWN = tuple(name for name in METRICS if not name.endswith("access_bytes") and not name.endswith("fused_bytes"))

LATENCY_COLUMNS = (
    Column("latency_s", "Latency (median)", "seconds"),
    Column("latency_interval", "  95 % interval", "seconds"),
    Column("throughput_per_s", "Throughput", "per_second"),
)


def _ratio_columns() -> tuple[Column, ...]:
    return (
        Column("ratio", "Latency ratio", "times"),
        Column("ratio_interval", "  95 % interval", "times"),
        Column("verdict", "Verdict", "times"),
    )


RECORD_COLUMNS = (
    Column("model", "Model"),
    Column("input", "Input"),
    *METRICS.values(),
    Column("unknown_ops", "Unknown operators"),
    Column("device", "Device"),
    Column("threads", "Threads", "count"),
    Column("latency_median_s", "Latency (median)", "seconds"),
    Column("latency_low_s", "Latency, low", "seconds"),
    Column("latency_high_s", "Latency, high", "seconds"),
    Column("latency_iqr_s", "Latency, IQR", "seconds"),
    Column("samples", "Samples", "count"),
    Column("throughput_per_s", "Throughput", "per_second"),
    Column("ratio_median", "Ratio", "times"),
    Column("ratio_low", "Ratio, low", "times"),
    Column("ratio_high", "Ratio, high", "times"),
    Column("verdict", "Verdict"),
    Column("error", "Error"),
)


def _record(entry: Entry) -> dict[str, Any]:
    """One network as a flat row of numbers."""
    row: dict[str, Any] = {"model": entry.model, "verdict": entry.verdict}
    if entry.error is not None:
        row["error"] = str(entry.error)
    if entry.analysis is not None:
        shapes = ["x".join(map(str, tensor.shape)) for tensor in entry.analysis.graph.inputs]
        unknown = " ".join(f"{name}:{times}" for name, times in entry.analysis.unknown_ops.items())
        row |= {"input": " ".join(shapes), **entry.analysis.metrics(), "unknown_ops": unknown or None}
    if (measured := entry.measurement) is not None:
        low, high = measured.ci95_s or (None, None)
        row |= {
            "device": measured.device,
            "threads": measured.threads,
            "latency_median_s": measured.median_s,
            "latency_low_s": low,
            "latency_high_s": high,
            "latency_iqr_s": measured.iqr_s,
            "samples": measured.samples,
            "throughput_per_s": measured.throughput_per_s,
        }
    if entry.ratio is not None:
        low, high = entry.ratio.ci95 or (None, None)
        row |= {"ratio_median": entry.ratio.median, "ratio_low": low, "ratio_high": high}
    return row


def _shown(entry: Entry) -> dict[str, Any]:
    """One network as people read it."""
    row: dict[str, Any] = {"model": entry.model}
    if entry.analysis is not None:
        row |= {name: entry.analysis.shown(name, value) for name, value in entry.analysis.metrics().items()}
    if entry.measurement is not None:
        row |= {
            "latency_s": entry.measurement.median_s,
            "latency_interval": _interval(entry.measurement.ci95_s, "seconds"),
            "throughput_per_s": entry.measurement.throughput_per_s,
        }
    if entry.ratio is not None:
        row |= {
            "ratio": entry.ratio.median,
            "ratio_interval": _interval(entry.ratio.ci95, "times"),
            "verdict": entry.verdict,
        }
    return row


def _interval(interval: stats.Interval | None, unit: str) -> str | None:
    return None if interval is None else " – ".join(units.text(end, unit) for end in interval)


def compare(
    models: Sequence[str | Target | nn.Module],
    device: str = "cpu",
    *,
    inputs: Any = None,
    threads: int | None = None,
    batch: int | None = None,
    mode: str = "eval",
    concrete: bool = False,
    isolate: bool = False,
    budget_s: float = 10.0,
    precision: float = 0.02,
    progress: Progress | None = None,
) -> Comparison:
    """Count each network, then time them all side by side.

    Args:
        models: targets ("googlenet", "torchvision:resnet50") or modules; the first is the base of the ratios. A
            module needs `inputs`.
        device: "cpu", "cuda", "cuda:1", or "none" to time nothing.
        inputs: for every network instead of its own: a shape, tensors, or InputSpecs.
        threads: of the CPU; torch's own number unless given.
        batch: first dimension of every input instead of 1.
        mode: "eval" or "train", of the count; timing is always in eval.
        concrete: trace on real tensors.
        isolate: time each network in a process of its own, which first tries whether it can be counted: one that
            crashes is an error, and nothing more. A module cannot be isolated; name it as a target.
        budget_s: seconds for timing all networks together.
        precision: half width of the ratio's 95 % interval at which timing may stop.
        progress: told the share done and what is being done.

    Raises:
        RequestError: a target is unknown, or its input missing.
        MeasurementError: there is no such device.
    """
    if not models:
        raise RequestError("compare needs at least one model")
    timed = device != NO_DEVICE
    if timed:
        device = require_device(device)
    subjects = [_subject(model, inputs, batch) for model in models]
    say = progress or (lambda _share, _text: None)
    entries: list[Entry] = []
    with ExitStack() as stack:
        recipes = [recipe_of(subject) for subject in subjects] if isolate and timed else []
        workers = [(stack.enter_context(Worker()), recipe) for recipe in recipes]
        for at, subject in enumerate(subjects):
            say(at / len(subjects) * (0.1 if timed else 1.0), f"counting {subject.name}")
            entries.append(_counted(subject, mode, concrete, *workers[at : at + 1]))
        if not timed:
            return Comparison(tuple(entries))
        measured = _timed(entries, subjects, workers, device, threads, budget_s, precision, say)
    return Comparison(tuple(measured), read_environment(device, threads))


def _subject(model: str | Target | nn.Module, inputs: Any, batch: int | None) -> Target:
    """What to count and time, with the inputs it gets."""
    specs = () if inputs is None else input_specs(inputs)
    target = resolve(model, inputs=specs) if isinstance(model, str) else model
    if isinstance(target, nn.Module):
        module = target
        target = Target(type(module).__name__, lambda: module, None)
    if specs:
        target = replace(target, inputs=specs)
    target.required_inputs()
    return target if batch is None else target.with_batch(batch)


def _counted(subject: Target, mode: str, concrete: bool, isolated: Isolated | None = None) -> Entry:
    """The network's cost, where it has one; with a worker, only after the network has survived being counted there."""
    try:
        if isolated is not None:
            worker, recipe = isolated
            worker.analyse(recipe, mode, concrete)
        return Entry(subject.name, analyze(subject, mode=mode, concrete=concrete))
    except MeasurementError as error:
        return Entry(subject.name, error=MeasurementError(f"{subject.name} failed while it was counted: {error}"))
    except NetcostError as error:
        return Entry(subject.name, error=error)


def _timed(
    entries: Sequence[Entry],
    subjects: Sequence[Target],
    workers: Sequence[Isolated],
    device: str,
    threads: int | None,
    budget_s: float,
    precision: float,
    say: Progress,
) -> list[Entry]:
    """The entries with latencies, where they could be counted; each in its worker, where there are some."""
    ready: list[tuple[str, nn.Module, Call]] = []
    places: list[int] = []
    built = list(entries)

    def tell(share: float, text: str) -> None:
        say(0.2 + 0.8 * share, text)

    if workers:
        counted = [at for at, entry in enumerate(entries) if entry.analysis is not None]
        isolated = [workers[at] for at in counted]
        return _with_results(built, counted, measure_in(isolated, device, threads, budget_s, precision, tell))
    for at, (entry, subject) in enumerate(zip(entries, subjects, strict=True)):
        if entry.analysis is None:
            continue
        say(0.1 + 0.1 * at / len(subjects), f"building {subject.name}")
        try:
            ready.append((subject.name, subject.build(), random_call(subject.required_inputs())))
            places.append(at)
        except NetcostError as error:
            built[at] = replace(entry, error=error)
    return _with_results(built, places, measure_all(ready, device, threads, budget_s, precision, tell))


def _with_results(
    entries: Sequence[Entry], places: Sequence[int], results: Sequence[Measurement | NetcostError]
) -> list[Entry]:
    """The entries, those at `places` with what came of timing them."""
    built = list(entries)
    base = results[0] if places and places[0] == 0 else None
    for at, result in zip(places, results, strict=True):
        if isinstance(result, NetcostError):
            built[at] = replace(built[at], error=result)
        else:
            ratio = _ratio(base, result) if at > 0 else None
            built[at] = replace(built[at], measurement=result, ratio=ratio)
    return built


def _ratio(base: Measurement | NetcostError | None, other: Measurement) -> stats.RatioEstimate | None:
    """Latency of `other` in units of `base`, over the rounds that both took part in."""
    if not isinstance(base, Measurement):
        return None
    rounds = min(base.samples, other.samples)
    return stats.ratio(base.times_s[:rounds], other.times_s[:rounds])
