"""Settings of the whole process that a forward pass may change: torch's, Python's, its environment and its logging."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import torch

_LOGGER = attrgetter("level", "disabled", "propagate")


def _deterministic() -> tuple[bool, bool]:
    return torch._C._get_deterministic_algorithms(), torch._C._get_deterministic_algorithms_warn_only()


def _set_deterministic(before: tuple[bool, bool]) -> None:
    torch._C._set_deterministic_algorithms(before[0], warn_only=before[1])


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


def _logging() -> tuple[int, dict[logging.Logger, Any], dict[logging.Logger, Any], dict[logging.Handler, int]]:
    """Read what `logging.disable` set, the state and handlers of each logger, and the level of each handler."""
    manager = logging.root.manager
    loggers = [logging.root, *[each for each in manager.loggerDict.values() if isinstance(each, logging.Logger)]]
    handlers = {logger: logger.handlers[:] for logger in loggers if logger.handlers}
    levels = {handler: handler.level for held in handlers.values() for handler in held}
    return manager.disable, dict(zip(loggers, map(_LOGGER, loggers), strict=True)), handlers, levels


def _set_logging(before: tuple[int, dict[logging.Logger, Any], dict[logging.Logger, Any], dict[Any, int]]) -> None:
    """Put the loggers back that were there before; those of what the pass imported stay as the import left them."""
    disabled_below, loggers, handlers, levels = before
    logging.disable(disabled_below)
    for logger, (level, disabled, propagate) in loggers.items():
        logger.setLevel(level)
        logger.disabled, logger.propagate = disabled, propagate
        logger.handlers[:] = handlers.get(logger, ())
    for handler, level in levels.items():
        handler.setLevel(level)


def _set_filters(before: list[Any]) -> None:
    warnings.resetwarnings()  # which also makes Python forget what the filters of the pass silenced
    warnings.filters[:] = before  # type: ignore[index]  # a list, which the stubs call a sequence


SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...] = (
    (torch._C._get_cudnn_benchmark, torch._C._set_cudnn_benchmark),
    (torch._C._get_cudnn_deterministic, torch._C._set_cudnn_deterministic),
    (_deterministic, _set_deterministic),
    (torch.get_num_threads, torch.set_num_threads),
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
