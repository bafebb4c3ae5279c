"""Depth, cuts, blocks, fragments and width: by hand, by brute force, and in networks whose fragments papers count."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import pytest
from handmade import Network, wired
from hypothesis import given, settings
from hypothesis import strategies as st

import netcost
from netcost.counting.count import count
from netcost.graph import structure
from netcost.graph.cost import Kind
from netcost.graph.graph import CONSTANT, MODEL_INPUT, Graph
from netcost.graph.structure import Block, Structure, common_module, depth

INPUT = MODEL_INPUT
CONV, RELU = Kind.CONVOLUTION, Kind.ELEMENTWISE


def blocks_of(graph: Graph) -> list[tuple[int, ...]]:
    """The operators of each block, all of them taken for convolutions."""
    return [block.ops for block in structure.analyse(graph, [CONV] * len(graph.ops)).blocks]


WIRINGS = {
    "a chain is cut everywhere": (wired([(INPUT,), (0,), (1,)], outputs=[2]), [(0,), (1,), (2,)]),
    "a shortcut from the input leaves only the end": (wired([(INPUT,), (0,), (1, INPUT)], outputs=[2]), [(0, 1, 2)]),
    # The first three are common to both outputs; the fourth is passed by one path only.
    "an output taken at the end": (wired([(INPUT,), (0,), (1,), (2,)], outputs=[2, 3]), [(0,), (1,), (2,), (3,)]),
    "an output taken midway ends the cuts": (wired([(INPUT,), (0,), (1,), (2,)], outputs=[0, 3]), [(0,), (1, 2, 3)]),
    "two inputs are cut only after they meet": (
        wired([(INPUT,), (INPUT,), (0,), (2, 1), (3,)], outputs=[4]),
        [(0, 1, 2, 3), (4,)],
    ),
    # 2 and 3 hang off the block of 1 and are dropped; 4 goes on from 1.
    "a dead end joins the block that it comes from": (
        wired([(INPUT,), (0,), (1,), (2,), (1,), (4,)], outputs=[5]),
        [(0,), (1, 2, 3), (4,), (5,)],
    ),
    # 0 and 1 standardise a weight that 4 uses.
    "a constant joins the block that uses it": (
        wired([(CONSTANT,), (0,), (INPUT,), (2,), (3, 1), (4,)], outputs=[5]),
        [(2,), (3,), (0, 1, 4), (5,)],
    ),
    "a constant that several blocks use joins the first": (
        wired([(CONSTANT,), (INPUT,), (1,), (2, 0), (3, 0)], outputs=[4]),
        [(1,), (2,), (0, 3), (4,)],
    ),
    # 3 is made of nothing, 4 reads it and 2, and nobody reads 4.
    "a constant that only a dead end uses goes with it": (
        wired([(INPUT,), (0,), (1,), (CONSTANT,), (2, 3), (2,)], outputs=[5]),
        [(0,), (1,), (2, 3, 4), (5,)],
    ),
    "a constant that nobody uses stands in the first block": (
        wired([(INPUT,), (0,), (CONSTANT,)], outputs=[1]),
        [(0, 2), (1,)],
    ),
    "views belong to no block and cut nothing": (
        wired([(INPUT,), (0,), (0,), (2,)], outputs=[3], views=[1]),
        [(0,), (2,), (3,)],
    ),
}


@pytest.mark.parametrize("case", WIRINGS)
def test_operators_fall_into_blocks(case):
    graph, blocks = WIRINGS[case]
    assert blocks_of(graph) == blocks


def test_depth_counts_compute_operators_alone():
    assert depth(wired([(INPUT,), (0,), (1,)], outputs=[2]), [True, False, True]) == 2


def test_a_residual_block_ends_at_its_addition():
    # stem, conv, conv, add (to the stem's output), head
    residual = wired([(INPUT,), (0,), (1,), (2, 0), (3,)], outputs=[4])
    blocks = structure.analyse(residual, [CONV, CONV, CONV, RELU, CONV]).blocks
    assert [block.ops for block in blocks] == [(0,), (1, 2, 3), (4,)]
    assert blocks[1].fragments == 2
    assert structure.width(residual, blocks[1]) == 1


def test_parallel_branches_are_one_block_as_wide_as_they_are_many():
    # stem; branches 1, 2-3, 4-5, 6-7; cat
    inception = wired([(INPUT,), (0,), (0,), (2,), (0,), (4,), (0,), (6,), (1, 3, 5, 7)], outputs=[8])
    kinds = [CONV] * 8 + [Kind.MOVEMENT]
    found = structure.analyse(inception, kinds)
    assert [block.ops for block in found.blocks] == [(0,), (1, 2, 3, 4, 5, 6, 7, 8)]
    assert found.blocks[1].fragments == 7
    assert structure.width(inception, found.blocks[1]) == 4
    assert found.max_fragments == 7
    assert found.depth == 1 + 2
    assert found.parallelism == 8 / 3


def test_branches_inside_branches_are_not_blocks_of_their_own():
    # stem; 1 splits into 2 and 3, joined by 4, beside 5; joined by 6
    nested = wired([(INPUT,), (0,), (1,), (1,), (2, 3), (0,), (4, 5)], outputs=[6])
    found = structure.analyse(nested, [CONV] * 7)
    assert found.blocks[1].ops == (1, 2, 3, 4, 5, 6)
    assert structure.width(nested, found.blocks[1]) == 3


def test_a_block_of_no_compute_operators_has_no_fragments_and_no_width():
    chain = wired([(INPUT,), (0,)], outputs=[1])
    found = structure.analyse(chain, [CONV, RELU])
    assert [block.fragments for block in found.blocks] == [1, 0]
    assert structure.width(chain, found.blocks[1]) == 0


def test_what_reads_memory_reads_from_the_operator_that_wrote_it_last_in_place():
    net = Network()
    x = net.relu_(net.conv(net.input(1, 4, 8, 8), 4))
    graph = net.graph(net.relu_(net.add(net.conv(x, 4), x)))
    # conv, relu_, conv, add of the shortcut, relu_
    found = count(graph).structure
    assert [block.ops for block in found.blocks] == [(0,), (1,), (2, 3), (4,)]
    assert found.depth == 2


def test_without_operators_there_is_no_depth_no_block_and_no_fragment():
    empty = structure.analyse(Graph(()), [])
    assert empty == Structure(depth=0, compute_ops=0, blocks=())
    assert empty.parallelism is None
    assert empty.max_fragments is None


def test_without_compute_operators_there_are_blocks_but_no_fragments():
    found = structure.analyse(wired([(INPUT,), (0,)], outputs=[1]), [RELU, RELU])
    assert len(found.blocks) == 2
    assert found.max_fragments is None
    assert found.parallelism is None


@pytest.mark.parametrize(
    ("largest", "all_compute_ops", "expected"),
    [
        (48, 60, 48),  # no larger than a block may be
        (49, 98, 49),  # exactly half of the network
        (49, 97, None),  # more than half of it, and large: the network itself
        (7, 7, 7),  # a small network may be one block
    ],
)
def test_a_block_that_is_most_of_a_large_network_is_no_unit_of_it(largest, all_compute_ops, expected):
    block = Block(tuple(range(largest)), tuple(range(largest)), "")
    assert Structure(depth=1, compute_ops=all_compute_ops, blocks=(block,)).max_fragments == expected


def test_a_block_is_named_by_the_innermost_module_that_holds_it():
    graph = wired(
        [(INPUT,), (0,), (1,), (2, 0)], outputs=[3], modules=["stem", "stage.0.conv1", "stage.0.conv2", "stage.0"]
    )
    assert [block.module for block in structure.analyse(graph, [CONV] * 4).blocks] == ["stem", "stage.0"]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["layer1.0.conv1", "layer1.0.bn1"], "layer1.0"),
        (["layer1.0", "layer1.0.bn1"], "layer1.0"),
        (["layer1.0", "layer1.10"], "layer1"),  # whole names, not letters
        (["features", "classifier"], ""),
        (["", "features"], ""),
        (["features.3"], "features.3"),
    ],
)
def test_the_common_module_is_the_longest_path_that_all_share(paths, expected):
    assert common_module(paths) == expected


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Small random wirings with views, constants, dead ends and several outputs."""
    length = draw(st.integers(1, 8))
    views = set(draw(st.lists(st.integers(0, length - 1), max_size=2)))
    sources = []
    for position in range(length):
        readable = [INPUT, CONSTANT, *(index for index in range(position) if index not in views)]
        # Recent ones rather than old ones, or there would be hardly a cut.
        near = st.sampled_from(readable[-2:]) | st.sampled_from(readable)
        sources.append(tuple(draw(st.lists(near, min_size=1, max_size=3))))
    last = max((index for index in range(length) if index not in views), default=CONSTANT)
    others = draw(st.lists(st.sampled_from([index for index in range(length) if index not in views] or [last])))
    return wired(sources, [last, *others[:1]] if draw(st.booleans()) else [last], views)


def paths(graph: Graph) -> list[set[int]]:
    """Every way from an input to an output, as the operators on it."""
    ends = set(graph.output_sources)

    def onwards(walked: tuple[int, ...]) -> Iterator[set[int]]:
        if walked[-1] in ends:
            yield set(walked)
        for index, op in enumerate(graph.ops):
            if walked[-1] in op.sources and not op.is_view:
                yield from onwards((*walked, index))

    starts = [index for index, op in enumerate(graph.ops) if INPUT in op.sources and not op.is_view]
    return [path for start in starts for path in onwards((start,))]


def cuts(graph: Graph) -> list[int]:
    """What every way from input to output passes through."""
    ways = paths(graph)
    return sorted(set.intersection(*ways)) if ways else []


@settings(deadline=None, max_examples=200)
@given(graphs())
def test_a_block_holds_what_lies_after_one_cut_up_to_the_next(graph):
    main = set().union(*paths(graph))
    found = cuts(graph)
    for block, members in enumerate(blocks_of(graph)):
        on_paths = [index for index in members if index in main]
        if found:
            after = found[block - 1] if block else -1
            upto = found[block] if block < len(found) else len(graph.ops)
            assert on_paths == [index for index in sorted(main) if after < index <= upto]


@settings(deadline=None, max_examples=200)
@given(graphs())
def test_what_is_off_the_path_joins_its_first_user_or_else_where_it_comes_from(graph):
    main = set().union(*paths(graph))
    home = {index: block for block, members in enumerate(blocks_of(graph)) for index in members}
    for index, op in enumerate(graph.ops):
        if op.is_view or index in main:
            continue
        users = {home[reader] for reader, other in enumerate(graph.ops) if index in other.sources and not other.is_view}
        origins = {home[source] for source in op.sources if source >= 0}
        assert home[index] in users | origins | {0}
        if users and not origins:
            assert home[index] == min(users)
        if origins and not users:
            assert home[index] == max(origins)


@settings(deadline=None, max_examples=200)
@given(graphs(), st.lists(st.booleans(), min_size=8, max_size=8))
def test_width_is_the_largest_set_of_compute_operators_none_of_which_waits_for_another(graph, flags):
    kinds = [CONV if flag else RELU for flag, _ in zip(flags, graph.ops, strict=False)]
    for block in structure.analyse(graph, kinds).blocks:
        assert structure.width(graph, block) == largest_antichain(graph, block.compute_ops)


def largest_antichain(graph: Graph, compute_ops: tuple[int, ...]) -> int:
    """By trying every set."""
    ancestors: list[set[int]] = []
    for op in graph.ops:
        before = {source for source in op.sources if source >= 0}
        ancestors.append(before.union(*(ancestors[source] for source in before)))
    return max(
        size
        for size in range(len(compute_ops) + 1)
        for several in combinations(compute_ops, size)
        if not any(a in ancestors[b] for a, b in combinations(several, 2))
    )


@settings(deadline=None, max_examples=100)
@given(graphs(), st.lists(st.booleans(), min_size=8, max_size=8))
def test_depth_is_the_longest_chain_of_compute_operators(graph, flags):
    def longest(index: int) -> int:
        before = max((longest(source) for source in graph.ops[index].sources if source >= 0), default=0)
        return before + flags[index]

    assert depth(graph, flags[: len(graph.ops)]) == max(longest(index) for index in range(len(graph.ops)))


def fragments(target: str) -> dict[str, int]:
    """Fragments of each block of a real network that has more than one, by the module that holds it."""
    analysis = netcost.analyze(target)
    return {block.module: block.fragments for block in analysis.count.structure.blocks if block.fragments > 1}


@pytest.mark.parametrize(
    ("target", "stages", "plain"),
    [
        ("resnet18", {"conv2_x": 2, "conv3_x": 2, "conv4_x": 2, "conv5_x": 2}, 2),
        ("torchvision:resnet18", {"layer1": 2, "layer2": 2, "layer3": 2, "layer4": 2}, 2),
        ("resnet50", {"conv2_x": 3, "conv3_x": 4, "conv4_x": 6, "conv5_x": 3}, 3),
        ("torchvision:resnet50", {"layer1": 3, "layer2": 4, "layer3": 6, "layer4": 3}, 3),
    ],
)
def test_a_residual_network_has_its_convolutions_as_fragments_and_one_more_where_it_projects(target, stages, plain):
    # The first stage of basic blocks keeps its 64 channels and needs no projection.
    projected = list(stages)[1:] if plain == 2 else list(stages)
    expected = {
        f"{stage}.{unit}": plain + (unit == 0 and stage in projected)
        for stage, units in stages.items()
        for unit in range(units)
    }
    assert fragments(target) == expected


@pytest.mark.parametrize("target", ["googlenet", "torchvision:googlenet"])
def test_every_inception_module_has_seven_fragments_and_a_width_of_four(target):
    analysis = netcost.analyze(target)
    modules = [block for block in analysis.count.structure.blocks if block.fragments > 1]
    assert [block.module.replace("_", "") for block in modules] == [
        f"inception{name}" for name in "3a 3b 4a 4b 4c 4d 4e 5a 5b".split()
    ]
    assert {block.fragments for block in modules} == {6 + 1}, "six convolutions and a pooling"
    assert {structure.width(analysis.graph, block) for block in modules} == {4}
    assert analysis.max_fragments == 7


def test_a_dense_block_is_one_block_because_each_layer_reads_all_before():
    # DenseNet-121: 6, 12, 24 and 16 layers of two convolutions each.
    assert fragments("torchvision:densenet121") == {
        f"features.denseblock{index}": 2 * layers for index, layers in enumerate((6, 12, 24, 16), start=1)
    }


def test_a_network_without_inner_cuts_has_no_largest_block_rather_than_none_of_size_zero():
    analysis = netcost.analyze("timm:nasnetalarge")
    assert analysis.max_fragments is None
    assert analysis.parallelism > 4
    assert analysis.to_dict()["max_fragments"] is None
