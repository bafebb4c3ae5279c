"""The data-flow graph of one forward pass: plain frozen values, no torch.

Operators stand in the order in which they ran, which is a topological order. An edge is a `source` of an input:
the operator that last wrote the memory which that input reads. Views write nothing, so they are no one's
source: data flow sees through them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

MODEL_INPUT = -1
"""Source of a tensor that the caller passed in."""
CONSTANT = -2
"""Source of a parameter, a buffer, or a tensor made outside the forward pass."""


class TensorSpec(NamedTuple):
    """Shape and element type of a tensor.

    `broadcast` is how many times its shape repeats what lies in memory: 1 unless it was expanded.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    itemsize: int = 4
    broadcast: int = 1

    @property
    def numel(self) -> int:
        """Elements that the shape spans."""
        return prod(self.shape)

    @property
    def elements(self) -> int:
        """Elements that lie in memory: an expanded tensor is read at its own size."""
        return prod(self.shape) // self.broadcast

    @property
    def size_bytes(self) -> int:
        """Bytes that lie in memory."""
        return self.elements * self.itemsize


def extent(tensors: Iterable[TensorSpec]) -> tuple[int, int]:
    """Elements and bytes that the tensors take in memory."""
    elements = size_bytes = 0
    for shape, _, itemsize, broadcast in tensors:
        count = prod(shape) // broadcast
        elements += count
        size_bytes += count * itemsize
    return elements, size_bytes


class Op(NamedTuple):
    """One recorded operator call.

    Args:
        name: aten's name without overload ("aten.convolution", "aten.add_").
        inputs: tensors read, in the order of the operator's arguments.
        outputs: tensors written, or for a view the tensors it makes.
        roles: the argument name of each input ("input", "weight", "bias", "tensors" …).
        arguments: the arguments that are not tensors, by name, where they were given.
        sources: for each input, the index of the operator that wrote it, `MODEL_INPUT` or `CONSTANT`.
        parameters: for each input, the name of the parameter that it is or views, or None.
        is_view: it makes new tensors over old memory and moves nothing.
        module: qualified name of the module it ran in; "" is the model itself.
        call: which call of that module, counted from 0.
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

    def operand(self, role: str) -> TensorSpec | None:
        """The input passed as argument `role`, or None where it was not given."""
        return self.inputs[self.roles.index(role)] if role in self.roles else None


BATCH_NORMS = frozenset(
    {
        "aten.batch_norm",
        "aten.native_batch_norm",
        "aten._native_batch_norm_legit",
        "aten._native_batch_norm_legit_no_training",
        "aten.cudnn_batch_norm",
    }
)


def uses_running_statistics(op: Op) -> bool:
    """Whether `op` is a batch norm that scales by stored statistics, as in eval, so that it can be folded away."""
    if op.name not in BATCH_NORMS:
        return False
    trains = op.arguments.get("training", op.arguments.get("train", False))
    return op.name.endswith("no_training") or not trains


class Storage(NamedTuple):
    """A block of memory that the forward pass made or was given, and when it lived.

    It is alive while the operators `born` … `died` run, both included. `born` is -1 for what the caller holds.
    """

    size_bytes: int
    born: int
    died: int


@dataclass(frozen=True, slots=True)
class Graph:
    """One forward pass.

    Args:
        ops: operators in the order in which they ran.
        inputs: what the caller passed in, flattened.
        outputs: what came out, flattened.
        output_sources: for each output the operator that wrote it, or `MODEL_INPUT` or `CONSTANT`.
        parameters: every unique parameter of the model, by its first qualified name.
        weight_bytes: bytes of all parameters and buffers of the model.
        storages: activation memory with its lifetimes.
        modules: class name of every module, by qualified name; "" is the model.
        calls: how often each module was called.
        mode: "eval" or "train".
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
    mode: str = "eval"

    @property
    def params_total(self) -> int:
        """Unique parameters of the model, used or not (count)."""
        return sum(tensor.numel for tensor in self.parameters.values())
