"""Detours: a function runs other code for a while, and is the same object with the same signature meanwhile.

A function that stood in for torch's own would show: to a builder that asks `inspect.signature(nn.Conv2d)` what it may
pass, to `pickle`, and to a module that imports the name meanwhile and keeps it. A function's `__code__` is replaced
instead, by code with the same parameters.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

Function = Callable[..., Any]
MARK = "the function that runs instead"


class Detour:
    """Other code for a function.

    Args:
        function: keeps its identity, signature, defaults and documentation.
        around: takes a function that does what `function` did, and returns the one that runs instead.
    """

    def __init__(self, function: Function, around: Callable[[Function], Function]) -> None:
        assert isinstance(function, FunctionType)
        self._function, self._code = function, function.__code__
        original = FunctionType(
            *(function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
        )
        original.__kwdefaults__ = function.__kwdefaults__
        self._detour = _code_of(function, around(original))

    def open(self) -> bool:
        """Replace the code; return False, and do nothing, where someone else has replaced it."""
        if self._function.__code__ is not self._code:
            return False
        self._function.__code__ = self._detour
        return True

    def close(self) -> None:
        """Restore the code."""
        self._function.__code__ = self._code


def _code_of(function: FunctionType, instead: Function) -> CodeType:
    """Return code that passes the parameters of `function` on to `instead`."""
    code, signature = function.__code__, inspect.signature(function)
    parameters = [
        parameter.replace(default=parameter.empty, annotation=parameter.empty)
        for parameter in signature.parameters.values()
    ]
    forms = {"VAR_POSITIONAL": "*{0}", "VAR_KEYWORD": "**{0}", "KEYWORD_ONLY": "{0}={0}"}
    passed = ", ".join(forms.get(parameter.kind.name, "{0}").format(parameter.name) for parameter in parameters)
    free = ", ".join(code.co_freevars)  # the code must close over the same variables: `__class__`, for super()
    source = f"""
def outer({free}):
    def inner{inspect.Signature(parameters)}:
        instead = {MARK!r}
        ({free})
        return instead({passed})
"""
    outer = next(constant for constant in compile(source, "", "exec").co_consts if isinstance(constant, CodeType))
    inner = next(constant for constant in outer.co_consts if isinstance(constant, CodeType))
    return inner.replace(
        co_name=code.co_name,
        co_qualname=code.co_qualname,
        co_filename=code.co_filename,
        co_firstlineno=code.co_firstlineno,  # `inspect.getsource` looks there
        co_consts=tuple(instead if constant == MARK else constant for constant in inner.co_consts),
    )
