"""Files that netcost wrote, known by what is in them and not by their names; each gets a report, or a reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from netcost.profiling.roofline import read_peaks
from netcost.reports.document import Report
from netcost.reports.kinds import compare_report, guidelines_report
from netcost.reports.pages import Page, PageSection, page_of
from netcost.text.errors import RequestError
from netcost.text.tables import Column, Table, from_records

Maker = Callable[[Path], Report]

MADE_ANEW = ("zoo", "claims", "errata", "evidence")
"""Names of the reports that a folder always has: their files are output, and no measurements."""

REASONS: Mapping[frozenset[str], str] = {
    frozenset({"claims", "netcost"}): "claims are recomputed for every report",
    frozenset({"kinds", "settings", "netcost"}): "evidence is recomputed for every report",
    frozenset({"topics", "netcost"}): "it explains words and has no figures",
    frozenset({"targets", "torch", "netcost"}): "it is a baseline; see `netcost baseline show`",
    frozenset({"sheet", "largest_shares"}): "it holds coefficients for `netcost predict --on`",
}


def maker_of(path: Path) -> Maker | str:
    """Return the maker of a file's report, or the reason why it has none.

    Raises:
        RequestError: it cannot be read, or is named like a measurement and damaged.
    """
    is_named = any(map(path.match, MEASURED))
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise RequestError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    except ValueError:
        return MEASURED[next(filter(path.match, MEASURED))] if is_named else "it is not JSON"
    if is_named:
        return MEASURED[next(filter(path.match, MEASURED))]
    keys = set(document) if isinstance(document, dict) else set()
    for marks, reason in REASONS.items():
        if marks <= keys:
            return reason
    for marks, maker in MAKERS.items():
        if marks <= keys:
            return maker
    return "netcost did not write it"


def peaks_report(path: Path) -> Report:
    """Make the report of a file that `netcost device` wrote, or raise a RequestError."""
    peaks = read_peaks(str(path))
    found = page_of(peaks)
    page = Page(f"Peaks of {peaks.title}", "", found.sections, "netcost device --format json", found.made_with)
    return Report(path.stem, page, is_measured=True)


def plain_report(path: Path) -> Report:
    """Make the report of any other JSON of netcost: its figures, and a table per list of records."""
    document = json.loads(path.read_bytes())
    figures = {name: value for name, value in document.items() if isinstance(value, int | float | str)}
    columns = (Column("name", "Name"), Column("value", "Value", "mixed"))
    shown = [{"name": name, "value": value} for name, value in figures.items()]
    several = "rows" if "rows" in document else None
    lists = {name: value for name, value in document.items() if several in (None, name) and _is_records(value)}
    parts = [
        PageSection("Figures", tables=(_in_units(from_records(columns, shown)),)),
        *(PageSection(name, tables=(_records(value),)) for name, value in lists.items()),
    ]
    title = document.get("title") or document.get("model") or path.stem
    return Report(path.stem, Page(str(title), "", tuple(parts), made_with=_versions(document)), is_measured=True)


def _versions(document: Mapping[str, Any]) -> tuple[str, ...]:
    return (f"netcost {document['netcost']}",) if "netcost" in document else ()


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)


def _records(records: list[dict[str, Any]]) -> Table:
    """Make a table with a column per key that has a number, a word or nothing everywhere."""
    names = list(dict.fromkeys(name for record in records for name in record))
    plain = [name for name in names if not any(isinstance(record.get(name), dict | list) for record in records)]
    columns = [Column(name, name, _unit(name, [record.get(name) for record in records])) for name in plain]
    texts = [
        {name: str(cell) if isinstance(cell, bool) else cell for name, cell in record.items()} for record in records
    ]
    return from_records(columns, texts)


def _in_units(table: Table) -> Table:
    units = tuple(_unit(str(name), [value]) for name, value in table.rows)
    rows = tuple((name, _word(value)) for name, value in table.rows)
    return Table(table.columns, rows, row_units=units)


def _word(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _unit(name: str, cells: list[Any]) -> str:
    """Return the unit that netcost's names of keys end in."""
    numbers = [cell for cell in cells if isinstance(cell, int | float) and not isinstance(cell, bool)]
    if not numbers:
        return "text"
    endings = {"_s": "seconds", "_bytes": "bytes", "share": "percent", "flops_per_s": "flop_per_s"}
    named = [unit for ending, unit in endings.items() if name.endswith(ending)]
    return named[-1] if named else "count" if all(isinstance(number, int) for number in numbers) else "ratio"


MEASURED: Mapping[str, Maker] = {"guidelines-*.json": guidelines_report, "compare-*.json": compare_report}
"""Makers by names that a measurement has had from the beginning; a file of that name must be one."""

MAKERS: Mapping[frozenset[str], Maker] = {
    frozenset({"models", "environment", "netcost"}): compare_report,
    frozenset({"guidelines", "trials", "netcost"}): guidelines_report,
    frozenset({"matrix_product", "bandwidth", "netcost"}): peaks_report,
    frozenset({"netcost", "schema"}): plain_report,
    frozenset({"columns", "rows", "title", "notes"}): plain_report,
}
"""Makers by the keys of a document, the first that fits."""
