"""Recipes: targets as a user asks for them, as plain values that go to a worker."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from netcost.text.errors import RequestError

if TYPE_CHECKING:
    from netcost.targets.naming import Target
    from netcost.tracing import Input

# What imports torch is imported by the functions that need it: whoever only starts a worker must not pay for torch.


@dataclass(frozen=True, slots=True)
class Recipe:
    """A target as a user asks for it."""

    target: str  # "googlenet", "torchvision:resnet50", "net.py:Net"
    arguments: Mapping[str, Any] = field(default_factory=dict)  # of the architecture; Python literals
    inputs: tuple[Input | str, ...] = ()  # of one forward pass, also as `resolve` parses them; () for the target's own

    def to_dict(self) -> dict[str, Any]:
        """Return the same as JSON values. Arguments are Python literals in text: JSON would turn a tuple into a list.

        Raises:
            RequestError: an argument or an input is not a literal.
        """
        written = {name: repr(value) for name, value in self.arguments.items()}
        for name, value in self.arguments.items():
            if not _is_literal(written[name], value):
                from netcost.tracing.nests import brief

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
        from netcost.targets.naming import resolve

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
    from netcost.tracing import GivenInput, InputSpec

    made = {entry.source: None for entry in target.inputs or () if isinstance(entry, GivenInput) and entry.source}
    given = (entry for entry in target.inputs or () if isinstance(entry, InputSpec) or not entry.source)
    return Recipe(target.text, target.arguments, (*made, *given))


def _plain_input(entry: Input | str) -> Any:
    if isinstance(entry, str):
        return entry
    from netcost.tracing import InputSpec
    from netcost.tracing.nests import brief

    if isinstance(entry, InputSpec):
        return asdict(entry)
    if _is_small(entry.value):
        values: Any = entry.value.tolist()
        return {"tensor": values, "dtype": str(entry.value.dtype).removeprefix("torch."), "name": entry.name}
    if not _is_literal(written := repr(entry.value), entry.value):
        raise RequestError(
            f"{brief(entry.value)} among the inputs cannot go to another process; give shapes or plain values, or the "
            "code that makes the inputs: --inputs path/to/file.py:make_inputs"
        )
    return {"value": written, "name": entry.name}


def _input_of(plain: Any) -> Input | str:
    if isinstance(plain, str):
        return plain
    from netcost.tracing import GivenInput, InputSpec

    if "tensor" in plain:
        import torch

        return GivenInput(torch.tensor(plain["tensor"], dtype=getattr(torch, plain["dtype"])), plain["name"])
    if "value" in plain:
        return GivenInput(ast.literal_eval(plain["value"]), plain["name"])
    return InputSpec(**{**plain, "shape": tuple(plain["shape"])})


def _is_small(value: Any) -> bool:
    """True for a tensor of indices or flags that a trace would keep the values of: it goes along number by number."""
    from torch import Tensor

    from netcost.tracing.arguments import is_sparse, keeps_values

    if not isinstance(value, Tensor) or is_sparse(value) or value.is_nested:
        return False
    return not value.is_floating_point() and not value.is_complex() and keeps_values(value)


def _is_literal(written: str, value: Any) -> bool:
    try:
        return bool(ast.literal_eval(written) == value)
    except (ValueError, SyntaxError, RuntimeError):  # of a tensor, == is no single answer
        return False
