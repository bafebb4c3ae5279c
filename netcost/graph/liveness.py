"""Peak memory of a forward pass, or of a training step, from the lifetimes that the trace observed.

It counts parameters and buffers, and every tensor storage from the operator that makes it to the last one that runs
before Python drops it; the caller's input lives all through. It does not count scratch that kernels allocate inside
(oneDNN's reordered copies, cuDNN's workspaces), which torch's profiler also sees, and allocator rounding.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from netcost.graph.graph import Content, Graph, Storage


def activation_bytes(graph: Graph) -> list[int]:
    """Add up the live activations while each operator runs (bytes)."""
    return _live_bytes(graph, graph.storages)


def bytes_by_content(graph: Graph) -> dict[Content, list[int]]:
    """Add up the live memory of each class while each operator runs (bytes); weights are alive all through."""
    lines = {
        content: _live_bytes(graph, [storage for storage in graph.storages if storage.content is content])
        for content in Content
    }
    return {**lines, Content.WEIGHTS: [graph.weight_bytes] * len(graph.ops)}


def _live_bytes(graph: Graph, storages: Iterable[Storage]) -> list[int]:
    change = [0] * (len(graph.ops) + 1)
    for storage in storages:
        change[max(storage.born, 0)] += storage.size_bytes
        change[max(storage.died, storage.born, 0) + 1 if graph.ops else 0] -= storage.size_bytes
    return list(accumulate(change))[:-1]


def peak_activation_bytes(graph: Graph) -> int:
    """Return the largest sum of live activations (bytes)."""
    return max(activation_bytes(graph), default=0)


def peak_memory_bytes(graph: Graph) -> int:
    """Return weights and buffers + the largest sum of live activations (bytes)."""
    return graph.weight_bytes + peak_activation_bytes(graph)
