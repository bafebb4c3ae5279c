"""Comparison as tables: for people a column per network, for programs a row per network, and the notes below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter, itemgetter, methodcaller
from typing import NamedTuple

from netcost.comparison.entry import Entry, Run
from netcost.counting.figures import Figures, input_text
from netcost.prediction.predicted import PredictedLatency
from netcost.profiling.roofline import ROOFLINE_COLUMNS, Peaks, Roofline
from netcost.profiling.roofline.bound import BEYOND
from netcost.text import units
from netcost.text.explanations import more_about
from netcost.text.metrics import LANGUAGE_METRICS, METRICS, NARROW_METRICS, TRAIN_METRICS
from netcost.text.tables import Column, Table, table_of, transposed
from netcost.timing.gpu import Gpu
from netcost.timing.measurement import Effort, Measurement
from netcost.timing.ratios import Ratio
from netcost.timing.sampling import Stop
from netcost.timing.setting import COMPILE, CUDAGRAPH, EXECUTORCH, EXPORT, ONNXRUNTIME, OPENVINO, EffectiveSetting
from netcost.timing.stats import APART, BETWEEN_RUNS, MIN_ROUNDS, SAME_ROUNDS, Interval, SpeedVerdict


class Line(NamedTuple):
    """One network as the tables show it; `label` is its name, different from the others'."""

    label: str
    entry: Entry
    run: Run
    roofline: Roofline | None = None


def interval(ends: Interval | None, unit: str) -> str | None:
    """Write both ends as people read them."""
    return None if ends is None else " – ".join(units.text(end, unit) for end in ends)


def of_part(part: str, columns: Iterable[Column]) -> tuple[Column, ...]:
    """Turn columns of a part, like "entry.measurement", into columns of the whole; a missing part has no values."""
    return tuple(column.through(attrgetter(part)) for column in columns)


FURTHER_METRICS = NARROW_METRICS | TRAIN_METRICS | LANGUAGE_METRICS
"""Metrics that some networks have alone."""

SHOWN = tuple(name for name in METRICS if not name.endswith(("access_bytes", "fused_bytes")))
SHOWN_COLUMNS = of_part(
    "entry.figures",
    (
        *(replace(METRICS[name], of=methodcaller("shown", name)) for name in SHOWN),
        *(replace(column, of=methodcaller("shown", name)) for name, column in FURTHER_METRICS.items()),
    ),
)

LATENCY_COLUMNS = of_part(
    "entry.measurement",
    (
        Column("latency_s", "Latency (median)", "seconds", of=attrgetter("median_s")),
        Column("latency_interval", "  95 % interval", of=lambda measured: interval(measured.ci95_s, "seconds")),
        Column("device_s", "  between GPU events", "seconds", of=attrgetter("device_median_s")),
        Column("compile_s", "Compile time", "seconds"),
        Column("throughput_per_s", "Throughput", "per_second"),
    ),
)

RATIO_COLUMNS = of_part(
    "entry.ratio",
    (
        Column("ratio", "Latency ratio", "times", of=attrgetter("median")),
        Column("ratio_interval", "  95 % interval", of=lambda ratio: interval(ratio.ci95, "times")),
        Column("verdict", "Verdict"),
    ),
)

ROOF_COLUMNS = of_part("roofline", ROOFLINE_COLUMNS)

OPTIONAL = frozenset({"device_s", "compile_s", *FURTHER_METRICS, *(column.name for column in ROOF_COLUMNS)})
"""Figures of a GPU, of compiled or quantised networks, of a training step, or under a roofline: no row without them."""

NOTABLE_LOAD = 0.1
"""Load per core (processes that run or wait) from which a note names it."""

MADE = {
    **dict.fromkeys((COMPILE, EXPORT), "compiled"),
    **dict.fromkeys((ONNXRUNTIME, OPENVINO, EXECUTORCH), "converted"),
    CUDAGRAPH: "recorded",
}
"""Words for making a network ready for its runtime."""
METHODS = {True: "round by round", False: "between runs from independent bootstraps of both medians"}
"""Methods of taking a ratio, by "within the same rounds"."""


def _backend(entry: Entry) -> str | None:
    return entry.backend if entry.measurement is None else entry.measurement.setting.backend


def _unknown(figures: Figures) -> str | None:
    return " ".join(f"{name}:{times}" for name, times in figures.unknown_ops.items()) or None


RECORD_COLUMNS = (
    Column("model", "Model", of=attrgetter("entry.model")),
    Column("run", "Run", of=lambda line: line.run.name or None),
    *of_part(
        "entry.figures",
        (
            Column("input", "Input", of=lambda figures: " ".join(map(input_text, figures.inputs))),
            *of_part("values", (replace(column, of=itemgetter(name)) for name, column in METRICS.items())),
            Column("unknown_ops", "Unknown operators", of=_unknown),
        ),
    ),
    *of_part(
        "entry.measurement",
        (
            Column("device", "Device"),
            Column("threads", "Threads", "count"),
            Column("batch", "Batch", "count"),
            Column("dtype", "Type", of=attrgetter("setting.dtype")),
            Column("memory_format", "Memory format", of=attrgetter("setting.memory_format")),
        ),
    ),
    Column("backend", "Backend", of=lambda line: _backend(line.entry)),
    *of_part(
        "entry.measurement",
        (
            Column("cold_cache", "Cold caches", of=lambda measured: str(measured.setting.cold_cache).lower()),
            Column("latency_median_s", "Latency (median)", "seconds", of=attrgetter("median_s")),
            Column("latency_low_s", "Latency, low", "seconds", of=itemgetter(0)).through(attrgetter("ci95_s")),
            Column("latency_high_s", "Latency, high", "seconds", of=itemgetter(1)).through(attrgetter("ci95_s")),
            Column("latency_iqr_s", "Latency, IQR", "seconds", of=attrgetter("iqr_s")),
            Column("samples", "Samples", "count"),
            Column("throughput_per_s", "Throughput", "per_second"),
            Column("device_median_s", "Between GPU events", "seconds"),
        ),
    ),
    *ROOF_COLUMNS,
    *of_part(
        "entry.measurement",
        (
            Column("first_call_s", "First call", "seconds"),
            Column("compile_s", "Compile time", "seconds"),
            Column("spent_s", "Spent", "seconds", of=attrgetter("effort.spent_s")),
            Column("stopped", "Stopped", of=lambda measured: str(measured.stopped)),
        ),
    ),
    *of_part(
        "entry.ratio",
        (
            Column("ratio_to", "Ratio to", of=attrgetter("to")),
            Column("ratio_median", "Ratio", "times", of=attrgetter("median")),
            Column("ratio_low", "Ratio, low", "times", of=itemgetter(0)).through(attrgetter("ci95")),
            Column("ratio_high", "Ratio, high", "times", of=itemgetter(1)).through(attrgetter("ci95")),
            Column("verdict", "Verdict"),
        ),
    ),
    *of_part("entry.error", [Column("error", "Error", of=str)]),
)


def predicted_columns(entries: Sequence[Entry], heading: str = "Predicted latency, {}") -> tuple[Column, ...]:
    """Return the predicted latency on each device and its interval, for people: columns of entries."""
    columns = []
    for device in predicted_devices(entries):
        of_device = partial(_on, device)
        columns += [
            Column(f"predicted_{device}", heading.format(device), "seconds", of=attrgetter("latency")).through(
                of_device
            ),
            Column(
                f"predicted_interval_{device}",
                "  90 % interval, predicted",
                of=attrgetter("interval_text"),
                flush_right=True,
            ).through(of_device),
        ]
    return tuple(columns)


def predicted_devices(entries: Iterable[Entry]) -> list[str]:
    """Return the devices that some entry was predicted on."""
    return list(dict.fromkeys(found.device for entry in entries for found in entry.predicted))


def _on(device: str, entry: Entry) -> PredictedLatency | None:
    return next((found for found in entry.predicted if found.device == device), None)


def record_columns(lines: Sequence[Line]) -> tuple[Column, ...]:
    """Return every figure of a network as a number: for CSV and pandas; predictions where there are any."""
    columns: list[Column] = []
    for device in predicted_devices(line.entry for line in lines):
        name, heading = f"predicted_{device}", f"Predicted on {device}"
        ends = attrgetter("predicted_interval90_s")
        own = (
            Column(f"{name}_s", heading, "seconds", of=attrgetter("predicted_latency_s")),
            Column(f"{name}_low_s", f"{heading}, low", "seconds", of=itemgetter(0)).through(ends),
            Column(f"{name}_high_s", f"{heading}, high", "seconds", of=itemgetter(1)).through(ends),
            Column(f"{name}_reasons", f"{heading}, cannot tell", of=lambda found: found.why or None),
        )
        columns += [column.through(partial(_on, device)) for column in own]
    *figures, error = RECORD_COLUMNS
    return (*figures, *of_part("entry", columns), error)


def table(lines: Sequence[Line], notes: Sequence[str], corner: str = "") -> Table:
    """Make a row per metric and a column per network; `corner` heads the column of metrics."""
    is_timed = any(line.run.environment for line in lines)
    columns = [
        *SHOWN_COLUMNS,
        *(LATENCY_COLUMNS if is_timed else ()),
        *of_part("entry", predicted_columns([line.entry for line in lines])),
        *ROOF_COLUMNS,
        *(RATIO_COLUMNS if is_timed and len(lines) > 1 else ()),
    ]
    shown = [
        column
        for column in columns
        if column.name not in OPTIONAL or any(column.value(line) is not None for line in lines)
    ]
    rows = table_of([Column("model", "Model", of=attrgetter("label")), *shown], lines)
    return transposed(replace(rows, notes=(*notes, *where_explained(lines))), corner)


def where_explained(lines: Sequence[Line]) -> list[str]:
    """Make the note that says where the warnings of these networks are explained; no note without warnings."""
    measured = [line.entry.measurement for line in lines if line.entry.measurement is not None]
    return more_about(type(doubt).__name__ for measurement in measured for doubt in measurement.doubts)


def notes(lines: Sequence[Line], runs: Sequence[Run], peaks: Peaks | None) -> list[str]:
    """Make the notes under the table: errors, unknown operators, conditions of the timing, and every warning."""
    return [
        *(_failure(line) for line in lines if line.entry.error is not None),
        *dict.fromkeys(note for line in lines if line.entry.figures for note in line.entry.figures.notes()),
        *_timing_notes(lines, runs),
        *_prediction_notes(lines, runs),
        *_peaks_notes(peaks, runs, lines),
        *_warning_notes(lines),
    ]


def _failure(line: Line) -> str:
    """Write the error under the label; errors of measuring begin with the name of the model."""
    message, model = str(line.entry.error), line.entry.model
    return line.label + message.removeprefix(model) if message.startswith(model) else f"{line.label}: {message}"


def _timing_notes(lines: Sequence[Line], runs: Sequence[Run]) -> list[str]:
    """Describe the timing, in a line per run, and the base of the ratios."""
    notes = []
    for index, run in enumerate(runs):
        entries = [line.entry for line in lines if line.entry.run == index]
        name = f"{run.name}: timed" if len(runs) > 1 else "Timed"
        notes += [] if run.environment is None else [f"{name} on {_timing(run, entries)}."]
    settings = [line.entry.measurement.setting for line in lines if line.entry.measurement]
    runtimes = dict.fromkeys((setting.backend, setting.runtime) for setting in settings if setting.runtime)
    notes += [f"{backend}: {details}." for backend, details in runtimes]
    ratios = [line.entry.ratio for line in lines if line.entry.ratio]
    bases = list(dict.fromkeys(ratio.to for ratio in ratios))
    methods = dict.fromkeys(METHODS[ratio.same_rounds] for ratio in ratios)
    return [*notes, f"Ratios are to {bases[0]}, {', and '.join(methods)}."] if len(bases) == 1 else notes


def _warning_notes(lines: Sequence[Line]) -> list[str]:
    """Say why a winner cannot be told, and which networks each warning is about."""
    undecided: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        ratio = line.entry.ratio
        if ratio is None or not (ratio.against or ratio.verdict == SpeedVerdict.CANNOT_TELL):
            continue
        why = "; ".join(ratio.against) or _what_may_help(ratio, line)
        undecided.setdefault(why, []).append((line.label, ratio.to))
    ratios = [(line, line.entry.ratio) for line in lines if line.entry.ratio is not None]
    by_size = [
        f"{line.label}: {ratio.verdict} by size: in {ratio.estimate.rounds} rounds, all times are over {APART:g} x "
        f"apart from those of {ratio.to}; {MIN_ROUNDS} rounds would give an interval."
        for line, ratio in ratios
        if ratio.is_by_size and not ratio.against
    ]
    measured = [(line.label, line.entry.measurement) for line in lines if line.entry.measurement]
    labels: dict[str, list[str]] = {}
    for label, measurement in measured:
        for doubt in measurement.doubts:
            labels.setdefault(str(doubt), []).append(label)
    about = {doubt: "all" if 1 < len(measured) == len(names) else _listed(names) for doubt, names in labels.items()}
    told = [
        f"{_listed(label for label, _ in pairs)}: cannot tell against {_listed(to for _, to in pairs)}: {why}"
        for why, pairs in undecided.items()
    ]
    return [*told, *by_size, *(f"{names}: {doubt}" for doubt, names in about.items())]


def _listed(labels: Iterable[str]) -> str:
    """List labels; those of one network at several batch sizes as one."""
    sizes: dict[str, list[str]] = {}
    for label in dict.fromkeys(labels):
        name, batch, size = label.partition(", batch ")
        sizes.setdefault(name + batch, []).append(size)
    return "; ".join(name + ", ".join(found) for name, found in sizes.items())


def _what_may_help(ratio: Ratio, line: Line) -> str:
    """Say what the interval lacks, and what may narrow it: time, fewer threads, less of the load that was seen."""
    measured, environment = line.entry.measurement, line.run.environment
    ends, threshold = ratio.ci95, SAME_ROUNDS if ratio.same_rounds else BETWEEN_RUNS
    if ends is not None and 1 - threshold <= ends[0] and ends[1] <= 1 + threshold:
        return f"the two differ by less than {units.percent(threshold)}, and more time would not change that."
    seen = "there are too few rounds" if ends is None else f"the interval {interval(ends, 'times')} holds 1"
    spent = "" if measured is None else f" than {units.seconds(measured.effort.budget_s)}"
    helps = [f"a larger --budget{spent}"]
    if measured is not None and measured.threads > 1 and measured.device == "cpu":
        helps.append(f"fewer --threads than {measured.threads}")
    load = None if environment is None else environment.load_per_core
    if load is not None and load > NOTABLE_LOAD:
        helps.append(f"a machine without the load of {units.percent(load)} per core that was seen before")
    return f"{seen}; what may help: {', '.join(helps)}."


def _prediction_notes(lines: Sequence[Line], runs: Sequence[Run]) -> list[str]:
    """Say what the predictions rest on, and why nothing can be told of a network."""
    refused = [
        f"{line.label} on {found.device}: cannot tell: {found.why}."
        for line in lines
        for found in line.entry.predicted
        if found.reasons
    ]
    return [*refused, *dict.fromkeys(note for run in runs for note in run.predicting)]


def _peaks_notes(peaks: Peaks | None, runs: Sequence[Run], lines: Sequence[Line]) -> list[str]:
    """Name the peaks of the roofline, and their differences to the environment of this run."""
    if peaks is None:
        return []
    environment = runs[0].environment if len(runs) == 1 else None
    differences = [] if environment is None else peaks.differences(environment.to_dict())
    beyond = [BEYOND] if any(line.roofline is not None and line.roofline.is_beyond for line in lines) else []
    return [
        f"Roofline of {peaks.title}.",
        *peaks.warnings,
        *beyond,
        *(f"Not of one run: {difference}." for difference in differences),
    ]


def _timing(run: Run, entries: Sequence[Entry]) -> str:
    """Write the device, the setting and the effort of a run."""
    assert run.environment is not None
    where = run.environment.gpu.name if run.environment.gpu else run.environment.cpu or run.environment.machine
    threads = f"{run.environment.threads} thread{'s' if run.environment.threads > 1 else ''}"
    parts = [f"{where}, {threads}, torch {run.environment.torch}"]
    measured = [entry.measurement for entry in entries if entry.measurement]
    if measured:
        batches = dict.fromkeys(measurement.batch for measurement in measured if measurement.batch)
        batch = f"batch {', '.join(map(str, batches))}, " if batches else ""
        settings = _settings(measurement.setting for measurement in measured)
        compiling = sum(measurement.compile_s or 0.0 for measurement in measured)
        made = dict.fromkeys(
            MADE.get(measurement.setting.backend, "recorded") for measurement in measured if measurement.compile_s
        )
        compiled = f" ({' and '.join(made)} in {units.seconds(compiling)})" if compiling else ""
        rounds = max(measurement.samples for measurement in measured)
        effort = _effort(measured[0].effort, _reached(entries, measured))
        parts += [f"{batch}{settings}{compiled}", f"{rounds} interleaved rounds in {effort}"]
    return "; ".join([*parts, *([_flags(run.environment.gpu)] if run.environment.gpu else [])])


def _settings(settings: Iterable[EffectiveSetting]) -> str:
    """Write the settings, those that differ in their runtime alone as one."""
    alike: dict[EffectiveSetting, dict[str, None]] = {}
    for setting in settings:
        alike.setdefault(replace(setting, backend="", runtime=None), {})[setting.backend] = None
    return " and ".join(str(replace(setting, backend=", ".join(names))) for setting, names in alike.items())


def _effort(effort: Effort, reached: float | None) -> str:
    """Write the seconds spent, the precision reached, and the reason why sampling stopped."""
    within = "without an interval" if reached is None else f"with 95 % intervals within ± {units.percent(reached)}"
    budget, goal = units.seconds(effort.budget_s), f"± {units.percent(effort.precision)} asked for"
    reasons = {Stop.BUDGET: f"the budget of {budget} spent, ", Stop.ROUNDS: "the maximum of rounds, "}
    return f"{units.seconds(effort.spent_s)}, {within} ({reasons.get(effort.stopped, '')}{goal})"


def _reached(entries: Iterable[Entry], measured: Iterable[Measurement]) -> float | None:
    """Return the widest of the intervals that sampling looks at: of the ratios, or of the medians without ratios."""
    ratios = [entry.ratio for entry in entries if entry.ratio is not None and entry.ratio.same_rounds]
    widths = [timed.half_width for timed in ratios or measured]
    known = [width for width in widths if width is not None]
    return max(known) if len(known) == len(widths) else None


def _flags(gpu: Gpu) -> str:
    """Write torch's settings for the GPU, on which its speed depends."""
    switch = {True: "on", False: "off"}
    tf32 = f"TF32 {switch[gpu.tf32_matmul]} in matrix products and {switch[gpu.tf32_convolution]} in convolutions"
    return f"cuDNN benchmark {switch[gpu.cudnn_benchmark]}, {tf32}"
