"""Builds networks without allocating their weights and without initialising them.

Most of a constructor's time goes into filling weights. While `weightless()` is open, torch's factories make weights on
the meta device, and initialisers return at once. A plain meta-device context is slower, and too strict: constructors
look at small tensors (`torch.linspace(0, rate, depth).tolist()`), which keep their values here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

from netcost.targets.detours import Detour
from netcost.targets.prototypes import CONSTRUCTORS, MODULE, Builder, copying
from netcost.tracing.layouts import META

LARGE = 1 << 16
"""Elements from which on any tensor made by a constructor is made on the meta device."""

Function = Callable[..., Any]
Args = tuple[Any, ...]
Keywords = dict[str, Any]

UNINITIALISED: tuple[Function, ...] = (torch.empty, torch.empty_strided, Tensor.new_empty, Tensor.new_empty_strided)
FILLED: tuple[Function, ...] = (
    *(torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.randint, torch.randperm, torch.normal),
    *(Tensor.new_zeros, Tensor.new_ones, Tensor.new_full),
)
COPIED: tuple[Function, ...] = (torch.tensor, torch.as_tensor, torch.asarray, Tensor.new_tensor)
MOVED: tuple[Function, ...] = (Tensor.to, Tensor.cpu, Tensor.cuda, Tensor.type)
INITIALISERS = [vars(nn.init)[name] for name in vars(nn.init) if name.endswith("_") and not name.startswith("_")]
REFILLED = [getattr(Tensor, f"{name}_") for name in "uniform normal zero fill exponential bernoulli random".split()]
IN_PLACE = [
    getattr(Tensor, f"{name}_")
    for name in "copy add sub mul div clamp erfinv clamp_min clamp_max log exp neg pow sqrt trunc".split()
]

_lock = threading.RLock()
_builder = Builder()


class Weightless(TorchFunctionMode):
    """Makes large tensors without values, and lets operators mix tensors with and without values."""

    def __torch_function__(
        self, function: Function, types: Any, args: Args = (), kwargs: Keywords | None = None
    ) -> Any:
        kwargs = kwargs or {}
        handle = _HANDLERS.get(function)
        if handle is not None:
            return handle(function, args, kwargs)
        if torch._C._len_torch_dispatch_stack():  # torch.export records an operator, refused or not
            args, kwargs = _on_one_device(args, kwargs) or (args, kwargs)
        try:
            return function(*args, **kwargs)
        except (RuntimeError, TypeError) as error:  # torch refuses to mix them
            if torch._C._get_tracing_state() is not None:
                raise RuntimeError("torch.jit.trace cannot run on meta tensors") from error
            on_meta = _on_one_device(args, kwargs)
            if on_meta is None:
                raise
            return function(*on_meta[0], **on_meta[1])


def _on_one_device(args: Args, kwargs: Keywords) -> tuple[Args, Keywords] | None:
    """Return arguments without values, where some tensors have values and some have none; else None."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    if len({tensor.is_meta for tensor in tensors}) < 2:
        return None
    moved: tuple[Args, Keywords] = tree_map_only(Tensor, lambda tensor: tensor.to(META), (args, kwargs))
    return moved


@contextmanager
def weightless() -> Iterator[None]:
    """Give the modules constructed here weights of the right shapes on the meta device, without values.

    Torch's classes and functions stay the same objects with the same signatures. The random state is the same
    afterwards.
    """
    state = torch.random.get_rng_state()
    was_open = _builder.open
    detours = _DETOURS + (_COPYING if nn.Module.__init__ is MODULE else [])  # torch's compiler, for one, replaces it
    with _lock:
        opened = [detour for detour in detours if detour.open()]
        _builder.open = True
        try:
            with Weightless():
                yield
        finally:
            _builder.open = was_open
            for detour in opened:
                detour.close()
            torch.random.set_rng_state(state)


def _make_empty(factory: Function, args: Args, kwargs: Keywords) -> Any:
    if kwargs.get("out") is None:
        kwargs = {name: value for name, value in kwargs.items() if name != "pin_memory"} | {"device": META}
    return factory(*args, **kwargs)


def _make_filled(factory: Function, args: Args, kwargs: Keywords) -> Any:
    size = kwargs.get("size")
    if size is None:
        size = next((value for value in args if isinstance(value, (list, tuple))), args)
    is_large = prod([side for side in size if isinstance(side, int)]) >= LARGE
    return _make_empty(factory, args, kwargs) if is_large else factory(*args, **kwargs)


def _make_identity(factory: Function, args: Args, kwargs: Keywords) -> Any:
    rows = args[0] if args else kwargs.get("n", 1)
    columns = args[1] if len(args) > 1 else kwargs.get("m", rows)
    return _make_empty(factory, args, kwargs) if rows * columns >= LARGE else factory(*args, **kwargs)


def _copy_values(factory: Function, args: Args, kwargs: Keywords) -> Tensor:
    tensor: Tensor = factory(*args, **kwargs)
    return tensor.to(META) if tensor.numel() >= LARGE and not any(tensor is value for value in args) else tensor


def _move(move: Function, args: Args, kwargs: Keywords) -> Any:
    """Convert the element type only, where torch cannot move a tensor because it has no values."""
    tensor = args[0]
    if not tensor.is_meta or (move is Tensor.type and len(args) + len(kwargs) < 2):  # then it returns a name
        return move(*args, **kwargs)
    sample = torch.empty(0, dtype=tensor.dtype)
    rest = tree_map_only(Tensor, lambda other: torch.empty(0, dtype=other.dtype), (args[1:], kwargs))
    return tensor.to(move(sample, *rest[0], **rest[1]).dtype)


def _refill(fill: Function, args: Args, kwargs: Keywords) -> Any:
    """Take the values of a large tensor, as `torch.Tensor(n, m)` makes it, before it is filled."""
    _take_values(args[0])
    return _change(fill, args, kwargs)


def _change(fill: Function, args: Args, kwargs: Keywords) -> Any:
    return args[0] if args[0].is_meta else fill(*args, **kwargs)


def _take_values(tensor: Tensor) -> None:
    if type(tensor) is Tensor and not tensor.is_meta and tensor.numel() >= LARGE and not tensor._is_view():
        torch.utils.swap_tensors(tensor, _without_values(tensor))  # type: ignore[no-untyped-call]


def _without_values(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=META)


def _skipping(initialise: Function) -> Function:
    """Return an initialiser that leaves tensors without values as they are."""

    def fill(*args: Any, **kwargs: Any) -> Any:
        if _builder.open:
            tensor = args[0]
            with torch._C.DisableTorchFunction():
                if not tensor.is_meta:
                    _take_values(tensor)
                if tensor.is_meta:
                    return tensor
        return initialise(*args, **kwargs)

    return fill


def _parameter(construct: Function) -> Function:
    """Return a constructor of parameters that takes the values of large ones, as `torch.Tensor(n, m)` makes them."""

    def new(cls: type[nn.Parameter], data: Tensor | None, requires_grad: bool) -> Any:
        if _builder.open and data is not None:
            with torch._C.DisableTorchFunction():
                if type(data) is Tensor and not data.is_meta and data.numel() >= LARGE:
                    data = _without_values(data)
        return construct(cls, data, requires_grad)

    return new


_HANDLERS: dict[Function, Callable[[Function, Args, Keywords], Any]] = {
    **dict.fromkeys(UNINITIALISED, _make_empty),
    **dict.fromkeys(FILLED, _make_filled),
    torch.eye: _make_identity,
    **dict.fromkeys(COPIED, _copy_values),
    **dict.fromkeys(MOVED, _move),
    **dict.fromkeys(REFILLED, _refill),
    **dict.fromkeys(IN_PLACE, _change),
}
_DETOURS = [Detour(nn.Parameter.__new__, _parameter), *(Detour(fill, _skipping) for fill in INITIALISERS)]
_COPYING = [Detour(construct, partial(copying, _builder)) for construct in CONSTRUCTORS]
