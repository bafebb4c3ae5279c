"""Writes findings as text: one file per format of lint alone; other formats are those of every result."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from netcost.text.formats import result_text

if TYPE_CHECKING:
    from netcost.linting.report import LintReport

LINT_FORMATS = ("table", "markdown", "json", "csv", "html", "github", "sarif")
"""The values of `netcost lint --format`."""

_OWN = {"github": "workflow", "sarif": "scanning"}


def lint_text(report: LintReport, format_name: str, **style: Any) -> str:
    """Write a report in one of `LINT_FORMATS`, ending with one newline; `style` is as for `result_text`."""
    if format_name not in _OWN:
        return result_text(report, format_name, **style)
    text: str = import_module(f"{__name__}.{_OWN[format_name]}").render(report)
    return text
