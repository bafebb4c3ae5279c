"""Messages in a worker's pipes: one line of JSON per order, and one per answer, which has the order's number.

{"id": 3, "do": "sample", "calls": 4}    {"id": 3, "seconds": 0.0123, "cpu_s": 1.9}
{"id": 4, "do": "build", "recipe": …}    {"id": 4, "error": {"kind": "TargetError", "text": "…"}, "cpu_s": 1.9}
"""

from __future__ import annotations

import json
from typing import IO, Any

from netcost.text import errors
from netcost.text.errors import MeasurementError, NetcostError, one_line

Message = dict[str, Any]


def write(stream: IO[bytes], message: Message) -> None:
    """Send one message; raises an OSError where nobody reads any more."""
    stream.write(json.dumps(message, allow_nan=False).encode() + b"\n")
    stream.flush()


def read(line: bytes) -> Message | None:
    """Return the message of one line; None where it holds none, because the user's code wrote it."""
    try:
        message = json.loads(line)
    except ValueError:  # UnicodeDecodeError is one
        return None
    return message if isinstance(message, dict) else None


def error_to_dict(error: BaseException) -> Message:
    """Turn an error of a worker into plain values: one of netcost's own with its kind, any other as one line."""
    return {"kind": type(error).__name__ if isinstance(error, NetcostError) else "", "text": one_line(error)}


def error_from_dict(message: Message) -> NetcostError:
    """Make the error of which these are the plain values."""
    error: NetcostError = getattr(errors, message["kind"] or "MeasurementError", MeasurementError)(message["text"])
    return error
