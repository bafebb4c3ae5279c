"""A report as GitHub's workflow commands: each target is marked at its model's own file and line.

Reference: GitHub's documentation of workflow commands; what has to be escaped is what its runner unescapes.
"""

from __future__ import annotations

from collections.abc import Mapping

from netcost.checking.formats.lines import lines
from netcost.checking.regression import CheckReport, TargetResult
from netcost.text.tables import printable

_MESSAGE = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _MESSAGE | str.maketrans({":": "%3A", ",": "%2C"})


def render(report: CheckReport) -> str:
    """An annotation a target that there is something to say about, and one for the whole."""
    whole = [report.headline, *map(printable, report.notes)]
    level = _level(report.fails, any(result.warns for result in report.results))
    return "".join(
        [
            *(_annotation(report, result) for result in report.notable),
            _command(level, {"title": "netcost check"}, whole),
        ]
    )


def _annotation(report: CheckReport, result: TargetResult) -> str:
    """What is said of a target, where its model is written."""
    place = {} if result.place is None else {"file": result.place.file, "line": str(result.place.line)}
    title = f"netcost: {printable(result.name)} {'fails' if result.fails else 'passes'}"
    return _command(_level(result.fails, result.warns), {**place, "title": title}, lines(report, result))


def _level(fails: bool, warns: bool) -> str:
    if fails:
        return "error"
    return "warning" if warns else "notice"


def _command(level: str, properties: Mapping[str, str], message: list[str]) -> str:
    """One workflow command, on one line whatever its words hold."""
    written = ",".join(f"{name}={value.translate(_PROPERTY)}" for name, value in properties.items())
    return f"::{level} {written}::{chr(10).join(message).translate(_MESSAGE)}\n"
