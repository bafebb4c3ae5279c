"""What a file of settings or results holds, read by key: whatever is wrong is refused with its place in the file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from reprlib import Repr
from typing import Any, TypeVar

from netcost.text.errors import RequestError
from netcost.text.names import suggestion
from netcost.text.tables import printable

T = TypeVar("T")

EXPECTED = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
    list: "a list",
}
LARGEST = 2**63 - 1
"""The largest whole number that other programs read as one."""
LONGEST = 60
"""Characters of a key or value that a message repeats."""

_repr = Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = LONGEST


def shortened(value: object) -> str:
    """`value` as a message repeats it: on one line, and not all of it where it is long or deep."""
    return printable(_repr.repr(value))


def shown(path: Path) -> str:
    """A path as a message names it: from the current folder, where it lies in it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


class Entries:
    """A table of a file.

    Args:
        source: the file as messages name it.
        values: what the table holds.
        place: where in the file the table stands: "tool.netcost.targets[0]".
    """

    def __init__(self, source: str, values: Mapping[str, Any], place: str = "") -> None:
        self.source = source
        self.values = values
        self.place = place

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __contains__(self, key: object) -> bool:
        return key in self.values

    def at(self, key: str) -> str:
        """Where the entry `key` stands."""
        key = printable(key)
        key = key if len(key) <= LONGEST else f"{key[:LONGEST]}…"
        return f"{self.place}.{key}" if self.place else key

    def wrong(self, key: str, said: str) -> RequestError:
        """The error that says what is wrong with the entry `key`."""
        return RequestError(f"{self.source}: {self.at(key)}: {said}")

    def only(self, known: Collection[str]) -> None:
        """Refuse an entry that is not known.

        Raises:
            RequestError: there is one; near names are suggested.
        """
        one_of = f"; expected one of {', '.join(known)}"
        for key in self.values:
            if key not in known:
                near = suggestion(key, known) if len(key) <= LONGEST else ""
                raise self.wrong(key, f"unknown key{near or one_of}")

    def find(self, key: str, kind: type[T], default: T) -> T:
        """The entry `key`, or the default where there is none.

        Raises:
            RequestError: it is of another kind.
        """
        return self.get(key, kind) if key in self.values else default

    def get(self, key: str, kind: type[T]) -> T:
        """The entry `key`.

        Raises:
            RequestError: there is none, or it is of another kind.
        """
        if key not in self.values:
            raise self.wrong(key, f"is missing; expected {EXPECTED[kind]}")
        value = self.values[key]
        if kind is float and type(value) is int and abs(value) <= LARGEST:
            value = float(value)
        if type(value) is not kind:  # to Python, a bool is an int
            raise self.wrong(key, f"is {shortened(value)}; expected {EXPECTED[kind]}")
        return value

    def table(self, key: str) -> Entries:
        """The table `key`, empty where there is none.

        Raises:
            RequestError: it is no table.
        """
        return Entries(self.source, self.find(key, dict, {}), self.at(key))

    def subtable(self, key: str) -> Entries:
        """The table `key`.

        Raises:
            RequestError: there is none, or it is no table.
        """
        return Entries(self.source, self.get(key, dict), self.at(key))

    def tables(self, key: str) -> list[Entries]:
        """The tables of the list `key`, none where there is no list.

        Raises:
            RequestError: it is no list of tables.
        """
        found = self.find(key, list, [])
        for at, value in enumerate(found):
            if not isinstance(value, dict):
                raise self.wrong(f"{key}[{at}]", f"is {shortened(value)}; expected a table")
        return [Entries(self.source, value, f"{self.at(key)}[{at}]") for at, value in enumerate(found)]
