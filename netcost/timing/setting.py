"""Settings of timing: device, threads, element type, memory format, backend, caches, budget and precision."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypedDict

from netcost.text.errors import RequestError
from netcost.text.registry import suggestion

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}  # of `--dtype`, with torch's own names
MEMORY_FORMATS = ("contiguous", "channels_last")
EAGER, COMPILE, CUDAGRAPH, EXPORT, ONNXRUNTIME, OPENVINO, EXECUTORCH = BACKENDS = (
    "eager",
    "compile",
    "cudagraph",
    "export",
    "onnxruntime",
    "openvino",
    "executorch",
)
ON_CPU = frozenset({ONNXRUNTIME, OPENVINO, EXECUTORCH})
NO_DEVICE = "none"  # nothing is timed on it

BUDGET_S, PRECISION = 10.0, 0.02
"""Defaults where networks are timed side by side: seconds, per batch size in a sweep, and half width of an interval."""


class TimingOptions(TypedDict, total=False):
    """Keyword arguments of a function that takes the parts of a `Timing`, besides the device."""

    threads: int | None
    dtype: str | None
    memory_format: str | None
    backend: str | Sequence[str]
    cold_cache: bool
    isolate: bool
    budget_s: float | None
    precision: float | None


@dataclass(frozen=True, slots=True)
class Timing:
    """The settings that networks are timed with, as asked for.

        >>> Timing("cuda", dtype="bf16").torch_dtype
        'bfloat16'

    Args:
        device: "cpu", "cuda", "cuda:1", or "none" to time nothing.
        threads: of the CPU, within an operator [default: torch's present number].
        dtype: of floating-point weights and inputs: "fp32", "bf16" or "fp16"; None keeps each type.
        memory_format: of 4-d weights and inputs: "contiguous" or "channels_last"; None keeps each format.
        backend: "eager", "compile" for torch.compile, "cudagraph" for a CUDA graph, "export" for AOTInductor,
            "onnxruntime", "openvino" or "executorch"; several with commas between them, where networks are compared.
        cold_cache: fill the device's caches with other data before each call.
        isolate: time each network in a process of its own.
        budget_s: for sampling all networks together, after compiling; None for the default of the function that times.
        precision: half width of a ratio's 95 % interval at which sampling may stop, as a share; None likewise.

    Raises:
        RequestError: a word is unknown, or the device has no such backend.
    """

    device: str = "cpu"
    threads: int | None = None
    dtype: str | None = None
    memory_format: str | None = None
    backend: str = EAGER
    cold_cache: bool = False
    isolate: bool = False
    budget_s: float | None = None
    precision: float | None = None

    def __post_init__(self) -> None:
        if self.dtype is not None:
            _require("--dtype", self.dtype, DTYPES)
        if self.memory_format is not None:
            _require("--memory-format", self.memory_format, MEMORY_FORMATS)
        for name in self.backends:
            _require("--backend", name, BACKENDS)
            if name == CUDAGRAPH and self.device == "cpu":
                raise RequestError(
                    "--backend cudagraph needs a GPU, and the device is cpu; use --device cuda or leave it out"
                )
            if name in ON_CPU and self.device not in ("cpu", NO_DEVICE):
                raise RequestError(f"--backend {name} runs on the CPU here, and the device is {self.device}")
        if len({*self.backends}) < len(self.backends):
            raise RequestError(f"--backend {self.backend!r} names one twice; expected each once")
        for option, number in (("--budget", self.budget_s), ("--precision", self.precision)):
            if number is not None and not 0 <= number < math.inf:
                raise RequestError(f"{option} {number}: expected a number of 0 or more")

    @property
    def is_timed(self) -> bool:
        """True unless the device is "none"."""
        return self.device != NO_DEVICE

    @property
    def torch_dtype(self) -> str | None:
        """Return torch's name of the element type asked for, or None."""
        return None if self.dtype is None else DTYPES[self.dtype]

    @property
    def backends(self) -> tuple[str, ...]:
        """Return the backends: mostly one."""
        return tuple(name.strip() for name in self.backend.split(","))

    def require_one_backend(self) -> None:
        """Refuse several backends.

        Raises:
            RequestError: there are several.
        """
        if len(self.backends) > 1:
            raise RequestError(f"--backend {self.backend}: expected one here; several are for netcost compare")

    def goal(self, budget_s: float, precision: float) -> tuple[float, float]:
        """Return budget (seconds) and precision; the arguments stand in for those that are None."""
        return (
            budget_s if self.budget_s is None else self.budget_s,
            precision if self.precision is None else self.precision,
        )

    def or_else(self, budget_s: float, precision: float) -> Timing:
        """Fill in the budget and the precision where they are left open."""
        filled_s, filled = self.goal(budget_s, precision)
        return replace(self, budget_s=filled_s, precision=filled)

    def refuse(self, what: str, *names: str) -> None:
        """Refuse parts, by name, that have no meaning for a task (`what`, for the message: "a profile").

        Raises:
            RequestError: one of them is not at its default.
        """
        for name in names:
            if (given := getattr(self, name)) != getattr(Timing(), name):
                option = f"--{name.replace('_', '-')}" + ("" if given is True else f" {given}")
                raise RequestError(f"{what} has no {option}; leave it out")


def timing_of(timing: Timing | None, device: str, options: TimingOptions) -> Timing:
    """Make one `Timing` of the arguments of a function: a whole `Timing`, or a device and single options.

    Raises:
        RequestError: both were given, or an option is wrong.
    """
    if timing is None:
        backend = options.get("backend", EAGER)
        joined = backend if isinstance(backend, str) else ",".join(backend)
        given: dict[str, Any] = {**options, "backend": joined}
        return Timing(device, **given)
    if options or device != Timing().device:
        raise RequestError(
            f"timing= holds all settings; leave out {', '.join(options) or 'device'}, or put it into timing="
        )
    return timing


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """The setting actually used; defaults are filled in from the model."""

    dtype: str | None = (
        "fp32"  # or "bf16", "fp16", torch's name of another, "mixed"; None without floating-point values
    )
    memory_format: str = "contiguous"
    backend: str = EAGER
    cold_cache: bool = False
    runtime: str | None = None  # version, threads and options of a runtime beside torch

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain values."""
        return {name: value for name, value in asdict(self).items() if name != "runtime" or value is not None}

    def __str__(self) -> str:
        words = (self.dtype, self.memory_format, self.backend, "cold caches" if self.cold_cache else None)
        return ", ".join(word for word in words if word)


def observed_dtype(names: Iterable[str]) -> str | None:
    """Return one word for floating-point types by torch's names: "fp32" for {"float32"}; None for none."""
    short = {torch_name: name for name, torch_name in DTYPES.items()}
    distinct = {short.get(name, name) for name in names}
    return "mixed" if len(distinct) > 1 else next(iter(distinct), None)


def _require(option: str, given: str, known: Iterable[str]) -> None:
    if given not in known:
        near = suggestion(given, known)
        raise RequestError(f"{option} {given!r} is unknown; expected one of {', '.join(known)}{near}")
