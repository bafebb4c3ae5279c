"""Breakdown of the cost of a counted graph by module, kind, block or operator, as neutral tables.

The rows of each table are a partition of the operators, so that every additive metric adds up to the whole. If a row
has unknown operators, the metrics that need a rule are missing, or lower bounds from its other operators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from netcost.counting.count import Count
from netcost.graph import structure
from netcost.graph.cost import COST_FIELDS, Kind, total
from netcost.graph.graph import Graph, Op, TensorSpec
from netcost.text.errors import RequestError
from netcost.text.metrics import METRICS, NARROW_METRICS, TRAIN_METRICS
from netcost.text.tables import Column, Table, table_of
from netcost.text.units import AtLeast

ADDITIVE = tuple(name for name in METRICS if name in COST_FIELDS)
NEED_A_RULE = frozenset({*ADDITIVE, *NARROW_METRICS, *TRAIN_METRICS, "mult_adds_per_token"}) - {
    "params",
    "kernels",
    "train_memory_bytes",
}
"""Metrics that are unknown for an operator without a counting rule."""
WHOLE = "(model)"


def table(count: Count, by: str, depth: int | None = None) -> Table:
    """Make the table of costs by "module" (of the first `depth` levels, or of all), "kind", "block" or "op".

    Raises:
        RequestError: `by` is another grouping.
    """
    require_grouping(by)
    return by_module(count, depth) if by == "module" else GROUPINGS[by](count)


def require_grouping(by: str) -> str:
    """Return the name of a grouping as it is; raise a RequestError for any other."""
    if by not in GROUPINGS:
        raise RequestError(f"cannot group by {by!r}; expected one of {', '.join(GROUPINGS)}")
    return by


def members(count: Count, by: str, depth: int | None = None) -> list[tuple[int, ...]]:
    """List the operators behind each row of the `table` with these arguments; views are in no block."""
    if by == "block":
        return [block.ops for block in count.structure.blocks]
    keys: Iterable[Hashable] = range(len(count.graph.ops))
    if by == "module":
        keys = (truncated(op.module, depth) for op in count.graph.ops)
    elif by == "kind":
        keys = count.kinds
    return [tuple(operators) for operators in _grouped(keys).values()]


def by_module(count: Count, depth: int | None = None, calls: bool = False) -> Table:
    """Make a row per module, in the order of first use; its operators are those that ran in it or below it.

    With `calls`, make a row per call of a module; parameters belong to the first call that uses them. Calls of a module
    that has several names are numbered over all of them.
    """
    graph = count.graph
    names = _call_names(graph) if calls else {}
    number = Column("call", "Call", "count", of=lambda row: None if row.key[1] is None else row.key[1] + 1)
    columns = (
        Column("module", "Module", of=lambda row: names.get(row.key, row.key[0]) or WHOLE),
        Column("type", "Type", of=lambda row: graph.modules.get(row.key[0], "")),
        number if calls else Column("calls", "Calls", "count", of=lambda row: graph.calls.get(row.key[0])),
        Column("output", "Output", of=lambda row: _output(count, row.members)),
    )
    paths = (truncated(op.module, depth) for op in graph.ops)
    keys = ((path, _call(graph, op, path) if calls else None) for path, op in zip(paths, graph.ops, strict=True))
    return _table(count, columns, _grouped(keys), unused_note(count))


def _call(graph: Graph, op: Op, path: str) -> int | None:
    """Return the number of the call of module `path` in which an operator ran, from 0; None for a mere container."""
    call: tuple[str, int] | None = (op.module, op.call)
    while call is not None and call[0] != path:
        call = graph.callers.get(call)
    return None if call is None else call[1]


def _call_names(graph: Graph) -> dict[tuple[str, int], str]:
    """Return the name of each call of a module that has several names, and of the calls in it.

    Torch does not tell by which name a module was called: a caller is taken to use the names that it has for the module
    in their order, one per call, over and over.
    """
    names: dict[tuple[str, int], str] = {}
    used: Counter[tuple[tuple[str, int], str]] = Counter()
    for call, caller in graph.callers.items() if graph.names else ():
        path, above = call[0], caller[0]
        prefix = f"{above}." if above else ""
        known = graph.names.get(path, (path,))
        own = [name for name in known if name.startswith(prefix)] or known
        name = own[used[caller, path] % len(own)]
        used[caller, path] += 1
        names[call] = names.get(caller, above) + name.removeprefix(above) if name.startswith(prefix) else name
    return names


def by_kind(count: Count) -> Table:
    """Make a row per kind of operator."""
    columns = (
        Column("kind", "Kind", of=lambda row: str(row.key)),
        Column("ops", "Operators", "count", of=lambda row: len(row.members)),
    )
    return _table(count, columns, _grouped(count.kinds))


def by_block(count: Count) -> Table:
    """Make a row per building block, with its fragments and width."""
    blocks = count.structure.blocks
    columns = (
        Column("block", "Block", of=lambda row: str(row.key)),
        Column("module", "Module", of=lambda row: blocks[row.key].module or WHOLE),
        Column("ops", "Operators", "count", of=lambda row: len(row.members)),
        Column("fragments", "Fragments", "count", of=lambda row: blocks[row.key].fragments),
        Column("width", "Width", "count", of=lambda row: structure.width(count.graph, blocks[row.key])),
    )
    return _table(count, columns, {index: block.ops for index, block in enumerate(blocks)})


def by_op(count: Count) -> Table:
    """Make a row per operator, in the order in which they ran; views are there, and free."""
    ops = count.graph.ops
    columns = (
        Column("index", "#", of=lambda row: str(row.key)),
        Column("op", "Operator", of=lambda row: ops[row.key].name),
        Column("kind", "Kind", of=lambda row: str(count.kinds[row.key])),
        Column("module", "Module", of=lambda row: ops[row.key].module or WHOLE),
        Column("output", "Output", of=lambda row: _output(count, row.members)),
    )
    return _table(count, columns, {index: [index] for index in range(len(ops))})


GROUPINGS = {"module": by_module, "kind": by_kind, "block": by_block, "op": by_op}


class OperatorRow(NamedTuple):
    """Some operators under one key (a path, a kind, an index), with their additive metrics."""

    key: Any
    members: Sequence[int]
    values: dict[str, Any]


def _table(
    count: Count, columns: Sequence[Column], groups: Mapping[Any, Sequence[int]], notes: Sequence[str] = ()
) -> Table:
    rows = (OperatorRow(key, members, record(count, members)) for key, members in groups.items())
    metrics = (replace(METRICS[name], of=itemgetter(name)).through(attrgetter("values")) for name in ADDITIVE)
    return table_of((*columns, *metrics), rows, notes=notes)


def _grouped(keys: Iterable[Hashable]) -> dict[Any, list[int]]:
    """Group operators by key, keys in order of first use."""
    groups: dict[Any, list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(key, []).append(index)
    return groups


def record(count: Count, members: Iterable[int]) -> dict[str, Any]:
    """Add up the additive metrics of some operators."""
    members = list(members)
    cost = total([count.costs[index] for index in members])
    kinds = {count.kinds[index] for index in members} - {Kind.VIEW}
    values = {name: getattr(cost, name) for name in ADDITIVE}
    if Kind.UNKNOWN not in kinds:
        return values
    return {
        name: value if name not in NEED_A_RULE else AtLeast(value) if len(kinds) > 1 else None
        for name, value in values.items()
    }


def _output(count: Count, members: Sequence[int]) -> str | None:
    """Write the output shape of the last of these operators."""
    outputs = count.graph.ops[members[-1]].outputs
    return shape_text(outputs[0]) if outputs else None


def unused_note(count: Count) -> list[str]:
    """Make the note on parameters that the forward pass does not use; no note if it uses all."""
    graph = count.graph
    used = {name for op in graph.ops if not op.is_view for name in op.parameters if name}
    idle = {name: tensor for name, tensor in graph.parameters.items() if name not in used}
    if not idle:
        return []
    owners = list(dict.fromkeys(name.split(".")[0] for name in idle))
    listed = ", ".join(owners[:5]) + (" …" if len(owners) > 5 else "")
    unused = sum(tensor.numel for tensor in idle.values())
    return [f"{unused:,} parameters are not used in {graph.mode} mode: {listed}."]


def truncated(path: str, depth: int | None) -> str:
    """Return the first `depth` names of a module's path; all for None."""
    return path if depth is None else ".".join(path.split(".")[:depth])


def shape_text(tensor: TensorSpec) -> str:
    """Write a shape: `1x64x112x112`."""
    return "x".join(str(size) for size in tensor.shape)
