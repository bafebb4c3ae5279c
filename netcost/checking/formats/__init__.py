"""A check's report as text: formats of checks alone are a file each, the others are those of every result."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from netcost.text.formats import result_text

if TYPE_CHECKING:
    from netcost.checking.regression import CheckReport

CHECK_FORMATS = ("table", "markdown", "json", "csv", "github", "junit")
"""What `netcost check --format` takes."""

_OWN = {"markdown": "comment", "github": "workflow", "junit": "junit"}


def check_text(report: CheckReport, format_name: str, **how: Any) -> str:
    """Write a report in one of `CHECK_FORMATS`; the text ends with one newline.

    Args:
        how: as for `result_text`.
    """
    if format_name not in _OWN:
        return result_text(report, format_name, **how)
    text: str = import_module(f"{__name__}.{_OWN[format_name]}").render(report)
    return text
