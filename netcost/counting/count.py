"""From a graph to what each of its operators costs: rules, fusion and structure together, without torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from netcost.graph import fusion, rules, structure
from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Graph, Op, TensorSpec

FREE = Cost()
UNCOUNTED = Cost(kernels=1)


@dataclass(frozen=True, slots=True)
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

    @property
    def unknown_ops(self) -> dict[str, int]:
        """Operators without a counting rule, and how often each ran: totals leave their work out."""
        unknown = (op.name for op, kind in zip(self.graph.ops, self.kinds, strict=True) if kind is Kind.UNKNOWN)
        return dict(Counter(unknown))


def count(graph: Graph) -> Count:
    """Count every operator of `graph`, and see how they are wired."""
    found = [None if op.is_view else rules.find(op.name) for op in graph.ops]
    kinds = tuple(_kind(op, rule) for op, rule in zip(graph.ops, found, strict=True))
    plain = [_cost(op, rule) for op, rule in zip(graph.ops, found, strict=True)]
    fused = fusion.fuse(
        graph, kinds, [cost.memory_access for cost in plain], [cost.memory_access_bytes for cost in plain]
    )
    seen: set[str] = set()
    costs = tuple(
        Cost(
            _new_params(op, graph.parameters, seen),
            cost.mult_adds,
            cost.flops,
            cost.memory_access,
            cost.memory_access_bytes,
            fused.access[index],
            fused.access_bytes[index],
            cost.activations,
            cost.memory_access if kinds[index] is Kind.ELEMENTWISE else 0,
            cost.kernels,
        )
        for index, (op, cost) in enumerate(zip(graph.ops, plain, strict=True))
    )
    return Count(graph, kinds, costs, structure.analyse(graph, kinds))


def _kind(op: Op, rule: rules.Rule | None) -> Kind:
    if op.is_view:
        return Kind.VIEW
    return Kind.UNKNOWN if rule is None else rule.kind_of(op)


def _cost(op: Op, rule: rules.Rule | None) -> Cost:
    """The rule's cost; a view is free, and of an unknown operator only that it ran is known."""
    if op.is_view:
        return FREE
    if rule is None:
        return UNCOUNTED
    return FREE if rule.cost is None else rule.cost(op)


def _new_params(op: Op, parameters: Mapping[str, TensorSpec], seen: set[str]) -> int:
    """Elements of the parameters that `op` is the first to use."""
    if op.is_view:
        return 0
    count = 0
    for name in op.parameters:
        if name is not None and name not in seen:
            seen.add(name)
            count += parameters[name].numel
    return count
