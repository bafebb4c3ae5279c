"""JSON files that netcost wrote, read strictly: nothing is guessed, and an error names the place, what came and what
was expected.

Nothing is ever unpickled or run. What a file has beyond what is asked for is left alone: a newer netcost may say more.
"""

from __future__ import annotations

import json
import os
import types
from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from netcost.text.errors import RequestError

T = TypeVar("T")

LARGEST_FILE = 256 * 2**20
"""Bytes: a comparison of a hundred networks with a thousand samples each has some 10 MB."""

SMALLEST_NUMBER, LARGEST_NUMBER = 1e-30, 1e30
"""Nothing that netcost counts or times comes near them."""


class Node:
    """A value in a document, which knows its place there.

    Args:
        value: as the JSON has it.
        file: the name of the document.
        place: the way to the value, like "models[1].latency".
    """

    def __init__(self, value: Any, file: str, place: str = "") -> None:
        self.value, self.file, self.place = value, file, place

    def has(self, key: str) -> bool:
        """Whether this is an object with that key."""
        return isinstance(self.value, dict) and key in self.value

    def key(self, key: str) -> Node:
        """The value under a key of this object."""
        if not isinstance(self.value, dict):
            self.refuse("an object")
        if key not in self.value:
            self.refuse(f"the key {key!r}", "none")
        return Node(self.value[key], self.file, f"{self.place}.{key}" if self.place else key)

    def find(self, key: str) -> Node | None:
        """The value under a key of this object; None where there is none, or null."""
        return self.key(key) if self.has(key) and self.value[key] is not None else None

    def items(self) -> list[Node]:
        """The values of this list."""
        if not isinstance(self.value, list):
            self.refuse("a list")
        return [Node(each, self.file, f"{self.place}[{at}]") for at, each in enumerate(self.value)]

    def mapping(self) -> dict[str, Any]:
        """This object as it is, its values not looked at."""
        self._names()
        return dict(self.value)

    def whole(self, least: int = 1) -> int:
        """This value as a whole number of `least` or more."""
        number = self.read(int)
        return number if number >= least else self.refuse(f"a whole number of {least} or more")

    def quantity(self) -> float:
        """This value as a number of 0 or more, none so small that dividing by it ends in infinity."""
        number = self.read(float)
        if 0 < number < SMALLEST_NUMBER:
            self.refuse(f"0, or a number of {SMALLEST_NUMBER:.0e} or more")
        return number if number >= 0 else self.refuse("a number of 0 or more")

    def one_of(self, words: Collection[str]) -> str:
        """This value as one of the words."""
        word = self.read(str)
        return word if word in words else self.refuse(f"one of {', '.join(words)}")

    def read(self, kind: type[T]) -> T:
        """This value as a str, bool, int, float, an enumeration, a dataclass of such, or None, tuple and dict of them.

        Args:
            kind: the type, as annotations write it.
        """
        return cast(T, self._read(kind))

    def refuse(self, expected: str, got: str = "") -> NoReturn:
        """Raise the error that this value is another than expected.

        Raises:
            RequestError: always.
        """
        got = got or _short(self.value)
        raise RequestError(f"{self.file!r} is damaged: {self.place or 'the file'}: expected {expected}, got {got}")

    def _read(self, kind: Any) -> Any:
        origin, inner = get_origin(kind), get_args(kind)
        if origin in (Union, types.UnionType):
            return self._optional(inner)
        if origin is tuple:
            return self._tuple(inner)
        if origin in (dict, Mapping):
            return {name: self.key(name)._read(inner[1]) for name in self._names()}
        if is_dataclass(kind):
            return self._record(kind)
        return self._plain(kind)

    def _optional(self, kinds: tuple[Any, ...]) -> Any:
        if self.value is None and types.NoneType in kinds:
            return None
        [kind] = [kind for kind in kinds if kind is not types.NoneType]
        return self._read(kind)

    def _tuple(self, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
        nodes = self.items()
        if kinds[-1] is Ellipsis:
            return tuple(node._read(kinds[0]) for node in nodes)
        if len(nodes) != len(kinds):
            self.refuse(f"a list of {len(kinds)}")
        return tuple(node._read(kind) for node, kind in zip(nodes, kinds, strict=True))

    def _names(self) -> list[str]:
        if not isinstance(self.value, dict):
            self.refuse("an object")
        return list(self.value)

    def _record(self, kind: Any) -> Any:
        """A dataclass whose fields are keys of this object; one with a default may be missing."""
        hints = get_type_hints(kind)
        self._names()
        given = {
            field.name: self.key(field.name)._read(hints[field.name])
            for field in fields(kind)
            if self.has(field.name) or (field.default is MISSING and field.default_factory is MISSING)
        }
        return kind(**given)

    def _plain(self, kind: Any) -> Any:
        if kind in (int, float):
            return self._number(kind)
        if issubclass(kind, StrEnum):
            return kind(self.value) if self.value in list(kind) else self.refuse(f"one of {', '.join(kind)}")
        if not isinstance(self.value, kind):
            self.refuse({str: "text", bool: "true or false"}[kind])
        return self.value

    def _number(self, kind: type[int] | type[float]) -> int | float:
        whole = isinstance(self.value, int) and not isinstance(self.value, bool)
        if not whole and not (kind is float and isinstance(self.value, float)):
            self.refuse("a whole number" if kind is int else "a number")
        if not abs(self.value) <= LARGEST_NUMBER:
            self.refuse(f"a number of at most {LARGEST_NUMBER:.0e}")
        return kind(self.value)


def read_document(path: str | os.PathLike[str], writer: str = "netcost compare") -> Node:
    """The JSON object in a file.

    Args:
        writer: the command that writes such files.

    Raises:
        RequestError: there is no such file, it cannot be read, or it is no JSON object.
    """
    file = os.fspath(path)
    try:
        with Path(path).open("rb") as opened:
            written = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise RequestError(f"cannot read {file!r}: {error.strerror or error}") from error
    if len(written) > LARGEST_FILE:
        raise RequestError(f"cannot read {file!r}: larger than {LARGEST_FILE >> 20} MiB, which no result is")
    try:
        node = Node(parsed_json(written), file)
    except ValueError as error:
        raise RequestError(
            f"{file!r} is damaged or no JSON: {error}; write it anew: {writer} … --format json -o FILE"
        ) from error
    return node if isinstance(node.value, dict) else node.refuse(f"an object that `{writer} --format json` wrote")


def parsed_json(written: bytes) -> Any:
    """The value that the bytes of a JSON file hold.

    Raises:
        ValueError: it is not JSON in UTF-8, names an infinity, says a key twice or is nested too deeply; one line.
    """
    try:
        return json.loads(written.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number)
    except RecursionError:
        said = "nested too deeply"
    except ValueError as error:  # of the encoding, of JSON, of a number with thousands of digits
        said = str(error).partition("\n")[0]
    raise ValueError(said)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no key stands twice: the second one would silently win."""
    found = dict(pairs)
    if len(found) < len(pairs):
        repeated = next(key for at, (key, _) in enumerate(pairs) if key in dict(pairs[:at]))
        raise ValueError(f"the key {repeated!r} stands twice in one object")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _short(value: Any) -> str:
    """What came, on one short line."""
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    written = json.dumps(value) if not isinstance(value, int) or abs(value) < 10**20 else "a huge number"
    return written if len(written) <= 60 else f"{written[:57]}..."
