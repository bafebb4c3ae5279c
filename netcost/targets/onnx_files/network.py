"""The module of an ONNX file: its nodes as modules, in the file's own order and under their own names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from netcost.targets.onnx_files.operators import OPERATORS, FileFacts, Value, unknown
from netcost.targets.onnx_files.reading import NodeSpec, OnnxFile, Weight, read
from netcost.text.errors import RequestError, TargetError
from netcost.text.tables import printable
from netcost.tracing import Input, InputSpec

SCALARS = 16
"""Elements up to which a floating-point constant is a number of the graph, and no weight."""

MEASURING = frozenset({"Shape", "Size", "Constant", "ConstantOfShape"})
"""Operators whose results are known without the values of their operands."""


class Scope(nn.Module):
    """A name that several nodes share the beginning of."""


class OnnxNode(nn.Module):
    """One node; its weights are its parameters."""

    def __init__(self, step: NodeSpec, context: FileFacts) -> None:
        super().__init__()
        self.step = step
        self.context = context
        self.fixed: dict[int, Value] = {}

    def forward(self, *operands: Value) -> Value | tuple[Value, ...]:
        """Call the operator with the operands that are no weights; the others are its own."""
        given = iter(operands)
        values: list[Value] = []
        for place in range(len(self.step.operands)):
            own = getattr(self, f"weight_{place}", None)
            values.append(next(given) if own is None and place not in self.fixed else self.fixed.get(place, own))
        operator = OPERATORS.find(self.step.operator)
        if operator is None:
            return unknown(self.context, self.step, values)
        results: Value | tuple[Value, ...] = operator(self.context, self.step.attributes, *values)
        return results


@cache
def _kind_of(operator: str) -> type[OnnxNode]:
    """Return the class of an operator's nodes, by whose name tables show them."""
    return type(operator.replace(".", "_"), (OnnxNode,), {})


class OnnxNetwork(nn.Module):
    """The network of a file; forward takes its inputs in the file's order, or by their names.

    Args:
        file: as it was read.
    """

    def __init__(self, file: OnnxFile) -> None:
        super().__init__()
        self.path = file.path
        self.input_names = [name for name, _ in file.inputs]
        self.output_names = file.outputs
        self._order: list[tuple[OnnxNode, NodeSpec]] = []
        self._last = {name: number for number, step in enumerate(file.steps) for name in step.operands}
        self._constants: dict[str, Tensor] = {}
        context = FileFacts(file.opset, file.shapes)
        loaded: dict[str, Tensor] = {}
        for step in file.steps:
            node = _kind_of(step.operator)(step, context)
            self._place(node)
            for place, name in enumerate(step.operands):
                if name in file.weights:
                    self._give(node, place, file.weights[name], loaded)
            self._order.append((node, step))
        for name in file.outputs:
            if name in file.weights:
                self._constants[name] = file.weights[name].values()

    def _place(self, node: OnnxNode) -> None:
        """Put a node where its name says: `/layer1/conv1/Conv` is layer1.conv1.Conv."""
        *scopes, last = [part.replace(".", "_") for part in node.step.name.split("/") if part] or ["node"]
        parent: nn.Module = self
        for part in scopes:
            child = parent._modules.get(part)
            if child is None or isinstance(child, OnnxNode):
                part = part if child is None else f"{part}_"
                child = parent._modules.get(part) or Scope()
                parent._modules[part] = child
            parent = child
        while last in parent._modules or hasattr(parent, last):
            last += "_"
        parent._modules[last] = node

    def _give(self, node: OnnxNode, place: int, weight: Weight, loaded: dict[str, Tensor]) -> None:
        """Give a node a weight of the file: a parameter, the statistics of a norm, or a plain value."""
        if weight.name not in loaded:
            size = max(1, int(torch.Size(weight.shape).numel()))
            is_plain = not weight.dtype.is_floating_point and weight.dtype not in (torch.int8, torch.uint8)
            if is_plain or size == 1 or (not weight.shape and size <= SCALARS):
                loaded[weight.name] = weight.values()
            else:
                held = torch.empty(weight.shape, dtype=weight.dtype)
                if not held.is_meta:
                    held.copy_(weight.values())
                loaded[weight.name] = held
        own = loaded[weight.name]
        if isinstance(own, nn.Parameter):
            node.register_parameter(f"weight_{place}", own)
        elif own.numel() == 1 or not (own.dtype.is_floating_point or own.dtype in (torch.int8, torch.uint8)):
            node.fixed[place] = own
        elif node.step.operator == "BatchNormalization" and place > 2:
            node.register_buffer(f"weight_{place}", own)
        else:
            loaded[weight.name] = parameter = nn.Parameter(own, requires_grad=False)
            node.register_parameter(f"weight_{place}", parameter)

    def forward(self, *inputs: Tensor, **named: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Run the nodes in order; what no later node reads is let go."""
        known: dict[str, Value] = {**dict(zip(self.input_names, inputs, strict=False)), **named, **self._constants}
        missing = [name for name in self.input_names if name not in known]
        if missing:
            raise RequestError(f"no value for the input {missing[0]!r}; give one: --input {missing[0]}=1x3x224x224")
        measured: set[str] = {""}
        for number, (node, step) in enumerate(self._order):
            own = {place for place in range(len(step.operands)) if hasattr(node, f"weight_{place}")} | {*node.fixed}
            names = [name for place, name in enumerate(step.operands) if place not in own]
            given = [known.get(name) for name in names]
            is_measured = step.operator in MEASURING or (
                not any(hasattr(node, f"weight_{place}") for place in own) and {*names} <= measured
            )
            if is_measured:  # arithmetic on shapes, which no runtime does on tensors of the network
                measured.update(step.results)
                with _disable_current_modes():
                    results = node.forward(*given)
            else:
                results = node(*given)
            for name, result in zip(step.results, results if isinstance(results, tuple) else (results,), strict=False):
                known[name] = result
            for name in step.operands:
                if self._last.get(name) == number and name not in self.output_names:
                    known.pop(name, None)
        outputs = tuple(known[name] for name in self.output_names)
        return outputs[0] if len(outputs) == 1 else outputs  # type: ignore[return-value]


def onnx_target(text: str, options: dict[str, Any], given: Sequence[Input]) -> tuple[Any, tuple[Input, ...] | None]:
    """Return what builds the network of a file, and its inputs; None where the file leaves a shape open.

    Raises:
        TargetError: the file cannot be read, or an input is of another name than the file's.
    """
    if options:
        raise TargetError(f"{text!r} is a file, which takes no --arg")
    file = read(text, Path(text))
    names = [name for name, _ in file.inputs]
    for entry in given:
        if entry.name is not None and entry.name not in names:
            raise TargetError(f"{text!r} has no input {entry.name!r}; it has {', '.join(map(printable, names))}")
    own = tuple(spec for _, spec in file.inputs if spec is not None)
    inputs: tuple[Input, ...] | None = own if len(own) == len(names) else None
    if given and any(isinstance(entry, InputSpec) and entry.name is None for entry in given):
        inputs = tuple(given)
    elif given:
        by_name = {entry.name: entry for entry in given}
        filled = [by_name.get(name, spec) for name, spec in file.inputs]
        known = tuple(replace(entry, name=None) for entry in filled if entry is not None)  # in the file's order
        inputs = known if len(known) == len(filled) else None
    return partial(OnnxNetwork, file), inputs
