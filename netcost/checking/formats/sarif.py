"""Writes a report as SARIF, for code scanning: a result per target that is worth a reviewer's time.

Reference: OASIS, Static Analysis Results Interchange Format (SARIF) version 2.1.0.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from netcost.checking.formats.lines import lines
from netcost.checking.regression import CheckReport, TargetResult, TargetVerdict
from netcost.text.tables import printable
from netcost.text.version import __version__

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

RULES = {
    TargetVerdict.ERROR: ("not-checked", "error", "A target could not be counted or timed."),
    TargetVerdict.FAILS: ("costs-more", "error", "A network costs more than its baseline or its budget allows."),
    TargetVerdict.CANNOT_TELL: ("latency-unclear", "warning", "A latency rule could not be decided."),
    TargetVerdict.NEW: ("new", "note", "A target has nothing to be compared with."),
    TargetVerdict.MOVED: ("moved", "note", "A target was compared with a model of another name."),
    TargetVerdict.LESS: ("costs-less", "note", "A network costs less than before."),
    TargetVerdict.PASSES: ("passes", "note", "A network costs what it may."),
}
"""Identifier, level and description of the rule by which a target has its verdict."""


def render(report: CheckReport) -> str:
    """Write one run; a target with a warning and nothing worse is at level "warning"."""
    rules = [{"id": name, "shortDescription": {"text": text}} for name, _, text in RULES.values()]
    driver = {"name": "netcost", "version": __version__, "rules": rules}
    notices = [_notification(note, "note") for note in report.notes]
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": not _uncounted(report), "toolExecutionNotifications": notices}],
        "results": [_result(report, result) for result in report.ranked],
        "columnKind": "unicodeCodePoints",
    }
    return f"{json.dumps({'$schema': SCHEMA, 'version': '2.1.0', 'runs': [run]}, indent=2)}\n"


def _result(report: CheckReport, result: TargetResult) -> dict[str, Any]:
    rule, level, _ = RULES[result.verdict]
    written: dict[str, Any] = {
        "ruleId": rule,
        "level": "warning" if result.warnings and level == "note" else level,
        "message": {"text": "\n".join([f"{printable(result.name)}: {result.verdict}", *lines(report, result)])},
        "partialFingerprints": {"target/v1": printable(result.name)},
        "properties": {"target": result.name, "file": result.file or None},
    }
    if result.place is not None:
        location = {"artifactLocation": {"uri": quote(result.place.file)}, "region": {"startLine": result.place.line}}
        written["locations"] = [{"physicalLocation": location}]
    return written


def _uncounted(report: CheckReport) -> bool:
    return any(result.error is not None for result in report.results)


def _notification(text: str, level: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": printable(text)}}
