"""A strict reader of JSON and TOML: nothing is guessed, and an error names file, place, expectation and value.

    'run.json': $.models[1].latency.median_s: expected a number, found 'fast'; write it anew: …

Keys that nobody asks for are left alone, because a newer netcost may write more; where a person writes the file,
`Node.only` refuses them.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from os import PathLike
from typing import Annotated, Any, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints, overload

from netcost.text.documents import LARGEST_FILE, LONGEST, Source, cut, shortened
from netcost.text.registry import suggestion
from netcost.text.tables import printable

T = TypeVar("T")

LARGEST_WHOLE = 2**63 - 1
"""The largest whole number that other programs read as one."""

SMALLEST_NUMBER, LARGEST_NUMBER = 1e-30, 1e30
"""Beyond anything that netcost counts or times, and no quotient of such numbers is infinite."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A condition on a value of the right type: `Annotated[int, Constraint("an even number", …)]`."""

    expected: str  # the condition in words, with the type
    holds: Callable[[Any], Any]  # true for a value that meets it


PositiveInt = Annotated[int, Constraint("a whole number of 1 or more", lambda number: number >= 1)]
NonNegativeInt = Annotated[int, Constraint("a whole number of 0 or more", lambda number: number >= 0)]
NonNegativeFloat = Annotated[float, Constraint("a number of 0 or more", lambda number: number >= 0)]


class _Nothing:
    """The value of a key that is not there."""

    def __repr__(self) -> str:
        return "nothing"


_NOTHING = _Nothing()
_EXPECTED = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(slots=True, eq=False)
class Node:
    """A value in a document, which knows its place there.

    Args:
        value: as the document has it.
        source: the document, for messages.
        place: the path to the value, like "$.models[1].latency".
    """

    value: Any
    source: Source
    place: str = "$"

    @classmethod
    def of_file(cls, path: str | PathLike[str], source: Source, largest: int = LARGEST_FILE) -> Node:
        """Read the value in a file of at most `largest` bytes."""
        return cls(source.load(path, largest), source)

    def __contains__(self, key: object) -> bool:
        return key in self._object()

    def __getitem__(self, key: str) -> Node:
        """Return the value under a key of this object; a missing one is refused when it is read."""
        return self.get(key, _NOTHING)

    def get(self, key: str, default: Any = None) -> Node:
        """Return the value under a key of this object, or the default."""
        return Node(self._object().get(key, default), self.source, f"{self.place}.{cut(printable(key))}")

    def items(self) -> list[Node]:
        """Return the values of this list."""
        if not isinstance(self.value, list):
            self.refuse("a list")
        return [Node(value, self.source, f"{self.place}[{index}]") for index, value in enumerate(self.value)]

    def entries(self) -> dict[str, Node]:
        """Return the values of this object by their keys."""
        return {key: self[key] for key in self._object()}

    def only(self, known: Collection[str]) -> None:
        """Refuse an unknown key of this object; near names are suggested."""
        one_of = f"; expected one of {', '.join(known)}"
        for key, node in self.entries().items():
            if key not in known:
                near = suggestion(key, known) if len(key) <= LONGEST else ""
                node.fail(f"unknown key{near or one_of}")

    def require_schema(self, schema: int) -> None:
        """Refuse a document of another schema."""
        written = self["schema"].read(int)
        if written != schema:
            age = "newer" if written > schema else "older"
            self["schema"].fail(f"expected {schema}, found {written}; use the {age} netcost that wrote it")

    def one_of(self, words: Collection[str]) -> str:
        """Read one of the words."""
        word = self.read(str)
        return word if word in words else self.refuse(f"one of {', '.join(words)}")

    def optional(self, read: Callable[[Node], T]) -> T | None:
        """Apply `read` to this value; null is None."""
        return None if self.value is None else read(self)

    @overload
    def read(self, kind: type[T]) -> T: ...
    @overload
    def read(self, kind: Any) -> Any: ...
    def read(self, kind: Any) -> Any:
        """Read a str, bool, int, float, StrEnum, a dataclass of these, or a tuple or dict of them, or None.

        Args:
            kind: the type, as annotations write it; `Annotated` with a `Constraint` has it checked, too.
        """
        origin, inner = _parts(kind)
        if origin is Annotated:
            value, constraint = self.read(inner[0]), inner[1]
            return value if constraint.holds(value) else self.refuse(constraint.expected)
        if origin in (Union, types.UnionType):
            [other] = [member for member in inner if member is not types.NoneType]
            return self.optional(lambda node: node.read(other))
        if origin is tuple:
            return self._tuple(inner)
        if origin in (dict, Mapping):
            return {key: node.read(inner[1]) for key, node in self.entries().items()}
        if is_dataclass(kind):
            return self._record(kind)
        return self.value if kind is Any else self._plain(kind)

    def refuse(self, expected: str) -> NoReturn:
        """Raise the RequestError that says what was expected and what this value is."""
        self.fail(f"expected {expected}, found {shortened(self.value)}")

    def fail(self, fault: str) -> NoReturn:
        """Raise the RequestError that says what is wrong with this value."""
        raise self.source.error(f": {self.place}: {fault}")

    def _object(self) -> dict[str, Any]:
        return self.value if isinstance(self.value, dict) else self.refuse(self.source.format.keyed)

    def _tuple(self, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
        nodes = self.items()
        if kinds[-1] is Ellipsis:
            return tuple(node.read(kinds[0]) for node in nodes)
        if len(nodes) != len(kinds):
            self.refuse(f"a list of {len(kinds)}")
        return tuple(node.read(kind) for node, kind in zip(nodes, kinds, strict=True))

    def _record(self, kind: Any) -> Any:
        """Read a dataclass, whose fields are keys of this object; one with a default may be missing."""
        present = [(name, hint) for name, hint, has_default in _fields(kind) if not has_default or name in self]
        return kind(**{name: self[name].read(hint) for name, hint in present})

    def _plain(self, kind: Any) -> Any:
        if kind in (int, float):
            return self._number(kind)
        if issubclass(kind, StrEnum):
            return kind(self.one_of([*kind]))
        return self.value if isinstance(self.value, kind) else self.refuse(_EXPECTED[kind])

    def _number(self, kind: type[int] | type[float]) -> int | float:
        """Read a number: a float may be written whole; a bool, which is an int to Python, is no number."""
        if type(self.value) is not int and type(self.value) is not kind:
            self.refuse(_EXPECTED[kind])
        most = LARGEST_WHOLE if kind is int else LARGEST_NUMBER
        if not abs(self.value) <= most:
            self.refuse(f"{_EXPECTED[kind]} of at most {most}")
        if 0 < abs(self.value) < SMALLEST_NUMBER:
            self.refuse(f"0, or a number of {SMALLEST_NUMBER} or more")
        return kind(self.value)


@cache
def _parts(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """Take a type apart: its origin and arguments; of an annotated one the type and its constraint."""
    return get_origin(kind), get_args(kind)


@cache
def _fields(kind: Any) -> list[tuple[str, Any, bool]]:
    """List the fields of a dataclass as (name, type, has a default)."""
    hints = get_type_hints(kind, include_extras=True)
    required = {field for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING}
    return [(field.name, hints[field.name], field not in required) for field in fields(kind)]
