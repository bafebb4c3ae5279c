"""The messages in a worker's pipes: one line of JSON per order, and one per answer.

{"do": "sample", "calls": 4}          {"seconds": 0.0123, "cpu_s": 1.9}
{"do": "build", "recipe": …}          {"error": {"kind": "TargetError", "text": "…"}, "cpu_s": 1.9}
"""

from __future__ import annotations

import json
from typing import IO, Any

from netcost.text import errors
from netcost.text.errors import MeasurementError, NetcostError
from netcost.timing.sampling import one_line

Message = dict[str, Any]


def write(stream: IO[bytes], message: Message) -> None:
    """Send one message.

    Raises:
        OSError: nobody reads any more.
    """
    stream.write(json.dumps(message, allow_nan=False).encode() + b"\n")
    stream.flush()


def read(line: bytes) -> Message:
    """Return the message of one line."""
    message: Message = json.loads(line)
    return message


def error_to_dict(error: BaseException) -> Message:
    """Turn an error of a worker into plain values: one of netcost's own with its kind, any other as one line."""
    return {"kind": type(error).__name__ if isinstance(error, NetcostError) else "", "text": one_line(error)}


def error_from_dict(message: Message) -> NetcostError:
    """Make the error of which these are the plain values."""
    error: NetcostError = getattr(errors, message["kind"] or "MeasurementError", MeasurementError)(message["text"])
    return error
