"""Fusion as in an inference runtime: batch norm folded away, point-wise operators run in their producer's epilogue.

A batch norm in eval directly after a convolution or linear layer is folded: its parameters vanish and the layer gets
a bias if it had none; elsewhere it is point-wise. A point-wise operator fuses into the last producer of its operands
when nothing else reads the output of that producer: the value between them is neither written nor read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netcost.graph.cost import COMPUTE_KINDS, CONVOLUTIONS, Kind
from netcost.graph.graph import Graph, Op, TensorSpec, extent, uses_running_statistics

FOLDING = CONVOLUTIONS | {Kind.LINEAR}
PRODUCERS = (COMPUTE_KINDS - {Kind.ATTENTION}) | {Kind.NORMALISATION, Kind.ELEMENTWISE}


@dataclass(frozen=True, slots=True)
class Fused:
    """The graph after fusion, operator by operator.

    Args:
        group: index of the operator into which each is fused, its own where it is not.
        access: elements that each still reads and writes.
        access_bytes: the same in bytes.
    """

    group: tuple[int, ...]
    access: tuple[int, ...]
    access_bytes: tuple[int, ...]


def fuse(graph: Graph, kinds: Sequence[Kind], access: Sequence[int], access_bytes: Sequence[int]) -> Fused:
    """Fuse the operators of `graph`.

    Args:
        kinds: the kind of each operator.
        access: elements that each operator reads and writes unfused.
        access_bytes: the same in bytes.
    """
    readers = _readers(graph)
    group = list(range(len(graph.ops)))
    elements, size_bytes = list(access), list(access_bytes)
    folded: set[int] = set()
    for index, op in enumerate(graph.ops):
        foldable = uses_running_statistics(op)
        if not foldable and kinds[index] is not Kind.ELEMENTWISE:
            continue
        producer = max(op.sources, default=-1)
        if producer < 0 or kinds[producer] not in PRODUCERS or readers[producer] != {index}:
            continue
        group[index] = group[producer]
        between = [tensor for tensor, source in zip(op.inputs, op.sources, strict=True) if source == producer]
        _subtract(producer, graph.ops[producer].outputs[:1], elements, size_bytes)
        _subtract(index, between, elements, size_bytes)
        if foldable and kinds[producer] in FOLDING and producer not in folded and group[producer] == producer:
            folded.add(producer)
            _fold(graph.ops[producer], op, index, elements, size_bytes)
    return Fused(tuple(group), tuple(elements), tuple(size_bytes))


def _fold(layer: Op, norm: Op, index: int, elements: list[int], size_bytes: list[int]) -> None:
    """Drop the parameters and statistics of a batch norm; the layer before it now reads a bias, if it had none."""
    _subtract(index, norm.inputs[1:], elements, size_bytes)
    if len(layer.inputs) < 3:
        channels = norm.inputs[0].shape[1]
        elements[index] += channels
        size_bytes[index] += channels * norm.inputs[0].itemsize


def _subtract(index: int, tensors: Iterable[TensorSpec], elements: list[int], size_bytes: list[int]) -> None:
    """Take tensors that need not be read or written off the access of an operator."""
    count, count_bytes = extent(tensors)
    elements[index] -= count
    size_bytes[index] -= count_bytes


def _readers(graph: Graph) -> list[set[int]]:
    """List the readers of each operator's output; the caller, who reads the outputs of the graph, is reader -1."""
    readers: list[set[int]] = [set() for _ in graph.ops]
    reads = [(source, index) for index, op in enumerate(graph.ops) if not op.is_view for source in op.sources]
    for source, reader in [*reads, *((source, -1) for source in graph.output_sources)]:
        if source >= 0:
            readers[source].add(reader)
    return readers
