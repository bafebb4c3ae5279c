"""Tables, the neutral form of every result: columns with name, heading and unit; rows of plain values."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from netcost.text import units


class Alarm(str):
    """A cell, title or note that a terminal shows in red."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its names, its unit, and the source of its values.

        >>> length = Column("length", "Length", "count", of=len)
        >>> table_of([length], ["abc"]).rows
        ((3,),)

    Args:
        name: in CSV and JSON.
        heading: for people.
        unit: of `units.text`; "text" for words.
        of: gets the value of this column from the object of a row [default: its attribute called `name`].
        flush_right: how people see it [default: quantities are flush right, words are not].
    """

    name: str
    heading: str
    unit: str = "text"
    of: Callable[[Any], Any] | None = field(default=None, compare=False, repr=False)
    flush_right: bool | None = field(default=None, compare=False, repr=False)

    @property
    def is_number(self) -> bool:
        """True where the column is set flush right: it holds quantities, or words that stand for one."""
        return self.unit != "text" if self.flush_right is None else self.flush_right

    def through(self, part: Callable[[Any], Any]) -> Column:
        """Return the column for rows of which the present rows are a part; a missing part has no value."""
        value = self.value
        return replace(self, of=lambda row: None if (inner := part(row)) is None else value(inner))

    def value(self, row: Any) -> Any:
        """Return the value of this column for a row."""
        return getattr(row, self.name) if self.of is None else self.of(row)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns, with a title above and notes below.

    A cell is a str, int, float, `units.AtLeast` or None; None is a missing value and stays one in every format.
    Two columns may have the same name: the same model can be asked for twice.

    Args:
        row_units: the unit of each row's numbers, where a row holds a metric and not a model.
        keys: leading columns that name a row, and are repeated where a narrow terminal shows a table in parts.

    Raises:
        ValueError: a row has not one cell per column, or `row_units` not one unit per row.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    title: str = ""
    notes: tuple[str, ...] = ()
    row_units: tuple[str, ...] | None = None
    keys: int = 1

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"the row {row!r} has {len(row)} cells; the table has {len(self.columns)} columns")
        if self.row_units is not None and len(self.row_units) != len(self.rows):
            raise ValueError(f"{len(self.row_units)} row units for {len(self.rows)} rows; give one for each row")

    @property
    def names(self) -> tuple[str, ...]:
        """Column names as unique keys: the second "vgg11" is "vgg11_2"."""
        return distinct([column.name for column in self.columns])

    def text(self, row: int, column: int) -> str:
        """One cell as people read it, on one line; words stand as they are, in a number column too."""
        cell, unit = self.rows[row][column], self.columns[column].unit
        if isinstance(cell, str):
            return printable(cell)
        return units.text(cell, self.row_units[row] if self.row_units and self.columns[column].is_number else unit)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: title, columns with their units, a mapping per row, and notes."""
        table = with_unit_column(self)
        named = zip(table.names, table.columns, strict=True)
        columns = [{"name": name, "heading": column.heading, "unit": column.unit} for name, column in named]
        rows = [dict(zip(table.names, map(bare, row), strict=True)) for row in table.rows]
        return {"title": table.title, "columns": columns, "rows": rows, "notes": list(table.notes)}

    def records(self) -> Table:
        """Return itself: a table alone is a result."""
        return self

    def tables(self) -> tuple[Table, ...]:
        """Return itself alone."""
        return (self,)


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Number a repeated name from 2 on, leaving out numbers that would make it the same as another name."""
    unique: list[str] = []
    for name in names:
        numbered = (f"{name}_{index}" for index in itertools.count(2))
        unique.append(name if name not in unique else next(new for new in numbered if new not in {*names, *unique}))
    return tuple(unique)


def printable(text: str) -> str:
    """Put `text` on one line; spell out what does not print (controls, reversed writing, half a surrogate)."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)


def bare(cell: Any) -> Any:
    """Return a cell for machines: of an incomplete total the number; the notes say what it lacks."""
    return cell.value if isinstance(cell, units.AtLeast) else cell


def table_of(columns: Sequence[Column], rows: Iterable[Any], title: str = "", notes: Sequence[str] = ()) -> Table:
    """Make a table with one row per object of `rows`; the columns get their values from it."""
    cells = tuple(tuple(column.value(row) for column in columns) for row in rows)
    return Table(tuple(columns), cells, title, tuple(notes))


def from_records(
    columns: Sequence[Column], records: Iterable[Mapping[str, Any]], title: str = "", notes: Sequence[str] = ()
) -> Table:
    """Make a table with one row per record; a key that a record lacks is a missing value."""
    rows = tuple(tuple(record.get(column.name) for column in columns) for record in records)
    return Table(tuple(columns), rows, title, tuple(notes))


def transposed(table: Table, heading: str) -> Table:
    """Return the table with a row per metric and a column per row.

    The first column of `table` names its rows and gives the new headings; `heading` goes above the metrics.
    """
    metrics = table.columns[1:]
    models = [table.text(index, 0) for index in range(len(table.rows))]
    columns = (Column("metric", heading), *(Column(model, model, "mixed") for model in models))
    rows = tuple((metric.heading, *(row[index] for row in table.rows)) for index, metric in enumerate(metrics, start=1))
    return Table(columns, rows, table.title, table.notes, tuple(metric.unit for metric in metrics))


def with_unit_column(table: Table) -> Table:
    """Return the table with its row units, if any, as a second column: for formats of raw numbers."""
    if table.row_units is None:
        return table
    first, *others = table.columns
    rows = tuple((row[0], unit, *row[1:]) for row, unit in zip(table.rows, table.row_units, strict=True))
    return Table((first, Column("unit", "Unit"), *others), rows, table.title, table.notes)


def selected(table: Table, names: Sequence[str]) -> Table:
    """Return the table with only the columns of those names, in the table's order."""
    kept = [index for index, column in enumerate(table.columns) if column.name in names]
    rows = tuple(tuple(row[index] for index in kept) for row in table.rows)
    return replace(table, columns=tuple(table.columns[index] for index in kept), rows=rows)


def joined(table: Table, other: Table, key: str) -> Table:
    """Return the table with those columns of another that it lacks; a row whose key the other lacks has none."""
    new = [index for index, name in enumerate(other.names) if name not in table.names]
    of_key = {row[other.names.index(key)]: [row[index] for index in new] for row in other.rows}
    place = table.names.index(key)
    rows = tuple((*row, *of_key.get(row[place], [None] * len(new))) for row in table.rows)
    return replace(table, columns=(*table.columns, *(other.columns[index] for index in new)), rows=rows)


def with_total(table: Table, additive: Sequence[str], label: str = "total") -> Table:
    """Return the table with a last row of sums, for the additive columns."""
    cells = [[row[index] for row in table.rows] for index in range(len(table.columns))]
    sums = [_sum(cells[index]) if column.name in additive else None for index, column in enumerate(table.columns)]
    return replace(table, rows=(*table.rows, (label, *sums[1:])))


def _sum(cells: Sequence[Any]) -> Any:
    """Add up a column; the sum is a lower bound where a cell is missing or incomplete itself."""
    known = sum(bare(cell) for cell in cells if cell is not None)
    complete = all(cell is not None and not isinstance(cell, units.AtLeast) for cell in cells)
    return known if complete else units.AtLeast(known)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report: a heading, paragraphs and tables; the first heading of a report has level 1."""

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    level: int = 2
