"""Writes a report as JUnit XML: a test case per target, for the test tabs of CI systems."""

from __future__ import annotations

from xml.etree import ElementTree

from netcost.checking.formats.lines import lines
from netcost.checking.regression import CheckReport, CheckVerdict, TargetResult
from netcost.text.tables import printable


def render(report: CheckReport) -> str:
    """Write one suite of all targets; a failure contains its figures as text."""
    stale_fails = report.exact and bool(report.stale)  # names in the baseline that are no target's own
    failures = str(sum(result.fails for result in report.results) + stale_fails)
    tests = str(len(report.results) + stale_fails)
    suite = ElementTree.Element("testsuite", name="netcost check", tests=tests, failures=failures, errors="0")
    for result in report.results:
        _add_case(suite, result.name, lines(report, result), _reason(result))
    if stale_fails:
        _add_case(suite, report.baseline, list(report.notes), "names that are no longer targets")
    if report.remarks:
        ElementTree.SubElement(suite, "system-out").text = "\n".join(map(printable, report.remarks))
    ElementTree.indent(suite)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suite, encoding="unicode")}\n'


def _reason(result: TargetResult) -> str:
    """Return the failures on one line; empty without any."""
    broken = [f"{change.figure} ({change.rule})" for change in result.failures]
    slower = [f"latency ({rule.rule})" for rule in result.latencies if rule.verdict is CheckVerdict.FAILS]
    return "; ".join([*broken, *slower, *result.problems])


def _add_case(suite: ElementTree.Element, name: str, messages: list[str], reason: str) -> None:
    """Add a test case; control characters are spelled out, because XML cannot hold most of them."""
    case = ElementTree.SubElement(suite, "testcase", classname="netcost", name=printable(name))
    text = "\n".join(map(printable, messages))
    if reason:
        ElementTree.SubElement(case, "failure", message=printable(reason)).text = text
    elif text:
        ElementTree.SubElement(case, "system-out").text = text
