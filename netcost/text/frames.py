"""Tables as pandas.DataFrame: numbers stay numbers, missing values stay missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcost.text.tables import Table, bare, with_unit_column

if TYPE_CHECKING:
    import pandas


def frame(table: Table) -> pandas.DataFrame:
    """Put the table's rows under its column names. The units are in `DataFrame.attrs["units"]`."""
    import pandas  # 0.5 s to import, so only where a frame is asked for

    table = with_unit_column(table)
    result = pandas.DataFrame([[bare(cell) for cell in row] for row in table.rows], columns=list(table.names))
    result.attrs["units"] = {name: column.unit for name, column in zip(table.names, table.columns, strict=True)}
    return result
