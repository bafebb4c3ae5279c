"""Saved comparisons, read from JSON and put side by side."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from netcost.comparison.batches import Sweep
from netcost.comparison.entry import Entry, Run
from netcost.comparison.result import SCHEMA, Comparison
from netcost.counting.figures import Figures
from netcost.prediction.predicted import PredictedLatency
from netcost.text.documents import Source
from netcost.text.errors import NetcostError, RequestError
from netcost.text.metrics import LANGUAGE_METRICS, METRICS, NARROW_METRICS, TRAIN_METRICS
from netcost.text.reading import Constraint, Node, NonNegativeFloat, PositiveInt
from netcost.text.tables import distinct
from netcost.timing import doubts
from netcost.timing.doubts import Doubt
from netcost.timing.environment import Environment
from netcost.timing.measurement import Effort, Measurement
from netcost.timing.setting import EffectiveSetting

Seconds = tuple[NonNegativeFloat, ...]
Times = Annotated[Seconds, Constraint("one time or more", len)]
Shape = Annotated[tuple[int, ...], Constraint("sizes of 0 or more", lambda sizes: min(sizes, default=0) >= 0)]

WRITTEN = "netcost compare … --format json -o FILE"

DOUBTS = {
    name: kind
    for name, kind in vars(doubts).items()
    if isinstance(kind, type) and issubclass(kind, Doubt) and kind is not Doubt
}
"""Every kind of warning by its name."""


def load_comparison(*paths: str | os.PathLike[str]) -> Comparison | Sweep:
    """Put the networks of saved comparisons side by side: files that `netcost compare --format json` wrote.

    Medians, intervals and ratios are computed anew from the times. All ratios are to the first network of the first
    file: round by round within that file, and otherwise between the medians of two runs. Runs in different
    environments or settings get no verdict.

    Raises:
        RequestError: a file is missing, damaged, or of another schema.
    """
    if not paths:
        raise RequestError(f"there is nothing to load; give one file or more, written by `{WRITTEN}`")
    documents = [Node.of_file(path, Source(repr(os.fspath(path)), f"write it anew: {WRITTEN}")) for path in paths]
    comparisons = [_comparison(document, Path(path).stem) for document, path in zip(documents, paths, strict=True)]
    if len(paths) == 1 and "sweep" in documents[0]:
        return _sweep(documents[0]["sweep"]["batches"], comparisons[0])
    entries: list[Entry] = []
    runs: list[Run] = []
    for comparison in comparisons:
        entries += [replace(entry, run=len(runs) + entry.run) for entry in comparison.entries]
        runs += comparison.runs
    names = distinct([run.name for run in runs])
    named = tuple(replace(run, name=name) for run, name in zip(runs, names, strict=True))
    return Comparison(tuple(entries), named).with_ratios([0] * len(entries))


def _sweep(batches: Node, comparison: Comparison) -> Sweep:
    """Make a sweep, whose ratios are to the first network at the same batch size."""
    sizes, points = batches.read(tuple[int, ...]), len(comparison.entries)
    if len(sizes) < 2 or list(sizes) != sorted({*sizes}) or sizes[0] < 1 or points % len(sizes):
        batches.refuse(f"rising batch sizes, of which the {points} models are a multiple")
    return Sweep(comparison.with_ratios([index % len(sizes) for index in range(points)]), sizes)


def _comparison(document: Node, name: str) -> Comparison:
    """Read one document; `name` is that of its run, unless it names several itself."""
    document.require_schema(SCHEMA)
    if "runs" in document:
        runs = [_run(run, run["name"].read(str)) for run in document["runs"].items()]
    else:
        runs = [_run(document, name)]
    entries = [_entry(model, runs) for model in document["models"].items()]
    if not entries:
        document["models"].refuse("one model or more")
    return Comparison(tuple(entries), tuple(runs))


def _run(node: Node, name: str) -> Run:
    environment = node["environment"].read(Environment | None)
    command, predicting = node.get("command").read(str | None) or "", node.get("predicting", []).read(tuple[str, ...])
    return Run(environment, name, node["netcost"].read(str), command, predicting)


def _entry(model: Node, runs: list[Run]) -> Entry:
    """Read one network; its ratio is computed anew."""
    run = model["run"].read(int) if len(runs) > 1 else 0
    if not 0 <= run < len(runs):
        model["run"].refuse(f"the index of one of {len(runs)} runs, from 0")
    measurement = model["latency"].optional(_measurement)
    if measurement is not None and runs[run].environment is None:
        model["latency"].refuse("null where there is no environment")
    return Entry(
        model=model["model"].read(str),
        figures=_figures(model),
        measurement=measurement,
        error=NetcostError(model["error"].read(str)) if "error" in model else None,
        run=run,
        backend=model.get("backend").read(str | None),
        predicted=model.get("predicted", []).read(tuple[PredictedLatency, ...]),
    )


def _figures(model: Node) -> Figures | None:
    """Read the counted figures; None if the network could not be counted."""
    nodes = {name: model[name] for name in METRICS}  # a count stays a whole number
    values = {name: node.read(int if isinstance(node.value, int) else float | None) for name, node in nodes.items()}
    inputs = model["input"].optional(_inputs)
    if inputs is None:
        return None
    values |= {name: model[name].read(int) for name in NARROW_METRICS if name in model}
    values |= {name: model[name].read(int | float) for name in LANGUAGE_METRICS if name in model}
    notes = model.get("count_notes", []).read(tuple[str, ...])
    training = None
    if "train" in model:
        values |= {name: model[name].read(int) for name in TRAIN_METRICS}
        training = {
            **model["train"].read(dict[str, Any]),
            "unknown_ops": model["train"]["unknown_ops"].read(dict[str, int]),
        }
    name, unknown = model["model"].read(str), model["unknown_ops"].read(dict[str, int])
    return Figures(name, inputs, values, unknown, notes, training)


def _inputs(node: Node) -> tuple[Any, ...]:
    """Read one shape, or a list of inputs: shapes, plain values, and names of classes."""
    entries = node.items()
    if entries and all(type(entry.value) is int for entry in entries):
        return (node.read(Shape),)
    return tuple(entry.read(Shape) if isinstance(entry.value, list) else _value(entry) for entry in entries)


def _value(node: Node) -> Any:
    """Read one plain value."""
    if isinstance(node.value, dict):
        node.refuse("a shape or a plain value")
    return node.read(float if isinstance(node.value, float) else type(node.value)) if node.value is not None else None


def _measurement(latency: Node) -> Measurement:
    """Read one latency from its raw times; figures that do not follow from them are refused."""
    measurement = Measurement(
        device=latency["device"].read(str),
        threads=latency["threads"].read(PositiveInt),
        batch=latency["batch"].read(PositiveInt | None),
        setting=latency.read(EffectiveSetting),
        compile_s=latency["compile_s"].read(float | None),
        first_call_s=latency["first_call_s"].read(float),
        warmup_s=latency["warmup_s"].read(Seconds),
        calls_per_sample=latency["calls_per_sample"].read(PositiveInt),
        times_s=latency["times_s"].read(Times),
        device_times_s=latency["device_times_s"].read(Seconds | None),
        effort=latency.read(Effort),
        doubts=tuple(map(_doubt, latency["doubts"].items())),
    )
    samples, median_s = measurement.samples, measurement.median_s
    if measurement.device_times_s is not None and len(measurement.device_times_s) != samples:
        latency["device_times_s"].refuse(f"{samples} times")
    if latency["samples"].read(int) != samples:
        latency["samples"].refuse(f"the number of times, {samples}")
    if abs(latency["median_s"].read(float) - median_s) > 1e-9 * median_s:
        latency["median_s"].refuse(f"the median of the times, {median_s!r}")
    return measurement


def _doubt(node: Node) -> Doubt:
    """Read one warning, of a kind that netcost has."""
    doubt = node.read(DOUBTS[node["doubt"].one_of(DOUBTS)])
    try:
        str(doubt)
    except ArithmeticError:
        node.refuse("numbers that can be compared")
    return doubt
