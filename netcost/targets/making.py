"""Makers: a builder with its arguments, and an error that lists the arguments it takes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from torch import nn

from netcost.targets.weightless import weightless
from netcost.text.errors import AbsentTargetError, TargetError
from netcost.text.registry import a_kind_of, suggestion
from netcost.tracing import described


def maker(text: str, function: Callable[..., Any], options: dict[str, Any]) -> Callable[[], nn.Module]:
    """Return a maker that checks the builder's arguments and its result."""

    def make() -> nn.Module:
        try:
            module = function(**options)
        except TypeError as error:
            if not _is_about_arguments(error, function, options):
                raise
            accepted = _accepted(function)
            wrong = next((name for name in options if name not in accepted), "")
            takes = f"It takes --arg name=value of {', '.join(accepted)}" if accepted else "It takes no --arg"
            near = suggestion(wrong, accepted) or "."
            raise AbsentTargetError(f"{text!r} cannot be built: {described(error)}{near} {takes}") from error
        if type(module).__name__ == "ExportedProgram":  # no import of torch.export, which takes seconds
            module = module.module()
        if not isinstance(module, nn.Module):
            raise TargetError(f"{text!r} made {a_kind_of(module)}; expected an nn.Module")
        return module

    return make


def _is_about_arguments(error: TypeError, function: Callable[..., Any], options: dict[str, Any]) -> bool:
    """True where Python refused the call itself: an unknown argument, or a missing one."""
    refused = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    signature = inspect.signature(function)
    # A call inside the builder may refuse what the builder itself takes: that is a fault of its code.
    if refused is not None and refused[1] in options and refused[1] not in signature.parameters:
        return True
    try:
        signature.bind(**options)
    except TypeError:
        return True
    return False


def _accepted(function: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments that `function` takes, and of those it passes on to the class of its result."""
    parameters = inspect.signature(function).parameters.values()
    names = [param.name for param in parameters if param.kind in (param.POSITIONAL_OR_KEYWORD, param.KEYWORD_ONLY)]
    if any(param.kind is param.VAR_KEYWORD for param in parameters) and not isinstance(function, type):
        with suppress(Exception), weightless():
            names += _accepted(type(function()))
    return list(dict.fromkeys(names))
