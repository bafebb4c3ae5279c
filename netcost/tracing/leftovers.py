"""Finds tensors of a forward pass that live on after it, in a cache for example, and takes those without values out.

A network may keep a tensor outside of its own attributes: in a global dictionary, under `functools.lru_cache`, in a
helper. What was computed for real may stay there. A shape alone must not: the network would go on with it later, and
its results would be wrong without a word.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import CellType, FrameType, GeneratorType, ModuleType
from typing import Any

from torch import Tensor, nn

from netcost.graph.graph import Op
from netcost.tracing.memory import Handle
from netcost.tracing.state import slots_of

TENSORS = frozenset({Tensor, nn.Parameter})
LRU_CACHE = type(lru_cache(int))
DEPTH = 5
"""Holders of holders that are followed from a tensor: a tuple in a dictionary of a module, say."""


def is_held(ops: list[Op]) -> bool:
    """True where a tensor's handle still refers to the list of operators of a pass that is over."""
    return sys.getrefcount(ops) > 3  # the caller's name, this function's and the call's own


def taken_out(ops: list[Op]) -> tuple[str, ...]:
    """Take the shape-only tensors of the pass that recorded `ops` out of what holds them; return the holders' names.

    A holder from which a tensor cannot be taken is named with "?" behind it.
    """
    leftovers = _tensors_of(ops)
    if any(map(_lacks_values, leftovers)):
        del leftovers
        gc.collect()  # what only a cycle keeps alive is nobody's
        leftovers = _tensors_of(ops)
    names: dict[str, None] = {}
    for tensor in leftovers:
        if _lacks_values(tensor):
            ignored = {id(leftovers), id(tensor.__dict__)}
            names |= dict.fromkeys(_taken(tensor, ignored, DEPTH))
        else:
            del tensor.__dict__["_netcost"]  # it has its values, and may stay
    return tuple(names)


def _lacks_values(tensor: Tensor) -> bool:
    """True for a shape, and for a tensor whose values the pass wrote from shapes, and so did not write."""
    return tensor.is_meta or tensor.__dict__["_netcost"].memory.lost


def _tensors_of(ops: list[Op]) -> list[Tensor]:
    objects = gc.get_objects()
    tensors = [value for value in objects if type(value) in TENSORS and "_netcost" in value.__dict__]
    return [tensor for tensor in tensors if tensor.__dict__["_netcost"].ops is ops]


def _taken(value: Any, ignored: set[int], depth: int) -> Iterator[str]:
    """Take `value` out of all that refers to it; yield the names of the holders.

    No inner function may use `value`: its cell would be a holder too.
    """
    holders = gc.get_referrers(value)
    ignored = {*ignored, id(holders)}
    for holder in holders:
        if (
            id(holder) in ignored
            or isinstance(holder, FrameType | GeneratorType | Tensor | Handle)
            or _is_iterator(holder)
        ):
            continue
        try:
            yield from _taken_from(holder, value, ignored, depth)
        except Exception:  # a class of the user's that lets nothing be changed
            yield f"a {type(holder).__qualname__}?"


def _taken_from(holder: Any, value: Any, ignored: set[int], depth: int) -> Iterator[str]:
    """Take `value` out of one object that refers to it; yield the names of the holders."""
    owner = _owner(holder, ignored) if isinstance(holder, dict) else holder
    if isinstance(holder, LRU_CACHE):
        holder.cache_clear()
        yield f"{holder.__module__}.{holder.__qualname__}"
    elif owner is None:
        for key in _keys(holder, value):
            _delete(holder, key)
        yield _name(holder, ignored)
    elif isinstance(holder, list | deque):
        _remove(holder, value)
        yield _name(holder, ignored)
    elif isinstance(holder, set):
        holder.discard(value)
        yield _name(holder, ignored)
    elif isinstance(holder, tuple) and depth:
        yield from _taken(holder, ignored, depth - 1)
    elif isinstance(holder, CellType):
        holder.cell_contents = None
        yield "a variable of a closure"
    elif keys := _keys(getattr(owner, "__dict__", {}), value):
        for key in keys:
            _reset(owner, key)
            yield f"{_title(owner)}.{key}"
    elif names := _slots_with(holder, value):
        for name in names:
            object.__setattr__(holder, name, None)
            yield f"{_title(holder)}.{name}"
    else:
        yield f"a {type(holder).__qualname__}?"


def _keys(mapping: Mapping[Any, Any], value: Any) -> list[Any]:
    return [key for key, item in mapping.items() if item is value]


def _slots_with(holder: Any, value: Any) -> list[str]:
    return [name for name in slots_of(holder) if getattr(holder, name) is value]


def _delete(mapping: dict[Any, Any], key: Any) -> None:
    """Delete a key, or its value alone in a class that deletes none, as the outputs of transformers' models."""
    try:
        del mapping[key]
    except Exception:
        mapping[key] = None


def _remove(items: list[Any] | deque[Any], value: Any) -> None:
    kept = [item for item in items if item is not value]
    items.clear()
    items.extend(kept)


def _is_iterator(holder: Any) -> bool:
    return type(holder).__name__.endswith("iterator")


def _owner(attributes: dict[Any, Any], ignored: set[int]) -> Any:
    """Return the module, class or object whose attributes a dictionary holds; None if it is a dictionary by itself."""
    for above in gc.get_referrers(attributes):
        if isinstance(above, type):  # whose own dictionary is hidden behind a proxy
            if "__module__" in attributes and all(vars(above).get(key) is item for key, item in attributes.items()):
                return above
        elif id(above) not in ignored and getattr(above, "__dict__", None) is attributes:
            return above
    return None


def _reset(owner: Any, name: str) -> None:
    """Remove an attribute where the class has a value of that name, as before the pass; else set it to None.

    A name of a module or class is set to None: code that reads it must find it.
    """
    if not isinstance(owner, type | ModuleType) and hasattr(type(owner), name):
        delattr(owner, name)
    else:
        setattr(owner, name, None)


def _title(owner: Any) -> str:
    return str(owner.__name__ if isinstance(owner, type | ModuleType) else type(owner).__qualname__)


def _name(container: Any, ignored: set[int]) -> str:
    """Return the name of the variable or attribute that a container is, or else its type."""
    for above in gc.get_referrers(container):
        owner = _owner(above, ignored) if isinstance(above, dict) else above
        for key, item in getattr(owner, "__dict__", {}).items():
            if item is container:
                return f"{_title(owner)}.{key}"
    return f"a {type(container).__name__}"
