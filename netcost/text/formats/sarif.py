"""Writes SARIF, which tools of code scanning read.

Reference: OASIS, Static Analysis Results Interchange Format (SARIF) version 2.1.0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from netcost.text.tables import printable
from netcost.text.version import __version__

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def document(
    rules: Mapping[str, str], results: list[dict[str, Any]], notes: Iterable[str] = (), *, succeeded: bool = True
) -> str:
    """Write one run.

    Args:
        rules: a short description of each rule, by its identifier.
        results: as `result` makes them.
        notes: on the run as a whole.
        succeeded: False where not all could be done.
    """
    listed = [{"id": name, "shortDescription": {"text": text}} for name, text in rules.items()]
    notices = [{"level": "note", "message": {"text": printable(note)}} for note in notes]
    run = {
        "tool": {"driver": {"name": "netcost", "version": __version__, "rules": listed}},
        "invocations": [{"executionSuccessful": succeeded, "toolExecutionNotifications": notices}],
        "results": results,
        "columnKind": "unicodeCodePoints",
    }
    return f"{json.dumps({'$schema': SCHEMA, 'version': '2.1.0', 'runs': [run]}, indent=2)}\n"


def result(rule: str, level: str, text: str, place: tuple[str, int] | None = None, **others: Any) -> dict[str, Any]:
    """Return one result.

    Args:
        level: "error", "warning" or "note".
        place: file, relative to the root of the repository, and line; None where there is none.
        others: further properties of SARIF's result object.
    """
    written: dict[str, Any] = {"ruleId": rule, "level": level, "message": {"text": text}, **others}
    if place is not None:
        location = {"artifactLocation": {"uri": quote(place[0])}, "region": {"startLine": place[1]}}
        written["locations"] = [{"physicalLocation": location}]
    return written
