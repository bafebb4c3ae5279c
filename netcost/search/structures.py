"""Structures: a key by which a built network is known to have the same graph as another, before it is traced.

Two networks of the same classes, with the same plain attributes and the same shapes of weights, under the same names,
run the same operators on the same input. Anything that is not plain (an object of the user's, a hook, a function that
was made in another) may make a difference that no key sees: such a network has none, and is counted. Values of buffers
belong to the key; those of parameters do not, because chance draws them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import partial
from types import BuiltinFunctionType, FunctionType
from typing import Any

LARGEST_BUFFER = 1 << 12
"""Elements of a buffer whose values are compared; a network with a larger one that has values has no key."""

PLAIN = (type(None), bool, int, float, complex, str, bytes, type, Enum, BuiltinFunctionType)
NUMBERS = frozenset({bool, int, str})
TENSORS = ("_parameters", "_buffers")
APART = frozenset({*TENSORS, "_modules", "training"})


MOST_KEPT = 64
"""Networks that are kept, in case an equal one follows."""


class Structures:
    """The networks of a process that were counted last, with what was found of each.

    Shapes of weights are compared first: that takes a tenth of the time of a key.
    """

    def __init__(self) -> None:
        self._kept: dict[Any, list[tuple[Any, Any]]] = {}

    def find(self, module: Any, inputs: tuple[Any, ...]) -> Any:
        """Return what was kept of a network of the same structure and input; None where there is none."""
        alike = self._kept.get(_shapes(module, inputs), [])
        key = key_of(module) if alike else None
        return None if key is None else next((found for other, found in alike if key_of(other) == key), None)

    def keep(self, module: Any, inputs: tuple[Any, ...], found: Any) -> None:
        """Keep what was found of a network; the oldest are dropped."""
        self._kept.setdefault(_shapes(module, inputs), []).append((module, found))
        while sum(map(len, self._kept.values())) > MOST_KEPT:
            self._kept.pop(next(iter(self._kept)))


def _shapes(module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return (inputs, *(tuple(parameter.shape) for parameter in module.parameters()))


class _NotPlainError(Exception):
    """Raised for a value whose effect on a network is not known."""


def key_of(module: Any) -> tuple[Any, ...] | None:
    """Return what decides the graph of a built network; None where that is not known."""
    seen: dict[int, int] = {}
    try:
        return tuple(
            (name, type(part), _attributes(part), *(_tensors(getattr(part, held), seen) for held in TENSORS))
            for name, part in module.named_modules(remove_duplicate=False)
        )
    except (_NotPlainError, AttributeError, TypeError):
        return None


def _attributes(part: Any) -> tuple[Any, ...]:
    """Return the plain attributes of one module, and the names of its children that are not there."""
    absent = tuple(name for name, child in part._modules.items() if child is None)
    given = [item for item in vars(part).items() if item[0] not in APART]
    # Most are the empty dicts of hooks, and numbers: they stand for themselves, without a call each.
    own = [(name, value if type(value) in NUMBERS else _plain(value)) for name, value in given if value or value == 0]
    return (absent, part.training, *own, *(name for name, value in given if not (value or value == 0)))


def _tensors(held: Mapping[str, Any], seen: dict[int, int]) -> tuple[Any, ...]:
    """Return shape and type of parameters or buffers, and a number by which a shared one is known."""
    return tuple((name, None if tensor is None else _tensor(tensor, seen)) for name, tensor in held.items())


def _tensor(tensor: Any, seen: dict[int, int]) -> tuple[Any, ...]:
    number = seen.setdefault(id(tensor), len(seen))
    values = None
    if not (tensor.is_meta or tensor.requires_grad):
        if tensor.numel() > LARGEST_BUFFER:
            raise _NotPlainError
        values = tensor.numpy().tobytes()
    return number, type(tensor), tuple(tensor.shape), tensor.stride(), tensor.dtype, tensor.requires_grad, values


def _plain(value: Any) -> Any:
    """Return a hashable stand-in of a value that has no effect but by what is in it."""
    if isinstance(value, PLAIN) or type(value).__module__ == "torch":  # torch.dtype, torch.device
        hash(value)
        return type(value), value
    if isinstance(value, list | tuple):
        return type(value), tuple(map(_plain, value))
    if isinstance(value, Mapping):
        return type(value), tuple((_plain(key), _plain(inner)) for key, inner in value.items())
    if isinstance(value, set | frozenset):
        return type(value), frozenset(map(_plain, value))
    if isinstance(value, FunctionType) and value.__closure__ is None:
        return value
    if isinstance(value, partial):
        return partial, _plain(value.func), _plain(value.args), _plain(value.keywords)
    raise _NotPlainError
