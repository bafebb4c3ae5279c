"""The tables of a profile: time beside cost, by operator, kind, module or block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from netcost.counting import breakdown
from netcost.graph.cost import Kind
from netcost.profiling.times import OperatorTimes
from netcost.text.tables import METRICS, Column, Table, bare, from_records, selected
from netcost.text.units import AtLeast

GAP = "(gap)"
VIEWS = "(views)"

COLUMNS = (
    Column("time_s", "Time", "seconds"),
    Column("share", "Share", "percent"),
    *(METRICS[name] for name in breakdown.ADDITIVE),
    Column("flops_per_s", "FLOP/s", "count"),
    Column("bytes_per_s", "Bytes/s", "count"),
)
ROOF_COLUMNS = (Column("bound_s", "Roofline bound", "seconds"), Column("roofline_share", "Roof", "percent"))
"""Where there are peaks."""

SHOWN = """
kind block index op module time_s share mult_adds memory_access flops_per_s bytes_per_s roofline_share
""".split()
"""The columns that people see; CSV and JSON have them all."""


class TimeRow(NamedTuple):
    """Some operators under one name: `words` are the cells of the columns that say which."""

    words: dict[str, Any]
    members: Sequence[int]


def table(times: OperatorTimes, by: str, depth: int | None, notes: Sequence[str]) -> Table:
    """Every row; together they are all operators and the gap."""
    words, rows = _rows(times, by, depth)
    records = [_record(times, row) for row in rows]
    return _table(times, words, [*records, _gap(times, words)], notes)


def summary(times: OperatorTimes, by: str, depth: int | None, most: int, notes: Sequence[str]) -> Table:
    """The rows that take the most time, one for the others, the gap and the sum of all.

    Kinds come by time, the longest first; everything else stays in the order in which it ran.
    """
    words, rows = _rows(times, by, depth)
    label = words[0].name
    by_time = sorted(rows, key=lambda row: -_time_s(times, row.members))
    kept = by_time[:most]
    rest = [member for row in by_time[most:] for member in row.members]
    if by != "kind":
        kept = [row for row in rows if row in kept]
    kept = [TimeRow(_short(row.words), row.members) for row in kept]
    records = [_record(times, row) for row in kept]
    if rest:
        records.append(_record(times, TimeRow({label: f"{len(by_time) - most} more"}, rest)))
    everything = range(len(times.times_s))
    whole = _record(times, TimeRow({label: "total"}, everything), times.total_s)
    return selected(_table(times, words, [*records, _gap(times, words), whole], notes), SHOWN)


def _rows(times: OperatorTimes, by: str, depth: int | None) -> tuple[list[Column], list[TimeRow]]:
    """The columns of words, and what to call which operators."""
    count = times.analysis.count
    counted = breakdown.table(count, by, depth)
    words = [column for column in counted.columns if column.name not in breakdown.ADDITIVE]
    members = breakdown.members(count, by, depth)
    rows = [
        TimeRow(dict(zip([column.name for column in words], cells, strict=False)), each)
        for cells, each in zip(counted.rows, members, strict=True)
    ]
    views = [index for index, kind in enumerate(count.kinds) if kind is Kind.VIEW]
    if by == "block" and views:
        rows.append(TimeRow({words[0].name: VIEWS, "ops": len(views)}, views))
    return words, rows


def _short(words: dict[str, Any]) -> dict[str, Any]:
    """Names as a line of 80 characters holds them beside all figures."""
    short = {**words}
    if "op" in short:
        short["op"] = short["op"].removeprefix("aten.")
    if "kind" in short:
        short["kind"] = short["kind"].replace("convolution", "conv.")
    return short


def _table(
    times: OperatorTimes, words: Sequence[Column], records: Iterable[dict[str, Any]], notes: Sequence[str]
) -> Table:
    columns = (*words, *COLUMNS, *(ROOF_COLUMNS if times.peaks is not None else ()))
    return from_records(columns, records, notes=notes)


def _record(times: OperatorTimes, row: TimeRow, over_s: float | None = None) -> dict[str, Any]:
    """One row: what some operators take and cost, attain, and could take at best.

    Args:
        over_s: the time that they take, where the gap is part of it (seconds).
    """
    cost = breakdown.record(times.analysis.count, row.members)
    time_s = _time_s(times, row.members) if over_s is None else over_s
    bounds = [(times.bounds_s[index], times.times_s[index]) for index in row.members]
    known = [bound for bound, _ in bounds if bound is not None]
    bound_s = sum(known)
    # An unknown operator has no bound, and so no part in the share either, unless the row is the whole.
    bounded_s = sum(taken for bound, taken in bounds if bound is not None) if over_s is None else over_s
    return {
        **row.words,
        **cost,
        "time_s": time_s,
        "share": time_s / times.total_s,
        "flops_per_s": _a_second(cost["flops"], time_s),
        "bytes_per_s": _a_second(cost["memory_access_bytes"], time_s),
        "bound_s": None if bounds and not known else bound_s,
        "roofline_share": bound_s / bounded_s if bound_s and bounded_s > 0 else None,
    }


def _gap(times: OperatorTimes, words: Sequence[Column]) -> dict[str, Any]:
    return {words[0].name: GAP, "time_s": times.gap_s, "share": times.gap_s / times.total_s}


def _time_s(times: OperatorTimes, members: Iterable[int]) -> float:
    return sum(times.times_s[index] for index in members)


def _a_second(work: Any, time_s: float) -> Any:
    """Work a second; at least that, where the work is; None where there is none, or no time."""
    if work is None or not bare(work) or time_s <= 0:
        return None
    rate = bare(work) / time_s
    return AtLeast(rate) if isinstance(work, AtLeast) else rate
