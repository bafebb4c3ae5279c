"""Comparisons that were saved as JSON, read back and set side by side."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from netcost.comparison.batches import Sweep
from netcost.comparison.entry import Entry, Run
from netcost.comparison.result import SCHEMA, Comparison
from netcost.counting.figures import Figures
from netcost.text.errors import NetcostError, RequestError
from netcost.text.reading import Node, read_document
from netcost.text.tables import METRICS, distinct
from netcost.timing import doubts, stats
from netcost.timing.doubts import Doubt
from netcost.timing.environment import Environment
from netcost.timing.measurement import Effort, Measurement
from netcost.timing.setting import EffectiveSetting

Seconds = tuple[float, ...]

DOUBTS = {
    name: kind
    for name, kind in vars(doubts).items()
    if isinstance(kind, type) and issubclass(kind, Doubt) and kind is not Doubt
}
"""Every kind of doubt by its name."""


def load_comparison(*paths: str | os.PathLike[str]) -> Comparison | Sweep:
    """The networks of saved comparisons, side by side: files that `netcost compare --format json` wrote.

    Medians, intervals and ratios are computed anew from the times. All ratios are to the first network of the first
    file: round by round within that file, and otherwise between the medians of two runs. Between runs of another
    environment or setting no winner is called.

    Raises:
        RequestError: a file is missing, damaged, or of another schema.
    """
    if not paths:
        raise RequestError("there is nothing to load; name files that `netcost compare --format json -o FILE` wrote")
    documents = [read_document(path) for path in paths]
    parts = [_comparison(document, Path(path).stem) for document, path in zip(documents, paths, strict=True)]
    if len(parts) == 1 and documents[0].has("sweep"):
        return _sweep(documents[0].key("sweep").key("batches"), parts[0])
    entries: list[Entry] = []
    runs: list[Run] = []
    for part in parts:
        entries += [replace(entry, run=len(runs) + entry.run) for entry in part.entries]
        runs += part.runs
    names = distinct([run.name for run in runs])
    named = tuple(replace(run, name=name) for run, name in zip(runs, names, strict=True))
    return Comparison(tuple(entries), named).rated([0] * len(entries))


def _sweep(batches: Node, comparison: Comparison) -> Sweep:
    """A sweep, whose ratios are to the first network at the same batch size."""
    sizes, points = batches.read(tuple[int, ...]), len(comparison.entries)
    if len(sizes) < 2 or list(sizes) != sorted({*sizes}) or sizes[0] < 1 or points % len(sizes):
        batches.refuse(f"rising batch sizes, of which the {points} models are a multiple")
    return Sweep(comparison.rated([at % len(sizes) for at in range(points)]), sizes)


def _comparison(document: Node, name: str) -> Comparison:
    """One document.

    Args:
        name: of its run, where it does not name several itself.
    """
    schema = document.key("schema").read(int)
    if schema != SCHEMA:
        what = f"{document.file!r} is of schema {schema}, and this netcost reads schema {SCHEMA}"
        raise RequestError(f"{what}: use the netcost that wrote it, or write it anew with this one")
    if document.has("runs"):
        runs = [_run(run, run.key("name").read(str)) for run in document.key("runs").items()]
    else:
        runs = [_run(document, name)]
    models = document.key("models")
    entries = [_entry(model, runs) for model in models.items()]
    if not entries:
        models.refuse("one model or more")
    return Comparison(tuple(entries), tuple(runs))


def _run(node: Node, name: str) -> Run:
    environment: Environment | None = node.key("environment").read(Environment | None)  # type: ignore[arg-type]
    command = node.find("command")
    return Run(environment, name, node.key("netcost").read(str), "" if command is None else command.read(str))


def _entry(model: Node, runs: list[Run]) -> Entry:
    """One network; its ratio is computed anew."""
    run = model.key("run").read(int) if len(runs) > 1 else 0
    if not 0 <= run < len(runs):
        model.key("run").refuse(f"the number of one of {len(runs)} runs")
    latency = model.key("latency")
    if latency.value is not None and runs[run].environment is None:
        latency.refuse("null where there is no environment")
    return Entry(
        model=model.key("model").read(str),
        figures=_figures(model),
        measurement=None if latency.value is None else _measurement(latency),
        error=NetcostError(model.key("error").read(str)) if model.has("error") else None,
        run=run,
    )


def _figures(model: Node) -> Figures | None:
    """The counted figures; None where the network could not be counted."""
    values = {name: _number(model.key(name)) for name in METRICS}
    unknown = model.key("unknown_ops").read(dict[str, int])
    if model.key("input").value is None:
        return None
    return Figures(model.key("model").read(str), _shapes(model.key("input")), values, unknown)


def _shapes(inputs: Node) -> tuple[tuple[int, ...], ...]:
    """One shape, or a list of several."""
    several = any(isinstance(node.value, list) for node in inputs.items()) or not inputs.value
    shapes = inputs.read(tuple[tuple[int, ...], ...]) if several else (inputs.read(tuple[int, ...]),)
    if any(size < 1 for shape in shapes for size in shape):
        inputs.refuse("sizes of 1 or more")
    return shapes


def _number(node: Node) -> int | float | None:
    """A count stays one."""
    if isinstance(node.value, int):
        return node.read(int)
    return node.read(float | None)  # type: ignore[arg-type]


def _measurement(latency: Node) -> Measurement:
    """One latency, from its raw times; figures that do not follow from them are refused."""
    times = _seconds(latency.key("times_s"))
    device_times = latency.key("device_times_s")
    found = Measurement(
        device=latency.key("device").read(str),
        threads=latency.key("threads").whole(),
        batch=None if latency.key("batch").value is None else latency.key("batch").whole(),
        setting=latency.read(EffectiveSetting),
        compile_s=latency.key("compile_s").read(float | None),  # type: ignore[arg-type]
        first_call_s=latency.key("first_call_s").read(float),
        warmup_s=latency.key("warmup_s").read(Seconds),
        calls_per_sample=latency.key("calls_per_sample").whole(),
        times_s=times,
        device_times_s=None if device_times.value is None else _seconds(device_times, len(times)),
        effort=latency.read(Effort),
        doubts=tuple(_doubt(each) for each in latency.key("doubts").items()),
    )
    if latency.key("samples").read(int) != len(times):
        latency.key("samples").refuse(f"the number of times, {len(times)}")
    if abs(latency.key("median_s").read(float) - stats.median(times)) > 1e-9 * stats.median(times):
        latency.key("median_s").refuse(f"the median of the times, {stats.median(times)!r}")
    return found


def _seconds(node: Node, number: int | None = None) -> Seconds:
    """Times: one or more, or just as many as told."""
    times = tuple(each.quantity() for each in node.items())
    if not times or (number is not None and len(times) != number):
        node.refuse("one time or more" if number is None else f"{number} times")
    return times


def _doubt(node: Node) -> Doubt:
    """One doubt, of a kind that netcost has."""
    kind = node.key("doubt")
    if kind.read(str) not in DOUBTS:
        kind.refuse(f"one of {', '.join(DOUBTS)}")
    doubt = node.read(DOUBTS[kind.value])
    try:
        str(doubt)
    except ArithmeticError:
        node.refuse("numbers that can be compared")
    return doubt
