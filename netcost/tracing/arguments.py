"""The arguments of an operator: sorted into tensors and others, moved to another device, stripped of values."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import zip_longest
from math import prod
from typing import Any

import torch
from torch import Tensor

META = torch.device("meta")

LARGE_CONSTANT = 1 << 20
"""Elements above which a tensor that the forward pass makes is kept as a shape only."""

SCALARS = frozenset({int, float, bool})

_META_WORDS = re.compile(r"\bmeta\b|register_meta|fake impl|unallocated storage", re.IGNORECASE)


def classify(role: str, value: Any, tensors: list[Tensor], roles: list[str], arguments: dict[str, Any]) -> None:
    """Put an argument of an operator where it belongs: tensors and lists of them are inputs, the rest arguments."""
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
    """A meta tensor laid out as `tensor`. Torch insists that a view of an ordinary tensor be one, too."""
    with torch.inference_mode(tensor.is_inference()):
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=META)


def replace(value: Any, replacement: Callable[[Tensor], Tensor]) -> Any:
    """`value` with each tensor in it replaced; operators nest tensors in lists only one deep."""
    if isinstance(value, Tensor):
        return replacement(value)
    if isinstance(value, (list, tuple)):
        return type(value)([replace(item, replacement) for item in value])
    return value


def moved(
    args: tuple[Any, ...], kwargs: dict[str, Any], device: torch.device
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with `device` wherever they name one."""
    if kwargs.get("device") is not None:
        kwargs = {**kwargs, "device": device}
    return tuple([device if isinstance(value, torch.device) else value for value in args]), kwargs


def is_large(args: tuple[Any, ...], tensors: Sequence[Tensor] = ()) -> bool:
    """Whether an operator's result may have more elements than are worth computing.

    Judged by what the operands span when broadcast, and by the sizes asked for (`zeros`, `repeat`, `arange`).
    """
    shapes = [tensor.shape for tensor in tensors]
    spanned = (
        shapes[0].numel() if len(shapes) == 1 else prod(map(max, zip_longest(*map(reversed, shapes), fillvalue=1)))
    )
    asked = [
        prod(value) for value in args if isinstance(value, (list, tuple)) and all(type(size) is int for size in value)
    ]
    if not tensors:
        asked += [value for value in args if type(value) is int]
    return max([spanned, *asked]) > LARGE_CONSTANT


def without_masks(indices: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Indices with each mask that has values as the positions that it picks."""
    found: list[Tensor | None] = []
    for index in indices:
        if index is not None and index.dtype is torch.bool and not index.is_meta:
            found += index.nonzero(as_tuple=True)
        else:
            found.append(index)
    return found


def lacks_values(error: Exception) -> bool:
    """Whether torch complains that a tensor on the meta device has no values."""
    return isinstance(error, RuntimeError | TypeError) and _META_WORDS.search(str(error)) is not None
