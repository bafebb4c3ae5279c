"""A comparison as tables: for people a column a network, for programs a row a network, and the notes below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from netcost.profiling.roofline import ROOFLINE_COLUMNS, record
from netcost.text import units
from netcost.text.tables import METRICS, Column, Table, from_records, transposed
from netcost.timing.gpu import Gpu
from netcost.timing.measurement import Effort, Measurement
from netcost.timing.sampling import Stop
from netcost.timing.stats import Interval

if TYPE_CHECKING:
    from netcost.comparison.result import Comparison, Entry, Run

SHOWN = tuple(name for name in METRICS if not name.endswith("access_bytes") and not name.endswith("fused_bytes"))

LATENCY_COLUMNS = (
    Column("latency_s", "Latency (median)", "seconds"),
    Column("latency_interval", "  95 % interval", "seconds"),
    Column("device_s", "  between GPU events", "seconds"),
    Column("compile_s", "Compile time", "seconds"),
    Column("throughput_per_s", "Throughput", "per_second"),
)

RATIO_COLUMNS = (
    Column("ratio", "Latency ratio", "times"),
    Column("ratio_interval", "  95 % interval", "times"),
    Column("verdict", "Verdict", "times"),
)

NOT_EVERYWHERE = frozenset({"device_s", "compile_s"})
"""Figures of a GPU, or of compiled networks: no row where there is none of them."""

WAYS = {True: "round by round", False: "between runs from independent bootstraps of both medians"}
"""How a ratio was taken, by whether it was within the same rounds."""

RECORD_COLUMNS = (
    Column("model", "Model"),
    Column("run", "Run"),
    Column("input", "Input"),
    *METRICS.values(),
    Column("unknown_ops", "Unknown operators"),
    Column("device", "Device"),
    Column("threads", "Threads", "count"),
    Column("batch", "Batch", "count"),
    Column("dtype", "Type"),
    Column("memory_format", "Memory format"),
    Column("backend", "Backend"),
    Column("cold_cache", "Cold caches"),
    Column("latency_median_s", "Latency (median)", "seconds"),
    Column("latency_low_s", "Latency, low", "seconds"),
    Column("latency_high_s", "Latency, high", "seconds"),
    Column("latency_iqr_s", "Latency, IQR", "seconds"),
    Column("samples", "Samples", "count"),
    Column("throughput_per_s", "Throughput", "per_second"),
    Column("device_median_s", "Between GPU events", "seconds"),
    *ROOFLINE_COLUMNS,
    Column("first_call_s", "First call", "seconds"),
    Column("compile_s", "Compile time", "seconds"),
    Column("spent_s", "Spent", "seconds"),
    Column("stopped", "Stopped"),
    Column("ratio_to", "Ratio to"),
    Column("ratio_median", "Ratio", "times"),
    Column("ratio_low", "Ratio, low", "times"),
    Column("ratio_high", "Ratio, high", "times"),
    Column("verdict", "Verdict"),
    Column("error", "Error"),
)


def records(comparison: Comparison) -> Table:
    """A row a network with every figure as a number."""
    rows = [
        {"run": comparison.runs[entry.run].name or None, **_record(entry), **record(comparison.roofline(entry))}
        for entry in comparison.entries
    ]
    return from_records(RECORD_COLUMNS, rows)


def table(comparison: Comparison) -> Table:
    """A row a metric and a column a network."""
    rows = [
        {"model": comparison.label(entry), **_shown(entry), **record(comparison.roofline(entry))}
        for entry in comparison.entries
    ]
    columns = [Column("model", "Model"), *(METRICS[name] for name in SHOWN)]
    if any(run.environment for run in comparison.runs):
        found = {name for row in rows for name in row if row[name] is not None}
        columns += [each for each in LATENCY_COLUMNS if each.name not in NOT_EVERYWHERE - found]
    columns += [each for each in ROOFLINE_COLUMNS if any(row.get(each.name) is not None for row in rows)]
    if any(run.environment for run in comparison.runs):
        columns += RATIO_COLUMNS if len(rows) > 1 else ()
    return replace(transposed(from_records(columns, rows), ""), notes=tuple(notes(comparison)))


def notes(comparison: Comparison) -> list[str]:
    """What must be said under the table: errors, what is not counted, how it was timed, and every doubt."""
    entries = comparison.entries
    return [
        *(_failure(comparison.label(entry), entry) for entry in entries if entry.error is not None),
        *(note for entry in entries if entry.figures for note in entry.figures.notes()),
        *timing_notes(comparison),
        *_peaks_notes(comparison),
        *doubt_notes(comparison),
    ]


def _failure(label: str, entry: Entry) -> str:
    """The error; those of measuring name the model themselves."""
    said = str(entry.error)
    return label + said.removeprefix(entry.model) if said.startswith(entry.model) else f"{label}: {said}"


def timing_notes(comparison: Comparison) -> list[str]:
    """A line a run on where and how it was timed, and what the ratios are to."""
    said = []
    for at, run in enumerate(comparison.runs):
        entries = [entry for entry in comparison.entries if entry.run == at]
        name = f"{run.name}: timed" if len(comparison.runs) > 1 else "Timed"
        said += [] if run.environment is None else [f"{name} on {_timing(run, entries)}."]
    ratios = [entry.ratio for entry in comparison.entries if entry.ratio]
    bases, ways = (
        dict.fromkeys(ratio.to for ratio in ratios),
        dict.fromkeys(WAYS[ratio.same_rounds] for ratio in ratios),
    )
    return [*said, f"Ratios are to {next(iter(bases))}, {', and '.join(ways)}."] if len(bases) == 1 else said


def doubt_notes(comparison: Comparison) -> list[str]:
    """Why no winner is called, and what speaks against each measurement."""
    refused = [
        f"{comparison.label(entry)}: cannot tell against {entry.ratio.to}: {'; '.join(entry.ratio.against)}"
        for entry in comparison.entries
        if entry.ratio is not None and entry.ratio.against
    ]
    doubted: dict[str, list[str]] = {}
    measured = [(comparison.label(entry), entry.measurement) for entry in comparison.entries if entry.measurement]
    for label, measurement in measured:
        for doubt in measurement.doubts:
            doubted.setdefault(str(doubt), []).append(label)
    everybody = len(measured) if len(measured) > 1 else None
    who = {doubt: "all" if len(labels) == everybody else "; ".join(labels) for doubt, labels in doubted.items()}
    return [*refused, *(f"{who[doubt]}: {doubt}" for doubt in doubted)]


def _peaks_notes(comparison: Comparison) -> list[str]:
    """Whose peaks the roofline is of, and in what they are not those of this run."""
    if comparison.peaks is None:
        return []
    environment = comparison.environment
    differences = [] if environment is None else comparison.peaks.differences(environment.to_dict())
    return [f"Roofline of {comparison.peaks.title}.", *(f"Not of one run: {each}." for each in differences)]


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


def _record(entry: Entry) -> dict[str, Any]:
    """One network as a flat row of numbers."""
    row: dict[str, Any] = {"model": entry.model, "verdict": entry.verdict}
    if entry.error is not None:
        row["error"] = str(entry.error)
    if (figures := entry.figures) is not None:
        shapes = " ".join("x".join(map(str, shape)) for shape in figures.inputs)
        unknown = " ".join(f"{name}:{times}" for name, times in figures.unknown_ops.items())
        row |= {"input": shapes, **figures.values, "unknown_ops": unknown or None}
    if (measured := entry.measurement) is not None:
        low, high = measured.ci95_s or (None, None)
        row |= {
            "device": measured.device,
            "threads": measured.threads,
            "batch": measured.batch,
            **measured.setting.to_dict(),
            "cold_cache": str(measured.setting.cold_cache).lower(),
            "latency_median_s": measured.median_s,
            "latency_low_s": low,
            "latency_high_s": high,
            "latency_iqr_s": measured.iqr_s,
            "samples": measured.samples,
            "throughput_per_s": measured.throughput_per_s,
            "device_median_s": measured.device_median_s,
            "first_call_s": measured.first_call_s,
            "compile_s": measured.compile_s,
            "spent_s": measured.effort.spent_s,
            "stopped": str(measured.stopped),
        }
    if (ratio := entry.ratio) is not None:
        low, high = ratio.ci95 or (None, None)
        row |= {"ratio_to": ratio.to, "ratio_median": ratio.median, "ratio_low": low, "ratio_high": high}
    return row


def _shown(entry: Entry) -> dict[str, Any]:
    """One network as people read it."""
    row: dict[str, Any] = {}
    if entry.figures is not None:
        row |= {name: entry.figures.shown(name) for name in SHOWN}
    if (measured := entry.measurement) is not None:
        row |= {
            "latency_s": measured.median_s,
            "latency_interval": interval(measured.ci95_s, "seconds"),
            "device_s": measured.device_median_s,
            "compile_s": measured.compile_s,
            "throughput_per_s": measured.throughput_per_s,
        }
    if (ratio := entry.ratio) is not None:
        row |= {"ratio": ratio.median, "ratio_interval": interval(ratio.ci95, "times"), "verdict": ratio.verdict}
    return row


def interval(ends: Interval | None, unit: str) -> str | None:
    """Both ends as people read them."""
    return None if ends is None else " – ".join(units.text(end, unit) for end in ends)
