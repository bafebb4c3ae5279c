"""Plain values as JSON: keys in the order given, two spaces of indent, a short list of numbers on one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

LONGEST_LINE = 100
"""A list of numbers that takes more characters than this is written one number per line."""


def render(value: object) -> str:
    """Write a mapping, list or plain value as JSON, in ASCII.

    Raises:
        ValueError: a number is infinite or not a number: JSON has neither, and a missing value is None.
        TypeError: a value is none of JSON's kinds.
    """
    return f"{_written(value, '')}\n"


def _written(value: object, indent: str) -> str:
    """Write `value` as JSON; its lines after the first start with `indent`."""
    inner = f"{indent}  "
    if isinstance(value, Mapping) and value:
        opening, closing = "{", "}"
        entries = [f"{_key(key)}: {_written(entry, inner)}" for key, entry in value.items()]
    elif isinstance(value, list | tuple) and value and not _fits_on_a_line(value):
        opening, closing = "[", "]"
        entries = [_written(entry, inner) for entry in value]
    else:
        return _on_a_line(value)
    lines = f",\n{inner}".join(entries)
    return f"{opening}\n{inner}{lines}\n{indent}{closing}"


def _on_a_line(value: object) -> str:
    """Write a value that needs one line, in ASCII, so that no reader's encoding matters."""
    try:
        return json.dumps(value, ensure_ascii=True, allow_nan=False)
    except ValueError as error:
        raise ValueError(f"{value!r} cannot stand in JSON; use None for a missing value") from error


def _key(key: object) -> str:
    """Write a key; any other than a str would make a file that no parser takes."""
    if not isinstance(key, str):
        raise TypeError(f"the key {key!r} is not a str; JSON has no other keys")
    return json.dumps(key)


def _fits_on_a_line(values: list[Any] | tuple[Any, ...]) -> bool:
    """True for numbers (a shape, an interval) that one line holds."""
    return all(isinstance(value, int | float) for value in values) and len(str(list(values))) <= LONGEST_LINE
