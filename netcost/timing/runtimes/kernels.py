"""Kernels that a runtime really ran, with their times, and the nodes of the ONNX graph that each of them stands for."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from netcost.targets.onnx_files.network import OnnxNetwork, OnnxNode
from netcost.timing.runtimes.onnx_form import OnnxForm
from netcost.timing.runtimes.runtime import NetworkCall
from netcost.timing.sampling import Run

SCOPES, CLASSES = "pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy"
"""Keys under which torch's exporter writes where a node comes from."""


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node of an ONNX graph.

    Args:
        name: of the node.
        operator: of ONNX.
        operands: names of the values that it reads.
        results: names of the values that it writes.
        module: path of the module that it comes from; None where the file does not say.
        function: torch's name of the operator without "aten."; None likewise.
        owners: paths of the modules whose parameters it reads.
    """

    name: str
    operator: str
    operands: tuple[str, ...]
    results: tuple[str, ...]
    module: str | None
    function: str | None
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RanKernel:
    """A kernel that a runtime ran once per call.

    Args:
        name: the runtime's own.
        kind: of the kernel, in the runtime's words.
        nodes: indices of the graph's nodes that it stands for; none of its own, such as a change of layout.
        times_s: seconds in each run.
    """

    name: str
    kind: str
    nodes: tuple[int, ...]
    times_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ProfiledNetwork:
    """A network in a runtime that times its kernels.

    Args:
        run: calls it once.
        nodes: of the ONNX graph.
        kernels: returns the kernels of all runs, after the last one.
        details: version, threads and options, in words.
    """

    run: Run
    nodes: tuple[GraphNode, ...]
    kernels: Callable[[], list[RanKernel]]
    details: str


def graph_nodes(form: OnnxForm, network: NetworkCall) -> tuple[GraphNode, ...]:
    """Return the nodes of the file, in order."""
    onnx: Any = importlib.import_module("onnx")
    graph = onnx.load(str(form.path), load_external_data=False).graph
    weights = {weight.name for weight in graph.initializer}
    model, paths = network.model, dict[str, str]()
    if isinstance(model, OnnxNetwork):
        paths = {node.step.name: path for path, node in model.named_modules() if isinstance(node, OnnxNode)}
    nodes = []
    for node in graph.node:
        written = {entry.key: entry.value for entry in node.metadata_props}
        scopes, classes = (ast.literal_eval(written.get(key, "[]")) for key in (SCOPES, CLASSES))
        owners = () if paths else (name.rpartition(".")[0] for name in node.input if name in weights and "." in name)
        module = scopes[-2] if len(scopes) > 1 else paths.get(node.name)
        function = classes[-1].split(".")[1] if classes and classes[-1].startswith("aten.") else None
        nodes.append(
            GraphNode(
                node.name,
                node.op_type,
                tuple(node.input),
                tuple(node.output),
                module,
                function,
                tuple(dict.fromkeys(owners)),
            )
        )
    return tuple(nodes)


def divided(nodes: Sequence[GraphNode], last: Sequence[int | None], kinds: Sequence[str]) -> list[tuple[int, ...]]:
    """Divide a graph among kernels, of each of which a late node is known (None: it stands for none).

    A kernel stands for that node and for those before it whose results no other kernel writes, up to the operator that
    it is called after. What is left was done by the latest kernel whose result it reads.
    """
    writers = {name: index for index, node in enumerate(nodes) for name in node.results}
    kernel_of = {index: kernel for kernel, index in enumerate(last) if index is not None}

    def before(index: int) -> list[int]:
        return [writers[name] for name in nodes[index].operands if name in writers]

    for kernel, index in enumerate(last):
        waiting = [] if index is None else [index]
        while waiting:
            member = waiting.pop()
            if nodes[member].operator == kinds[kernel]:
                continue
            new = [other for other in before(member) if other not in kernel_of]
            kernel_of.update(dict.fromkeys(new, kernel))
            waiting += new
    for index in range(len(nodes)):
        sources = [kernel_of[other] for other in before(index) if other in kernel_of]
        if index not in kernel_of and sources:
            kernel_of[index] = max(sources)
    groups: list[list[int]] = [[] for _ in last]
    for index in sorted(kernel_of):
        groups[kernel_of[index]].append(index)
    return [tuple(group) for group in groups]


def by_kernel(runs: Iterable[Sequence[float]]) -> list[tuple[float, ...]]:
    """Turn the times of each run, kernel by kernel, into those of each kernel."""
    return list(zip(*runs, strict=True))
