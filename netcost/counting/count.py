"""Count of a graph, the cost of each operator: rules, fusion and structure together, without torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netcost.graph import fusion, rules, structure
from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Graph, Op, TensorSpec

FREE = Cost()
UNCOUNTED = Cost(kernels=1)


@dataclass(frozen=True, slots=True, repr=False)
class Count:
    """A counted graph.

    Args:
        graph: the forward pass.
        kinds: the kind of each operator.
        costs: the cost of each operator; they add up to the whole.
        structure: depth, blocks and fragments.
    """

    graph: Graph
    kinds: tuple[Kind, ...]
    costs: tuple[Cost, ...]
    structure: structure.Structure

    def __repr__(self) -> str:
        return f"<Count of {self.graph!r}>"

    @property
    def unknown_ops(self) -> dict[str, int]:
        """Operators without a counting rule, and the runs of each: totals leave their work out."""
        unknown = (op.name for op, kind in zip(self.graph.ops, self.kinds, strict=True) if kind is Kind.UNKNOWN)
        return dict(Counter(unknown))


def count(graph: Graph) -> Count:
    """Count every operator of `graph`, and analyse its structure."""
    kinds, plain = kinds_and_costs(graph.ops)
    access, access_bytes = [cost.memory_access for cost in plain], [cost.memory_access_bytes for cost in plain]
    fused = fusion.fuse(graph, kinds, access, access_bytes)
    seen: set[str] = set()
    costs = tuple(
        cost._replace(
            params=_new_params(op, graph.parameters, seen),
            memory_access_fused=fused.access[index],
            memory_access_fused_bytes=fused.access_bytes[index],
            elementwise_access=cost.memory_access if kinds[index] is Kind.ELEMENTWISE else 0,
        )
        for index, (op, cost) in enumerate(zip(graph.ops, plain, strict=True))
    )
    return Count(graph, kinds, costs, structure.analyse(graph, kinds))


def kinds_and_costs(ops: Sequence[Op]) -> tuple[tuple[Kind, ...], tuple[Cost, ...]]:
    """Return kind and cost of each operator by its rule alone: without parameters and fusion."""
    pairs = [_kind_and_cost(op) for op in ops]
    return tuple(kind for kind, _ in pairs), tuple(cost for _, cost in pairs)


def _kind_and_cost(op: Op) -> tuple[Kind, Cost]:
    """Apply the rule of `op`; a view is free, and an unknown operator is known only to have run."""
    if op.is_view:
        return Kind.VIEW, FREE
    rule = rules.find(op.name)
    if rule is None:
        return Kind.UNKNOWN, UNCOUNTED
    return rule.kind_of(op), FREE if rule.cost is None else rule.cost(op)


def _new_params(op: Op, parameters: Mapping[str, TensorSpec], seen: set[str]) -> int:
    """Count the elements of the parameters that `op` is the first to use."""
    if op.is_view:
        return 0
    new = {name for name in op.parameters if name is not None and name not in seen}
    seen |= new
    return sum(parameters[name].numel for name in new)
