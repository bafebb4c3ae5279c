"""How a network is run while it is timed: element type, memory format, backend, and with warm or cold caches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from netcost.text.errors import RequestError
from netcost.text.names import suggestion

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""What `--dtype` takes, and torch's own names for it."""

MEMORY_FORMATS = ("contiguous", "channels_last")
EAGER, COMPILE = BACKENDS = ("eager", "compile")


@dataclass(frozen=True, slots=True)
class Setting:
    """How a network is run while it is timed.

    Args:
        dtype: of floating-point weights and inputs: "fp32", "bf16" or "fp16"; None leaves each as it comes.
        memory_format: of four-dimensional weights and inputs: "contiguous" or "channels_last"; None leaves each as it
            comes.
        backend: "eager", or "compile" for torch.compile.
        cold_cache: whether the device's caches are filled with something else before each call.

    Raises:
        RequestError: one of these is another word.
    """

    dtype: str | None = None
    memory_format: str | None = None
    backend: str = EAGER
    cold_cache: bool = False

    def __post_init__(self) -> None:
        if self.dtype is not None:
            _require("--dtype", self.dtype, DTYPES)
        if self.memory_format is not None:
            _require("--memory-format", self.memory_format, MEMORY_FORMATS)
        _require("--backend", self.backend, BACKENDS)

    @property
    def torch_dtype(self) -> str | None:
        """Torch's name of the element type that was asked for."""
        return None if self.dtype is None else DTYPES[self.dtype]


@dataclass(frozen=True, slots=True)
class Observed:
    """The setting that a network was timed in, with what was left to it filled in.

    Args:
        dtype: "fp32", "bf16", "fp16", another type by torch's name, "mixed"; None where nothing is floating-point.
        memory_format: "contiguous" or "channels_last".
    """

    dtype: str | None = "fp32"
    memory_format: str = "contiguous"
    backend: str = EAGER
    cold_cache: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)

    def __str__(self) -> str:
        words = (self.dtype, self.memory_format, self.backend, "cold caches" if self.cold_cache else None)
        return ", ".join(word for word in words if word)


def observed_dtype(names: Iterable[str]) -> str | None:
    """The one word for floating-point types by torch's names: "fp32" for {"float32"}."""
    found = set(names)
    if len(found) > 1:
        return "mixed"
    short = {torch_name: name for name, torch_name in DTYPES.items()}
    return next((short.get(name, name) for name in found), None)


def _require(option: str, given: str, known: Iterable[str]) -> None:
    """Refuse a word that is none of the known ones."""
    if given not in known:
        near = suggestion(given, known)
        raise RequestError(f"{option} {given!r} is unknown; expected one of {', '.join(known)}{near}")
