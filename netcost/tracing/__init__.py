"""Tracing: an nn.Module and its inputs -> Graph, by shapes alone.

The forward pass runs once, on torch's meta device. `recorder`, a `TorchDispatchMode` of torch, sees every operator with
the shapes of its tensors. No weights and no activations are allocated. Small inputs of integers and flags, and tensors
that the network creates during the pass, keep their values, so that a network can read the values of its mask.

`forward` runs the pass. `state` puts the model and torch back as they were: weights, hooks, flags, plain objects and
random state; `iterators` copies what the model iterates over, and `settings` puts back what belongs to the whole
process, such as the environment and logging. `leftovers` finds tensors still stored somewhere after the pass, in a
cache for example, and removes them. Traced tensors are really on the meta device; `answers` makes them report the
model's device. `nests` finds tensors in containers and objects; `inputs` parses inputs as users write them, such as
`1x3x224x224`, and says which keep their values. `attribution` records in which module each operator ran, `memory` the
lifetime of each tensor. `shapes` computes the results of operators for which torch's own way is slow, and
`higher_order` runs those that take functions, such as `torch.cond`.

`training` runs a whole training step in the same way: `step_recorder` keeps the phases and the lifetimes of storages,
and `device_kernels` chooses attention, dropout and casts as the device would.

    >>> import torch
    >>> from netcost.tracing import trace
    >>> graph = trace(torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU()), torch.empty(2, 8))
    >>> [(op.name, op.module) for op in graph.ops]
    [('aten.linear', '0'), ('aten.relu', '1')]

Versions of torch from 2.11 on count the same. What differs between them stands in `plan` (`KERNELS`), and as the older
name of an operator in its rule (`cholesky`).

This belongs here: everything that decides which operators a graph has, and with which shapes. `graph` decides what an
operator costs; `targets` finds the module.
"""

from netcost.tracing.forward import described, set_training, trace, trace_call
from netcost.tracing.inputs import GivenInput, Input, InputSpec, call_arguments, input_specs, parse_input
from netcost.tracing.state import paused_collection
from netcost.tracing.training import TrainStep, trace_step

__all__ = [
    "GivenInput",
    "Input",
    "InputSpec",
    "TrainStep",
    "call_arguments",
    "described",
    "input_specs",
    "parse_input",
    "paused_collection",
    "set_training",
    "trace",
    "trace_call",
    "trace_step",
]
