"""Writes GitHub's workflow commands, which annotate a line of a file.

Reference: GitHub's documentation of workflow commands; the escapes are those that its runner decodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_MESSAGE = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _MESSAGE | str.maketrans({":": "%3A", ",": "%2C"})


def command(level: str, properties: Mapping[str, str], message: Sequence[str]) -> str:
    """Return a workflow command on one line, whatever its words contain.

    Args:
        level: "error", "warning" or "notice".
        properties: file, line, title.
        message: lines.
    """
    written = ",".join(f"{name}={value.translate(_PROPERTY)}" for name, value in properties.items())
    return f"::{level} {written}::{chr(10).join(message).translate(_MESSAGE)}\n"
