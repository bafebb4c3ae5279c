"""Tensors in nests: lists, dicts, data classes, caches and other objects that a forward pass takes."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer
from torch.nn.utils.rnn import PackedSequence

from netcost.text.errors import RequestError, reason_of
from netcost.tracing.memory import dtype_name

PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device})
"""Types whose values have no parts and never change."""

LONGEST = 60
"""Characters of a value in a message."""


def parts(value: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """Yield a value and everything in it, at any depth, each object once; modules and classes are not entered."""
    seen = set() if seen is None else seen
    yield value
    if type(value) in PLAIN or isinstance(value, Tensor | nn.Module | type | Enum) or id(value) in seen:
        return
    seen.add(id(value))
    for part in _members(value):
        yield from parts(part, seen)


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list | tuple | set | frozenset | deque):
        yield from value
    if not callable(value) or isinstance(value, Mapping):  # a function's attributes are no inputs
        yield from getattr(value, "__dict__", {}).values()
        slots = (vars(kind).get("__slots__", ()) for kind in type(value).__mro__)
        for names in slots:
            for name in (names,) if isinstance(names, str) else names:
                if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                    yield getattr(value, name)


def tensors_in(value: Any) -> list[Tensor]:
    """Return the tensors in a nest, in order, each once."""
    return list({id(part): part for part in parts(value) if isinstance(part, Tensor)}.values())


def with_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return a copy of a nest in which each tensor is `change(tensor)`; modules are shared with the original.

    Raises:
        RequestError: an object in it cannot be copied.
    """
    known: dict[int, Any] = {}
    for part in list(parts(value)):
        if isinstance(part, PackedSequence):  # torch wants these sizes on the CPU
            known[id(part.batch_sizes)] = part.batch_sizes
        if isinstance(part, nn.Module):
            known[id(part)] = part
        elif isinstance(part, Tensor) and id(part) not in known:
            known[id(part)] = change(part)
    try:
        return copy.deepcopy(value, known)
    except Exception as error:
        raise RequestError(
            f"the inputs hold an object that cannot be copied: {type(error).__name__}: {reason_of(error)}; leave it "
            "out, or make it in the forward pass"
        ) from error


def is_fixed(value: Any) -> bool:
    """True for values that no call can change but by writing into a tensor: tensors, plain values, tuples of them."""
    if isinstance(value, tuple):
        return all(map(is_fixed, value))
    return type(value) in PLAIN or isinstance(value, Tensor | nn.Module | type | Enum)


def state_of(value: Any) -> list[Any]:
    """Return what tells two states of one nest apart: its tensors, how often each was written to, and its values."""
    return [
        (id(part), None if part.is_inference() else part._version)
        if isinstance(part, Tensor)
        else part
        if type(part) in PLAIN
        else type(part)
        for part in parts(value)
    ]


def copied_module(model: nn.Module) -> nn.Module:
    """Return a deep copy, also of a model that holds what torch refuses to copy.

    These are computed tensors (pruned, weight-normed), and buffers without a shape.
    """
    held = [vars(module) for module in model.modules()]
    copies: dict[int, Any] = {}
    for tensor in tensors_in(held):
        if isinstance(tensor, UninitializedBuffer):
            like: dict[str, Any] = {"device": tensor.data.device, "dtype": tensor.data.dtype}
            copies[id(tensor)] = UninitializedBuffer(**like)
        elif not tensor.is_leaf:
            copies[id(tensor)] = tensor.detach().clone()
    return copy.deepcopy(model, copies)


def brief(value: Any) -> str:
    """Describe a value in a few words: a tensor by shape and type, a container by its size, an object by its class."""
    kind = type(value).__name__
    if isinstance(value, Tensor):
        shape = "of its own layout" if value.is_nested else tuple(value.shape)
        return f"a {kind} {shape} of {dtype_name(value.dtype)}"
    few = isinstance(value, list | tuple) and len(value) < 10 and all(type(part) in PLAIN for part in value)
    if type(value) in PLAIN or few:
        text = repr(value)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return f"a {kind} of {len(value)}" if isinstance(value, Mapping | list | tuple | set) else f"a {kind}"
