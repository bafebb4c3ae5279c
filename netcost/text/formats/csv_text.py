"""Tables as comma-separated values: for programs, so numbers are bare and notes are left out."""

from __future__ import annotations

import csv
import io
from math import isfinite
from typing import Any

from netcost.text.tables import Table, bare, with_unit_column


def render(table: Table) -> str:
    """Write column names as the header, then a line per row; a missing value is an empty field.

    Raises:
        ValueError: a number is infinite or not a number.
    """
    table = with_unit_column(table)
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(table.names)
    writer.writerows([_field(cell) for cell in row] for row in table.rows)
    return lines.getvalue()


def _field(cell: Any) -> Any:
    field = bare(cell)
    if isinstance(field, float) and not isfinite(field):
        raise ValueError(f"{field!r} cannot stand in CSV: readers take it for a missing value; use None if it is one")
    return field
