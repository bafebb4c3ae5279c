"""Recipes: a target, its arguments and inputs as plain values, which can be sent to another process."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from netcost.targets.naming import Target, resolve
from netcost.text.errors import RequestError
from netcost.tracing import InputSpec


@dataclass(frozen=True, slots=True)
class Recipe:
    """A target as a user asks for it."""

    target: str  # "googlenet", "torchvision:resnet50", "net.py:Net"
    arguments: Mapping[str, Any] = field(default_factory=dict)  # of the architecture; Python literals
    inputs: tuple[InputSpec, ...] = ()  # of one forward pass; () stands for the target's own

    def to_dict(self) -> dict[str, Any]:
        """Return the same as JSON values. Arguments are Python literals in text: JSON would turn a tuple into a list.

        Raises:
            RequestError: an argument is not a literal.
        """
        written = {name: repr(value) for name, value in self.arguments.items()}
        for name, value in self.arguments.items():
            if not _is_literal(written[name], value):
                raise RequestError(
                    f"{self.target!r} has the argument {name}={value!r}, which cannot go to another process; "
                    "expected numbers, text, True, False, None, and tuples, lists or dicts of them"
                )
        return {"target": self.target, "arguments": written, "inputs": [asdict(spec) for spec in self.inputs]}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Recipe:
        """Return the recipe of such plain values."""
        arguments = {name: ast.literal_eval(value) for name, value in plain["arguments"].items()}
        inputs = tuple(InputSpec(**{**spec, "shape": tuple(spec["shape"])}) for spec in plain["inputs"])
        return cls(plain["target"], arguments, inputs)

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
    return Recipe(target.text, target.arguments, target.inputs or ())


def _is_literal(written: str, value: Any) -> bool:
    try:
        return bool(ast.literal_eval(written) == value)
    except (ValueError, SyntaxError):
        return False
