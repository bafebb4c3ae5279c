"""Tensors inside of any value: nests of containers, data classes and plain objects."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from netcost.text.errors import RequestError


def tensors_in(value: Any, seen: set[int] | None = None) -> Iterator[Tensor]:
    """Yield the tensors in nested containers, data classes and plain objects, in order."""
    seen = set() if seen is None else seen
    if isinstance(value, Tensor):
        yield value
    elif id(value) not in seen and not isinstance(value, nn.Module | type | str | bytes | int | float | None):
        seen.add(id(value))
        for part in _parts(value):
            yield from tensors_in(part, seen)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset):
        return value
    names = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ()) if hasattr(value, name)]
    return [*(getattr(value, name) for name in names), *getattr(value, "__dict__", {}).values()]


def stand_ins(value: Any, admit: Callable[[Tensor], Tensor]) -> Any:
    """Return a copy of `value` in which `admit` has replaced each tensor; modules in it are not copied.

    Raises:
        RequestError: an object in it cannot be copied.
    """
    seen: set[int] = set()
    replaced: dict[int, Any] = {id(tensor): admit(tensor) for tensor in tensors_in(value, seen)}
    try:
        return copy.deepcopy(value, replaced)
    except Exception as error:
        raise RequestError(f"an input cannot be copied: {type(error).__name__}: {error}") from error
