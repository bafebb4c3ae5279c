"""Formats: the protocols of a result, and the one function that writes any result in a format.

    >>> from netcost.text.tables import Column, Table
    >>> print(result_text(Table((Column("name", "Name"),), (("LeNet-5",),)), "csv"), end="")
    name
    LeNet-5

Each format is a file with pure functions from a table to a `str`. It is imported when it is first asked for:
`netcost --help` names them all and loads none. HTML is written by `netcost.reports`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, Protocol, TypeVar, runtime_checkable

from netcost.text.errors import RequestError
from netcost.text.tables import Section, Table

FORMATS = ("table", "markdown", "csv", "json", "latex", "html")
"""Values of `--format`."""

PICTURES = ("svg", "png", "pdf")
DRAWN = (*FORMATS, *PICTURES)
"""Values of `--format` where the result has a chart."""

SUFFIXES = {
    **dict.fromkeys((".md", ".markdown"), ("markdown",)),
    **dict.fromkeys((".html", ".htm"), ("html",)),
    ".csv": ("csv",),
    ".json": ("json", "sarif", "model-explorer"),
    **{f".{name}": (name,) for name in ("dot", "graphml")},
    ".tex": ("latex",),
    **{f".{name}": (name,) for name in PICTURES},
    ".sarif": ("sarif",),
    ".xml": ("junit",),
}
"""Formats that may go into a file with the suffix, the first unless another is asked for."""

EXTRA = dict.fromkeys(("html", *PICTURES), ("altair", "jinja2", "vl_convert"))
"""Packages of `netcost[report]` that a format needs."""

AnySection = TypeVar("AnySection", bound=Section)


class Result(Protocol):
    """The result of a command, for programs; people are shown its `tables()` or its `sections()`."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object of its JSON."""

    def records(self) -> Table | Sequence[Table]:
        """Return the rows of its CSV, in one table or several."""


@runtime_checkable
class Tabled(Protocol):
    """A result that people read as tables."""

    def tables(self) -> Sequence[Table]:
        """Return the tables in their order."""


@runtime_checkable
class Sectioned(Protocol):
    """A result that people read as a report; if it has tables too, only Markdown shows the report."""

    def sections(self) -> Sequence[Section]:
        """Return the parts of the report in their order."""


def result_text(result: Result, format_name: str, *, quiet: bool = False, **style: Any) -> str:
    """Write a result in any format but HTML; the text ends with one newline.

    Args:
        quiet: leave out the notes.
        style: of a terminal: its width, and whether colour is wanted.
    """
    from netcost.text.formats import csv_text, json_text, sections

    if format_name == "json":
        return json_text.render(result.to_dict())
    if format_name == "csv":
        records = result.records()
        return "\n".join(map(csv_text.render, [records] if isinstance(records, Table) else records))
    parts = parts_of(result, format_name)
    write = {"table": sections.as_terminal, "markdown": sections.as_markdown, "latex": sections.as_latex}[format_name]
    return write(without_notes(parts) if quiet else parts, **style)


def parts_of(result: object, format_name: str) -> Sequence[Section]:
    """Return the parts of a result as a format shows them: its tables, or its report."""
    if isinstance(result, Sectioned) and (format_name == "markdown" or not isinstance(result, Tabled)):
        return result.sections()
    assert isinstance(result, Tabled), f"{type(result).__name__} has neither tables nor sections"
    return [Section("", tables=tuple(result.tables()))]


def without_notes(sections: Iterable[AnySection]) -> list[AnySection]:
    """Return the sections without the notes of their tables."""
    return [replace(part, tables=tuple(replace(table, notes=()) for table in part.tables)) for part in sections]


def require(name: str) -> None:
    """Refuse a format whose packages are not installed, before any work is done.

    Raises:
        RequestError: one is not installed; the message says how to install it.
    """
    missing = [package for package in EXTRA.get(name, ()) if find_spec(package) is None]
    if missing:
        raise RequestError(
            f"the format {name!r} needs {', '.join(missing)}, not installed here; run: pip install 'netcost[report]'"
        )
