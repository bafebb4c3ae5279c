"""A graph with its costs, opened by the readers of other viewers."""

import io
import json

import networkx
import pydot
import pytest

from netcost.cli.app import run

PARAMS, MULT_ADDS = 61_706, 416_520  # lenet5
NAME = "lenet5"


def printed(capsys: pytest.CaptureFixture[str], viewer: str) -> str:
    assert run(["show", NAME, "--format", viewer]) == 0
    return capsys.readouterr().out


def test_networkx_reads_the_graphml(capsys: pytest.CaptureFixture[str]) -> None:
    graph = networkx.read_graphml(io.BytesIO(printed(capsys, "graphml").encode()))
    assert sum(node.get("params", 0) for _, node in graph.nodes(data=True)) == PARAMS
    assert sum(node.get("mult_adds", 0) for _, node in graph.nodes(data=True)) == MULT_ADDS
    assert networkx.is_directed_acyclic_graph(graph)
    assert networkx.descendants(graph, "input") == set(graph) - {"input"}


def test_pydot_reads_the_dot(capsys: pytest.CaptureFixture[str]) -> None:
    [graph] = pydot.graph_from_dot_data(printed(capsys, "dot"))
    nodes = [node for node in graph.get_nodes() if node.get("params")]
    assert sum(int(node.get("params").strip('"')) for node in nodes) == PARAMS
    assert len(graph.get_edges()) >= len(nodes)


def test_model_explorer_is_given_what_its_graph_builder_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """Fields as in graph_builder.py of ai-edge-model-explorer 0.1.34: all values are text, all edges lead to a node."""
    [graph] = json.loads(printed(capsys, "model-explorer"))["graphs"]
    ids = {node["id"] for node in graph["nodes"]}
    assert len(ids) == len(graph["nodes"])
    for node in graph["nodes"]:
        assert set(node) <= {"id", "label", "namespace", "attrs", "incomingEdges", "outputsMetadata"}
        assert {edge["sourceNodeId"] for edge in node.get("incomingEdges", [])} <= ids
        assert all(isinstance(entry["value"], str) for entry in node.get("attrs", []))
    attributes = [{entry["key"]: entry["value"] for entry in node.get("attrs", [])} for node in graph["nodes"]]
    assert sum(int(found.get("mult_adds", 0)) for found in attributes) == MULT_ADDS
