"""Settings of the whole process that a forward pass may change: torch's, Python's, its environment and its logging."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from torch._tensor_str import PRINT_OPTS
from torch.nn.modules import module
from torch.utils import _device

HOOKS = [value for name, value in vars(module).items() if name.startswith("_global_") and isinstance(value, dict)]
"""Torch's hooks for all modules."""

_LOGGER = attrgetter("level", "disabled", "propagate")


def _deterministic() -> tuple[bool, bool]:
    return torch._C._get_deterministic_algorithms(), torch._C._get_deterministic_algorithms_warn_only()


def _set_deterministic(before: tuple[bool, bool]) -> None:
    torch._C._set_deterministic_algorithms(before[0], warn_only=before[1])


def _matmul_precision() -> str | None:
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:  # which torch raises where backends were set one by one
        return None


def _set_matmul_precision(before: str | None) -> None:
    if before is not None:
        torch.set_float32_matmul_precision(before)


def _anomaly() -> tuple[bool, bool]:
    return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()


def _set_hooks(before: list[dict[Any, Any]]) -> None:
    for hooks, kept in zip(HOOKS, before, strict=True):
        hooks.clear()
        hooks.update(kept)


def _folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # it is gone
        return None


def _set_folder(before: Path | None) -> None:
    if before is not None:
        os.chdir(before)


def _environment() -> dict[Any, Any]:
    encoded: dict[Any, Any] = os.environ._data  # type: ignore[attr-defined]  # to decode all takes 0.1 ms
    return encoded.copy()


def _set_environment(before: Mapping[Any, Any]) -> None:
    now = _environment()
    for key in now.keys() - before.keys():
        del os.environ[os.fsdecode(key)]
    for key, value in before.items():
        if now.get(key) != value:
            os.environ[os.fsdecode(key)] = os.fsdecode(value)


def _logging() -> tuple[Any, ...]:
    """Read what `logging.disable` set, each logger with its state, the handlers of those that have some, and levels."""
    manager, place_holder = logging.root.manager, logging.PlaceHolder
    named: dict[str, Any] = manager.loggerDict
    loggers = [logging.root, *[logger for logger in named.values() if type(logger) is not place_holder]]
    handlers = [(logger, logger.handlers[:]) for logger in loggers if logger.handlers]
    levels = [(handler, handler.level) for _, held in handlers for handler in held]
    return manager.disable, loggers, list(map(_LOGGER, loggers)), handlers, levels


def _set_logging(before: tuple[Any, ...]) -> None:
    """Put the loggers back that were there before; those of what the pass imported stay as the import left them."""
    disabled_below, loggers, states, handlers, levels = before
    logging.disable(disabled_below)
    held = dict(handlers)
    for logger, (level, disabled, propagate) in zip(loggers, states, strict=True):
        logger.setLevel(level)
        logger.disabled, logger.propagate = disabled, propagate
        logger.handlers[:] = held.get(logger, ())
    for handler, level in levels:
        handler.setLevel(level)


def _set_filters(before: list[Any]) -> None:
    warnings.resetwarnings()  # which also makes Python forget what the filters of the pass silenced
    warnings.filters[:] = before  # type: ignore[index]  # a list, which the stubs call a sequence


SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...] = (
    (torch._C._get_cudnn_benchmark, torch._C._set_cudnn_benchmark),
    (torch._C._get_cudnn_deterministic, torch._C._set_cudnn_deterministic),
    (_deterministic, _set_deterministic),
    (torch.get_num_threads, torch.set_num_threads),
    (_matmul_precision, _set_matmul_precision),
    (_anomaly, lambda before: torch.set_anomaly_enabled(*before)),
    (lambda: _device.CURRENT_DEVICE, torch.set_default_device),
    (lambda: vars(PRINT_OPTS).copy(), vars(PRINT_OPTS).update),
    (lambda: [hooks.copy() for hooks in HOOKS], _set_hooks),
    (_folder, _set_folder),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (_environment, _set_environment),
    (_logging, _set_logging),
    (lambda: list(warnings.filters), _set_filters),
)
"""The functions that read and that put back each setting."""


@contextmanager
def settings_restored() -> Iterator[None]:
    """Put back at the end what the pass has changed of `SETTINGS`."""
    before = [read() for read, _ in SETTINGS]
    try:
        yield
    finally:
        for (read, put_back), kept in zip(SETTINGS, before, strict=True):
            if read() != kept:
                put_back(kept)
