"""Writes a check's report as text: one file per format of checks alone; other formats are those of every result."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from netcost.text.formats import result_text

if TYPE_CHECKING:
    from netcost.checking.regression import CheckReport

CHECK_FORMATS = ("table", "markdown", "json", "csv", "github", "junit", "sarif")
"""The values of `netcost check --format`."""

_OWN = {"markdown": "comment", "github": "workflow", "junit": "junit", "sarif": "sarif"}


def check_text(report: CheckReport, format_name: str, **style: Any) -> str:
    """Write a report in one of `CHECK_FORMATS`, ending with one newline; `style` is as for `result_text`."""
    if format_name not in _OWN:
        return result_text(report, format_name, **style)
    text: str = import_module(f"{__name__}.{_OWN[format_name]}").render(report)
    return text
