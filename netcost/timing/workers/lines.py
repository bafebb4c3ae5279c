"""The messages in a worker's pipes: one line of JSON per order, and one per answer.

{"do": "sample", "calls": 4}          {"seconds": 0.0123, "cpu_s": 1.9}
{"do": "build", "recipe": …}          {"error": {"kind": "TargetError", "text": "…"}, "cpu_s": 1.9}
"""

from __future__ import annotations

import json
from typing import IO, Any

from netcost.text import errors
from netcost.text.errors import MeasurementError, NetcostError

Message = dict[str, Any]


def write(stream: IO[bytes], message: Message) -> None:
    """Send one message.

    Raises:
        OSError: nobody reads any more.
    """
    stream.write(json.dumps(message, allow_nan=False).encode() + b"\n")
    stream.flush()


def read(line: bytes) -> Message:
    """The message of one line."""
    message: Message = json.loads(line)
    return message


def error_to_dict(error: BaseException) -> Message:
    """Turn an error of a worker into plain values: one of netcost's own by its kind, any other as one line."""
    own = isinstance(error, NetcostError)
    text = str(error) if own else f"{type(error).__name__}: {error}"
    return {"kind": type(error).__name__ if own else "", "text": text.partition("\n")[0]}


def error_from_dict(message: Message) -> NetcostError:
    """Make the error of which these are the plain values."""
    kind = getattr(errors, message["kind"] or "MeasurementError", MeasurementError)
    error: NetcostError = kind(message["text"])
    return error
