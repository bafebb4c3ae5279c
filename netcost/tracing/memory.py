"""The recorder's notes on a tensor and on its memory, while a forward pass is traced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import prod

import torch
from torch import Tensor

from netcost.graph.graph import Op, TensorSpec


@dataclass(slots=True, eq=False)
class Memory:
    """A storage while it is being traced."""

    size_bytes: int
    born: int  # index of the operator that made it; -1 before the forward pass
    writer: int  # index of the operator that wrote it last, or MODEL_INPUT or CONSTANT
    parameter: str | None = None  # name of the parameter that it holds
    tensors: int = 0  # number of tensors that use it
    lost: bool = False  # its values, because an operator that ran on shapes wrote to it
    drawn: bool = False  # its values come from a random generator
    died: int | None = None  # index of the operator after which it was freed


class Handle:
    """The recorder's note on one tensor. It is deleted with the tensor, which tells when memory is freed.

    Args:
        ops: the recorder's growing list of operators: it identifies the recorder, and its length tells how many
            operators had run when the tensor was deleted.
    """

    __slots__ = ("memory", "ops", "shadow", "spec")

    def __init__(self, ops: Sequence[Op], spec: TensorSpec, memory: Memory) -> None:
        self.ops = ops
        self.spec = spec
        self.memory = memory
        self.shadow: Tensor | None = None  # the meta tensor that stands for a tensor with values, once one is needed
        memory.tensors += 1

    def __del__(self) -> None:
        memory = self.memory
        memory.tensors -= 1
        if memory.tensors == 0 and memory.died is None:
            memory.died = len(self.ops) - 1


def spec_of(tensor: Tensor) -> TensorSpec:
    """Return shape, element type and layout of a tensor; strides of 0 tell how many times it repeats its memory."""
    shape = tuple(tensor.shape)
    if tensor.layout is not torch.strided:
        stored = (
            tensor._nnz() * prod(tensor.shape[tensor.sparse_dim() :]) if tensor.is_sparse else tensor.values().numel()
        )
        return TensorSpec(shape, dtype_name(tensor.dtype), tensor.itemsize, stored=stored)
    if tensor.is_contiguous():
        return TensorSpec(shape, dtype_name(tensor.dtype), tensor.itemsize)
    broadcast, strides = 1, tensor.stride()
    if 0 in strides:
        broadcast = prod(size for size, stride in zip(shape, strides, strict=True) if stride == 0) or 1
    return TensorSpec(shape, dtype_name(tensor.dtype), tensor.itemsize, broadcast, layout=_layout(shape, strides))


def _layout(shape: Sequence[int], strides: Sequence[int]) -> str:
    """Name the order of a tensor that is not contiguous; dimensions of length 1 may have any stride."""
    inner, expected = [], 1
    for stride, dim in sorted(
        (stride, dim) for dim, (size, stride) in enumerate(zip(shape, strides, strict=True)) if size != 1
    ):
        if stride != expected:
            return "strided"
        inner.append(dim)
        expected *= shape[dim]
    images = [dim for dim in (1, *range(len(shape) - 1, 1, -1), 0) if dim < len(shape) and shape[dim] != 1]
    return "channels_last" if len(shape) in (4, 5) and inner == images else "permuted"


@cache
def dtype_name(dtype: torch.dtype) -> str:
    """Return the name without "torch."."""
    return str(dtype).removeprefix("torch.")
