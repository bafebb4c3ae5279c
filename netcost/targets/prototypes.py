"""Prototypes: layers of torch.nn are constructed once for the same arguments, and then copied.

A constructor takes 20 to 60 µs per layer, most of it in `nn.Module.__setattr__`; a copy takes 5 to 12 µs. Networks
repeat their layers, and searches repeat their networks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module

from netcost.tracing.layouts import META

LAYERS: tuple[type[nn.Module], ...] = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, nn.Embedding),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.GroupNorm),
    *(nn.ReLU, nn.ReLU6, nn.GELU, nn.SiLU, nn.Hardswish, nn.Hardsigmoid, nn.Softmax),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
    *(nn.Dropout, nn.Dropout2d, nn.Identity, nn.Flatten),
)
MODULE = nn.Module.__init__
CONSTRUCTORS: tuple[Callable[..., None], ...] = tuple(dict.fromkeys(kind.__init__ for kind in LAYERS))
"""Those of the layers; some share their base class's."""

PLAIN = frozenset({int, bool, float, str, type(None), torch.dtype, torch.device})
CONTAINERS = frozenset({dict, OrderedDict, set, list})
MOST = 4096
"""Prototypes kept at most; each holds the values of its buffers."""

_KINDS = frozenset(LAYERS)
_make_parameter = torch.Tensor._make_subclass  # as nn.Parameter makes one, which first looks at the tensor's type
_prototypes: dict[Any, Prototype | None] = {}


class Builder(threading.local):
    """True of `open` in the thread that builds without weights; other threads see no difference."""

    open = False


class Prototype:
    """A layer as it was when it had just been constructed.

    Raises:
        TypeError: the layer holds a value that its copies would share.
    """

    def __init__(self, layer: nn.Module) -> None:
        self._attributes = dict(vars(layer))
        self._parameters, self._buffers = layer._parameters, layer._buffers
        others = {name: value for name, value in vars(layer).items() if name not in ("_parameters", "_buffers")}
        self._containers = [(name, type(value), value) for name, value in others.items() if _is_container(value)]

    def copy_to(self, layer: nn.Module) -> None:
        """Fill `layer`, on which no constructor has run, with the same attributes and its own weights and buffers."""
        own = vars(layer)
        own.update(self._attributes)
        for name, kind, value in self._containers:
            own[name] = kind(value)
        own["_parameters"] = {
            name: weight
            if weight is None
            else _make_parameter(
                nn.Parameter, torch.empty(weight.shape, dtype=weight.dtype, device=META), weight.requires_grad
            )
            for name, weight in self._parameters.items()
        }
        own["_buffers"] = {name: buffer if buffer is None else buffer.clone() for name, buffer in self._buffers.items()}


def _is_container(value: Any) -> bool:
    """True for a container, of which each copy needs its own."""
    kind = type(value)
    if kind in PLAIN or (kind is tuple and all(type(item) in PLAIN for item in value)):
        return False
    if kind in CONTAINERS and (not value or (kind is list and all(type(item) in PLAIN for item in value))):
        return True
    raise TypeError(f"copies would share a {kind.__name__}")


def copying(builder: Builder, construct: Callable[..., None]) -> Callable[..., None]:
    """Return a constructor that copies a prototype while `builder.open`; subclasses of the layers are not copied."""

    def initialise(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        prototype = (
            _prototype_of(type(self), construct, args, kwargs) if type(self) in _KINDS and builder.open else None
        )
        if prototype is None:
            construct(self, *args, **kwargs)
        else:
            with torch._C.DisableTorchFunction():
                prototype.copy_to(self)

    return initialise


def _prototype_of(
    kind: type[nn.Module], construct: Callable[..., None], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Prototype | None:
    """Return the prototype for these arguments, made at first use; None if there can be none."""
    values = (*args, *kwargs.values())
    types = tuple(map(type, values))
    if not PLAIN.issuperset(types) and not all(map(_is_plain, values)):
        return None
    if torch._C._len_torch_function_stack() > 1 or _has_registration_hooks():  # which may change what is constructed
        return None
    key = (kind, args, tuple(kwargs.items()), types, torch.get_default_dtype())  # 1 == 1.0 == True, hence the types
    if key not in _prototypes:
        if len(_prototypes) >= MOST:
            _prototypes.clear()
        layer = kind.__new__(kind)
        construct(layer, *args, **kwargs)
        _prototypes[key] = None
        with suppress(TypeError):
            _prototypes[key] = Prototype(layer)
    return _prototypes[key]


def _is_plain(value: Any) -> bool:
    return type(value) in PLAIN or (type(value) is tuple and all(type(item) is int for item in value))


def _has_registration_hooks() -> bool:
    return bool(
        module._global_parameter_registration_hooks
        or module._global_buffer_registration_hooks
        or module._global_module_registration_hooks
    )
