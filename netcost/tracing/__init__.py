"""Tracing: an nn.Module and its inputs -> Graph, by shapes alone.

The forward pass runs once, on torch's meta device, under a dispatch mode (`recorder`) that sees every operator with
its tensors' shapes. Nothing of the model's size is allocated, and the model is afterwards as it was: weights, hooks,
flags and random state. `forward` runs the pass, `attribution` knows in which module an operator ran, `memory` how
long each tensor lived, `shapes` the results of operators whose meta kernels are slow.

    >>> import torch
    >>> from netcost.tracing import trace
    >>> graph = trace(torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU()), torch.empty(2, 8))
    >>> [(op.name, op.module) for op in graph.ops]
    [('aten.linear', '0'), ('aten.relu', '1')]

What belongs here: whatever decides which operators a graph has, and with which shapes. What an operator costs is
`graph`'s; where the module comes from is `targets`'.
"""

from netcost.tracing.forward import described, paused_collection, trace
from netcost.tracing.inputs import InputSpec, call_arguments, input_specs, parse_input

__all__ = [
    "InputSpec",
    "call_arguments",
    "described",
    "input_specs",
    "parse_input",
    "paused_collection",
    "trace",
]
