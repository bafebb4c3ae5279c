"""How an architecture is wired: depth, cuts, building blocks, fragments and width. Pure graph walking.

The operators that matter here are those that do something: views are collapsed by the graph itself, because no one
reads from a view but from the operator that wrote its memory.

Reference: ShuffleNet V2 (arXiv:1807.11164), section 2, G3: fragments are the convolutions and poolings of one
building block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netcost.graph.cost import COMPUTE_KINDS, Kind
from netcost.graph.graph import MODEL_INPUT, Graph

WHOLE_NETWORK_SHARE = 0.5
WHOLE_NETWORK_SIZE = 48
"""A block with more than half of all compute operators, and more than this many, is the network and no unit of it.

NASNet's cells each read the two before, so that nothing cuts between them. DenseNet's dense blocks stay below half.
"""


@dataclass(frozen=True, slots=True)
class Block:
    """The operators after one cut, up to and including the next.

    Args:
        ops: indices into the graph, in order.
        compute_ops: those of them that are compute operators: the block's fragments.
        module: the innermost module that holds them all.
    """

    ops: tuple[int, ...]
    compute_ops: tuple[int, ...]
    module: str

    @property
    def fragments(self) -> int:
        """Compute operators of the block (count)."""
        return len(self.compute_ops)


@dataclass(frozen=True, slots=True)
class Structure:
    """The wiring of one forward pass.

    Args:
        depth: longest chain of compute operators (count).
        compute_ops: compute operators (count).
        blocks: building blocks in order; together they hold every operator that is not a view, once.
    """

    depth: int
    compute_ops: int
    blocks: tuple[Block, ...]

    @property
    def parallelism(self) -> float | None:
        """Compute operators / depth (ratio); None where there are none."""
        return self.compute_ops / self.depth if self.depth else None

    @property
    def max_fragments(self) -> int | None:
        """Compute operators of the largest block; None where nothing cuts the network into units."""
        largest = max((block.fragments for block in self.blocks), default=0)
        is_whole = largest > WHOLE_NETWORK_SIZE and largest > WHOLE_NETWORK_SHARE * self.compute_ops
        return None if is_whole or not largest else largest


def analyse(graph: Graph, kinds: Sequence[Kind]) -> Structure:
    """The structure of `graph`, whose operators are of the given kinds, one each."""
    is_compute = [kind in COMPUTE_KINDS for kind in kinds]
    return Structure(depth(graph, is_compute), sum(is_compute), tuple(_blocks(graph, is_compute)))


def depth(graph: Graph, is_compute: Sequence[bool]) -> int:
    """Operators on the longest chain, those that are not compute operators counting nothing."""
    reached: list[int] = []
    for op, counts in zip(graph.ops, is_compute, strict=True):
        before = max([reached[source] for source in op.sources if source >= 0], default=0)
        reached.append(before + counts)
    return max(reached, default=0)


def on_path(graph: Graph) -> list[bool]:
    """For each operator, whether it lies on a path from an input to an output, views left out."""
    forward: list[bool] = []
    for op in graph.ops:
        forward.append(any(source == MODEL_INPUT or (source >= 0 and forward[source]) for source in op.sources))
    backward = [False] * len(graph.ops)
    for source in graph.output_sources:
        if source >= 0:
            backward[source] = True
    for index in range(len(graph.ops) - 1, -1, -1):
        if backward[index]:
            for source in graph.ops[index].sources:
                if source >= 0:
                    backward[source] = True
    return [ahead and behind and not op.is_view for op, ahead, behind in zip(graph.ops, forward, backward, strict=True)]


def _cuts(graph: Graph, main: Sequence[bool]) -> list[int]:
    """Operators that every path from input to output passes through, in order.

    In a topological order these are the ones that no edge jumps over: one sweep keeps the furthest operator that
    anything seen so far is read by.

    Args:
        main: whether an operator lies on a path from an input to an output.
    """
    furthest = [index if main[index] else -1 for index in range(len(graph.ops))]
    end = len(graph.ops)
    reach_of_input = -1
    for index, op in enumerate(graph.ops):
        if not main[index]:
            continue
        for source in op.sources:
            if source >= 0 and main[source]:
                furthest[source] = index
            elif source == MODEL_INPUT:
                reach_of_input = index
    for source in graph.output_sources:
        if source >= 0:
            furthest[source] = end
    found, reach = [], reach_of_input
    for index in range(end):
        if main[index]:
            if reach <= index:
                found.append(index)
            reach = max(reach, furthest[index])
    return found


def _blocks(graph: Graph, is_compute: Sequence[bool]) -> list[Block]:
    """Partition all operators but views by the cuts."""
    main = on_path(graph)
    owner = _owners(graph, main, _cuts(graph, main))
    members: dict[int, list[int]] = {}
    for index, block in enumerate(owner):
        if block is not None:
            members.setdefault(block, []).append(index)
    return [
        Block(
            tuple(ops),
            tuple(index for index in ops if is_compute[index]),
            common_module([graph.ops[index].module for index in ops]),
        )
        for _, ops in sorted(members.items())
    ]


def _owners(graph: Graph, main: Sequence[bool], found: Sequence[int]) -> list[int | None]:
    """The block of each operator: how many cuts come before it on its path; None for views.

    What is on no path from input to output joins the first block that uses it (a weight that is standardised), or
    else the block it comes from (a result that is dropped, with what only it uses).
    """
    owner: list[int | None] = [None] * len(graph.ops)
    block, boundaries = 0, set(found)
    for index in range(len(graph.ops)):
        if main[index]:
            owner[index] = block
            block += index in boundaries
    _join_users(graph, owner)
    for index, op in enumerate(graph.ops):
        if owner[index] is None and not op.is_view:
            before = [owner[source] for source in op.sources if source >= 0]
            owner[index] = max((at for at in before if at is not None), default=None)
    _join_users(graph, owner)
    return [0 if at is None and not op.is_view else at for at, op in zip(owner, graph.ops, strict=True)]


def _join_users(graph: Graph, owner: list[int | None]) -> None:
    """Give each operator without a block the first block of those that use it, if any of them has one."""
    homeless = [at is None for at in owner]
    for index in range(len(graph.ops) - 1, -1, -1):
        mine = owner[index]
        if mine is None:
            continue
        for source in graph.ops[index].sources:
            if source >= 0 and homeless[source]:
                known = owner[source]
                owner[source] = mine if known is None else min(known, mine)


def common_module(paths: Sequence[str]) -> str:
    """The innermost module that holds all of `paths`: "layer1.0" for "layer1.0.conv1" and "layer1.0.bn1"."""
    parts = [path.split(".") for path in dict.fromkeys(paths)]
    first, last = min(parts), max(parts)  # what these share, all between them share
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    return ".".join(first[:shared])


def width(graph: Graph, block: Block) -> int:
    """Most compute operators of the block that can run at the same time (count).

    The largest antichain of the block's partial order: by Dilworth's theorem the number of operators less a maximum
    matching of its transitive closure.
    """
    import networkx  # only here, so that counting needs no graph library

    inside = set(block.ops)
    ancestors: dict[int, set[int]] = {}
    compute = set(block.compute_ops)
    pairs: networkx.Graph[tuple[str, int]] = networkx.Graph()
    pairs.add_nodes_from((("before", index) for index in compute), bipartite=0)
    pairs.add_nodes_from((("after", index) for index in compute), bipartite=1)
    for index in block.ops:
        mine: set[int] = set()
        for source in graph.ops[index].sources:
            if source in inside and source != index:
                mine |= ancestors[source] | ({source} & compute)
        ancestors[index] = mine
        if index in compute:
            pairs.add_edges_from((("before", other), ("after", index)) for other in mine)
    top = [("before", index) for index in compute]
    matching = networkx.bipartite.hopcroft_karp_matching(pairs, top) if compute else {}
    return len(compute) - len(matching) // 2
