"""A table as comma-separated values: for programs, so numbers are bare and notes are left out."""

from __future__ import annotations

import csv
import io
from math import isfinite
from typing import Any

from netcost.text.formats import json_text
from netcost.text.tables import Table, bare, with_unit_column


def render(table: Table) -> str:
    """Column names as the header, then a line for each row; a missing value is an empty field.

    Raises:
        ValueError: a number is infinite or not a number.
    """
    table = with_unit_column(table)
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(table.names)
    writer.writerows([_field(cell) for cell in row] for row in table.rows)
    return lines.getvalue()


def metadata(table: Table, filename: str) -> str:
    """What the columns of the CSV file called `filename` hold, as JSON: name, heading, type and unit of each.

    Its place is beside the file, under the file's name and "-metadata.json".

    Reference: Metadata Vocabulary for Tabular Data (W3C Recommendation, 2015), section 5.
    """
    table = with_unit_column(table)
    columns = [
        {
            "name": name,
            "titles": column.heading,
            "datatype": "number" if column.is_number else "string",
            "dc:description": f"unit: {column.unit}",
        }
        for name, column in zip(table.names, table.columns, strict=True)
    ]
    notes = {"dc:description": "\n".join(table.notes)} if table.notes else {}
    head = {"@context": "http://www.w3.org/ns/csvw", "url": filename, "dc:title": table.title or filename}
    return json_text.render({**head, **notes, "tableSchema": {"columns": columns}})


def _field(cell: Any) -> Any:
    """The bare number or the words of a cell; the writer makes nothing of None."""
    field = bare(cell)
    if isinstance(field, float) and not isfinite(field):
        raise ValueError(f"{field!r} cannot stand in CSV: readers take it for a missing value; use None if it is one")
    return field
