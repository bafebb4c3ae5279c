"""Writes a report as JUnit XML: a test case per target, for the test tabs of CI systems.

A broken rule is a failure; a target that could not be counted is an error.
"""

from __future__ import annotations

from xml.etree import ElementTree

from netcost.checking.formats.lines import lines
from netcost.checking.regression import CheckReport, CheckVerdict, TargetResult
from netcost.text.tables import printable


def render(report: CheckReport) -> str:
    """Write one suite of all targets; a failure contains its figures as text."""
    stale_fails = report.exact and bool(report.stale)  # names in the baseline that are no target's own
    uncounted = sum(result.error is not None for result in report.results)
    failures = str(sum(result.fails for result in report.results) - uncounted + stale_fails)
    tests = str(len(report.results) + stale_fails)
    numbers = {"tests": tests, "failures": failures, "errors": str(uncounted)}
    suite = ElementTree.Element("testsuite", {"name": "netcost check", **numbers})
    for result in report.results:
        kind = "failure" if result.error is None else "error"
        _add_case(suite, result.name, lines(report, result), _reason(result), kind)
    if stale_fails:
        _add_case(suite, report.baseline, list(report.notes), "names that are no longer targets")
    if report.remarks:
        ElementTree.SubElement(suite, "system-out").text = "\n".join(map(printable, report.remarks))
    ElementTree.indent(suite)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suite, encoding="unicode")}\n'


def _reason(result: TargetResult) -> str:
    """Return the failures on one line; empty without any."""
    if result.error is not None:
        return str(result.error)
    broken = [f"{change.figure} ({change.rule})" for change in result.failures]
    slower = [f"latency ({rule.rule})" for rule in result.latencies if rule.verdict is CheckVerdict.FAILS]
    return "; ".join([*broken, *slower, *result.problems])


def _add_case(suite: ElementTree.Element, name: str, messages: list[str], reason: str, kind: str = "failure") -> None:
    """Add a test case; control characters are spelled out, because XML cannot hold most of them."""
    case = ElementTree.SubElement(suite, "testcase", classname="netcost", name=printable(name))
    text = "\n".join(map(printable, messages))
    if reason:
        ElementTree.SubElement(case, kind, message=printable(reason)).text = text
    elif text:
        ElementTree.SubElement(case, "system-out").text = text
