"""Choosing: predicts the latency of all pretrained networks on a device, and times the finalists where asked to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from netcost.comparison import Comparison, compare
from netcost.prediction import hull
from netcost.prediction.coefficients import Coefficients
from netcost.prediction.columns import KNOWN_KINDS, Floats, Situation, few_columns, matrix
from netcost.prediction.predicting import Prediction, coefficients
from netcost.search.choice import Candidate, ChoiceLimits, NetworkChoice, alone
from netcost.search.counted import resized
from netcost.search.pretrained import CountedNetwork, Pretrained, counted_networks, pretrained, rows_for
from netcost.targets import Target, resolve
from netcost.text import units
from netcost.text.errors import RequestError
from netcost.text.registry import suggestion
from netcost.timing import Timing

Progress = Callable[[float, str], None]

PRECISIONS = {"traced": None, "half": "fp16"}
"""Element types that finalists are timed in, by the precision of the coefficients."""

_AT_MOST = re.compile(r"\s*(?:<=?)?\s*([^<>=]+)")


def choose(
    on: str,
    latency: str | float | None = None,
    *,
    batch: int | None = None,
    mode: str | None = None,
    min_accuracy: float | None = None,
    max_params: str | float | None = None,
    families: Sequence[str] = (),
    image_size: int | None = None,
    top: int = 20,
    measure: int = 0,
    timing: Timing | None = None,
    progress: Progress | None = None,
) -> NetworkChoice:
    """Choose among timm's pretrained networks: published accuracy against predicted latency.

    Args:
        on: a device such as "rtx4090", or a file of `netcost calibrate`.
        latency: most predicted time per pass: "<= 20 ms", or seconds.
        batch: samples per pass [default: 256, or the nearest that was measured on the device].
        mode: "eager" or "compiled" [default: as measured].
        min_accuracy: least published top-1 accuracy, in percent.
        max_params: "30M", or a number.
        families: source files of timm, like "resnet"; none for all.
        image_size: pixels of a side.
        top: most networks in the table.
        measure: number of finalists to time here, the most accurate of the front; they have random weights.
        timing: how they are timed; its element type, backend and memory format are those of the coefficients.
        progress: told the share that is done, and what is being done.

    Raises:
        RequestError: the device is unknown, a limit makes no sense, or no network is within the limits.
        MeasurementError: there is no such device to time on.
    """
    limits = _limits(latency, min_accuracy, max_params, tuple(families), image_size)
    known = coefficients(on, mode)
    size = known.batch if batch is None else batch
    least, most = known.batches
    if not least <= size <= most:
        measured = f"batch {least:,}" if least == most else f"batches of {least:,} to {most:,}"
        raise RequestError(f"--batch {size:,}: {known.title} was measured at {measured}; choose such a batch")
    asked = _finalist_timing(known, limits, timing) if measure else None
    everything, refused = predict_all(known, size)
    if not everything:
        raise RequestError(f"nothing can be predicted on {known.title}; {refused[0].model}: {refused[0].reasons[0]}")
    choice = NetworkChoice(known, size, limits, everything, refused, top)
    if not choice.candidates:
        raise RequestError(
            f"none of {units.exact(len(everything))} networks with a prediction is within all limits; alone, "
            f"{alone(everything, limits)}; loosen one"
        )
    if asked is None:
        return choice
    return replace(choice, measured=_measured(choice.front[:measure], size, asked, progress))


def predict_all(known: Coefficients, batch: int) -> tuple[tuple[Candidate, ...], tuple[Prediction, ...]]:
    """Predict the latency of every pretrained network; return apart those of which nothing can be predicted."""
    counts = _counts(known, batch)
    found = {
        network.name: _predicted(network, {name: float(values[index]) for name, values in counts.items()}, known, batch)
        for index, network in enumerate(counted_networks().values())
    }
    told = [(weights, replace(found[weights.counted.name], model=weights.label)) for weights in pretrained()]
    everything = tuple(Candidate(weights, one) for weights, one in told if one.latency_s is not None)
    return everything, tuple(one for _, one in told if one.latency_s is None)


def _counts(known: Coefficients, batch: int) -> dict[str, Floats]:
    """Return each column of the model, per sample, with a value per network."""
    rows, owner = rows_for(known, batch)
    now, networks = Situation(known.running, known.sheet, float(batch)), len(counted_networks())
    if not known.few_columns:
        return matrix(rows, now, owner, networks)
    few = {name: values * rows["count"] for name, values in few_columns(rows, now).items()}
    return {name: np.bincount(owner, values, networks).astype(np.float64) for name, values in few.items()}


def _predicted(network: CountedNetwork, counts: Mapping[str, float], known: Coefficients, batch: int) -> Prediction:
    """Predict one network from its columns, or say why that cannot be done."""
    foreign = sorted(network.kinds - (frozenset(known.kinds) & KNOWN_KINDS))
    missing = sorted(name for name, value in counts.items() if value and name not in known.seconds)
    why = [f"no measured network had {name}" for name in (*foreign, *missing)]
    parts = {name: value * known.seconds[name] for name, value in counts.items() if name in known.seconds}
    why += [] if why else hull.outside(parts, known)
    return Prediction(network.name, known, batch, None if why else batch * sum(parts.values()), tuple(why))


def _limits(
    latency: str | float | None,
    min_accuracy: float | None,
    max_params: str | float | None,
    families: tuple[str, ...],
    image_size: int | None,
) -> ChoiceLimits:
    """Read the limits; one that no network can meet is refused by itself."""
    latency_s = _seconds(latency) if isinstance(latency, str) else latency
    params = _number(max_params) if isinstance(max_params, str) else max_params
    best = max(pretrained(), key=lambda one: one.top1_percent)
    if min_accuracy is not None and not 1 < min_accuracy <= best.top1_percent:
        raise RequestError(
            f"--min-accuracy {min_accuracy:g}: expected percent, at most the {best.top1_percent:g} published of "
            f"{best.model}"
        )
    known = {one.family for one in counted_networks().values()}
    for family in families:
        if family not in known:
            own = [one.family for one in counted_networks().values() if one.name.rpartition("-")[0] == family]
            near = f"; did you mean {own[0]}, which has it?" if own else suggestion(family, known)
            raise RequestError(f"unknown family {family!r}{near or '; expected a source file of timm, like resnet'}")
    sizes = sorted({one.image_size for one in pretrained()})
    if image_size is not None and image_size not in sizes:
        nearest = sorted(sorted(sizes, key=lambda size: abs(size - image_size))[:4])
        raise RequestError(
            f"--image-size {image_size}: no published accuracy; the nearest sizes are {', '.join(map(str, nearest))}"
        )
    return ChoiceLimits(latency_s, min_accuracy, params, families, image_size)


def _number(written: str) -> float:
    if "B" in written:
        raise RequestError(f"--max-params {written!r} is in bytes; leave out the B, like 30M")
    return units.parse_quantity(written)


def _seconds(written: str) -> float:
    match = _AT_MOST.fullmatch(written)
    if match is None:
        raise RequestError(f"--latency {written!r} is not a limit; expected text like '<= 20 ms'")
    return units.parse_seconds(match[1])


def _finalist_timing(known: Coefficients, limits: ChoiceLimits, timing: Timing | None) -> Timing:
    """Return how finalists are timed so that their predictions speak of the same; refuse what cannot be timed so."""
    asked = timing or Timing()
    if limits.latency_s is None:
        raise RequestError("--measure builds the most accurate networks, which may be huge; limit --latency as well")
    if known.precision not in PRECISIONS:
        raise RequestError(
            f"{known.device} is predicted for {known.running}, which is not timed here; leave out --measure, or give a "
            "file of `netcost calibrate` for this device"
        )
    on_processor = known.few_columns or known.sheet.cache_bytes is not None
    if on_processor != (asked.device == "cpu"):
        raise RequestError(f"--device {asked.device}: the predictions are for {known.title}; time on such a device")
    return replace(
        asked,
        threads=asked.threads or known.threads,
        dtype=PRECISIONS[known.precision],
        memory_format=None if known.memory_format == "contiguous" else known.memory_format,
        backend="compile" if known.mode == "compiled" else "eager",
    )


def _measured(finalists: Sequence[Candidate], batch: int, timing: Timing, progress: Progress | None) -> Comparison:
    targets = [target_of(one.network) for one in finalists]
    return compare(targets, batch=batch, timing=timing, progress=progress)


def target_of(weights: Pretrained) -> Target:
    """Return the network of published weights, with random weights, at the size of image of their accuracy."""
    target = resized(resolve(f"timm:{weights.model}"), weights.image_size)
    return replace(target, name=weights.label)
