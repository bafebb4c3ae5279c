"""The data-flow graph of one forward pass, or of one training step: plain frozen values, no torch.

Operators stand in the order in which they ran, which is a topological order. An edge is a `source` of an input:
the operator that last wrote the memory which that input reads. Views write nothing, so no edge begins at a view.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import prod
from typing import Any, NamedTuple

MODEL_INPUT = -1
"""Source of a tensor that the caller passed in."""
CONSTANT = -2
"""Source of a parameter, a buffer, or a tensor made outside the forward pass."""


class Phase(StrEnum):
    """Phase of a training step; an ordinary pass is all forward."""

    FORWARD = "forward"
    LOSS = "loss"
    BACKWARD = "backward"
    RECOMPUTE = "recompute"
    """A forward pass that gradient checkpointing runs again, during backward."""
    OPTIMIZER = "optimizer"


class Content(StrEnum):
    """Class of what a block of memory holds."""

    WEIGHTS = "weights"
    """Parameters and buffers."""
    GRADIENTS = "gradients"
    """Gradients of parameters."""
    OPTIMIZER = "optimizer"
    """State of the optimizer."""
    ACTIVATIONS = "activations"
    """Made by the forward pass and kept for the backward pass; of an ordinary pass, everything that it makes."""
    TEMPORARIES = "temporaries"
    """Everything else that a training step makes: gradients of activations, say."""
    INPUTS = "inputs"


class TensorSpec(NamedTuple):
    """Shape and element type of a tensor."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    itemsize: int = 4
    broadcast: int = 1  # elements of the shape per element in memory: more than 1 where it was expanded
    stored: int | None = None  # of a sparse tensor: the elements that have a value
    layout: str = "contiguous"  # order in memory: contiguous, channels_last, permuted (another order), strided (gaps)

    @property
    def numel(self) -> int:
        """Elements that the shape spans."""
        return prod(self.shape)

    @property
    def elements(self) -> int:
        """Elements that lie in memory: an expanded tensor is read at its own size, a sparse one without its zeros."""
        return prod(self.shape) // self.broadcast if self.stored is None else self.stored

    @property
    def size_bytes(self) -> int:
        """Bytes that lie in memory."""
        return self.elements * self.itemsize


def extent(tensors: Iterable[TensorSpec]) -> tuple[int, int]:
    """Add up the elements and bytes of tensors in memory."""
    elements = size_bytes = 0
    for shape, _, itemsize, broadcast, stored, _ in tensors:
        count = prod(shape) // broadcast if stored is None else stored
        elements += count
        size_bytes += count * itemsize
    return elements, size_bytes


class Op(NamedTuple):
    """One recorded operator call.

    Args:
        name: aten's name without overload ("aten.convolution", "aten.add_").
        inputs: tensors read, in the order of the operator's arguments.
        outputs: tensors written; of a view, the tensors it makes.
        roles: the argument name of each input ("input", "weight", "bias", "tensors" …).
        arguments: the given arguments that are not tensors, by name.
        sources: for each input, the index of the operator that wrote it, `MODEL_INPUT` or `CONSTANT`.
        parameters: for each input, the name of the parameter that it is or views, or None.
        is_view: it makes new tensors over old memory and moves nothing.
        module: qualified name of the module it ran in; "" is the model itself.
        call: which call of that module, counted from 0.
        phase: of a training step.
    """

    name: str
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    roles: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = {}
    sources: tuple[int, ...] = ()
    parameters: tuple[str | None, ...] = ()
    is_view: bool = False
    module: str = ""
    call: int = 0
    phase: Phase = Phase.FORWARD

    def operand(self, role: str) -> TensorSpec | None:
        """Return the input passed as argument `role`, or None if it was not given."""
        return self.inputs[self.roles.index(role)] if role in self.roles else None


def aten(names: str) -> list[str]:
    """Name operators of torch: "relu neg" is aten.relu and aten.neg."""
    return [f"aten.{name}" for name in names.split()]


BATCH_NORMS = frozenset(
    aten("batch_norm native_batch_norm cudnn_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training")
)


def uses_running_statistics(op: Op) -> bool:
    """True for a batch norm that scales by stored statistics, as in eval, so that it can be folded away."""
    if op.name not in BATCH_NORMS:
        return False
    trains = op.arguments.get("training", op.arguments.get("train", False))
    return op.name.endswith("no_training") or not trains


class SourceLine(NamedTuple):
    """A line of a network's code: the file as Python names it, and the number from 1."""

    file: str
    line: int


class Storage(NamedTuple):
    """A block of memory, alive while the operators `born` … `died` run, both included.

    `born` is -1 for memory that the caller holds.
    """

    size_bytes: int
    born: int
    died: int
    content: Content = Content.ACTIVATIONS


@dataclass(frozen=True, slots=True, repr=False)
class Graph:
    """One forward pass, or one training step.

    Args:
        ops: operators in the order in which they ran.
        inputs: tensors that the caller passed in, flattened.
        outputs: tensors that came out, flattened.
        output_sources: for each output, the index of the operator that wrote it, `MODEL_INPUT` or `CONSTANT`.
        parameters: every unique parameter of the model, by its first qualified name.
        weight_bytes: bytes of all parameters and buffers of the model.
        storages: activation memory with its lifetimes.
        modules: class name of every module, by qualified name; "" is the model.
        calls: number of calls of each module.
        callers: for each call, as (module, number from 0), the call of a module in which it was made.
        names: of a module that the model holds under several names, all of them, by the first.
        mode: "eval" or "train".
        notes: sentences about choices of the trace that the numbers hang on.
        leftovers: names of what kept tensors of the pass beyond it (a cache of the network's code), and had them
            taken out, or still has them, with "?" behind the name.
        lines: for each operator, the line of the network's code that called it, None where there is none; empty where
            they were not asked for.
    """

    ops: tuple[Op, ...]
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    output_sources: tuple[int, ...] = ()
    parameters: Mapping[str, TensorSpec] = field(default_factory=dict)
    weight_bytes: int = 0
    storages: tuple[Storage, ...] = ()
    modules: Mapping[str, str] = field(default_factory=dict)
    calls: Mapping[str, int] = field(default_factory=dict)
    callers: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mode: str = "eval"
    notes: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    lines: tuple[SourceLine | None, ...] = ()

    def __repr__(self) -> str:
        return f"<Graph of {len(self.ops)} operators and {self.params_total} parameters>"

    @property
    def params_total(self) -> int:
        """Unique parameters of the model, used or not (count)."""
        return sum(tensor.numel for tensor in self.parameters.values())
