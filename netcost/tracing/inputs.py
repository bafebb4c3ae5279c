"""Inputs of a forward pass, and how they are written: `1x3x224x224`, `ids=1x128:int64`, `use_cache=false`."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from netcost.text.errors import RequestError
from netcost.tracing.arguments import LARGE_INPUT
from netcost.tracing.memory import dtype_name
from netcost.tracing.nests import PLAIN, brief

LARGEST = 2**60
"""Elements above which torch cannot compute the size of a tensor."""

WORDS = {"none": None, "true": True, "false": False}
"""Words for values, in any case; any other word is text."""

_NAME = re.compile(r"[A-Za-z_]\w*")
_SHAPE = re.compile(r"(?P<shape>\d+(?:[x,]\d+)*|scalar|)(?::(?P<dtype>\w+))?")
_WHOLE = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z_][\w.+-]*")


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input of a forward pass, by its shape.

    Args:
        shape: sizes, batch first; () for a tensor of one number.
        dtype: name of a torch element type.
        name: keyword argument of the forward that it is passed as; None for a positional one.
        as_list: True where the forward takes a list with a tensor per image, as detectors do: N of (3, H, W).
        below: of indices, the number that they stay below; None for the rows of the smallest embedding.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    name: str | None = None
    as_list: bool = False
    below: int | None = None

    @classmethod
    def of(cls, tensor: Tensor) -> InputSpec:
        """Return the shape and type of a tensor."""
        return cls(tuple(tensor.shape), dtype_name(tensor.dtype))

    @property
    def is_floating(self) -> bool:
        """True for real and complex numbers, False for indices and flags."""
        dtype = getattr(torch, self.dtype)
        return bool(dtype.is_floating_point or dtype.is_complex)

    @property
    def is_mask(self) -> bool:
        """True for flags, and for whole numbers whose name says that they mask."""
        return self.dtype == "bool" or (not self.is_floating and "mask" in (self.name or ""))

    def on_meta(self) -> Tensor:
        """Return a tensor of this shape without memory."""
        return torch.empty(self.shape, dtype=getattr(torch, self.dtype), device="meta")

    def random(self, generator: torch.Generator, below: int = 2) -> Tensor:
        """Return a tensor on the CPU: random normal numbers, ones for a mask, and indices from 0 to `below` - 1."""
        dtype = getattr(torch, self.dtype)
        if self.is_floating:
            drawn = torch.complex64 if dtype.is_complex else torch.float32
            return torch.randn(self.shape, generator=generator, dtype=drawn).to(dtype)
        if self.is_mask:
            return torch.ones(self.shape, dtype=dtype)
        return torch.randint(min(below, torch.iinfo(dtype).max), self.shape, generator=generator).to(dtype)

    def with_batch(self, batch: int) -> InputSpec:
        """Return the same input with another first dimension, if it has one."""
        return replace(self, shape=(batch, *self.shape[1:])) if self.shape else self


@dataclass(frozen=True, slots=True, eq=False)
class GivenInput:
    """One input of a forward pass that is passed as it is: a tensor with its values, a flag, a cache.

    Args:
        value: of any type.
        name: keyword argument of the forward that it is passed as; None for a positional one.
        source: the code that makes it, like "inputs.py:make_inputs"; "" if it came as a value.
    """

    value: Any
    name: str | None = None
    source: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of a tensor; () for anything else."""
        return tuple(self.value.shape) if isinstance(self.value, Tensor) else ()

    def with_batch(self, batch: int) -> GivenInput:
        """Return the input with the rows of its tensor repeated to that number; one without rows stays as it is.

        Raises:
            RequestError: it is a container or an object, whose batch cannot be set from outside.
        """
        value = self.value
        if type(value) in PLAIN or (isinstance(value, Tensor) and value.dim() == 0):
            return self
        if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_nested or not len(value):
            raise RequestError(f"the batch of {brief(value)} cannot be set; give inputs of that batch instead")
        rows = torch.arange(batch, device=value.device) % len(value)
        return replace(self, value=value.detach()[rows], source="")


Input = InputSpec | GivenInput


def parse_input(written: str) -> Input:
    """Parse one input: `1x3x224x224`, `ids=1x128:int64`, `timestep=:int64`, or a value by name: `use_cache=false`.

    Sizes, with a type or without, are a shape; `scalar` or nothing before the type is a tensor of one number. After a
    name, one number without a type is that number. `none`, `true` and `false` are those values, any other word is
    text, and text that would be read otherwise stands in quotes, as do lists in brackets: Python literals.

    Raises:
        RequestError: the text has none of these forms, a size is 0, or torch has no such element type.
    """
    text = written.strip()
    name, separator, value = text.partition("=")
    if not separator:
        name, value = "", text
    if separator and not _NAME.fullmatch(name):
        raise _unparsed(written)
    if value.lower() in WORDS:
        return GivenInput(WORDS[value.lower()], name or None)
    if name and _WHOLE.fullmatch(value):
        return GivenInput(int(value), name)
    if name and _DECIMAL.fullmatch(value):
        return GivenInput(float(value), name)
    match = _SHAPE.fullmatch(value)
    if match is not None and value:
        return _parsed_shape(written, match, name or None)
    if name and value[:1] in ("'", '"', "(", "[", "{"):
        try:
            return GivenInput(ast.literal_eval(value), name)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise _unparsed(written) from None
    if name and _WORD.fullmatch(value):
        return GivenInput(value, name)
    raise _unparsed(written)


def _unparsed(written: str) -> RequestError:
    return RequestError(
        f"input {written!r} does not parse; write sizes joined by x, like 1x3x224x224, a name or type where needed, "
        "like ids=1x128:int64, or a value by name, like use_cache=false"
    )


def _parsed_shape(written: str, match: re.Match[str], name: str | None) -> InputSpec:
    sizes = match["shape"]
    shape = () if sizes in ("", "scalar") else tuple(int(size) for size in re.split("[x,]", sizes))
    if 0 in shape:
        raise RequestError(f"input {written!r} has a size of 0; every size is at least 1")
    if prod(shape) > LARGEST:
        raise RequestError(f"input {written!r} has more elements than a tensor can; expected the like of 1x3x224x224")
    dtype = match["dtype"] or "float32"
    if not isinstance(getattr(torch, dtype, None), torch.dtype):
        raise RequestError(f"input {written!r} asks for type {dtype!r}; torch knows float32, int64, bool and others")
    return InputSpec(shape, dtype, name)


def call_arguments(inputs: Any, make: Callable[[InputSpec], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and keyword arguments of a forward pass.

    Args:
        inputs: a tuple or list of inputs in order, () for none; a mapping of them by keyword; or one input. An input
            is a tensor, or anything else that the forward takes: None, a number, text, containers, objects. A
            sequence of positive whole numbers is a shape, as the whole, (1, 3, 224, 224), or as one of several,
            [(1, 8), (1, 8)]; so is an InputSpec. All other values are passed as they are: (None, x), (x, 50),
            {"timestep": 50}; GivenInput((7, 7)) passes such a sequence, too.
        make: turns an InputSpec into the argument.

    Raises:
        RequestError: the inputs have none of these forms.
    """
    keywords: dict[str, Any] = {}
    positional: list[Any] = []
    for entry in input_specs(inputs):
        argument = _made(entry, make)
        if entry.name is None:
            positional.append(argument)
        elif entry.name in keywords:
            raise RequestError(f"two inputs are called {entry.name!r}; give each name once")
        else:
            keywords[entry.name] = argument
    return tuple(positional), keywords


def input_specs(inputs: Any) -> tuple[Input, ...]:
    """Return inputs of any form that `call_arguments` takes as InputSpecs and GivenInputs.

    Raises:
        RequestError: the inputs have none of these forms.
    """
    if isinstance(inputs, Mapping):
        if wrong := [name for name in inputs if not isinstance(name, str)]:
            raise RequestError(f"inputs in a mapping go by keyword; expected names, not {brief(wrong[0])}")
        return tuple(_input(value, name) for name, value in inputs.items())
    is_several = isinstance(inputs, tuple | list) and not hasattr(inputs, "_fields") and not is_shape(inputs)
    wrong_shape = is_several and bool(inputs) and all(type(size) is int for size in inputs)
    if type(inputs) in PLAIN or wrong_shape:
        raise RequestError(f"inputs {brief(inputs)} are not understood; give a shape like (1, 3, 224, 224), or tensors")
    return tuple(map(_input, inputs)) if is_several else (_input(inputs),)


def is_shape(value: Any) -> bool:
    """True for a sequence of positive integers."""
    return isinstance(value, tuple | list) and bool(value) and all(type(size) is int and size > 0 for size in value)


def _input(value: Any, name: str | None = None) -> Input:
    if isinstance(value, InputSpec | GivenInput):
        return value if name is None else replace(value, name=name)
    return InputSpec(tuple(value), name=name) if is_shape(value) else GivenInput(value, name)


def _made(entry: Input, make: Callable[[InputSpec], Any]) -> Any:
    """Make the argument; a tensor on the meta device has only a shape, which `make` may give values."""
    if isinstance(entry, InputSpec):
        made = make(entry)
        return list(made) if entry.as_list and isinstance(made, Tensor) else made
    if isinstance(entry.value, Tensor) and entry.value.is_meta:
        made = make(replace(InputSpec.of(entry.value), name=entry.name))
        return entry.value if isinstance(made, Tensor) and made.is_meta else made
    return entry.value


def drawing(model: object = None, dtype: torch.dtype = torch.float32, seed: int = 0) -> Callable[[InputSpec], Tensor]:
    """Return the function that gives an InputSpec values, the same in each run; torch's random state stays as it is.

    Numbers are random normal, masks ones, and other whole numbers spread over the rows of the model's smallest
    embedding, or 0 and 1 without one.

    Args:
        dtype: of an InputSpec that says float32, its default.
    """
    generator, floating = torch.Generator().manual_seed(seed), dtype_name(dtype)

    def make(spec: InputSpec) -> Tensor:
        if spec.dtype == "float32":
            return replace(spec, dtype=floating).random(generator)
        return spec.random(generator, 2 if spec.is_floating else spec.below or _rows(model))

    return make


def _rows(model: object) -> int:
    """Return the rows of the model's smallest embedding, or 2 without one."""
    owner = getattr(model, "__self__", model)  # of a method
    members = owner.modules() if isinstance(owner, nn.Module) else ()
    tables = [module.num_embeddings for module in members if isinstance(module, nn.Embedding | nn.EmbeddingBag)]
    return max(1, min(tables, default=2))


def drawing_indices(model: object) -> Callable[[InputSpec], Tensor]:
    """Return the function that gives small InputSpecs of indices and flags values, and the others a shape only."""
    draw = drawing(model)
    return lambda spec: spec.on_meta() if spec.is_floating or prod(spec.shape) > LARGE_INPUT else draw(spec)


def notes_on(inputs: Sequence[Input]) -> tuple[str, ...]:
    """Make the notes that say which values stand for inputs that were given by shape."""
    whole = [entry for entry in inputs if isinstance(entry, InputSpec) and not entry.is_floating]
    ids = _named(inputs, [spec for spec in whole if not spec.is_mask and spec.below is None])
    bounded = dict.fromkeys(spec.below for spec in whole if not spec.is_mask and spec.below is not None)
    masks = _named(inputs, [spec for spec in whole if spec.is_mask])
    notes = {
        "spread over the rows of the smallest embedding, or 0 and 1 without one": ids,
        **{
            f"spread below {below:,}": _named(inputs, [spec for spec in whole if spec.below == below])
            for below in bounded
        },
        "ones": masks,
    }
    return tuple(f"Given by shape alone: {names}; the values are {drawn}." for drawn, names in notes.items() if names)


def _named(inputs: Sequence[Input], chosen: Sequence[Input]) -> str:
    """List inputs by name, or by number from 1."""
    numbered = enumerate(inputs, 1)
    return ", ".join(entry.name or f"input {index}" for index, entry in numbered if any(entry is one for one in chosen))


def written_inputs(values: Iterable[Any]) -> tuple[Any, ...]:
    """Write arguments as results record them: a tensor by its shape, a value as it is, an object by its class.

    Containers are written by what is in them.
    """
    written: list[Any] = []
    for value in values:
        if isinstance(value, Tensor) and not value.is_nested and not is_lazy(value):
            written.append(tuple(value.shape))
        elif isinstance(value, Mapping) or type(value) in (list, tuple):
            written += written_inputs(value.values() if isinstance(value, Mapping) else value)
        elif type(value) in (bool, int, str, type(None)) or (type(value) is float and isfinite(value)):
            written.append(value)
        else:
            written.append(type(value).__name__ if type(value) not in PLAIN else str(value))
    return tuple(written)
