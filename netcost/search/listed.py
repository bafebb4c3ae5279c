"""The zoo as `netcost list` shows it, from saved counts, so that neither torch nor a network is loaded.

`data/zoo.csv` has a row per architecture and module; a test holds it to the zoo and to `reports/zoo-baseline.json`, and
writes it anew where NETCOST_RENEW_GOLDEN=1.
"""

from __future__ import annotations

import csv
import fnmatch
from importlib import resources

from netcost.text.errors import RequestError
from netcost.text.registry import suggestion
from netcost.text.tables import Column, Table, from_records

COLUMNS = (
    Column("name", "Name"),
    Column("year", "Year"),
    Column("input", "Input"),
    Column("params", "Params", "count"),
    Column("mult_adds", "Mult-adds", "count"),
    Column("memory_access", "Memory access (MAC)", "elements"),
)
PROVENANCE = (
    Column("published_params", "Params, published", "count"),
    Column("published_mult_adds", "Mult-adds, published", "count"),
    Column("source", "Source"),
    Column("why", "Why the layers give another figure"),
)


def listed(pattern: str = "*", why: bool = False) -> Table:
    """Return a table with a row per architecture or module: year, input, and what a forward pass costs.

    Args:
        pattern: shell pattern of names.
        why: add the published figures, their source, and why the layers give others.

    Raises:
        RequestError: no name matches; the message suggests near ones.
    """
    columns = (*COLUMNS, *PROVENANCE) if why else COLUMNS
    with (resources.files(__package__) / "data" / "zoo.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen = [row for row in rows if fnmatch.fnmatchcase(row["name"], pattern)]
    if not chosen:
        near = suggestion(pattern, [row["name"] for row in rows])
        raise RequestError(f"no architecture matches {pattern!r}{near} (`netcost list` shows all)")
    numbers = {column.name for column in columns if column.is_number}
    records = [
        {name: (int(float(cell)) if name in numbers else cell) if cell else None for name, cell in row.items()}
        for row in chosen
    ]
    return from_records(columns, records)
