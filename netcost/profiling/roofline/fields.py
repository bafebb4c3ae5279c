"""Reading a saved object field by field: what is not as expected is one line that says where."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

from netcost.text.errors import RequestError


class Fields:
    """A JSON object that may be damaged, or worse.

    Args:
        plain: what the JSON held.
        where: what to call it in an error.

    Raises:
        RequestError: it is no object; so do all methods where a field is not what they expect.
    """

    def __init__(self, plain: Any, where: str) -> None:
        self._where = where
        if not isinstance(plain, Mapping):
            raise _refusal(where, plain, "an object")
        self.plain: Mapping[str, Any] = plain

    @property
    def names(self) -> list[str]:
        """The fields that are there."""
        return list(self.plain)

    def refused(self, name: str, expected: str) -> RequestError:
        """The error for a field that is not as expected."""
        return _refusal(f"{name!r} of {self._where}", self.plain.get(name), expected)

    def inner(self, name: str) -> Fields:
        """The object in a field."""
        return Fields(self.plain.get(name), f"{name!r} of {self._where}")

    def text(self, name: str) -> str:
        """Words."""
        value = self.plain.get(name)
        if not isinstance(value, str) or not value.isprintable():
            raise self.refused(name, "words")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of words."""
        values = self.plain.get(name)
        if not isinstance(values, list) or not all(isinstance(each, str) and each.isprintable() for each in values):
            raise self.refused(name, "a list of words")
        return tuple(values)

    def whole(self, name: str) -> int:
        """A whole number above 0."""
        value = self.plain.get(name)
        if type(value) is not int or not 0 < value < 2**63:
            raise self.refused(name, "a whole number above 0")
        return value

    def numbers(self, name: str) -> tuple[float, ...]:
        """Numbers above 0, one at least."""
        values = self.plain.get(name)
        if not isinstance(values, list) or not values or not all(map(_is_quantity, values)):
            raise self.refused(name, "a list of numbers above 0")
        return tuple(map(float, values))

    def list(self, name: str) -> list[Fields]:
        """A list of objects."""
        values = self.plain.get(name)
        if not isinstance(values, list):
            raise self.refused(name, "a list")
        return [Fields(each, f"{name!r}[{at}] of {self._where}") for at, each in enumerate(values)]


SMALLEST, LARGEST = 1e-12, 1e24
"""No time (seconds) and no rate (a second) lies beyond; products and quotients of such numbers are finite."""


def _is_quantity(value: Any) -> bool:
    return type(value) in (int, float) and SMALLEST <= value <= LARGEST


def _refusal(where: str, came: Any, expected: str) -> RequestError:
    return RequestError(
        f"{where} is {reprlib.repr(came)}; expected {expected}; "
        "measure anew with `netcost device --format json -o FILE`"
    )
