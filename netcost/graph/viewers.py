"""Graphs with the cost of each operator for other viewers: Model Explorer, Graphviz (DOT) and GraphML.

A node is an operator, with its module as the place where a viewer may fold it, and its cost as attributes; an operator
without a rule has no cost, and none is written. An edge is a tensor that one operator wrote and another reads.

Reference: ai-edge-model-explorer 0.1.34, `graph_builder.py`; graphviz.org/doc/info/lang.html;
graphml.graphdrawing.org, as networkx writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import networkx

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import MODEL_INPUT, Graph, Op

SHOWN = ("params", "mult_adds", "flops", "memory_access", "memory_access_bytes", "memory_access_fused", "kernels")
"""Costs that a node carries."""

INPUT = "input"


def written(name: str, graph: Graph, kinds: Sequence[Kind], costs: Sequence[Cost], viewer: str) -> str:
    """Write the graph for a viewer ("model-explorer", "dot" or "graphml"), ending with one newline.

    Args:
        name: of the network.
        kinds, costs: of each operator.
    """
    counted = zip(graph.ops, kinds, costs, strict=True)
    nodes = [_node(index, op, kind, cost) for index, (op, kind, cost) in enumerate(counted)]
    edges = [(source, str(index), place) for index, op in enumerate(graph.ops) for place, source in _sources(op)]
    if viewer == "model-explorer":
        return _model_explorer(name, nodes, edges)
    drawn: networkx.DiGraph[str] = networkx.DiGraph(name=name)
    drawn.add_node(INPUT, op=INPUT)
    drawn.add_nodes_from((node["id"], {key: value for key, value in node.items() if key != "id"}) for node in nodes)
    drawn.add_edges_from((source, target) for source, target, _ in edges)
    return _dot(drawn) if viewer == "dot" else "\n".join(networkx.generate_graphml(drawn)) + "\n"


def _sources(op: Op) -> Iterator[tuple[int, str]]:
    """Yield the place of each input that another operator wrote or the caller passed in, and the node it is from."""
    for place, source in enumerate(op.sources):
        if source >= 0 or source == MODEL_INPUT:
            yield place, INPUT if source == MODEL_INPUT else str(source)


def _node(index: int, op: Op, kind: Kind, cost: Cost) -> dict[str, Any]:
    """Return the attributes of an operator; those of a viewer's own are made from them."""
    costs = {} if kind is Kind.UNKNOWN else {name: getattr(cost, name) for name in SHOWN}
    output = "x".join(map(str, op.outputs[0].shape)) if op.outputs else ""
    return {"id": str(index), "op": op.name, "module": op.module, "kind": str(kind), "output": output, **costs}


def _model_explorer(name: str, nodes: Sequence[dict[str, Any]], edges: Sequence[tuple[str, str, int]]) -> str:
    entering: dict[str, list[dict[str, str]]] = {}
    for source, target, place in edges:
        edge = {"sourceNodeId": source, "sourceNodeOutputId": "0", "targetNodeInputId": str(place)}
        entering.setdefault(target, []).append(edge)
    written = [
        {
            "id": node["id"],
            "label": node["op"].removeprefix("aten."),
            "namespace": node["module"].replace(".", "/"),
            "attrs": [{"key": key, "value": str(value)} for key, value in node.items() if key not in ("id", "op")],
            "incomingEdges": entering.get(node["id"], []),
            "outputsMetadata": [{"id": "0", "attrs": [{"key": "shape", "value": node["output"]}]}],
        }
        for node in nodes
    ]
    graph = {"id": name, "nodes": [{"id": INPUT, "label": INPUT, "namespace": ""}, *written]}
    return json.dumps({"label": name, "graphs": [graph]}, indent=1) + "\n"


def _dot(drawn: networkx.DiGraph[str]) -> str:
    lines = [f"digraph {_quoted(drawn.name)} {{", "  node [shape=box];"]
    for node, attributes in drawn.nodes(data=True):
        label = "\\n".join(filter(None, (attributes["op"], attributes.get("module"), attributes.get("output"))))
        told = {"label": label, **{key: str(value) for key, value in attributes.items()}}
        lines.append(f"  {_quoted(node)} [{', '.join(f'{key}={_quoted(value)}' for key, value in told.items())}];")
    lines += [f"  {_quoted(source)} -> {_quoted(target)};" for source, target in drawn.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    """Write an ID of DOT; `\\n` of a label stays a line break."""
    escaped = text.replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'
