"""Calls: a target with its arguments as Python would write them, `mobilenet_v2(width=0.5)`; literals only."""

from __future__ import annotations

import ast
from typing import Any

from netcost.text.errors import RequestError


def parse_call(text: str) -> tuple[str, dict[str, Any]]:
    """Split `net.py:Net(width=0.5)` into the target and its arguments; text without a call has none.

    Nothing is evaluated but literals: numbers, text, True, False, None, and tuples, lists or dicts of them.

    Raises:
        RequestError: an argument has no name, or is not a literal.
    """
    name, parenthesis, inside = text.partition("(")
    if not (parenthesis and text.endswith(")") and name):
        return text, {}
    expected = f"expected literals by name, quoted as Python calls it: '{name}(width=0.5)'"
    try:
        call = ast.parse(f"call({inside}", mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise RequestError(f"{text!r} does not parse; {expected}") from error
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise RequestError(f"{text!r} does not parse; {expected}")
    if call.args or any(keyword.arg is None for keyword in call.keywords):
        raise RequestError(f"{text!r} has an argument without a name; {expected}")
    try:
        return name, {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (ValueError, TypeError, MemoryError, RecursionError) as error:
        raise RequestError(f"{text!r} has an argument that is not a literal; {expected}") from error
