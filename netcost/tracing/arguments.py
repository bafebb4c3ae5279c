"""Arguments of an operator: split into tensors and others, moved to another device, stripped of values."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import zip_longest
from math import prod
from typing import Any

import torch
from torch import Tensor

from netcost.text.errors import text_of
from netcost.tracing.layouts import META

Args = tuple[Any, ...]
Keywords = dict[str, Any]

LARGE_CONSTANT = 1 << 24
"""Elements above which a tensor that the forward pass makes is kept as a shape only."""

LARGE_INPUT = 1 << 20
"""Elements above which an input of integers or flags (ids, masks, lengths) is taken as a shape only."""

LARGE_VECTOR = 1 << 10
"""The same for floating-point scalars and vectors (time steps, scales); an input of more dimensions is a shape only."""

SCALARS = frozenset({int, float, bool})

_META_WORDS = re.compile(r"\bmeta\b|register_meta|fake impl|unallocated storage|same device", re.IGNORECASE)


def classify(role: str, value: Any, tensors: list[Tensor], roles: list[str], arguments: dict[str, Any]) -> None:
    """Add an operator's argument to its lists: tensors and lists of them are inputs, the rest plain arguments."""
    if isinstance(value, Tensor):
        tensors.append(value)
        roles.append(role)
    elif isinstance(value, (list, tuple)) and any(
        type(item) not in SCALARS and isinstance(item, Tensor) for item in value
    ):
        for item in value:
            if isinstance(item, Tensor):
                tensors.append(item)
                roles.append(role)
    elif value is not None:
        arguments[role] = value


def shadow(tensor: Tensor) -> Tensor:
    """Return a meta tensor laid out as `tensor`; of type float32 where that is quantised."""
    dtype = torch.float32 if tensor.is_quantized else tensor.dtype
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=dtype, device=META)


def is_sparse(tensor: Tensor) -> bool:
    """True for a sparse tensor, of which the work depends on the elements that it stores: it is never a shape only."""
    return tensor.layout is not torch.strided


def keeps_values(tensor: Tensor) -> bool:
    """True for an input whose values the forward pass may look at: it is real, and holds indices or is small."""
    if tensor.is_meta:
        return False
    if tensor.dtype.is_floating_point or tensor.dtype.is_complex or tensor.is_quantized:
        return tensor.dim() < 2 and tensor.numel() <= LARGE_VECTOR
    return tensor.numel() <= LARGE_INPUT


def replace(value: Any, replacement: Callable[[Tensor], Tensor]) -> Any:
    """Return `value` with each tensor in it, or in its lists, replaced."""
    if isinstance(value, Tensor):
        return replacement(value)
    if isinstance(value, (list, tuple)):
        return type(value)([replace(item, replacement) for item in value])
    return value


def on_device(args: Args, kwargs: Keywords, device: torch.device) -> tuple[Args, Keywords]:
    """Return the arguments with `device` in place of any device that they name."""
    if kwargs.get("device") is not None:
        kwargs = {**kwargs, "device": device}
    return tuple([device if isinstance(value, torch.device) else value for value in args]), kwargs


def is_large(args: Args, tensors: Sequence[Tensor] = ()) -> bool:
    """True where an operator's result may have too many elements to be worth computing.

    The estimate takes the operands' broadcast shape (their product, if they do not broadcast: an outer product has so
    many elements) and the sizes asked for (`zeros`, `repeat`, `arange`).
    """
    shapes = [reversed(tensor.shape) for tensor in tensors]
    sides = list(zip_longest(*shapes, fillvalue=1))
    alike = all(side in (1, max(sizes)) for sizes in sides for side in sizes)
    broadcast = prod(map(max, sides)) if alike else prod([tensor.numel() for tensor in tensors])
    lists = [value for value in args if isinstance(value, (list, tuple))]
    asked = [prod(value) for value in lists if all(type(size) is int for size in value)]
    if not tensors:
        asked += [value for value in args if type(value) is int]
    return max([broadcast, *asked]) > LARGE_CONSTANT


def without_masks(indices: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Return the indices, with each mask that has values replaced by as many positions as it selects.

    The positions are those of a tensor without values: only their number matters, and they take no memory.
    """
    positions: list[Tensor | None] = []
    for index in indices:
        if index is not None and index.dtype is torch.bool and not index.is_meta:
            positions += [torch.zeros(1, dtype=torch.int64).expand(selected(index))] * index.dim()
        else:
            positions.append(index)
    return positions


def selected(mask: Tensor) -> int:
    """Return the number of places that a mask selects; a dimension along which it repeats is not gone through."""
    repeats = [max(1, size) if stride == 0 else 1 for size, stride in zip(mask.shape, mask.stride(), strict=True)]
    once = mask[tuple([slice(0, size // times) for size, times in zip(mask.shape, repeats, strict=True)])]
    return int(once.count_nonzero()) * prod(repeats)


def lacks_values(error: BaseException) -> bool:
    """True where torch complains that a tensor on the meta device has no values."""
    return isinstance(error, RuntimeError | TypeError) and _META_WORDS.search(text_of(error)) is not None
