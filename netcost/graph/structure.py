"""Structure of an architecture: depth, cuts, building blocks, fragments and width. Pure graph walking.

Views do not matter here: the edges of the graph lead from the operator that wrote the memory of a view.

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
"""A block with more compute operators than this, and more than half of all, is the network and no unit of it.

NASNet's cells each read the two before, so that nothing cuts between them. DenseNet's dense blocks stay below half.
"""


@dataclass(frozen=True, slots=True)
class Block:
    """The operators after one cut, up to and including the next.

    Args:
        ops: indices into the graph, in order.
        compute_ops: the compute operators among them: the block's fragments.
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
    """Depth and building blocks of one forward pass.

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
        """Compute operators / depth (ratio); None if there are none."""
        return self.compute_ops / self.depth if self.depth else None

    @property
    def max_fragments(self) -> int | None:
        """Compute operators of the largest block (count); None if nothing cuts the network into units."""
        largest = max((block.fragments for block in self.blocks), default=0)
        is_whole = largest > WHOLE_NETWORK_SIZE and largest > WHOLE_NETWORK_SHARE * self.compute_ops
        return None if is_whole or not largest else largest


def analyse(graph: Graph, kinds: Sequence[Kind]) -> Structure:
    """Find the structure of `graph`; `kinds` has the kind of each operator."""
    is_compute = [kind in COMPUTE_KINDS for kind in kinds]
    return Structure(depth(graph, is_compute), sum(is_compute), tuple(_blocks(graph, is_compute)))


def depth(graph: Graph, is_compute: Sequence[bool]) -> int:
    """Count the compute operators on the longest chain."""
    depths: list[int] = []
    for op, counts in zip(graph.ops, is_compute, strict=True):
        depths.append(max([depths[source] for source in op.sources if source >= 0], default=0) + counts)
    return max(depths, default=0)


def on_path(graph: Graph) -> list[bool]:
    """Mark each operator that lies on a path from an input to an output; views are on none."""
    from_input: list[bool] = []
    for op in graph.ops:
        from_input.append(any(source == MODEL_INPUT or (source >= 0 and from_input[source]) for source in op.sources))
    to_output = set(graph.output_sources)
    for index, op in reversed([*enumerate(graph.ops)]):
        if index in to_output:
            to_output.update(op.sources)
    return [
        reached and index in to_output and not op.is_view
        for index, (op, reached) in enumerate(zip(graph.ops, from_input, strict=True))
    ]


def _cuts(graph: Graph, main: Sequence[bool]) -> list[int]:
    """List the operators that every path from input to output passes through, in order.

    In a topological order these are the ones that no edge jumps over: one sweep keeps the last reader of anything
    before it.

    Args:
        main: true for an operator on a path from an input to an output.
    """
    on_main = [index for index in range(len(graph.ops)) if main[index]]
    last_reader = {source: index for index in on_main for source in graph.ops[index].sources}
    last_reader.update({source: len(graph.ops) for source in graph.output_sources if source >= 0})
    cuts, reach = [], last_reader.get(MODEL_INPUT, -1)
    for index in on_main:
        if reach <= index:
            cuts.append(index)
        reach = max(reach, last_reader.get(index, index))
    return cuts


def _blocks(graph: Graph, is_compute: Sequence[bool]) -> list[Block]:
    """Partition all operators but views by the cuts."""
    main = on_path(graph)
    members: dict[int, list[int]] = {}
    for index, block in enumerate(_owners(graph, main, _cuts(graph, main))):
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


def _owners(graph: Graph, main: Sequence[bool], cuts: Sequence[int]) -> list[int | None]:
    """Number the block of each operator, the cuts before it on its path; None for views.

    An operator on no path from input to output joins the first block that uses it (a weight that is standardised), or
    else the block it comes from (a result that is dropped, with everything that only it uses).
    """
    owner: list[int | None] = [None] * len(graph.ops)
    block, boundaries = 0, set(cuts)
    for index in range(len(graph.ops)):
        if main[index]:
            owner[index] = block
            block += index in boundaries
    undecided = [index for index, op in enumerate(graph.ops) if owner[index] is None and not op.is_view]
    known = -1
    while undecided and known < (known := sum(owner[index] is not None for index in undecided)):
        _join_users(graph, owner)
        for index in undecided:
            if owner[index] is None:
                before = [owner[source] for source in graph.ops[index].sources if source >= 0]
                owner[index] = max((block for block in before if block is not None), default=None)
    return [0 if block is None and not op.is_view else block for block, op in zip(owner, graph.ops, strict=True)]


def _join_users(graph: Graph, owner: list[int | None]) -> None:
    """Put each operator without a block into the first block of its users, if any of them has one."""
    without_block = [block is None for block in owner]
    for index, op in reversed([*enumerate(graph.ops)]):
        block = owner[index]
        if block is None:
            continue
        for source in op.sources:
            if source >= 0 and without_block[source]:
                known = owner[source]
                owner[source] = block if known is None else min(known, block)


def common_module(paths: Sequence[str]) -> str:
    """Find the innermost module that holds all of `paths`: "layer1.0" for "layer1.0.conv1" and "layer1.0.bn1"."""
    parts = [path.split(".") for path in dict.fromkeys(paths)]
    first, last = min(parts), max(parts)  # a beginning that these share is shared by all between them
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    return ".".join(first[:shared])


def width(graph: Graph, block: Block) -> int:
    """Count the compute operators of the block that can run at the same time, at most.

    This is the largest antichain of the block's partial order: by Dilworth's theorem the number of operators less a
    maximum matching of its transitive closure.
    """
    import networkx  # only here, so that counting needs no graph library

    inside = set(block.ops)
    ancestors: dict[int, set[int]] = {}
    compute = set(block.compute_ops)
    pairs: networkx.Graph[tuple[str, int]] = networkx.Graph()
    pairs.add_nodes_from((("before", index) for index in compute), bipartite=0)
    pairs.add_nodes_from((("after", index) for index in compute), bipartite=1)
    for index in block.ops:
        ancestors[index] = set()
        for source in graph.ops[index].sources:
            if source in inside and source != index:
                ancestors[index] |= ancestors[source] | ({source} & compute)
        if index in compute:
            pairs.add_edges_from((("before", other), ("after", index)) for other in ancestors[index])
    top = [("before", index) for index in compute]
    matching = networkx.bipartite.hopcroft_karp_matching(pairs, top) if compute else {}
    return len(compute) - len(matching) // 2
