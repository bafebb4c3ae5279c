"""Answers of torch that differ while a network is traced, in the tracing thread alone.

A network asks its tensors for their device, and opens `torch.autocast` on it. A shape-only tensor is on torch's meta
device, but the network must take the branch that it takes on its real device. Other threads get torch's own answers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor


class Watcher(Protocol):
    """It is told of what a network does to a tensor without an operator of torch."""

    def note_replacement(self, tensor: Tensor, value: Tensor) -> bool:
        """Note that `tensor.data` becomes `value`; return False where that must not be done."""

    def note_values(self, tensor: Tensor) -> None:
        """Note that the network takes the values of a tensor to NumPy, and may write there."""


class _Thread(threading.local):
    device: torch.device | None = None  # that shape-only tensors name; None: their own
    ignores_autocast = False
    asked_for_autocast = False  # by the network that is traced
    watcher: Watcher | None = None


THREAD = _Thread()
_lock = threading.Lock()
_open = 0  # traces that run now, in any thread

_DEVICE = Tensor.device
DATA: Any = Tensor.data
_NUMPY = Tensor.numpy
_SET_AUTOCAST = torch.set_autocast_enabled


def _device(tensor: Tensor) -> torch.device:
    believed = THREAD.device
    if believed is not None and tensor.is_meta:
        return believed
    device: torch.device = _DEVICE.__get__(tensor)
    return device


def _property_of(kind: str) -> property:
    original = getattr(Tensor, f"is_{kind}")

    def is_kind(tensor: Tensor) -> bool:
        believed = THREAD.device
        if believed is not None and tensor.is_meta:
            return believed.type == kind
        return bool(original.__get__(tensor))

    return property(is_kind)


def _set_data(tensor: Tensor, value: Tensor) -> None:
    if THREAD.watcher is None or THREAD.watcher.note_replacement(tensor, value):
        DATA.__set__(tensor, value)


def _numpy(tensor: Tensor, **options: Any) -> Any:
    if THREAD.watcher is not None:
        THREAD.watcher.note_values(tensor)
    return _NUMPY(tensor, **options)


def _set_autocast_enabled(*args: Any) -> None:
    if THREAD.ignores_autocast:
        THREAD.asked_for_autocast = True
    else:
        _SET_AUTOCAST(*args)


_REPLACEMENTS: list[tuple[Any, str, Any]] = [
    (Tensor, "device", property(_device)),
    (Tensor, "is_cpu", _property_of("cpu")),
    (Tensor, "is_cuda", _property_of("cuda")),
    (Tensor, "data", property(DATA.__get__, _set_data)),
    (Tensor, "numpy", _numpy),
    (torch, "set_autocast_enabled", _set_autocast_enabled),  # entering `torch.autocast` calls it
]


@contextmanager
def believed_device(device: torch.device) -> Iterator[None]:
    """Let shape-only tensors say that they are on `device`, and `torch.autocast` do nothing, in this thread."""
    global _open
    before = vars(THREAD).copy()
    with _lock:
        _open += 1
        if _open == 1:
            for owner, name, replacement in _REPLACEMENTS:
                setattr(owner, name, replacement)
    THREAD.device, THREAD.ignores_autocast, THREAD.asked_for_autocast = device, True, False
    try:
        yield
    finally:
        vars(THREAD).clear()
        vars(THREAD).update(before)
        with _lock:
            _open -= 1
            if not _open:
                _restore()


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Tell `watcher` of what a network does past torch's operators, in this thread; within `believed_device`."""
    before, THREAD.watcher = THREAD.watcher, watcher
    try:
        yield
    finally:
        THREAD.watcher = before


def _restore() -> None:
    for owner, name, _ in _REPLACEMENTS:
        if owner is Tensor:
            delattr(owner, name)  # Tensor inherits torch's own
        else:
            setattr(owner, name, _SET_AUTOCAST)


def on_own_device(call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return `call(*args, **kwargs)`, for code of torch that must see the meta device."""
    believed, THREAD.device = THREAD.device, None
    try:
        return call(*args, **kwargs)
    finally:
        THREAD.device = believed
