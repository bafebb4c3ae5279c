"""Inputs of a forward pass, and how they are written: `1x3x224x224`, `ids=1x128:int64`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch
from torch import Tensor

from netcost.text.errors import RequestError
from netcost.tracing.memory import dtype_name

LARGEST = 2**60
"""Elements above which torch cannot compute the size of a tensor."""

_WRITTEN = re.compile(r"(?:(?P<name>[A-Za-z_]\w*)=)?(?P<shape>\d+(?:[x,]\d+)*)(?::(?P<dtype>\w+))?")


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input of a forward pass.

    Args:
        shape: sizes, batch first.
        dtype: name of a torch element type.
        name: keyword argument of the forward that it is passed as; None for a positional one.
        as_list: True where the forward takes a list with a tensor per image, as detectors do: N of (3, H, W).
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    name: str | None = None
    as_list: bool = False

    @classmethod
    def of(cls, tensor: Tensor) -> InputSpec:
        """Return the shape and type of a tensor."""
        return cls(tuple(tensor.shape), dtype_name(tensor.dtype))

    def on_meta(self) -> Tensor:
        """Return a tensor of this shape without memory."""
        return torch.empty(self.shape, dtype=getattr(torch, self.dtype), device="meta")

    def random(self, generator: torch.Generator) -> Tensor:
        """Return a tensor on the CPU: random normal for floating-point types, zeros for indices and flags."""
        dtype = getattr(torch, self.dtype)
        if dtype.is_floating_point:
            return torch.randn(self.shape, generator=generator).to(dtype)
        return torch.zeros(self.shape, dtype=dtype)

    def with_batch(self, batch: int) -> InputSpec:
        """Return the same input with another first dimension."""
        return replace(self, shape=(batch, *self.shape[1:]))


def parse_input(written: str) -> InputSpec:
    """Parse `1x3x224x224`, `1x128:int64` or `ids=1x128:int64`.

    Raises:
        RequestError: the text has none of these forms, a size is 0, or torch has no such element type.
    """
    match = _WRITTEN.fullmatch(written.strip())
    if match is None:
        raise RequestError(
            f"input {written!r} does not parse; write sizes joined by x, like 1x3x224x224, "
            "and a name or type where needed, like ids=1x128:int64"
        )
    shape = tuple(int(size) for size in re.split("[x,]", match["shape"]))
    if 0 in shape:
        raise RequestError(f"input {written!r} has a size of 0; every size is at least 1")
    if prod(shape) > LARGEST:
        raise RequestError(f"input {written!r} has more elements than a tensor can; expected the like of 1x3x224x224")
    dtype = match["dtype"] or "float32"
    if not isinstance(getattr(torch, dtype, None), torch.dtype):
        raise RequestError(f"input {written!r} asks for type {dtype!r}; torch knows float32, int64, bool and others")
    return InputSpec(shape, dtype, match["name"])


def call_arguments(inputs: Any, make: Callable[[InputSpec], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and keyword arguments of a forward pass.

    Args:
        inputs: a shape (1, 3, 224, 224); a tensor; an InputSpec; a tuple or list of these, each a positional input;
            or a dict of them by keyword. Tensors, and containers of them, are passed as they are.
        make: turns an InputSpec into the argument.

    Raises:
        RequestError: the inputs have none of these forms.
    """
    if isinstance(inputs, Mapping):
        return (), {name: _made(value, make) for name, value in inputs.items()}
    if isinstance(inputs, Tensor | InputSpec) or is_shape(inputs):
        inputs = (inputs,)
    if not isinstance(inputs, tuple | list) or not inputs:
        raise RequestError(f"inputs {inputs!r} are not understood; give a shape like (1, 3, 224, 224), or tensors")
    keywords: dict[str, Any] = {}
    positional: list[Any] = []
    for value in inputs:
        name = value.name if isinstance(value, InputSpec) else None
        if name is None:
            positional.append(_made(value, make))
        elif name in keywords:
            raise RequestError(f"two inputs are called {name!r}; give each name once")
        else:
            keywords[name] = _made(value, make)
    return tuple(positional), keywords


def is_shape(value: Any) -> bool:
    """True for a sequence of positive integers."""
    return isinstance(value, tuple | list) and bool(value) and all(type(size) is int and size > 0 for size in value)


def _made(value: Any, make: Callable[[InputSpec], Any]) -> Any:
    if isinstance(value, InputSpec):
        made = make(value)
        return list(made) if value.as_list and isinstance(made, Tensor) else made
    if is_shape(value):
        return make(InputSpec(tuple(value)))
    if isinstance(value, Tensor | Mapping | tuple | list):
        return value
    raise RequestError(f"input {value!r} is neither a tensor nor a shape; expected the like of (1, 3, 224, 224)")


def input_specs(inputs: Any) -> tuple[InputSpec, ...]:
    """Return one or several shapes, tensors or InputSpecs as InputSpecs.

    Raises:
        RequestError: an input is none of these.
    """
    args, kwargs = call_arguments(inputs, lambda spec: spec)
    return (*map(_spec, args), *(replace(_spec(value), name=name) for name, value in kwargs.items()))


def _spec(value: Any) -> InputSpec:
    if isinstance(value, Mapping | tuple | list):
        raise RequestError(f"input {value!r} is neither a tensor nor a shape; expected the like of (1, 3, 224, 224)")
    return InputSpec.of(value) if isinstance(value, Tensor) else value
