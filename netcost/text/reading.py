"""One strict reader of JSON and TOML: nothing is guessed, and a refusal names the file, the place in it, what was
expected and what was found.

    'run.json': $.models[1].latency.median_s: expected a number, found 'fast'; write it anew: …

Keys beyond those that are asked for are left alone, because a newer netcost may say
more; where a person writes the file, `Node.only` refuses them.
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
from netcost.text.names import suggestion
from netcost.text.tables import printable

T = TypeVar("T")

LARGEST_WHOLE = 2**63 - 1
"""The largest whole number that other programs read as one."""

SMALLEST_NUMBER, LARGEST_NUMBER = 1e-30, 1e30
"""Nothing that netcost counts or times comes near them, and no quotient of such numbers is infinite."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A condition on a value that is of the right type: `Annotated[int, Constraint("an even number", …)]`.

    Args:
        expected: the condition in words, with the type.
        holds: tells whether a value meets it.
    """

    expected: str
    holds: Callable[[Any], Any]


PositiveInt = Annotated[int, Constraint("a whole number of 1 or more", lambda number: number >= 1)]
NonNegativeInt = Annotated[int, Constraint("a whole number of 0 or more", lambda number: number >= 0)]
NonNegativeFloat = Annotated[float, Constraint("a number of 0 or more", lambda number: number >= 0)]


class _Nothing:
    """Stands for the value of a key that is not there."""

    def __repr__(self) -> str:
        return "nothing"


_NOTHING = _Nothing()
_EXPECTED = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


class Node:
    """A value in a document, which knows its place there.

    Args:
        value: as the document has it.
        source: the document, for messages.
        place: the way to the value, like "$.models[1].latency".
    """

    __slots__ = ("place", "source", "value")

    def __init__(self, value: Any, source: Source, place: str = "$") -> None:
        self.value, self.source, self.place = value, source, place

    @classmethod
    def of_file(cls, path: str | PathLike[str], source: Source, largest: int = LARGEST_FILE) -> Node:
        """The value that a file of at most so many bytes holds."""
        return cls(source.load(path, largest), source)

    def __contains__(self, key: object) -> bool:
        return key in self._object()

    def __getitem__(self, key: str) -> Node:
        """The value under a key of this object; one that is not there is refused when it is read."""
        return self.get(key, _NOTHING)

    def get(self, key: str, default: Any = None) -> Node:
        """The value under a key of this object, or else the default."""
        return Node(self._object().get(key, default), self.source, f"{self.place}.{cut(printable(key))}")

    def items(self) -> list[Node]:
        """The values of this list."""
        if not isinstance(self.value, list):
            self.refuse("a list")
        return [Node(value, self.source, f"{self.place}[{index}]") for index, value in enumerate(self.value)]

    def entries(self) -> dict[str, Node]:
        """The values of this object by their keys."""
        return {key: self[key] for key in self._object()}

    def only(self, known: Collection[str]) -> None:
        """Refuse a key of this object that is not known; near names are suggested."""
        one_of = f"; expected one of {', '.join(known)}"
        for key, node in self.entries().items():
            if key not in known:
                near = suggestion(key, known) if len(key) <= LONGEST else ""
                node.fail(f"unknown key{near or one_of}")

    def require_schema(self, schema: int) -> None:
        """Refuse a document of another schema."""
        found = self["schema"].read(int)
        if found != schema:
            age = "newer" if found > schema else "older"
            self["schema"].fail(f"expected {schema}, found {found}; use the {age} netcost that wrote it")

    def one_of(self, words: Collection[str]) -> str:
        """This value as one of the words."""
        word = self.read(str)
        return word if word in words else self.refuse(f"one of {', '.join(words)}")

    def optional(self, read: Callable[[Node], T]) -> T | None:
        """What `read` makes of this value; None where it is null."""
        return None if self.value is None else read(self)

    @overload
    def read(self, kind: type[T]) -> T: ...
    @overload
    def read(self, kind: Any) -> Any: ...
    def read(self, kind: Any) -> Any:
        """This value as a str, bool, int, float, an enumeration, a dataclass of such, or None, tuple and dict of them.

        Args:
            kind: the type, as annotations write it; `Annotated` with a `Constraint` has it checked, too.
        """
        origin, inner = _parts(kind)
        if origin is Annotated:
            value, constraint = self.read(inner[0]), inner[1]
            return value if constraint.holds(value) else self.refuse(constraint.expected)
        if origin in (Union, types.UnionType):
            [other] = [one for one in inner if one is not types.NoneType]
            return self.optional(lambda node: node.read(other))
        if origin is tuple:
            return self._tuple(inner)
        if origin in (dict, Mapping):
            return {key: node.read(inner[1]) for key, node in self.entries().items()}
        if is_dataclass(kind):
            return self._record(kind)
        return self.value if kind is Any else self._plain(kind)

    def refuse(self, expected: str) -> NoReturn:
        """Raise the error that this value is another than expected.

        Raises:
            RequestError: always.
        """
        self.fail(f"expected {expected}, found {shortened(self.value)}")

    def fail(self, said: str) -> NoReturn:
        """Raise the error that says what is wrong with this value.

        Raises:
            RequestError: always.
        """
        raise self.source.error(f": {self.place}: {said}")

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
        """A dataclass whose fields are keys of this object; one with a default may be missing."""
        return kind(
            **{
                name: self[name].read(hint)
                for name, hint, has_default in _fields(kind)
                if not has_default or name in self
            }
        )

    def _plain(self, kind: Any) -> Any:
        if kind in (int, float):
            return self._number(kind)
        if issubclass(kind, StrEnum):
            return kind(self.one_of([*kind]))
        return self.value if isinstance(self.value, kind) else self.refuse(_EXPECTED[kind])

    def _number(self, kind: type[int] | type[float]) -> int | float:
        """A whole number does for a float, and a bool, which is an int to Python, for neither."""
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
    """The origin and the arguments of a type; of an annotated one, the type and its constraint."""
    return get_origin(kind), get_args(kind)


@cache
def _fields(kind: Any) -> list[tuple[str, Any, bool]]:
    """Name and type of each field of a dataclass, and whether it has a default."""
    hints = get_type_hints(kind, include_extras=True)
    return [
        (field.name, hints[field.name], field.default is not MISSING or field.default_factory is not MISSING)
        for field in fields(kind)
    ]
