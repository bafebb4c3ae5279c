"""Values out of a file that anybody may have written: each is looked at, and an error says where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from netcost.errors import RequestError


class Place:
    """A mapping within a file, and where it stands, so that an error can say so."""

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, Mapping):
            raise RequestError(f"{path}: expected a mapping, got {str(value)[:40]!r}; give a file that netcost wrote")
        self._values, self._path = value, path

    def mapping(self) -> Mapping[str, Any]:
        """The values as they are."""
        return dict(self._values)

    def get(self, name: str) -> Any:
        """A value, or None where there is none."""
        return self._values.get(name)

    def wrong(self, name: str, expected: str) -> RequestError:
        """The error that a value is not what it should be."""
        came = str(self._values.get(name))[:40]
        return RequestError(f"{self._path}: {name} is {came!r}, expected {expected}; give a file that netcost wrote")

    def text(self, name: str, allowed: list[str] | None = None) -> str:
        """A string, of those allowed."""
        value = self._values.get(name)
        if not isinstance(value, str) or (allowed is not None and value not in allowed):
            raise self.wrong(name, f"one of {', '.join(allowed)}" if allowed else "a string")
        return value

    def whole(self, name: str, least: int = 1) -> int:
        """An integer of at least `least`."""
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.wrong(name, f"an integer of at least {least}")
        return value

    def number(self, name: str) -> float:
        """A number of at least 0."""
        value = self._values.get(name)
        if value is None or not _is_number(value):
            raise self.wrong(name, "a number of at least 0")
        return float(value)

    def optional_number(self, name: str) -> float | None:
        """The same, or None."""
        return None if self._values.get(name) is None else self.number(name)

    def seconds(self, name: str) -> tuple[float, ...]:
        """A list of times."""
        values = self._values.get(name)
        if not isinstance(values, list) or not all(map(_is_number, values)):
            raise self.wrong(name, "a list of seconds")
        return tuple(map(float, values))

    def at(self, name: str) -> str:
        """Where a value stands."""
        return f"{self._path}, {name}"

    def inside(self, name: str) -> Place:
        """A mapping within this one."""
        return Place(self._values.get(name), self.at(name))

    def each(self, name: str) -> list[Place]:
        """The mappings of a list."""
        values = self._values.get(name)
        if not isinstance(values, list):
            raise self.wrong(name, "a list")
        return [Place(value, f"{self.at(name)}[{at}]") for at, value in enumerate(values)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0
