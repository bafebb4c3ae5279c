"""Kernels of a device that torch does not choose for shapes: fused attention and dropout, and the casts of autocast.

On the meta device torch writes attention's scores out, and ignores autocast. While `chosen_kernels` is open, the
operators that hide such a choice are answered above autograd, as the device would, for shapes in this thread alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor
from torch._C import DispatchKey, DispatchKeySet
from torch._ops import OpOverload
from torch.utils._pytree import tree_map_only

from netcost.graph.autocast import LOWERED, RAISED

ATEN = torch.ops.aten

ATTENTION, DROPOUT = "aten.scaled_dot_product_attention", "aten.dropout"


@dataclass
class Choice:
    """The device whose kernels are chosen, the element type of autocast (None: off), and the tensors it is for."""

    device: str
    amp: torch.dtype | None
    key: DispatchKey = DispatchKey.AutogradMeta
    again: torch.dtype | None = None  # of what checkpoints run again, after autocast was left
    casts: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """Weights cast to the lower precision, which autocast keeps until it is left: by `id`, with the weight itself."""


class _Chosen(threading.local):
    choice: Choice | None = None


_THREAD = _Chosen()
_lock = threading.Lock()
_open: dict[tuple[str, DispatchKey], tuple[torch.library.Library, int]] = {}
"""Operators that have a kernel of ours now, in any thread, with the number of steps that need it."""

Kernel = Callable[..., Any]


@contextmanager
def chosen_kernels(device: str, amp: torch.dtype | None, concrete: bool = False) -> Iterator[Choice]:
    """Choose the kernels of "cpu" or "cuda" for shapes, with autocast to `amp`; `autocast_left` ends autocast.

    Of real tensors (`concrete`), which are on a CPU, only the casts are chosen.
    """
    key = DispatchKey.AutogradCPU if concrete else DispatchKey.AutogradMeta
    operators = set() if concrete else {ATTENTION, *([DROPOUT] if device == "cuda" else [])}
    if amp is not None:
        operators |= LOWERED[device] | RAISED[device]
    before = _THREAD.choice
    _THREAD.choice = choice = Choice(device, amp, key)
    with ExitStack() as held:
        held.callback(setattr, _THREAD, "choice", before)
        for operator in operators:
            for name in _overloads(operator):
                _take(name, key)
                held.callback(_leave, name, key)
        yield choice


def _take(name: str, key: DispatchKey) -> None:
    """Put a kernel of ours in front of an operator, where no other step has done so."""
    with _lock:
        library, steps = _open.get((name, key)) or (_registered(name, key), 0)
        _open[name, key] = library, steps + 1


def _leave(name: str, key: DispatchKey) -> None:
    with _lock:
        library, steps = _open.pop((name, key))
        if steps > 1:
            _open[name, key] = library, steps - 1
        else:
            library._destroy()  # type: ignore[no-untyped-call]  # torch leaves it so


def autocast_left(choice: Choice) -> None:
    """Switch autocast off, as a training loop does before it runs backward."""
    choice.amp, choice.again = None, choice.amp
    choice.casts.clear()


@cache
def _overloads(operator: str) -> tuple[str, ...]:
    """Name the overloads of an operator that torch dispatches, but for those that write into a given tensor."""
    base = operator.removeprefix("aten.")
    overloads = [overload for overload in getattr(ATEN, base).overloads() if not overload.endswith("out")]
    named = [base if overload == "default" else f"{base}.{overload}" for overload in overloads]
    return tuple(name for name in named if torch._C._dispatch_has_kernel(f"aten::{name}"))  # not TorchScript's alone


def _registered(name: str, key: DispatchKey) -> torch.library.Library:
    """Put a kernel in front of torch's own, above autograd, for shapes or for real tensors."""
    base, _, overload = name.partition(".")
    operator: OpOverload = getattr(getattr(ATEN, base), overload or "default")
    kernel = partial(_run, f"aten.{base}", operator, operator._can_decompose(), key)
    library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]  # torch leaves it so
    library.impl(name, kernel, key.name, with_keyset=True)  # type: ignore[no-untyped-call]
    return library


def _run(
    name: str,
    operator: OpOverload,
    is_composite: bool,
    key: DispatchKey,
    keys: DispatchKeySet,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Answer for this thread's choice; else, and in other threads, run torch's own way."""
    choice = _THREAD.choice
    if choice is None or choice.key is not key:
        return _own(operator, is_composite, key, keys, args, kwargs)
    before = choice.amp, choice.again
    if choice.again is not None and torch.is_grad_enabled() and torch._C._current_graph_task_id() != -1:
        choice.amp = choice.again
    try:
        answer = _answer(choice, name)
        result = None if answer is None else answer(choice, *args, **kwargs)
        if result is not None:
            return result
        is_lowered = name in LOWERED[choice.device]
        if choice.amp is not None and (is_lowered or name in RAISED[choice.device]):
            cast = partial(_lowered if is_lowered else _raised, choice)
            args, kwargs = tree_map_only(Tensor, cast, (args, kwargs))
            choice.amp = choice.again = None  # what it runs in turn is left as it is
        return _own(operator, is_composite, key, keys, args, kwargs)
    finally:
        choice.amp, choice.again = before


def _own(
    operator: OpOverload, is_composite: bool, key: DispatchKey, keys: DispatchKeySet, args: Any, kwargs: Any
) -> Any:
    """Run torch's own way."""
    if is_composite:
        return operator.decompose(*args, **kwargs)
    # The keys of autograd that any device shares lead to the kernel which this one stands in front of.
    return operator.redispatch(keys.remove(key).add(DispatchKey.AutogradOther), *args, **kwargs)


def _answer(choice: Choice, name: str) -> Kernel | None:
    if name == ATTENTION:
        return _attention
    return _dropout if name == DROPOUT and choice.device == "cuda" else None


def _lowered(choice: Choice, tensor: Tensor) -> Tensor:
    if tensor.dtype is not torch.float32 or choice.amp is None:
        return tensor
    if not (tensor.is_leaf and tensor.requires_grad) or choice.again is not None:
        return tensor.to(choice.amp)
    if id(tensor) not in choice.casts:
        choice.casts[id(tensor)] = (tensor, tensor.to(choice.amp))
    return choice.casts[id(tensor)][1]


def _raised(choice: Choice, tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype is choice.amp else tensor


def _dropout(choice: Choice, x: Tensor, p: float, train: bool) -> Any:  # noqa: ARG001  # CUDA's, the only choice
    """Run the kernel that keeps a mask of one byte per element."""
    return ATEN.native_dropout(x, p, train)[0] if train and 0 < p < 1 and x.numel() else None


def _attention(
    choice: Choice,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """Run attention as the device does; None where it writes the scores out."""
    query, key, value = (_lowered(choice, part) for part in (query, key, value))
    mask = attn_mask if attn_mask is None else _lowered(choice, attn_mask)
    is_plain = query.dim() == key.dim() == 4 and key.shape[0] == query.shape[0] and key.shape == value.shape
    if not is_plain or not query.is_meta or query.dtype != key.dtype:
        return None
    shared = query.shape[1] // key.shape[1]  # heads of the query per head of the key
    if shared != 1 and not ((enable_gqa or key.shape[1] == 1) and query.shape[1] == shared * key.shape[1]):
        return None
    kernel = _attention_on_cpu if choice.device == "cpu" else _attention_on_cuda
    return kernel(query, key, value, mask, dropout_p, is_causal, scale)


def _added(mask: Tensor | None, query: Tensor) -> Tensor | None:
    """Return a mask of flags as one of numbers that are added to the scores."""
    if mask is None or mask.dtype is not torch.bool:
        return mask
    return torch.zeros_like(mask, dtype=query.dtype).masked_fill_(mask.logical_not(), float("-inf"))


def _attention_on_cpu(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float, causal: bool, scale: float | None
) -> Any:
    """Run flash attention, which takes no dropout and no mask that is trained."""
    if dropout or (mask is not None and (mask.requires_grad or mask.dim() not in (2, 4))):
        return None
    added = _added(mask, query)
    run = ATEN._scaled_dot_product_flash_attention_for_cpu
    return run(query, key, value, 0.0, causal, attn_mask=added, scale=scale)[0]


def _attention_on_cuda(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float, causal: bool, scale: float | None
) -> Any:
    """Run flash attention in half precision without a mask, else the memory-efficient kernel."""
    width = query.shape[-1]
    if mask is None and query.dtype in (torch.float16, torch.bfloat16) and width <= 256:
        padded = -width % 8
        if padded:
            query, key, value = (torch.nn.functional.pad(part, (0, padded)) for part in (query, key, value))
        run = ATEN._scaled_dot_product_flash_attention
        result = run(query, key, value, dropout, causal, False, scale=scale or width**-0.5)[0]
        return result[..., :width] if padded else result
    added = _added(mask, query)
    if added is not None:
        added = added.to(query.dtype).expand(*query.shape[:3], key.shape[2])
    run = ATEN._scaled_dot_product_efficient_attention
    return run(query, key, value, added, True, dropout, causal, scale=scale)[0]
