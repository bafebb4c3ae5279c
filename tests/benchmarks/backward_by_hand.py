"""Multiply-adds of a backward pass by hand: from the forward graph alone, without any rule of the backward pass."""

from collections import Counter

from netcost.counting import Analysis
from netcost.graph.cost import Kind


def backward_by_hand(analysis: Analysis) -> Counter[str]:
    """Return them by module: each product of the forward pass, once per factor that needs a gradient.

    Fused attention has five products where the forward pass has two.
    """
    found: Counter[str] = Counter()
    needs: list[bool] = []
    for op, kind, cost in zip(analysis.graph.ops, analysis.count.kinds, analysis.count.costs, strict=True):
        operands = zip(op.inputs, op.sources, op.parameters, strict=True)
        asks = [
            spec.dtype.startswith("float") and (name is not None or (source >= 0 and needs[source]))
            for spec, source, name in operands
        ]
        needs.append(any(asks))
        if cost.mult_adds and kind is Kind.ATTENTION:
            found[op.module] += 5 * cost.mult_adds // 2
        elif cost.mult_adds:
            adds = op.name.removeprefix("aten.") in ("addmm", "baddbmm", "addbmm")  # x + a b: not the first
            found[op.module] += cost.mult_adds * sum(asks[-2:] if adds else asks[:2])
    return +found
