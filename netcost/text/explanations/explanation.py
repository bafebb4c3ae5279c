"""Explanation: one word that netcost prints, and what a reader must know of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netcost.text.tables import Column, Section

SHUFFLENET_V2 = "ShuffleNet V2 (Ma et al., ECCV 2018, arXiv:1807.11164)"
ROOFLINE = 'Williams, Waterman and Patterson, "Roofline" (CACM 52(4), 2009)'


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
        """Plain values under stable keys; None where an entry has no such part."""
        return {
            "topic": self.topic,
            "title": self.title,
            "meaning": self.meaning,
            "formula": self.formula or None,
            "unit": self.unit or None,
            "source": self.source or None,
            "advice": self.advice or None,
            "aliases": list(self.aliases),
            "see_also": list(self.see_also),
        }


OVERVIEW = (
    Column("topic", "Topic", of=lambda entry: entry.topic),
    Column("title", "Printed as", of=lambda entry: entry.title),
    Column("meaning", "What it means", of=lambda entry: entry.brief),
)
"""A line per explanation."""
