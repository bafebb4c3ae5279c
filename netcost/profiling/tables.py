"""The tables of a profile: time beside cost, by operator, kind, module or block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from netcost.counting import breakdown
from netcost.counting.training import FIGURES
from netcost.graph.cost import Kind
from netcost.profiling.times import OperatorTimes
from netcost.text.errors import RequestError
from netcost.text.metrics import METRICS
from netcost.text.tables import Column, Table, bare, from_records, selected
from netcost.text.units import AtLeast

OF_A_PASS = frozenset(breakdown.ADDITIVE) - {*FIGURES}
"""Figures that a forward pass has, and a training step has not."""

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

SHOWN = """
phase kind block index op module time_s share mult_adds memory_access flops_per_s bytes_per_s roofline_share
""".split()
"""The columns for people; CSV and JSON have all."""


class TimeRow(NamedTuple):
    """Some operators under one name: `words` are the cells of the columns of words."""

    words: dict[str, Any]
    members: Sequence[int]


def require_grouping(by: str, of_step: bool) -> None:
    """Refuse (RequestError) a grouping that a profile has not: a step has phases, and no building blocks."""
    if of_step and by == "block":
        raise RequestError("a training step has no blocks; group its time by phase, kind, module or op")
    if not (of_step and by == "phase"):
        breakdown.require_grouping(by)


def table(times: OperatorTimes, by: str, depth: int | None, notes: Sequence[str]) -> Table:
    """Return every row; together they are all operators and the gap."""
    words, rows = _rows(times, by, depth)
    return _table(times, words, rows, notes)


def summary(times: OperatorTimes, by: str, depth: int | None, most: int, notes: Sequence[str]) -> Table:
    """Return the `most` rows that take the most time, one for the others, the gap and the sum of all.

    Kinds are sorted by time, the longest first; other rows stay in the order in which they ran.
    """
    words, rows = _rows(times, by, depth)
    label = words[0].name
    by_time = sorted(rows, key=lambda row: -_time_s(times, row.members))
    kept, others = by_time[:most], by_time[most:]
    if by != "kind":
        kept = [row for row in rows if row in kept]
    kept = [TimeRow(_short(row.words), row.members) for row in kept]
    rest = [member for row in others for member in row.members]
    if rest:
        kept.append(TimeRow({label: f"{len(others)} more"}, rest))
    total = _record(times, TimeRow({label: "total"}, range(len(times.times_s))), times.total_s)
    return selected(_table(times, words, kept, notes, [total]), SHOWN)


def _rows(times: OperatorTimes, by: str, depth: int | None) -> tuple[list[Column], list[TimeRow]]:
    """Return the columns of words, and the operators of each row."""
    count = times.count
    if by == "phase":
        phases: dict[str, list[int]] = {}
        for index, op in enumerate(count.graph.ops):
            phases.setdefault(str(op.phase), []).append(index)
        words = [Column("phase", "Phase"), Column("ops", "Operators", "count")]
        return words, [TimeRow({"phase": name, "ops": len(own)}, own) for name, own in phases.items()]
    counted = breakdown.table(count, by, depth)
    words = [column for column in counted.columns if column.name not in breakdown.ADDITIVE]
    members = breakdown.members(count, by, depth)
    rows = [
        TimeRow(dict(zip([column.name for column in words], cells, strict=False)), row_members)
        for cells, row_members in zip(counted.rows, members, strict=True)
    ]
    views = [index for index, kind in enumerate(count.kinds) if kind is Kind.VIEW]
    if by == "block" and views:
        rows.append(TimeRow({words[0].name: VIEWS, "ops": len(views)}, views))
    return words, rows


def _short(words: dict[str, Any]) -> dict[str, Any]:
    """Shorten names, so that a line of 80 characters holds them beside all figures."""
    op = {"op": words["op"].removeprefix("aten.")} if "op" in words else {}
    kind = {"kind": words["kind"].replace("convolution", "conv.")} if "kind" in words else {}
    return {**words, **op, **kind}


def _table(
    times: OperatorTimes,
    words: Sequence[Column],
    rows: Iterable[TimeRow],
    notes: Sequence[str],
    last: Sequence[dict[str, Any]] = (),
) -> Table:
    """Return a table of the rows, the gap, and some last records."""
    gap = {words[0].name: GAP, "time_s": times.gap_s, "share": times.gap_s / times.total_s}
    columns = (*words, *COLUMNS, *(ROOF_COLUMNS if times.peaks is not None else ()))
    if times.analysis.training is not None:
        columns = tuple(column for column in columns if column.name not in OF_A_PASS)
    return from_records(columns, [*(_record(times, row) for row in rows), gap, *last], notes=notes)


def _record(times: OperatorTimes, row: TimeRow, over_s: float | None = None) -> dict[str, Any]:
    """Return one row: time, cost, rates and bound of some operators; `over_s` is their time with the gap (seconds)."""
    cost = breakdown.record(times.count, row.members)
    time_s = _time_s(times, row.members) if over_s is None else over_s
    bounds = [(times.bounds_s[index], times.times_s[index]) for index in row.members]
    known = [bound for bound, _ in bounds if bound is not None]
    bound_s = sum(known)
    # An unknown operator has no bound, and so no part in the share either, unless the row is the total.
    bounded_s = sum(taken_s for bound, taken_s in bounds if bound is not None) if over_s is None else over_s
    return {
        **row.words,
        **cost,
        "time_s": time_s,
        "share": time_s / times.total_s,
        "flops_per_s": _rate(cost["flops"], time_s),
        "bytes_per_s": _rate(cost["memory_access_bytes"], time_s),
        "bound_s": None if bounds and not known else bound_s,
        "roofline_share": bound_s / bounded_s if bound_s and bounded_s > 0 and _is_possible(times) else None,
    }


def _is_possible(times: OperatorTimes) -> bool:
    return times.peaks is None or not times.peaks.faults


def _time_s(times: OperatorTimes, members: Iterable[int]) -> float:
    return sum(times.times_s[index] for index in members)


def _rate(work: Any, time_s: float) -> Any:
    """Return work per second; `AtLeast` where the work is; None without work or time."""
    if work is None or not bare(work) or time_s <= 0:
        return None
    rate = bare(work) / time_s
    return AtLeast(rate) if isinstance(work, AtLeast) else rate
