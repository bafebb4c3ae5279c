"""Calibrates this device: times chosen networks of the zoo on it, in a run that can be resumed, and fits.

The networks are timed in panels, interleaved, each panel with one reference. Times are scaled by the reference's, so
that a machine that drifts between panels changes them less. After each panel the times so far are in a CSV file, which
`netcost calibrate --from` reads too.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any

from torch import nn

from netcost.prediction.calibrating import Calibration, Progress, of_times
from netcost.prediction.coefficients import MeasuredTime
from netcost.prediction.columns import Datasheet
from netcost.prediction.fitting import rounded
from netcost.prediction.rows import Running
from netcost.prediction.timings import TimedNetwork
from netcost.profiling.roofline import Peaks, measure_peaks
from netcost.profiling.roofline.caches import ASSUMED_BYTES
from netcost.targets import resolve
from netcost.text import units
from netcost.text.documents import shown
from netcost.text.errors import MeasurementError, RequestError, one_line
from netcost.text.explanations import more_about
from netcost.text.writing import write_text
from netcost.timing import stats
from netcost.timing.conversion import Call
from netcost.timing.devices import require_device
from netcost.timing.environment import read_environment
from netcost.timing.measurement import Measurement
from netcost.timing.measuring import measure_all, random_call
from netcost.timing.setting import COMPILE, EAGER, EffectiveSetting, Timing

REFERENCE = "mobilenet_v2"
"""Runs in every panel."""

NETWORKS = """
    mobilenet_v1_0_25 mini_googlenet shufflenet_v2_x0_5 shufflenet_v1_g1_x1_0 nin
    alexnet shufflenet_v2_x2_0 resnet18 bn_inception googlenet
    resnet50 nasnet_a_mobile densenet121 resnext50_32x4d se_resnet50
    vgg11 inception_resnet_v1 inception_v3 xception
""".split()
"""Networks beside the reference, from fast to slow: of 17 families, high in mult-adds, bytes or launches in turn.

Fitted to these 20, the zoo's other 63 are predicted with a median error of 7 to 9 %, whatever rates the fit starts from
(`tests/benchmarks/own_device.py`).
"""

PANEL = 5
"""Networks per panel beside the reference: with similar times they share the rounds fairly."""

BUDGET_S, PRECISION = 120.0, 0.01
"""Seconds of sampling for all panels, and half width of a ratio's interval at which one may stop earlier."""

PEAKS_S = 10.0
"""Seconds for the rates of the device."""

DRIFT = 0.05
"""A reference whose time moves by more is told."""


@dataclass(frozen=True, slots=True)
class KeptTime:
    """One line of the file of times.

    Args:
        ms: median per pass.
        reference_ms: of the reference in the same panel.
        warnings: names of the timer's warnings, with blanks between.
        device: its name; this and all that follows must be the same for times to stand side by side.
    """

    target: str
    batch: int
    ms: float
    reference_ms: float
    warnings: str
    device: str
    torch: str
    threads: int
    dtype: str
    memory_format: str
    backend: str


NAMES = tuple(field.name for field in fields(KeptTime))
CONDITIONS = NAMES[NAMES.index("device") :]


def calibrate_here(
    timing: Timing,
    kept: Path,
    name: str,
    *,
    batches: Sequence[int] = (),
    like: str | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Time the chosen networks on this device, and fit its coefficients.

    Args:
        timing: device and options; the budget is for all networks together.
        kept: file for the times so far; those that it has already are not taken again.
        name: of the device, in tables.
        batches: samples per pass [default: 1 on a CPU, 256 on a GPU].
        like: a device with coefficients to start from.
        progress: told the share that is done, and the present step.

    Raises:
        RequestError: `kept` is damaged or of another setting, or too few networks ran.
        MeasurementError: there is no such device, or the reference does not run on it.
    """
    if timing.backend not in (EAGER, COMPILE):
        raise RequestError(f"--backend {timing.backend}: coefficients are of eager or compile")
    environment = read_environment(require_device(timing.device), timing.threads)
    setting = EffectiveSetting(timing.dtype or "fp32", timing.memory_format or "contiguous", timing.backend)
    title = environment.gpu.name if environment.gpu else environment.cpu or environment.machine
    ways = (setting.dtype, setting.memory_format, setting.backend)
    conditions: dict[str, Any] = dict(
        zip(CONDITIONS, (title, environment.torch, environment.threads, *ways), strict=True)
    )
    taken = read_kept(kept, conditions) if kept.exists() else []
    begun = _part(progress, 0.0, 0.05)
    sheet = rates_of(measure_peaks(timing.device, timing.threads, budget_s=PEAKS_S, progress=begun), setting)
    sizes = tuple(batches) or ((1,) if timing.device == "cpu" else (256,))
    goal = timing.or_else(BUDGET_S, PRECISION)
    goal = replace(goal, budget_s=(goal.budget_s or 0.0) / (len(sizes) * -(-len(NETWORKS) // PANEL)))
    panels, failed = list(_panels(sizes, taken)), []
    for index, (batch, networks) in enumerate(panels):
        step = _part(progress, 0.05 + 0.75 * index / len(panels), 0.75 / len(panels))
        results = _measured(networks, batch, goal, step)
        known = {(one.target, one.batch) for one in taken}
        taken += [one for one in _lines(results, batch, conditions) if (one.target, one.batch) not in known]
        errors = ((network, result) for network, result in results.items() if not isinstance(result, Measurement))
        failed += [f"{network} at batch {batch}: {one_line(error)}" for network, error in errors]
        write_text(kept, _written(taken))
    times = scaled(taken)
    lines = [TimedNetwork(0, time.target, time.batch, time.seconds) for time in times]
    end = _part(progress, 0.8, 0.2)
    found = of_times(lines, running_of(timing), name, "times here", sheet=sheet, like=like, progress=end)
    about = replace(
        found.coefficients,
        title=title,
        torch=environment.torch,
        threads=environment.threads if timing.device == "cpu" else None,
        setting=setting,
        measured=tuple(times),
    )
    return replace(found, coefficients=about, left_out=(*failed, *found.left_out), remarks=tuple(_remarks(taken)))


def running_of(timing: Timing) -> Running:
    """Return the way of running networks that a timing stands for."""
    return Running(
        "compiled" if timing.backend == COMPILE else "eager",
        "traced" if timing.dtype in (None, "fp32") else "half",
        timing.memory_format or "contiguous",
    )


def rates_of(peaks: Peaks, setting: EffectiveSetting) -> Datasheet:
    """Return measured peaks in the place of a datasheet.

    Raises:
        MeasurementError: matrix products in the element type of the setting could not be measured.
    """
    flops_per_s = peaks.flops_per_s(setting.dtype or "fp32")
    if flops_per_s is None:
        raise MeasurementError(
            f"products in {setting.dtype} cannot be measured: {peaks.missing.get(setting.dtype or '')}"
        )
    *caches, memory = peaks.bandwidths
    cache = float(caches[-1].cache_bytes or ASSUMED_BYTES) if caches else float(ASSUMED_BYTES)
    source = f"measured here, as by netcost device: products in {setting.dtype}, streaming, the smallest operator"
    is_cpu = peaks.device == "cpu"
    launch_s = rounded(stats.median(peaks.launch_s))
    return Datasheet(rounded(flops_per_s / 2), rounded(memory.best), launch_s, cache if is_cpu else None, source)


def scaled(taken: Sequence[KeptTime]) -> list[MeasuredTime]:
    """Return the times as multiples of their panel's reference, times the median of the reference."""
    references: dict[int, list[float]] = {}
    for one in taken:
        references.setdefault(one.batch, []).append(one.reference_ms)
    return [
        MeasuredTime(
            one.target,
            one.batch,
            float(f"{one.ms / one.reference_ms * stats.median(references[one.batch]) / 1000:.5g}"),
        )
        for one in taken
    ]


def read_kept(path: Path, conditions: Mapping[str, Any]) -> list[KeptTime]:
    """Read the times of a run that did not end.

    Raises:
        RequestError: the file is damaged, or its times were taken in other conditions.
    """
    remedy = "remove the file to begin anew"
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8", errors="replace"))))
    if not rows or tuple(rows[0]) != NAMES or any(len(row) != len(NAMES) for row in rows):
        raise RequestError(f"{shown(path)!r} is no file of times of netcost calibrate; {remedy}")
    kinds = [{"int": int, "float": float}.get(str(field.type), str) for field in fields(KeptTime)]
    try:
        times = [KeptTime(*(kind(value) for kind, value in zip(kinds, row, strict=True))) for row in rows[1:]]
    except ValueError as error:
        raise RequestError(f"{shown(path)!r} is damaged: {one_line(error)}; {remedy}") from error
    for one in times:
        if not (0 < one.ms < float("inf") and 0 < one.reference_ms < float("inf")):
            raise RequestError(f"{shown(path)!r} is damaged: {one.target} took {one.ms} ms; {remedy}")
        other = [
            f"{key} {getattr(one, key)}, now {value}" for key, value in conditions.items() if getattr(one, key) != value
        ]
        if other:
            raise RequestError(f"{shown(path)!r} has times of another setting ({'; '.join(other)}); {remedy}")
    return times


def _written(taken: Sequence[KeptTime]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([NAMES, *map(astuple, taken)])
    return text.getvalue()


def _panels(sizes: Sequence[int], taken: Sequence[KeptTime]) -> Iterator[tuple[int, list[str]]]:
    """Yield batch and networks of each panel that is still to be timed."""
    done = {(one.target, one.batch) for one in taken}
    for batch in sizes:
        left = [network for network in NETWORKS if (network, batch) not in done]
        yield from ((batch, left[first : first + PANEL]) for first in range(0, len(left), PANEL))


def _lines(
    results: Mapping[str, Measurement | MeasurementError], batch: int, conditions: Mapping[str, Any]
) -> Iterator[KeptTime]:
    """Yield the lines of one panel; without a time of the reference, its error is raised."""
    reference = results[REFERENCE]
    if not isinstance(reference, Measurement):
        raise reference
    for network, result in results.items():
        if isinstance(result, Measurement):
            warnings = " ".join(sorted(type(doubt).__name__ for doubt in result.doubts))
            yield KeptTime(network, batch, 1000 * result.median_s, 1000 * reference.median_s, warnings, **conditions)


def _measured(
    networks: Sequence[str], batch: int, timing: Timing, progress: Progress
) -> dict[str, Measurement | MeasurementError]:
    """Time the reference and these networks side by side; one that does not run has an error instead."""
    ready: list[tuple[str, nn.Module, Call]] = []
    for network in (REFERENCE, *networks):
        progress(0.0, f"building {network}")
        ready.append((network, *built(network, batch)))
    return dict(zip((REFERENCE, *networks), measure_all(ready, timing, progress), strict=True))


def built(network: str, batch: int) -> tuple[nn.Module, Call]:
    """Return a network of the zoo with real weights, and its input."""
    target = resolve(network).with_batch(batch)
    module = target.build()
    return module, random_call(target.required_inputs(), model=module)


def _part(progress: Progress | None, begun: float, share: float) -> Progress:
    """Return the progress of one part of the whole."""
    return lambda done, text: None if progress is None else progress(begun + share * done, text)


def _remarks(taken: Sequence[KeptTime]) -> Iterator[str]:
    """Yield the warnings of the timer by their number, and the drift of the reference."""
    counted = Counter(warning for one in taken for warning in one.warnings.split())
    if counted:
        listed = ", ".join(f"{name} ({times} of {len(taken)} networks)" for name, times in counted.most_common())
        yield f"Warnings of the timer: {listed}."
        yield from more_about(counted)
    for batch in sorted({one.batch for one in taken}):
        reference = [one.reference_ms / 1000 for one in taken if one.batch == batch]
        if max(reference) > (1 + DRIFT) * min(reference):
            span = f"{units.seconds(min(reference))} to {units.seconds(max(reference))}"
            yield f"{REFERENCE} took {span} from panel to panel at batch {batch}; the others are scaled by it."
