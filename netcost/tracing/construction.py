"""Building a network without allocating its weights and without initialising them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

META = torch.device("meta")

LARGE = 1 << 16
"""Elements from which a tensor made by a constructor is made on the meta device, whatever makes it.

Smaller ones keep their values, because constructors look at them (`torch.linspace(0, rate, depth).tolist()`).
"""

_UNINITIALISED = frozenset({torch.empty, torch.empty_strided})
_SIZED = frozenset({torch.zeros, torch.ones, torch.full, torch.rand, torch.randn})
_INITIALISERS = frozenset(
    function
    for name, function in vars(nn.init).items()
    if name.endswith("_") and not name.startswith("_") and callable(function)
)
_IN_PLACE = frozenset(
    getattr(Tensor, name)
    for name in """
    uniform_ normal_ zero_ fill_ copy_ add_ sub_ mul_ div_ clamp_ erfinv_ exponential_ bernoulli_ random_
    clamp_min_ clamp_max_ log_ exp_ neg_ pow_ sqrt_ trunc_
    """.split()
)


class _Weightless(TorchFunctionMode):
    """Sends what becomes a weight to the meta device, and skips what would only fill it."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if function in _UNINITIALISED:
            return function(*args, **{**kwargs, "device": META})
        if function in _INITIALISERS:
            return args[0] if args else kwargs["tensor"]
        if function in _IN_PLACE and args[0].is_meta:
            return args[0]
        if function in _SIZED and _numel(args, kwargs) >= LARGE:
            return function(*args, **{**kwargs, "device": META})
        return function(*args, **kwargs)


def _numel(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Elements that a factory was asked for, as `zeros(2, 3)` or `zeros((2, 3))`."""
    size = kwargs.get("size", args[0] if args and isinstance(args[0], list | tuple) else args)
    return prod(side for side in size if isinstance(side, int))


@contextmanager
def weightless() -> Iterator[None]:
    """Modules constructed here have weights of the right shapes on the meta device, and no values.

    The random state is the same afterwards.
    """
    state = torch.random.get_rng_state()
    try:
        with _Weightless():
            yield
    finally:
        torch.random.set_rng_state(state)
