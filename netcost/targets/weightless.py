"""Builds networks without allocating their weights and without initialising them.

Most of a constructor's time goes into filling weights. While `weightless()` is open, torch's factories make weights on
the meta device, and initialisers return at once. A plain meta-device context is slower, and too strict: constructors
look at small tensors (`torch.linspace(0, rate, depth).tolist()`), which keep their values here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

from netcost.targets.prototypes import CONSTRUCTORS, copying, is_intact
from netcost.tracing.layouts import META

LARGE = 1 << 16
"""Elements from which on any tensor made by a constructor is made on the meta device."""

UNINITIALISED = ("empty", "empty_strided")
FILLED = ("zeros", "ones", "full", "rand", "randn")
INITIALISERS = tuple(name for name in vars(nn.init) if name.endswith("_") and not name.startswith("_"))
IN_PLACE = """
    uniform_ normal_ zero_ fill_ copy_ add_ sub_ mul_ div_ clamp_ erfinv_ exponential_ bernoulli_ random_
    clamp_min_ clamp_max_ log_ exp_ neg_ pow_ sqrt_ trunc_
""".split()

_lock = threading.RLock()
_builder = threading.local()  # `open` in the thread that builds; other threads see no difference


class Mixing(TorchFunctionMode):
    """Allows operators on a weight without values and a tensor with values, which torch refuses."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        try:
            return function(*args, **kwargs)
        except (RuntimeError, NotImplementedError):
            tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
            if len({tensor.is_meta for tensor in tensors}) < 2:
                raise
            args, kwargs = tree_map_only(Tensor, lambda tensor: tensor.to(META), (args, kwargs))
            return function(*args, **kwargs)


@contextmanager
def weightless(mixing: bool = True) -> Iterator[None]:
    """Give the modules constructed here weights of the right shapes on the meta device, without values.

    The random state is the same afterwards.

    Args:
        mixing: allow constructors that compute with a weight and a tensor with values; without it these raise, and
            all others take two thirds of the time.
    """
    state = torch.random.get_rng_state()
    was_open = _is_open()
    with _lock, _replaced():
        _builder.open = True
        try:
            with Mixing() if mixing else nullcontext():
                yield
        finally:
            _builder.open = was_open
            torch.random.set_rng_state(state)


@contextmanager
def _replaced() -> Iterator[None]:
    """Replace torch's factories and initialisers; restore them at the end."""
    replacements = _REPLACEMENTS + [entry for entry in _CONSTRUCTORS if is_intact(entry[0])]
    before = [(owner, name, vars(owner).get(name)) for owner, name, _ in replacements]
    for owner, name, replacement in replacements:
        setattr(owner, name, replacement)
    try:
        yield
    finally:
        for owner, name, original in before:
            if original is None:  # inherited, as Tensor's methods are
                delattr(owner, name)
            else:
                setattr(owner, name, original)


def _is_open() -> bool:
    return getattr(_builder, "open", False)


def _on_meta(factory: Callable[..., Tensor], least: int = 0) -> Callable[..., Tensor]:
    def make(*args: Any, **kwargs: Any) -> Tensor:
        if _is_open() and (not least or _numel(args, kwargs) >= least):
            kwargs["device"] = META
        return factory(*args, **kwargs)

    return make


def _unless_weightless(fill: Callable[..., Any]) -> Callable[..., Any]:
    def filled(*args: Any, **kwargs: Any) -> Any:
        tensor = args[0] if args else kwargs.get("tensor")
        return tensor if tensor is not None and tensor.is_meta and _is_open() else fill(*args, **kwargs)

    return filled


def _numel(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Return the elements that a factory was asked for, as `zeros(2, 3)` or `zeros((2, 3))`."""
    size = kwargs.get("size", args[0] if args and isinstance(args[0], (list, tuple)) else args)
    return prod([side for side in size if isinstance(side, int)])


_REPLACEMENTS: list[tuple[Any, str, Callable[..., Any]]] = [
    *((torch, name, _on_meta(getattr(torch, name))) for name in UNINITIALISED),
    *((torch, name, _on_meta(getattr(torch, name), LARGE)) for name in FILLED),
    *((nn.init, name, _unless_weightless(getattr(nn.init, name))) for name in INITIALISERS),
    *((Tensor, name, _unless_weightless(getattr(Tensor, name))) for name in IN_PLACE),
]

_CONSTRUCTORS = [(kind, "__init__", copying(kind, _is_open)) for kind in CONSTRUCTORS]
