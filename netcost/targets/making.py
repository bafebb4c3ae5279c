"""A builder and its arguments -> a maker that says plainly what it was wrongly handed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from torch import nn

from netcost.targets.weightless import weightless
from netcost.text.errors import TargetError
from netcost.text.names import suggestion
from netcost.tracing import described


def maker(
    text: str, function: Callable[..., Any], options: dict[str, Any], *positional: Any, **defaults: Any
) -> Callable[[], nn.Module]:
    """A maker that checks what it is handed and what it makes."""

    def make() -> nn.Module:
        try:
            module = function(*positional, **{**defaults, **options})
        except TypeError as error:
            if not _is_about_arguments(error, function, positional, {**defaults, **options}):
                raise
            accepted = _accepted(function, positional, defaults)
            wrong = next((name for name in options if name not in accepted), "")
            takes = f"It takes --arg name=value of {', '.join(accepted)}" if accepted else "It takes no --arg"
            near = suggestion(wrong, accepted) or "."
            raise TargetError(f"{text!r} cannot be built: {described(error)}{near} {takes}") from error
        if not isinstance(module, nn.Module):
            raise TargetError(f"{text!r} made a {type(module).__name__}; expected an nn.Module")
        return module

    return make


def _is_about_arguments(
    error: TypeError, function: Callable[..., Any], positional: tuple[Any, ...], keywords: dict[str, Any]
) -> bool:
    """Whether the call itself was refused: an argument that is not taken, or one that is missing."""
    refused = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if refused is not None and refused[1] in keywords:
        return True
    try:
        inspect.signature(function).bind(*positional, **keywords)
    except TypeError:
        return True
    return False


def _accepted(function: Callable[..., Any], positional: tuple[Any, ...], defaults: dict[str, Any]) -> list[str]:
    """Names of the arguments that `function` takes, and those that it hands on to the class of what it makes."""
    parameters = list(inspect.signature(function).parameters.values())[len(positional) :]
    names = [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    if any(each.kind is each.VAR_KEYWORD for each in parameters) and not isinstance(function, type):
        with suppress(Exception), weightless():
            names += _accepted(type(function(*positional, **defaults)), (), {})
    return list(dict.fromkeys(names))
