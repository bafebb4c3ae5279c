"""The words that netcost prints, each explained once: metrics, warnings, verdicts, guidelines, kinds and headings.

    >>> explanation_of("Memory access (MAC)").topic
    'memory_access'

A family of words is a file here, and a new word is one entry in it. Whatever shows a word (the command `explain`, a
page, a note under a table) takes its meaning from here. Names are found in any case, with or without blanks, hyphens
and underscores: `WideSpread`, `wide_spread` and "wide spread" are one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from netcost.text.explanations.columns import COLUMNS
from netcost.text.explanations.explanation import OVERVIEW, Explanation
from netcost.text.explanations.guidelines import GUIDELINES
from netcost.text.explanations.kinds import KINDS
from netcost.text.explanations.metrics import METRICS
from netcost.text.explanations.profiling import PROFILING
from netcost.text.explanations.timing import TIMING
from netcost.text.explanations.verdicts import VERDICTS
from netcost.text.explanations.warnings import WARNINGS
from netcost.text.names import Registry
from netcost.text.tables import Table, table_of

__all__ = ["EXPLANATIONS", "FAMILIES", "Explanation", "explanation_of", "find", "more_about", "overview"]

FAMILIES = {
    "Metrics": METRICS,
    "Kinds of operator": KINDS,
    "Timing": TIMING,
    "Warnings": WARNINGS,
    "Verdicts": VERDICTS,
    "Profiles and rooflines": PROFILING,
    "Guidelines": GUIDELINES,
    "Other headings": COLUMNS,
}
"""Every explanation, by the heading that `netcost explain` prints above it."""

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
    """The explanation of a topic, a printed heading or an alias, or None."""
    return _BY_NAME.find(_key(name))


def explanation_of(name: str) -> Explanation:
    """The same for a name that must be known.

    Raises:
        RequestError: it is none of them; near topics are suggested.
    """
    return find(name) or EXPLANATIONS.get(name)


def overview() -> list[Table]:
    """A table per family and a line per topic."""
    return [table_of(OVERVIEW, entries, title=family) for family, entries in FAMILIES.items()]


def more_about(names: Iterable[str]) -> list[str]:
    """The note that says where warnings are explained, by the names of their classes; nothing where there are none."""
    topics = sorted({found.topic for found in map(find, names) if found is not None})
    return [f"netcost explain TOPIC says more: {', '.join(topics)}"] if topics else []
