"""Messages in a worker's pipes: one line of JSON per order, and one per answer; errors and recipes as plain values.

{"do": "sample", "calls": 4}          {"seconds": 0.0123, "cpu_s": 1.9}
{"do": "build", "recipe": …}          {"error": {"kind": "TargetError", "text": "…"}, "cpu_s": 1.9}
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from netcost.targets.naming import Target, resolve
from netcost.text import errors
from netcost.text.errors import MeasurementError, NetcostError, RequestError
from netcost.timing.sampling import one_line
from netcost.tracing import GivenInput, Input, InputSpec
from netcost.tracing.nests import brief

Message = dict[str, Any]


def write(stream: IO[bytes], message: Message) -> None:
    """Send one message; raises an OSError where nobody reads any more."""
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


@dataclass(frozen=True, slots=True)
class Recipe:
    """A target as a user asks for it."""

    target: str  # "googlenet", "torchvision:resnet50", "net.py:Net"
    arguments: Mapping[str, Any] = field(default_factory=dict)  # of the architecture; Python literals
    inputs: tuple[Input | str, ...] = ()  # of one forward pass, or the code of some; () stands for the target's own

    def to_dict(self) -> dict[str, Any]:
        """Return the same as JSON values. Arguments are Python literals in text: JSON would turn a tuple into a list.

        Raises:
            RequestError: an argument or an input is not a literal.
        """
        written = {name: repr(value) for name, value in self.arguments.items()}
        for name, value in self.arguments.items():
            if not _is_literal(written[name], value):
                raise RequestError(
                    f"{self.target!r} has the argument {name}={brief(value)}, which cannot go to another process; "
                    "expected numbers, text, True, False, None, and tuples, lists or dicts of them"
                )
        return {"target": self.target, "arguments": written, "inputs": [*map(_plain_input, self.inputs)]}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Recipe:
        """Return the recipe of such plain values."""
        arguments = {name: ast.literal_eval(value) for name, value in plain["arguments"].items()}
        return cls(plain["target"], arguments, tuple(map(_input_of, plain["inputs"])))

    def resolved(self) -> Target:
        """Resolve the target in this process.

        Raises:
            RequestError: it is unknown, cannot be loaded, or has no input.
        """
        target = resolve(self.target, self.arguments, self.inputs)
        target.required_inputs()
        return target


def recipe_of(target: Target) -> Recipe:
    """Return the recipe of a target.

    Raises:
        RequestError: it is an nn.Module of this process.
    """
    if target.arguments is None:
        raise RequestError(
            f"{target.name!r} is an nn.Module of this process and cannot be timed in another; "
            "name the code that builds it: package.module:callable or path/to/file.py:Net"
        )
    made = {entry.source: None for entry in target.inputs or () if isinstance(entry, GivenInput) and entry.source}
    given = (entry for entry in target.inputs or () if isinstance(entry, InputSpec) or not entry.source)
    return Recipe(target.text, target.arguments, (*made, *given))


def _plain_input(entry: Input | str) -> Any:
    if isinstance(entry, str):
        return entry
    if isinstance(entry, InputSpec):
        return asdict(entry)
    if not _is_literal(written := repr(entry.value), entry.value):
        raise RequestError(
            f"{brief(entry.value)} among the inputs cannot go to another process; give shapes or plain values, or the "
            "code that makes the inputs: --inputs path/to/file.py:make_inputs"
        )
    return {"value": written, "name": entry.name}


def _input_of(plain: Any) -> Input | str:
    if isinstance(plain, str):
        return plain
    if "value" in plain:
        return GivenInput(ast.literal_eval(plain["value"]), plain["name"])
    return InputSpec(**{**plain, "shape": tuple(plain["shape"])})


def _is_literal(written: str, value: Any) -> bool:
    try:
        return bool(ast.literal_eval(written) == value)
    except (ValueError, SyntaxError, RuntimeError):  # of a tensor, == is no single answer
        return False
