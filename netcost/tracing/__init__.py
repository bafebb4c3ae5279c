"""Tracing: an nn.Module and its inputs -> Graph, by shapes alone.

The forward pass runs once, on torch's meta device. `recorder`, a `TorchDispatchMode` of torch, sees every operator with
the shapes of its tensors. No weights and no activations are allocated, and the model is unchanged afterwards: weights,
hooks, flags and random state. `forward` runs the pass. `attribution` knows the module in which an operator ran,
`memory` the lifetime of each tensor. `shapes` computes the results of operators for which torch's own way is slow.

    >>> import torch
    >>> from netcost.tracing import trace
    >>> graph = trace(torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU()), torch.empty(2, 8))
    >>> [(op.name, op.module) for op in graph.ops]
    [('aten.linear', '0'), ('aten.relu', '1')]

This belongs here: everything that decides which operators a graph has, and with which shapes. `graph` decides what an
operator costs; `targets` finds the module.
"""

from netcost.tracing.forward import described, set_training, trace, trace_call
from netcost.tracing.inputs import GivenInput, Input, InputSpec, call_arguments, input_specs, parse_input
from netcost.tracing.state import paused_collection

__all__ = [
    "GivenInput",
    "Input",
    "InputSpec",
    "call_arguments",
    "described",
    "input_specs",
    "parse_input",
    "paused_collection",
    "set_training",
    "trace",
    "trace_call",
]
