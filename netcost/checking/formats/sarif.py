"""Writes a report as SARIF, for code scanning: a result per target that is worth a reviewer's time.

Reference: OASIS, Static Analysis Results Interchange Format (SARIF) version 2.1.0.
"""

from __future__ import annotations

from typing import Any

from netcost.checking.formats.lines import lines
from netcost.checking.regression import CheckReport, TargetResult, TargetVerdict
from netcost.text.formats import sarif
from netcost.text.tables import printable

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
    rules = {name: text for name, _, text in RULES.values()}
    uncounted = any(result.error is not None for result in report.results)
    results = [_result(report, result) for result in report.ranked]
    return sarif.document(rules, results, report.notes, succeeded=not uncounted)


def _result(report: CheckReport, result: TargetResult) -> dict[str, Any]:
    rule, level, _ = RULES[result.verdict]
    return sarif.result(
        rule,
        "warning" if result.warnings and level == "note" else level,
        "\n".join([f"{printable(result.name)}: {result.verdict}", *lines(report, result)]),
        None if result.place is None else (result.place.file, result.place.line),
        partialFingerprints={"target/v1": printable(result.name)},
        properties={"target": result.name, "file": result.file or None},
    )
