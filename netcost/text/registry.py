"""Names: a registry that refuses duplicates, suggestions of near names, and paths without a machine's folders."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from netcost.text.errors import RequestError

T = TypeVar("T")

_FOLDERS = re.compile(r"(^|=)(?:/|[A-Za-z]:[\\/]).*[\\/]")
"""From the root to the last folder, at the start of a word or after an option's `=`."""


def without_folders(word: str) -> str:
    """Cut the folders, which may name their owner, off an absolute path: `--peaks=/…/p.json` is `--peaks=p.json`."""
    return _FOLDERS.sub(r"\1", word)


def a_kind_of(value: object) -> str:
    """Name the class of a value with its article: "an int", "a Linear"."""
    name = type(value).__name__
    return f"a{'n' if name[:1] in 'AEIOaeio' else ''} {name}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Offer the nearest known names as a half-sentence; return "" if none is near."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""


class Registry(Generic[T]):
    """Named entries in the order in which they were added.

    Args:
        noun: names an entry in messages, in the singular ("architecture").
        hint: tells the user what to do about an unknown name.
    """

    def __init__(self, noun: str, hint: str = "") -> None:
        self._noun = noun
        self._hint = hint
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> T:
        """Register `entry` under `name`.

        Raises:
            ValueError: the name is taken: two owners of one name are a mistake, never an override.
        """
        if name in self._entries:
            raise ValueError(f"{self._noun} {name!r} is registered twice; choose another name")
        self._entries[name] = entry
        return entry

    def get(self, name: str) -> T:
        """Return the entry called `name`.

        Raises:
            RequestError: there is none; the message suggests near names.
        """
        if name not in self._entries:
            hint = f" ({self._hint})" if self._hint else ""
            raise RequestError(f"unknown {self._noun} {name!r}{suggestion(name, self._entries)}{hint}")
        return self._entries[name]

    def names(self, pattern: str = "*") -> list[str]:
        """Return the names that match the shell pattern, in the order of registration."""
        return [name for name in self._entries if fnmatch.fnmatchcase(name, pattern)]

    def find(self, name: str) -> T | None:
        """Return the entry called `name`, or None."""
        return self._entries.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
