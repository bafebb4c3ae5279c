"""Documents of JSON and TOML as plain values: one that is too large, cut off, ambiguous or no text is refused.

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

_repr = Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = LONGEST


def shortened(value: object) -> str:
    """Write a value as a message quotes it: on one line, cut where it is long or deep."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    try:
        return cut(printable(_repr.repr(value)))
    except ValueError:  # of thousands of digits, which TOML can write in hexadecimal
        return "a huge number"


def shown(path: Path) -> str:
    """Write a path as a message names it: relative to the current folder if it lies in it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def cut(text: str) -> str:
    """Return at most the first `LONGEST` characters of `text`."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


@dataclass(frozen=True, slots=True)
class Format:
    """A language of documents."""

    name: str
    keyed: str  # its word for keys with values
    parse: Callable[[bytes], Any]  # turns bytes into a value, or raises ValueError


def _parse_json(written: bytes) -> Any:
    """Read UTF-8 JSON; an infinity and a repeated key are refused."""
    return json.loads(written.decode("utf-8"), object_pairs_hook=_without_repetition, parse_constant=_refuse_constant)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object whose keys are all different: of two equal ones, the second would silently win."""
    if len(dict(pairs)) < len(pairs):
        [(repeated, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {shortened(repeated)} stands twice in one object")
    return dict(pairs)


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


JSON = Format("JSON", "an object", _parse_json)
TOML = Format("TOML", "a table", lambda written: tomllib.loads(written.decode("utf-8")))


@dataclass(frozen=True, slots=True)
class Source:
    """A document, as messages name it.

    Args:
        name: like "'run.json'".
        remedy: tells the user how to mend a document that is refused.
        format: its language.
    """

    name: str
    remedy: str = ""
    format: Format = JSON

    def load(self, path: str | os.PathLike[str], largest: int = LARGEST_FILE) -> Any:
        """Read the value in a file of at most `largest` bytes.

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
        """Read the value in the bytes of the document.

        Raises:
            RequestError: they hold none.
        """
        try:
            return self.format.parse(written)
        except (ValueError, RecursionError) as error:  # of the encoding, of the language, of nesting
            is_deep = isinstance(error, RecursionError)
            reason = "nested too deeply" if is_deep else re.split(r"\n|; use sys\.", str(error))[0]
            raise self.error(f" is damaged or not {self.format.name}: {printable(reason)}") from error

    def error(self, fault: str) -> RequestError:
        """Make the error that names the document, its fault and the remedy."""
        return RequestError(f"{self.name}{fault}{self.remedy and f'; {self.remedy}'}")
