"""Explanations of the words that netcost prints: metrics, warnings, verdicts, guidelines, kinds and headings.

    >>> explanation_of("Memory access (MAC)").topic
    'memory_access'

They stand in `explanations.toml`, by family; a new word is one table there. Whatever shows a word (the command
`explain`, a page, a note under a table) takes its meaning from here. A name is found in any case, with or without
blanks, hyphens and underscores: `WideSpread`, `wide_spread` and "wide spread" are one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from netcost.text.registry import Registry
from netcost.text.tables import Column, Section, Table, table_of
from netcost.text.version import __version__


@dataclass(frozen=True, slots=True)
class Explanation:
    """One word that netcost prints.

    Args:
        topic: the identifier, the same as in JSON where there is one.
        title: as tables print it.
        meaning: one or two sentences; the first one is short and can stand alone.
        formula: in words and symbols; "" where there is none.
        unit: of the value; "" where it has none.
        source: paper and section; "" where the word is netcost's own or needs none.
        advice: for the reader, in the imperative.
        aliases: other names that are printed, or that a reader may know it by.
        see_also: topics.
    """

    topic: str
    title: str
    meaning: str
    formula: str = ""
    unit: str = ""
    source: str = ""
    advice: str = ""
    aliases: tuple[str, ...] = ()
    see_also: tuple[str, ...] = ()

    @classmethod
    def of_toml(cls, topic: str, table: dict[str, Any]) -> Explanation:
        """Read one table of `explanations.toml`."""
        parts: dict[str, Any] = {key: tuple(part) if isinstance(part, list) else part for key, part in table.items()}
        return cls(topic, **parts)

    @property
    def brief(self) -> str:
        """The first sentence of the meaning."""
        return self.meaning.split(". ")[0].removesuffix(".")

    @property
    def section(self) -> Section:
        """The entry for people."""
        parts = {
            "Formula": self.formula,
            "Unit": self.unit,
            "Source": self.source,
            "What to do": self.advice,
            "See also": ", ".join(self.see_also),
        }
        paragraphs = (self.meaning, *(f"{label}: {text}" for label, text in parts.items() if text))
        return Section(f"{self.title} ({self.topic})", paragraphs, level=1)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under stable keys; an empty text is None."""
        return {key: list(value) if isinstance(value, tuple) else value or None for key, value in asdict(self).items()}


OVERVIEW = (
    Column("topic", "Topic"),
    Column("title", "Printed as"),
    Column("meaning", "What it means", of=lambda entry: entry.brief),
)
"""A line per explanation."""

_WRITTEN = tomllib.loads((files("netcost.text") / "explanations.toml").read_text(encoding="utf-8"))

FAMILIES: dict[str, tuple[Explanation, ...]] = {
    family: tuple(Explanation.of_toml(topic, table) for topic, table in tables.items())
    for family, tables in _WRITTEN.items()
}
"""All explanations, by the heading that `netcost explain` prints above them."""

EXPLANATIONS: Registry[Explanation] = Registry("topic", "`netcost explain` lists them all")
"""By topic."""

_BY_NAME: Registry[Explanation] = Registry("name of a topic")


def _key(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.casefold())


for _explanation in (entry for family in FAMILIES.values() for entry in family):
    EXPLANATIONS.add(_explanation.topic, _explanation)
    for _name in {_key(name) for name in (_explanation.topic, _explanation.title, *_explanation.aliases)}:
        _BY_NAME.add(_name, _explanation)


def find(name: str) -> Explanation | None:
    """Find the explanation of a topic, a printed heading or an alias; None if there is none."""
    return _BY_NAME.find(_key(name))


def explanation_of(name: str) -> Explanation:
    """Return the explanation of a topic, a printed heading or an alias.

    Raises:
        RequestError: it is none of them; near topics are suggested.
    """
    return find(name) or EXPLANATIONS.get(name)


@dataclass(frozen=True, slots=True)
class Explained:
    """The result of `netcost explain`: one word, or all of them."""

    word: Explanation | None = None

    @property
    def words(self) -> tuple[Explanation, ...]:
        """The words that are explained."""
        return tuple(map(EXPLANATIONS.get, EXPLANATIONS)) if self.word is None else (self.word,)

    def to_dict(self) -> dict[str, Any]:
        """Return the object of `explain --format json`."""
        return {"schema": 1, "netcost": __version__, "topics": [word.to_dict() for word in self.words]}

    def records(self) -> Table:
        """Return a row per word."""
        return table_of(OVERVIEW, self.words)

    def sections(self) -> list[Section]:
        """Return the whole entry of one word, or a table per family with a line per word."""
        if self.word is not None:
            return [self.word.section]
        return [Section("", tables=tuple(table_of(OVERVIEW, entries, family) for family, entries in FAMILIES.items()))]


def more_about(names: Iterable[str]) -> list[str]:
    """Make the note that says where warnings, given by class name, are explained; no note if none has an entry."""
    topics = sorted({entry.topic for entry in map(find, names) if entry is not None})
    return [f"netcost explain TOPIC says more: {', '.join(topics)}"] if topics else []
