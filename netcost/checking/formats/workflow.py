"""Writes a report as GitHub's workflow commands: an annotation at the file and line of each target's model.

Reference: GitHub's documentation of workflow commands; the escapes are those that its runner decodes.
"""

from __future__ import annotations

from collections.abc import Mapping

from netcost.checking.formats.lines import lines
from netcost.checking.regression import CheckReport, TargetResult
from netcost.text.tables import printable

_MESSAGE = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _MESSAGE | str.maketrans({":": "%3A", ",": "%2C"})


def render(report: CheckReport) -> str:
    """Write an annotation per notable target, and one for the whole check."""
    annotations = [_annotation(report, result) for result in report.notable]
    level = _level(report.fails, any(result.warns for result in report.results) or bool(report.warnings))
    whole = [report.headline, *map(printable, report.notes)]
    return "".join([*annotations, _command(level, {"title": "netcost check"}, whole)])


def render_error(message: str) -> str:
    """Write the annotation of an error that stopped the whole check."""
    return _command("error", {"title": "netcost check"}, [printable(message)])


def _annotation(report: CheckReport, result: TargetResult) -> str:
    place = {} if result.place is None else {"file": result.place.file, "line": str(result.place.line)}
    title = f"netcost: {printable(result.name)}: {result.verdict}"
    level = _level(result.fails, result.warns or bool(result.warnings))
    return _command(level, {**place, "title": title}, lines(report, result))


def _level(fails: bool, warns: bool) -> str:
    if fails:
        return "error"
    return "warning" if warns else "notice"


def _command(level: str, properties: Mapping[str, str], message: list[str]) -> str:
    """Return a workflow command on one line, whatever its words contain."""
    written = ",".join(f"{name}={value.translate(_PROPERTY)}" for name, value in properties.items())
    return f"::{level} {written}::{chr(10).join(message).translate(_MESSAGE)}\n"
