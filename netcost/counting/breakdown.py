"""Where the cost sits: a counted graph by module, kind, block or operator, as neutral tables.

The rows of each table are a partition of the operators, so that every additive metric adds up to the whole. Where
a row has unknown operators, what only a rule can say is missing, or at least what its other operators cost.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from netcost.counting.count import Count
from netcost.graph import structure
from netcost.graph.cost import COST_FIELDS, Kind, total
from netcost.graph.graph import TensorSpec
from netcost.text.errors import RequestError
from netcost.text.tables import METRICS, Column, Table, from_records
from netcost.text.units import AtLeast

ADDITIVE = tuple(name for name in METRICS if name in COST_FIELDS)
RULED = frozenset(ADDITIVE) - {"params", "kernels"}
"""What only a rule can say of an operator."""
WHOLE = "(model)"


def table(count: Count, by: str, depth: int | None = None) -> Table:
    """The cost by "module", "kind", "block" or "op".

    Args:
        count: the counted graph.
        by: what makes a row.
        depth: by module, how many levels of modules to tell apart; None for the innermost ones.

    Raises:
        RequestError: another grouping was asked for.
    """
    require_grouping(by)
    return by_module(count, depth) if by == "module" else GROUPINGS[by](count)


def require_grouping(by: str) -> str:
    """The name of a grouping, as it came.

    Raises:
        RequestError: it is none.
    """
    if by not in GROUPINGS:
        raise RequestError(f"cannot group by {by!r}; expected one of {', '.join(GROUPINGS)}")
    return by


def members(count: Count, by: str, depth: int | None = None) -> list[tuple[int, ...]]:
    """The operators behind each row of `table`, row by row; views are in no block.

    Args:
        count: the counted graph.
        by, depth: as for `table`.
    """
    if by == "block":
        return [block.ops for block in count.structure.blocks]
    keys: Iterable[Hashable] = range(len(count.graph.ops))
    if by == "module":
        keys = (truncated(op.module, depth) for op in count.graph.ops)
    elif by == "kind":
        keys = count.kinds
    return [tuple(each) for each in _grouped(keys).values()]


def by_module(count: Count, depth: int | None = None) -> Table:
    """A row a module, in the order of first use; its operators are those that ran in it or below it."""
    graph = count.graph
    groups = _grouped(truncated(op.module, depth) for op in graph.ops)
    records = [
        {
            "module": path or WHOLE,
            "type": graph.modules.get(path, ""),
            "calls": graph.calls.get(path),
            "output": _output(count, members),
            **record(count, members),
        }
        for path, members in groups.items()
    ]
    columns = (
        Column("module", "Module"),
        Column("type", "Type"),
        Column("calls", "Calls", "count"),
        Column("output", "Output"),
    )
    return _table(columns, records, unused_note(count))


def by_kind(count: Count) -> Table:
    """A row a kind of operator."""
    records = [
        {"kind": str(kind), "ops": len(members), **record(count, members)}
        for kind, members in _grouped(count.kinds).items()
    ]
    return _table((Column("kind", "Kind"), Column("ops", "Operators", "count")), records)


def by_block(count: Count) -> Table:
    """A row a building block, with its fragments and width."""
    records = [
        {
            "block": str(at),
            "module": block.module or WHOLE,
            "ops": len(block.ops),
            "fragments": block.fragments,
            "width": structure.width(count.graph, block),
            **record(count, block.ops),
        }
        for at, block in enumerate(count.structure.blocks)
    ]
    columns = (
        Column("block", "Block"),
        Column("module", "Module"),
        Column("ops", "Operators", "count"),
        Column("fragments", "Fragments", "count"),
        Column("width", "Width", "count"),
    )
    return _table(columns, records)


def by_op(count: Count) -> Table:
    """A row an operator, in the order in which they ran; views are there, and free."""
    records = [
        {
            "index": str(index),
            "op": op.name,
            "kind": str(kind),
            "module": op.module or WHOLE,
            "output": _output(count, [index]),
            **record(count, [index]),
        }
        for index, (op, kind) in enumerate(zip(count.graph.ops, count.kinds, strict=True))
    ]
    columns = (
        Column("index", "#"),
        Column("op", "Operator"),
        Column("kind", "Kind"),
        Column("module", "Module"),
        Column("output", "Output"),
    )
    return _table(columns, records)


GROUPINGS = {"module": by_module, "kind": by_kind, "block": by_block, "op": by_op}


def _table(columns: Sequence[Column], records: list[dict[str, Any]], notes: Sequence[str] = ()) -> Table:
    return from_records((*columns, *(METRICS[name] for name in ADDITIVE)), records, notes=notes)


def _grouped(keys: Iterable[Hashable]) -> dict[Any, list[int]]:
    """Operators by key, keys in order of first use."""
    groups: dict[Any, list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(key, []).append(index)
    return groups


def record(count: Count, members: Iterable[int]) -> dict[str, Any]:
    """The additive metrics of some operators, as one row."""
    members = list(members)
    cost = total([count.costs[index] for index in members])
    kinds = {count.kinds[index] for index in members} - {Kind.VIEW}
    values = {name: getattr(cost, name) for name in ADDITIVE}
    if Kind.UNKNOWN not in kinds:
        return values
    return {
        name: value if name not in RULED else AtLeast(value) if len(kinds) > 1 else None
        for name, value in values.items()
    }


def _output(count: Count, members: list[int]) -> str | None:
    """Shape of what the last of these operators made."""
    outputs = count.graph.ops[members[-1]].outputs
    return shape_text(outputs[0]) if outputs else None


def unused_note(count: Count) -> list[str]:
    """Which parameters the forward pass does not use, as a note."""
    graph = count.graph
    used = {name for op in graph.ops if not op.is_view for name in op.parameters if name}
    idle = {name: tensor for name, tensor in graph.parameters.items() if name not in used}
    if not idle:
        return []
    owners = list(dict.fromkeys(name.split(".")[0] for name in idle))
    names = ", ".join(owners[:5]) + (" …" if len(owners) > 5 else "")
    unused = sum(tensor.numel for tensor in idle.values())
    return [f"{unused:,} parameters are not used in {graph.mode} mode: {names}."]


def truncated(path: str, depth: int | None) -> str:
    """The first `depth` names of a module's path."""
    return path if depth is None else ".".join(path.split(".")[:depth])


def shape_text(tensor: TensorSpec) -> str:
    """`1x64x112x112`."""
    return "x".join(str(size) for size in tensor.shape)
