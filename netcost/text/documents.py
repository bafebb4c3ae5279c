"""Documents of JSON and TOML as plain values: what is too large, cut off, ambiguous or no text is refused.

Nothing is ever unpickled or run.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from reprlib import Repr
from typing import Any, NoReturn

from netcost.text.errors import RequestError
from netcost.text.tables import printable

LARGEST_FILE = 256 * 2**20
"""Bytes: a comparison of a hundred networks with a thousand samples each has some 10 MB."""

LONGEST = 60
"""Characters of a key or value that a message repeats."""

_CONSTANTS = {None: "null", True: "true", False: "false"}
_repr = Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = LONGEST


def shortened(value: object) -> str:
    """`value` as a message repeats it: on one line, and not all of it where it is long or deep."""
    if value is None or isinstance(value, bool):
        return _CONSTANTS[value]
    try:
        return cut(printable(_repr.repr(value)))
    except ValueError:  # of thousands of digits, which TOML can write in hexadecimal
        return "a huge number"


def shown(path: Path) -> str:
    """A path as a message names it: from the current folder, where it lies in it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def cut(text: str) -> str:
    """Of a long text, the beginning."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


@dataclass(frozen=True, slots=True)
class Format:
    """A language of documents.

    Args:
        name: "JSON".
        keyed: its word for keys with values.
        parse: the value that the bytes of a document hold; a ValueError says on one line why there is none.
    """

    name: str
    keyed: str
    parse: Callable[[bytes], Any]


def _parsed_json(written: bytes) -> Any:
    """The value of UTF-8 JSON that names no infinity and has each key of an object once."""
    return json.loads(written.decode("utf-8"), object_pairs_hook=_unrepeated, parse_constant=_no_number)


JSON = Format("JSON", "an object", _parsed_json)
TOML = Format("TOML", "a table", lambda written: tomllib.loads(written.decode("utf-8")))


@dataclass(frozen=True, slots=True)
class Source:
    """A document, as messages name it.

    Args:
        name: like "'run.json'".
        remedy: what to do about a document that is refused.
        format: its language.
    """

    name: str
    remedy: str = ""
    format: Format = JSON

    def load(self, path: str | os.PathLike[str], largest: int = LARGEST_FILE) -> Any:
        """The value that a file holds.

        Args:
            largest: bytes that such a file may have.

        Raises:
            RequestError: there is no such file, it cannot be read, or it holds something else.
        """
        try:
            with Path(path).open("rb") as file:
                written = file.read(largest + 1)
        except (OSError, ValueError) as error:  # a ValueError: of a name with a null byte
            raise self.error(f" cannot be read: {getattr(error, 'strerror', None) or error}") from error
        if len(written) > largest:
            raise self.error(f" cannot be read: it is larger than {largest >> 20} MiB, which no such file is")
        return self.value(written)

    def value(self, written: bytes) -> Any:
        """The value that the bytes of the document hold.

        Raises:
            RequestError: they hold none.
        """
        try:
            return self.format.parse(written)
        except (ValueError, RecursionError) as error:  # of the encoding, of the language, of nesting
            said = (
                "nested too deeply" if isinstance(error, RecursionError) else re.split(r"\n|; use sys\.", str(error))[0]
            )
            raise self.error(f" is damaged or not {self.format.name}: {printable(said)}") from error

    def error(self, said: str) -> RequestError:
        """The error that says so, with the remedy."""
        return RequestError(f"{self.name}{said}{self.remedy and f'; {self.remedy}'}")


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no key stands twice: the second one would silently win."""
    found = dict(pairs)
    if len(found) < len(pairs):
        [(repeated, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {shortened(repeated)} stands twice in one object")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")
