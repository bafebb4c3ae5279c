"""NC3: fragments, small operators and parallel branches against guideline G3.

Reference: ShuffleNet V2 (arXiv:1807.11164), section 2, G3: fragmented blocks lack parallelism within an operator.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from netcost.graph.cost import COMPUTE_KINDS, Kind
from netcost.graph.graph import MODEL_INPUT, Op
from netcost.graph.structure import Block
from netcost.linting.elementwise import joining
from netcost.linting.finding import Finding, Keeps, Network, Saving, rule
from netcost.profiling.roofline import bounds_s

LEAST_BRANCHES = 2.0
"""Fragments per step of a block's longest chain from which on it is fragmented; a shortcut's convolution is less."""


@rule("NC301")
def fragmented(network: Network) -> Iterator[Finding]:
    """Find blocks whose convolutions and poolings lie side by side.

    Kernels that joining saves (NC303, NC401 and NC405) are not among those saved here.
    """
    joined = _joined(network)
    for block in network.count.structure.blocks:
        depth = _depth(network, block)
        if block.fragments < 2 or block.fragments < LEAST_BRANCHES * depth or _has_towers(network, block):
            continue
        kernels = network.cost([index for index in block.ops if index not in joined]).kernels
        found = network.finding(
            block.compute_ops[0],
            f"{block.fragments} fragments, {depth} one after another",
            "merge the branches into fewer, wider operators",
            Saving(kernels=round(kernels * (1 - depth / block.fragments))),
            Keeps.CAPACITY,
        )
        yield replace(found, module=block.module, made=network.made.get(block.module))


def _joined(network: Network) -> set[int]:
    """Return the operators whose kernels are saved by joining layers (NC303) or element-wise work (NC401, NC405)."""
    layers = (index for indices in _alike(network) for index in indices[1:])
    return {*chain.from_iterable(joining(network)), *layers}


def _has_towers(network: Network, block: Block) -> bool:
    """True where the block reads several inputs of the network, whose branches have nothing in common."""
    reads_inputs = any(MODEL_INPUT in network.ops[index].sources for index in block.compute_ops)
    return reads_inputs and len(network.count.graph.inputs) > 1


def _depth(network: Network, block: Block) -> int:
    """Return the compute operators on the block's longest chain."""
    depths: dict[int, int] = {}
    for index in block.ops:
        before = max([depths.get(source, 0) for source in network.ops[index].sources], default=0)
        depths[index] = before + network.is_kind(index, *COMPUTE_KINDS)
    return max(depths.values(), default=0)


@rule("NC302")
def small_operators(network: Network) -> Iterator[Finding]:
    """Find operators of one block that take less time than launching them, by the peaks of the device.

    Those whose kernels joining saves already (NC303, NC401 and NC405) are not among them.
    """
    peaks = network.peaks
    if peaks is None:
        return
    launch, bounds, joined = min(peaks.launch_s), bounds_s(network.count, peaks), _joined(network)
    blocks = {name.rpartition(".")[0] for name in network.count.graph.modules if name}
    small: dict[str, list[int]] = defaultdict(list)
    for index, (cost, bound) in enumerate(zip(network.count.costs, bounds, strict=True)):
        if cost.kernels and bound is not None and bound < launch and index not in joined:
            module = network.ops[index].module
            small[module if module in blocks else module.rpartition(".")[0]].append(index)
    for block, indices in small.items():
        if len(indices) > 1:
            found = network.finding(
                indices[0],
                f"{len(indices)} operators that each take less than a launch",
                "write them as one operator, compile the module, or run it as a CUDA graph",
                Saving(kernels=len(indices) - 1),
                Keeps.FUNCTION,
                indices,
            )
            yield replace(found, module=block, made=network.made.get(block))


@rule("NC303")
def parallel_layers(network: Network) -> Iterator[Finding]:
    """Find several 1x1 convolutions or linear layers that read the same input, and could be one with all outputs."""
    for indices in _alike(network):
        shared = network.ops[indices[0]].inputs[0]
        again = len(indices) - 1
        yield network.finding(
            indices[0],
            f"{len(indices)} layers read the same input",
            "join their weights in one layer, and split its output",
            Saving.of_elements(again * shared.elements, shared, again),
            Keeps.FUNCTION,
            indices,
        )


def _alike(network: Network) -> list[list[int]]:
    """Return the layers of each input that could be one layer, in the order in which they run."""
    alike: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, op in network.of_kind(Kind.POINTWISE_CONVOLUTION, Kind.LINEAR):
        if op.arguments.get("groups", 1) == 1 and len(op.inputs) > 1 and network.is_same(op, 0):
            same = alike[_place(op)]
            if all(network.ops[other].parameters[1] != op.parameters[1] for other in same if op.parameters[1]):
                same.append(index)  # the same layer again is computed twice
    return [indices for indices in alike.values() if len(indices) > 1]


def _place(op: Op) -> tuple[object, ...]:
    steps = tuple(map(str, (op.arguments.get(name) for name in ("stride", "padding", "dilation"))))
    return (op.name, op.sources[0], op.inputs[0].shape, op.inputs[1].shape[1:], len(op.inputs), *steps)
