"""A report as JUnit's XML: a test case a target, for the test tabs of CI systems."""

from __future__ import annotations

from xml.etree import ElementTree

from netcost.checking.formats.lines import lines
from netcost.checking.regression import CheckReport, CheckVerdict, TargetResult
from netcost.text.tables import printable


def render(report: CheckReport) -> str:
    """A suite of all targets; what fails holds its figures as the failure's text."""
    failures = str(sum(result.fails for result in report.results) + bool(_stale(report)))
    tests = str(len(report.results) + bool(_stale(report)))
    suite = ElementTree.Element("testsuite", name="netcost check", tests=tests, failures=failures, errors="0")
    for result in report.results:
        _case(suite, result.name, lines(report, result), _reason(result))
    if _stale(report):
        _case(suite, report.baseline, list(report.notes), "names targets that are no more")
    if report.remarks:
        ElementTree.SubElement(suite, "system-out").text = "\n".join(map(printable, report.remarks))
    ElementTree.indent(suite)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suite, encoding="unicode")}\n'


def _stale(report: CheckReport) -> bool:
    """Whether names in the baseline fail the check, which are no target's own."""
    return report.exact and bool(report.stale)


def _reason(result: TargetResult) -> str:
    """What fails, in a line; empty where nothing does."""
    broken = [f"{change.figure} ({change.rule})" for change in result.failures]
    slower = [f"latency ({each.rule})" for each in result.latencies if each.verdict is CheckVerdict.FAILS]
    return "; ".join([*broken, *slower, *result.problems])


def _case(suite: ElementTree.Element, name: str, said: list[str], reason: str) -> None:
    """One test case; XML has no signs for most control characters, so they are spelled out."""
    case = ElementTree.SubElement(suite, "testcase", classname="netcost", name=printable(name))
    text = "\n".join(map(printable, said))
    if reason:
        ElementTree.SubElement(case, "failure", message=printable(reason)).text = text
    elif text:
        ElementTree.SubElement(case, "system-out").text = text
