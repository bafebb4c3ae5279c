"""Groups of operators that a compiler runs as one kernel, such as those of torch.compile.

Convolutions, products and attention are kernels of their own. Everything else is joined to what it reads where no such
kernel lies between: operators with equally many kernels on the longest chain before them, and connected.

It is coarser than `fusion`, which follows an inference runtime and joins point-wise operators to the kernel before.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcost.graph.cost import CONVOLUTIONS, Kind
from netcost.graph.graph import Graph

OWN_KERNELS = CONVOLUTIONS | {Kind.LINEAR, Kind.MATMUL, Kind.ATTENTION, Kind.UNKNOWN}
"""Kinds that a compiler leaves to a library."""


def compiled_groups(graph: Graph, kinds: Sequence[Kind]) -> list[int]:
    """Return for each operator the index of the first one in its group; a view is a group of its own."""
    level = [0] * len(graph.ops)
    group = list(range(len(graph.ops)))

    def first(index: int) -> int:
        while group[index] != index:
            group[index] = group[group[index]]
            index = group[index]
        return index

    for index, op in enumerate(graph.ops):
        if op.is_view:
            continue
        sources = [source for source in op.sources if source >= 0]
        level[index] = max((level[source] + (kinds[source] in OWN_KERNELS) for source in sources), default=0)
        if kinds[index] in OWN_KERNELS:
            continue
        for source in sources:
            if kinds[source] not in OWN_KERNELS and level[source] == level[index]:
                head, joined = sorted((first(source), first(index)))
                group[joined] = head
    return [first(index) for index in range(len(group))]
