"""Predictions: the latency of networks on devices that are not here, with intervals, as one result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from torch import nn

from netcost.counting import Analysis, analyze
from netcost.counting.operators import batch_of
from netcost.prediction import hull
from netcost.prediction.coefficients import Coefficients, read_coefficients, shipped
from netcost.prediction.columns import (
    COLUMNS,
    FEW_SECONDS,
    KNOWN_KINDS,
    Situation,
    few_columns,
    kernels,
    matrix,
    mult_adds,
    size_bytes,
)
from netcost.prediction.rows import Running, rows_of
from netcost.targets import Target, resolve
from netcost.text import units
from netcost.text.errors import RequestError
from netcost.text.shown import Shown, named
from netcost.text.tables import Column, Table, table_of
from netcost.text.version import __version__
from netcost.timing.setting import EffectiveSetting
from netcost.tracing import InputSpec, input_specs

SCHEMA = 1
CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Prediction:
    """The predicted latency of one network on one device.

    Args:
        model: name of the network.
        on: the coefficients that it was predicted with.
        batch: samples per pass.
        latency_s: predicted seconds per pass; None where nothing can be told.
        reasons: why nothing can be told, in words.
    """

    model: str
    on: Coefficients
    batch: int
    latency_s: float | None
    reasons: tuple[str, ...] = ()

    @property
    def interval_s(self) -> tuple[float, float] | None:
        """Seconds between which the measured latency lies with a chance of 90 %; None without a prediction."""
        low, high = self.on.interval
        return None if self.latency_s is None else (self.latency_s * low, self.latency_s * high)

    @property
    def per_second(self) -> float | None:
        """Predicted samples per second."""
        return None if self.latency_s is None else self.batch / self.latency_s

    @property
    def status(self) -> str:
        """Either "predicted" or "cannot tell"."""
        return CANNOT_TELL if self.latency_s is None else "predicted"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; times in seconds."""
        return {
            "model": self.model,
            "device": self.on.device,
            "mode": self.on.mode,
            "precision": self.on.precision,
            "memory_format": self.on.memory_format,
            "batch": self.batch,
            "status": self.status,
            "predicted_latency_s": self.latency_s,
            "predicted_interval90_s": None if self.interval_s is None else list(self.interval_s),
            "predicted_throughput_per_s": self.per_second,
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True, slots=True, repr=False)
class Predictions(Shown):
    """The result of `netcost predict`."""

    predictions: tuple[Prediction, ...]
    warnings: tuple[str, ...] = ()  # differences between a calibration and what was asked for

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, and the coefficients' sources."""
        used = {(entry.on.device, str(entry.on.running)): entry.on for entry in self.predictions}
        return {
            "schema": SCHEMA,
            "netcost": __version__,
            "predictions": [entry.to_dict() for entry in self.predictions],
            "coefficients": [known.to_dict() for known in used.values()],
            "warnings": list(self.warnings),
        }

    def records(self) -> Table:
        """Return a row per network and device."""
        on = (Column(name, name) for name in "device mode precision memory_format".split())
        columns = (
            Column("model", "model"),
            *(column.through(attrgetter("on")) for column in on),
            Column("batch", "batch", "count"),
            Column("status", "status"),
            Column("predicted_latency_s", "", "seconds", of=attrgetter("latency_s")),
            Column("predicted_low_s", "", "seconds", of=lambda entry: (entry.interval_s or [None])[0]),
            Column("predicted_high_s", "", "seconds", of=lambda entry: (entry.interval_s or [None])[-1]),
            Column("predicted_throughput_per_s", "", "per_second", of=attrgetter("per_second")),
            Column("reasons", "", of=lambda entry: "; ".join(entry.reasons) or None),
        )
        return table_of(columns, self.predictions)

    def tables(self) -> tuple[Table, ...]:
        """Return a row per network and device, and notes on what they rest on."""
        columns = (
            Column("model", "Model"),
            Column("device", "Device", of=lambda entry: entry.on.device),
            Column("batch", "Batch", "count"),
            Column("latency_s", "Predicted latency", "seconds", of=lambda entry: entry.latency_s or CANNOT_TELL),
            Column("interval_s", "90 % interval, predicted", flush_right=True, of=_interval_text),
            Column("per_second", "Predicted rate", "per_second"),
        )
        return (table_of(columns, self.predictions, notes=tuple(dict.fromkeys(self._notes()))),)

    def _brief(self) -> str:
        shown = (
            f"{entry.model} on {entry.on.device}, batch {entry.batch}: "
            f"{CANNOT_TELL if entry.latency_s is None else units.seconds(entry.latency_s)}"
            for entry in self.predictions
        )
        return named(list(shown))

    def _notes(self) -> list[str]:
        told = [f"{entry.model} on {entry.on.device}: {'; '.join(entry.reasons)}." for entry in self.predictions]
        refused = [note for note, entry in zip(told, self.predictions, strict=True) if entry.latency_s is None]
        return [*self.warnings, *refused, *(source_note(entry.on) for entry in self.predictions)]


def _interval_text(entry: Prediction) -> str | None:
    if entry.interval_s is None:
        return None
    low, high = (units.seconds(end) for end in entry.interval_s)
    return f"{low} to {high}"


def source_note(known: Coefficients) -> str:
    """Return the sentence on the device, its way of running, its source and its error."""
    version = f", torch {known.torch}" if known.torch else ""
    source = known.source
    origin = f" ({source.repository} {source.commit[:12]})" if source.repository else ""
    return (
        f"{known.device}: predicted for {known.title}, {known.running}{version}, from {source.networks:,} networks of "
        f"{source.table}{origin}; median error on held-out families {units.percent(known.error)}."
    )


def predict(
    models: str | Target | nn.Module | Sequence[str | Target],
    on: str | Sequence[str],
    inputs: Any = None,
    *,
    batch: int | None = None,
    mode: str | None = None,
    memory_format: str | None = None,
) -> Predictions:
    """Predict the latency of networks on devices that are not here; nothing is timed.

    Args:
        models: targets such as "resnet50", or an nn.Module.
        on: devices such as "rtx4090", or files of `netcost calibrate`.
        inputs: as for `analyze`, for an nn.Module or a target without inputs of its own.
        batch: samples per pass [default: 256, or the nearest that was measured on the device].
        mode: "eager" or "compiled" [default: as measured].
        memory_format: "contiguous" or "channels_last", of images and weights [default: as measured].

    Raises:
        RequestError: a device or network is unknown, or a device was not measured in this way.
    """
    Running(mode or "eager", memory_format=memory_format or "contiguous")  # which refuses other words
    devices = [coefficients(name, mode, memory_format) for name in ([on] if isinstance(on, str) else on)]
    several = [models] if isinstance(models, str | Target | nn.Module) else list(models)
    found = []
    for model in several:
        count = cache(partial(counted, model, inputs))  # devices that were measured alike share it
        found += [predicted_one(*count(batch or known.batch, known.memory_format), known) for known in devices]
    asked = {"torch": torch.__version__, "memory_format": memory_format}
    return Predictions(tuple(found), tuple(note for known in devices for note in differences(known, asked)))


def differences(known: Coefficients, asked: Mapping[str, Any]) -> list[str]:
    """Return the note that a calibration is of another torch or setting than asked for; none where they agree.

    Shipped coefficients, whose source is told with every answer, are of the torch that they were published for.

    Args:
        asked: any of torch, threads, dtype, memory_format and backend; None where nothing was asked for.
    """
    if known.source.repository:
        return []
    setting = known.setting or EffectiveSetting("", known.memory_format, "")
    own = {"torch": known.torch, "threads": known.threads, **setting.to_dict()}
    differing = [
        f"{name.replace('_', ' ')} {own[name]}, not {value}"
        for name, value in asked.items()
        if value is not None and own[name] and own[name] != value
    ]
    return [f"Warning: {known.device} was calibrated with {'; '.join(differing)}."] if differing else []


def coefficients(name: str, mode: str | None = None, memory_format: str | None = None) -> Coefficients:
    """Return the coefficients of a device by its name, or from a file of `netcost calibrate`, named with its ending.

    Raises:
        RequestError: there are none of that name, in that mode and format.
    """
    if not name.endswith(".json") and not Path(name).is_file():
        return shipped(name, mode, memory_format or "contiguous")
    known = read_coefficients(name)
    if mode not in (None, known.mode):
        raise RequestError(f"{name!r} was calibrated in {known.mode} mode; leave out --mode {mode}")
    return known


def counted(
    model: str | Target | nn.Module, inputs: Any, batch: int | None, memory_format: str = "contiguous"
) -> tuple[str, Analysis]:
    """Count a network with images and weights in a memory format; return its name too.

    Args:
        batch: samples per pass; None for that of its own inputs.
    """
    if isinstance(model, nn.Module):
        target = Target(type(model).__name__, lambda: model, input_specs(inputs))
    else:
        given = () if inputs is None else input_specs(inputs)
        target = resolve(model, inputs=given) if isinstance(model, str) else model
    target = target if batch is None else target.with_batch(batch)
    if memory_format == "contiguous":
        return target.name, analyze(target)
    module = target.build_weightless().to(memory_format=torch.channels_last)
    images = tuple(_channels_last(spec) for spec in target.required_inputs())
    return target.name, analyze(module, images)


def _channels_last(spec: Any) -> Any:
    if not isinstance(spec, InputSpec) or len(spec.shape) != 4:
        return spec
    return torch.empty(spec.shape, device="meta").to(memory_format=torch.channels_last)


def predicted_one(name: str, analysis: Analysis, known: Coefficients) -> Prediction:
    """Predict one counted network, or say why that cannot be done."""
    batch = batch_of(analysis.graph)
    why = list(hull.reasons(analysis, known))
    if not why:
        parts, why = parts_of(analysis, known)
        why += [] if why else hull.outside(parts, known)
    if why:
        return Prediction(name, known, batch, None, tuple(why))
    return Prediction(name, known, batch, batch * sum(parts.values()))


def rates_in(analysis: Analysis, known: Coefficients) -> dict[str, float]:
    """Return the seconds per "mult_adds", "bytes" and "launches" that a device takes in one network on average.

    A unit of which the network has none, by the model's columns, is left out.
    """
    rows = rows_of(analysis.count, known.running)
    now = Situation(known.running, known.sheet, batch_of(analysis.graph))
    counts = {"mult_adds": mult_adds(rows, now), "bytes": size_bytes(rows, now), "launches": kernels(rows, now)}
    seconds = dict.fromkeys(counts, 0.0)
    for name, part in parts_of(analysis, known)[0].items():
        seconds[FEW_SECONDS[name][0] if known.few_columns else COLUMNS.get(name).unit] += part
    whole = {unit: float((count * rows["count"]).sum()) for unit, count in counts.items()}
    return {unit: seconds[unit] / count for unit, count in whole.items() if count}


def parts_of(analysis: Analysis, known: Coefficients) -> tuple[dict[str, float], list[str]]:
    """Return the predicted seconds per sample by column, and the columns that no measured network had."""
    rows = rows_of(analysis.count, known.running)
    now = Situation(known.running, known.sheet, batch_of(analysis.graph))
    if known.few_columns:
        values = {name: float((column * rows["count"]).sum()) for name, column in few_columns(rows, now).items()}
    else:
        values = {name: float(column[0]) for name, column in matrix(rows, now).items()}
    missing = [name for name, value in values.items() if value and name not in known.seconds]
    strange = sorted({*rows["kind"]} - KNOWN_KINDS)
    why = [f"no measured network had {name}" for name in (*missing, *strange)]
    return {name: value * known.seconds[name] for name, value in values.items() if name in known.seconds}, why
