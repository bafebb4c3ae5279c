"""What the recorder knows of a tensor and of the memory beneath it, while a forward pass is traced."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from netcost.graph.graph import Op, TensorSpec


class Memory:
    """A storage while it is being traced: who wrote it last, how many tensors look at it, when it died.

    Its values are `lost` once an operator that ran on shapes has written to it.
    """

    __slots__ = ("born", "died", "lost", "parameter", "size_bytes", "tensors", "writer")

    def __init__(self, size_bytes: int, born: int, writer: int, parameter: str | None = None) -> None:
        self.size_bytes = size_bytes
        self.born = born
        self.writer = writer
        self.parameter = parameter
        self.tensors = 0
        self.lost = False
        self.died: int | None = None


class Handle:
    """What the recorder knows of one tensor. It lives and dies with the tensor, which tells when memory is freed.

    Args:
        ops: the operators recorded so far, in the list to which the recorder adds them: it tells whose handle this is,
            and how many operators had run when the tensor died.
        shadow: the meta tensor that stands for a tensor with values, once something needed one.
    """

    __slots__ = ("memory", "ops", "shadow", "spec")

    def __init__(self, ops: Sequence[Op], spec: TensorSpec, memory: Memory) -> None:
        self.ops = ops
        self.spec = spec
        self.memory = memory
        self.shadow: Tensor | None = None
        memory.tensors += 1

    def __del__(self) -> None:
        memory = self.memory
        memory.tensors -= 1
        if memory.tensors == 0 and memory.died is None:
            memory.died = len(self.ops) - 1


def spec_of(tensor: Tensor) -> TensorSpec:
    """Shape and element type of a tensor; strides of 0 say how often it repeats itself."""
    shape = tuple(tensor.shape)
    broadcast = 1
    if 0 in (strides := tensor.stride()):
        broadcast = prod(size for size, stride in zip(shape, strides, strict=True) if stride == 0) or 1
    dtype = tensor.dtype
    return TensorSpec(shape, _DTYPES.get(dtype) or _dtype_name(dtype), tensor.itemsize, broadcast)


_DTYPES: dict[torch.dtype, str] = {}


def _dtype_name(dtype: torch.dtype) -> str:
    name = str(dtype).removeprefix("torch.")
    _DTYPES[dtype] = name
    return name
