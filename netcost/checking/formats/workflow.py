"""Writes a report as GitHub's workflow commands: an annotation at the file and line of each target's model."""

from __future__ import annotations

from netcost.checking.formats.lines import lines
from netcost.checking.regression import CheckReport, TargetResult
from netcost.text.formats.workflow import command
from netcost.text.tables import printable


def render(report: CheckReport) -> str:
    """Write an annotation per notable target, and one for the whole check."""
    annotations = [_annotation(report, result) for result in report.notable]
    level = _level(report.fails, any(result.warns for result in report.results) or bool(report.warnings))
    whole = [report.headline, *map(printable, report.notes)]
    return "".join([*annotations, command(level, {"title": "netcost check"}, whole)])


def render_error(message: str) -> str:
    """Write the annotation of an error that stopped the whole check."""
    return command("error", {"title": "netcost check"}, [printable(message)])


def _annotation(report: CheckReport, result: TargetResult) -> str:
    place = {} if result.place is None else {"file": result.place.file, "line": str(result.place.line)}
    title = f"netcost: {printable(result.name)}: {result.verdict}"
    level = _level(result.fails, result.warns or bool(result.warnings))
    return command(level, {**place, "title": title}, lines(report, result))


def _level(fails: bool, warns: bool) -> str:
    if fails:
        return "error"
    return "warning" if warns else "notice"
