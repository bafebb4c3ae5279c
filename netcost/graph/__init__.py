"""Graph: the data flow of one forward pass, and the cost of each operator. It does not import torch.

A `Graph` is a list of `Op`, in the order in which they ran, each with the shapes that it read and wrote, the operators
that made its inputs, and the module it ran in. `rules/` turns an operator into a `Cost`: one pure function of shapes
per operator. `structure` finds depth, building blocks and fragments; `fusion` the operators that a runtime could fuse;
`liveness` the peak of live activations; `viewers` writes a graph with its costs for other programs.

    >>> from netcost.graph import Op, TensorSpec
    >>> from netcost.graph.rules import find
    >>> x, w, y = TensorSpec((1, 24, 28, 28)), TensorSpec((48, 24, 1, 1)), TensorSpec((1, 48, 28, 28))
    >>> convolution = Op("aten.convolution", (x, w), (y,), ("input", "weight"), {"groups": 1})
    >>> find("aten.convolution").cost(convolution).mult_adds == 28 * 28 * 24 * 48
    True

This belongs here: a counting rule (`rules/`, one function with the paper's convention in its docstring, and one row in
`tests/graph/test_rules.py`), and every question that can be answered from shapes and edges alone.
"""

from netcost.graph.cost import Cost, Kind, total
from netcost.graph.graph import Graph, Op, Storage, TensorSpec

__all__ = ["Cost", "Graph", "Kind", "Op", "Storage", "TensorSpec", "total"]
