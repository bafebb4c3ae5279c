"""A comparison as tables: for people a column per network, for programs a row per network, and the notes below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from netcost.comparison.entry import Entry, Run
from netcost.profiling.roofline import ROOFLINE_COLUMNS, Peaks, Roofline
from netcost.text import units
from netcost.text.explanations import more_about
from netcost.text.tables import METRICS, Column, Table, table_of, transposed
from netcost.timing.gpu import Gpu
from netcost.timing.measurement import Effort, Measurement
from netcost.timing.sampling import Stop
from netcost.timing.stats import Interval


class Line(NamedTuple):
    """One network as the tables show it.

    Args:
        label: its name, told apart from the others'.
        run: that it belongs to.
        roofline: it under the roof of the device; None without peaks.
    """

    label: str
    entry: Entry
    run: Run
    roofline: Roofline | None = None


def interval(ends: Interval | None, unit: str) -> str | None:
    """Both ends as people read them."""
    return None if ends is None else " – ".join(units.text(end, unit) for end in ends)


def end_of(part: str, side: int) -> Callable[[Any], float | None]:
    """Make a getter of the low (0) or high (1) end of an interval that may be missing."""
    return lambda whole: None if (ends := getattr(whole, part)) is None else ends[side]


def of_entry(name: str, columns: Iterable[Column]) -> tuple[Column, ...]:
    """Turn columns of a part of an entry ("figures", "measurement", "ratio") into columns of lines."""
    return tuple(column.through(lambda line: getattr(line.entry, name)) for column in columns)


SHOWN = tuple(name for name in METRICS if not name.endswith("access_bytes") and not name.endswith("fused_bytes"))


def _shown(name: str) -> Column:
    return replace(METRICS[name], of=lambda figures: figures.shown(name))


def _counted(name: str) -> Column:
    return replace(METRICS[name], of=lambda figures: figures.values[name])


SHOWN_COLUMNS = of_entry("figures", map(_shown, SHOWN))

LATENCY_COLUMNS = of_entry(
    "measurement",
    (
        Column("latency_s", "Latency (median)", "seconds", of=lambda measured: measured.median_s),
        Column("latency_interval", "  95 % interval", of=lambda measured: interval(measured.ci95_s, "seconds")),
        Column("device_s", "  between GPU events", "seconds", of=lambda measured: measured.device_median_s),
        Column("compile_s", "Compile time", "seconds", of=lambda measured: measured.compile_s),
        Column("throughput_per_s", "Throughput", "per_second", of=lambda measured: measured.throughput_per_s),
    ),
)

RATIO_COLUMNS = of_entry(
    "ratio",
    (
        Column("ratio", "Latency ratio", "times", of=lambda ratio: ratio.median),
        Column("ratio_interval", "  95 % interval", of=lambda ratio: interval(ratio.ci95, "times")),
        Column("verdict", "Verdict", of=lambda ratio: ratio.verdict),
    ),
)

ROOF_COLUMNS = tuple(column.through(lambda line: line.roofline) for column in ROOFLINE_COLUMNS)

NOT_EVERYWHERE = frozenset({"device_s", "compile_s", *(column.name for column in ROOF_COLUMNS)})
"""Figures of a GPU, of compiled networks, or under a roofline: no row where there is none of them."""

WAYS = {True: "round by round", False: "between runs from independent bootstraps of both medians"}
"""How a ratio was taken, by whether it was within the same rounds."""


def _shapes(figures: Any) -> str:
    return " ".join("x".join(map(str, shape)) for shape in figures.inputs)


def _unknown(figures: Any) -> str | None:
    return " ".join(f"{name}:{times}" for name, times in figures.unknown_ops.items()) or None


RECORD_COLUMNS = (
    Column("model", "Model", of=lambda line: line.entry.model),
    Column("run", "Run", of=lambda line: line.run.name or None),
    *of_entry(
        "figures",
        (
            Column("input", "Input", of=_shapes),
            *map(_counted, METRICS),
            Column("unknown_ops", "Unknown operators", of=_unknown),
        ),
    ),
    *of_entry(
        "measurement",
        (
            Column("device", "Device", of=lambda measured: measured.device),
            Column("threads", "Threads", "count", of=lambda measured: measured.threads),
            Column("batch", "Batch", "count", of=lambda measured: measured.batch),
            Column("dtype", "Type", of=lambda measured: measured.setting.dtype),
            Column("memory_format", "Memory format", of=lambda measured: measured.setting.memory_format),
            Column("backend", "Backend", of=lambda measured: measured.setting.backend),
            Column("cold_cache", "Cold caches", of=lambda measured: str(measured.setting.cold_cache).lower()),
            Column("latency_median_s", "Latency (median)", "seconds", of=lambda measured: measured.median_s),
            Column("latency_low_s", "Latency, low", "seconds", of=end_of("ci95_s", 0)),
            Column("latency_high_s", "Latency, high", "seconds", of=end_of("ci95_s", 1)),
            Column("latency_iqr_s", "Latency, IQR", "seconds", of=lambda measured: measured.iqr_s),
            Column("samples", "Samples", "count", of=lambda measured: measured.samples),
            Column("throughput_per_s", "Throughput", "per_second", of=lambda measured: measured.throughput_per_s),
            Column("device_median_s", "Between GPU events", "seconds", of=lambda measured: measured.device_median_s),
        ),
    ),
    *ROOF_COLUMNS,
    *of_entry(
        "measurement",
        (
            Column("first_call_s", "First call", "seconds", of=lambda measured: measured.first_call_s),
            Column("compile_s", "Compile time", "seconds", of=lambda measured: measured.compile_s),
            Column("spent_s", "Spent", "seconds", of=lambda measured: measured.effort.spent_s),
            Column("stopped", "Stopped", of=lambda measured: str(measured.stopped)),
        ),
    ),
    *of_entry(
        "ratio",
        (
            Column("ratio_to", "Ratio to", of=lambda ratio: ratio.to),
            Column("ratio_median", "Ratio", "times", of=lambda ratio: ratio.median),
            Column("ratio_low", "Ratio, low", "times", of=end_of("ci95", 0)),
            Column("ratio_high", "Ratio, high", "times", of=end_of("ci95", 1)),
            Column("verdict", "Verdict", of=lambda ratio: ratio.verdict),
        ),
    ),
    Column("error", "Error", of=lambda line: None if line.entry.error is None else str(line.entry.error)),
)


def records(lines: Sequence[Line]) -> Table:
    """A row per network with every figure as a number."""
    return table_of(RECORD_COLUMNS, lines)


def table(lines: Sequence[Line], notes: Sequence[str]) -> Table:
    """A row per metric and a column per network."""
    columns = [Column("model", "Model", of=lambda line: line.label), *SHOWN_COLUMNS]
    timed = any(line.run.environment for line in lines)
    columns += LATENCY_COLUMNS if timed else ()
    columns += ROOF_COLUMNS
    columns += RATIO_COLUMNS if timed and len(lines) > 1 else ()
    told = [each for each in columns if each.name not in NOT_EVERYWHERE or _any_has(lines, each)]
    return transposed(table_of(told, lines, notes=[*notes, *where_explained(lines)]), "")


def where_explained(lines: Sequence[Line]) -> list[str]:
    """The note that says where the warnings of these networks are explained; nothing where there are none."""
    measured = [line.entry.measurement for line in lines if line.entry.measurement is not None]
    return more_about(type(doubt).__name__ for measurement in measured for doubt in measurement.doubts)


def _any_has(lines: Sequence[Line], column: Column) -> bool:
    return any(column.value(line) is not None for line in lines)


def notes(lines: Sequence[Line], runs: Sequence[Run], peaks: Peaks | None) -> list[str]:
    """What must be said under the table: errors, what is not counted, how it was timed, and every doubt."""
    return [
        *(_failure(line.label, line.entry) for line in lines if line.entry.error is not None),
        *(note for line in lines if line.entry.figures for note in line.entry.figures.notes()),
        *_timing_notes(lines, runs),
        *_peaks_notes(peaks, runs),
        *_doubt_notes(lines),
    ]


def _failure(label: str, entry: Entry) -> str:
    """The error; those of measuring name the model themselves."""
    said = str(entry.error)
    return label + said.removeprefix(entry.model) if said.startswith(entry.model) else f"{label}: {said}"


def _timing_notes(lines: Sequence[Line], runs: Sequence[Run]) -> list[str]:
    """A line per run on where and how it was timed, and what the ratios are to."""
    said = []
    for index, run in enumerate(runs):
        entries = [line.entry for line in lines if line.entry.run == index]
        name = f"{run.name}: timed" if len(runs) > 1 else "Timed"
        said += [] if run.environment is None else [f"{name} on {_timing(run, entries)}."]
    ratios = [line.entry.ratio for line in lines if line.entry.ratio]
    bases, ways = (
        dict.fromkeys(ratio.to for ratio in ratios),
        dict.fromkeys(WAYS[ratio.same_rounds] for ratio in ratios),
    )
    return [*said, f"Ratios are to {next(iter(bases))}, {', and '.join(ways)}."] if len(bases) == 1 else said


def _doubt_notes(lines: Sequence[Line]) -> list[str]:
    """Why no winner is called, and what speaks against each measurement."""
    refused = [
        f"{line.label}: cannot tell against {line.entry.ratio.to}: {'; '.join(line.entry.ratio.against)}"
        for line in lines
        if line.entry.ratio is not None and line.entry.ratio.against
    ]
    doubted: dict[str, list[str]] = {}
    measured = [(line.label, line.entry.measurement) for line in lines if line.entry.measurement]
    for label, measurement in measured:
        for doubt in measurement.doubts:
            doubted.setdefault(str(doubt), []).append(label)
    everybody = len(measured) if len(measured) > 1 else None
    who = {doubt: "all" if len(labels) == everybody else "; ".join(labels) for doubt, labels in doubted.items()}
    return [*refused, *(f"{who[doubt]}: {doubt}" for doubt in doubted)]


def _peaks_notes(peaks: Peaks | None, runs: Sequence[Run]) -> list[str]:
    """Whose peaks the roofline is of, and in what they are not those of this run."""
    if peaks is None:
        return []
    environment = runs[0].environment if len(runs) == 1 else None
    differences = [] if environment is None else peaks.differences(environment.to_dict())
    return [f"Roofline of {peaks.title}.", *(f"Not of one run: {each}." for each in differences)]


def _timing(run: Run, entries: Sequence[Entry]) -> str:
    """Where, in which setting, with what effort."""
    assert run.environment is not None
    where = run.environment.gpu.name if run.environment.gpu else run.environment.cpu or run.environment.machine
    threads = f"{run.environment.threads} thread{'s' if run.environment.threads > 1 else ''}"
    said = [f"{where}, {threads}, torch {run.environment.torch}"]
    measured = [entry.measurement for entry in entries if entry.measurement]
    if measured:
        batches = dict.fromkeys(each.batch for each in measured if each.batch)
        batch = f"batch {', '.join(map(str, batches))}, " if batches else ""
        settings = " and ".join(dict.fromkeys(str(each.setting) for each in measured))
        rounds = f"{max(each.samples for each in measured)} interleaved rounds"
        compiling = sum(each.compile_s or 0.0 for each in measured)
        compiled = f" (compiled in {units.seconds(compiling)})" if compiling else ""
        said += [
            f"{batch}{settings}{compiled}",
            f"{rounds} in {_effort(measured[0].effort, _reached(entries, measured))}",
        ]
    return "; ".join([*said, *([_flags(run.environment.gpu)] if run.environment.gpu else [])])


def _effort(effort: Effort, reached: float | None) -> str:
    """Seconds spent, why sampling stopped, and the precision reached."""
    spent, asked = units.seconds(effort.spent_s), f"± {units.percent(effort.precision)}"
    within = "without an interval" if reached is None else f"with 95 % intervals within ± {units.percent(reached)}"
    goal = f"{asked} asked for"
    why = {
        Stop.PRECISE: goal,
        Stop.BUDGET: f"the budget of {units.seconds(effort.budget_s)} spent, {goal}",
        Stop.ROUNDS: f"the most that are taken, {goal}",
        Stop.FAILED: goal,
    }
    return f"{spent}, {within} ({why[effort.stopped]})"


def _reached(entries: Iterable[Entry], measured: Iterable[Measurement]) -> float | None:
    """The widest of the intervals that sampling looks at: of the ratios, or of the medians where there are none."""
    ratios = [entry.ratio for entry in entries if entry.ratio is not None and entry.ratio.same_rounds]
    widths = [each.half_width for each in ratios or measured]
    known = [width for width in widths if width is not None]
    return max(known) if len(known) == len(widths) else None


def _flags(gpu: Gpu) -> str:
    """Torch's settings for the GPU, on which its speed depends."""
    switch = {True: "on", False: "off"}
    matmul, convolution = switch[gpu.tf32_matmul], switch[gpu.tf32_convolution]
    benchmark = f"cuDNN benchmark {switch[gpu.cudnn_benchmark]}"
    return f"{benchmark}, TF32 {matmul} in matrix products and {convolution} in convolutions"
