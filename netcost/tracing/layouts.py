"""Meta tensors laid out as torch's operators lay out their results: contiguous, channels last, or as the operands."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

META = torch.device("meta")


def new(x: Tensor, shape: Sequence[int], channels_last: bool = False) -> Tensor:
    """Return a tensor of that shape, of the element type of `x`, contiguous or channels last (N, C, *S)."""
    if channels_last:
        order = torch.channels_last if len(shape) == 4 else torch.channels_last_3d
        return torch.empty(shape, dtype=x.dtype, device=META, memory_format=order)
    return torch.empty(shape, dtype=x.dtype, device=META)


def like(x: Tensor, dtype: torch.dtype | None = None) -> Tensor | None:
    """Return a tensor laid out as a point-wise operator's result on `x` alone; None where that is ambiguous."""
    dtype = dtype or x.dtype
    if x.is_contiguous():
        return torch.empty(x.shape, dtype=dtype, device=META)
    strides = x.stride()
    dense = _strides(x.shape, [strides])
    is_dense = all(a == b for a, b, size in zip(dense, strides, x.shape, strict=True) if size != 1)
    if is_dense and 1 in x.shape:
        return None  # strides of single elements are ambiguous
    return torch.empty_strided(x.shape, dense, dtype=dtype, device=META)


def same(x: Tensor) -> Tensor:
    """Do what `torch.empty_like` does, which asks a long chain of Python where `x` is not contiguous."""
    expected = 1
    for stride, size in sorted(zip(x.stride(), x.shape, strict=True)):
        if size != 1:
            if stride != expected:  # it has holes, or repeats its memory
                return torch.empty_like(x, device=META)
            expected *= size
    return torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device=META)


def arranged(shape: Sequence[int], *operands: Tensor) -> Tensor:
    """Return a tensor laid out as a point-wise operator's result on operands of which some broadcast to `shape`."""
    strides = _strides(shape, [_broadcast_strides(operand, shape) for operand in operands])
    return torch.empty_strided(shape, strides, dtype=operands[0].dtype, device=META)


def _broadcast_strides(x: Tensor, shape: Sequence[int]) -> list[int]:
    """Return a stride per dimension of `shape`: 0 where `x` repeats its only element, or lacks the dimension."""
    new = len(shape) - x.dim()
    sizes = zip(x.shape, shape[new:], x.stride(), strict=True)
    return [0] * new + [0 if size != whole else stride for size, whole, stride in sizes]


def _strides(shape: Sequence[int], operands: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return dense strides in the order of the operands' own; earlier operands take precedence.

    Reference: `TensorIteratorBase::reorder_dimensions` in torch's aten/src/ATen/TensorIterator.cpp.
    """
    order = list(range(len(shape)))[::-1]  # innermost first
    for index in range(1, len(order)):
        moving = index
        for below in range(index - 1, -1, -1):
            sign = _compared(order[below], order[moving], shape, operands)
            if sign > 0:
                order[below], order[moving] = order[moving], order[below]
                moving = below
            elif sign < 0:
                break
    strides, expected = [0] * len(shape), 1
    for dim in order:
        strides[dim] = expected
        expected *= shape[dim]
    return tuple(strides)


def _compared(inner: int, outer: int, shape: Sequence[int], operands: Sequence[Sequence[int]]) -> int:
    """Return 1 where the two dimensions are in the wrong order, -1 in the right one, 0 where it does not matter."""
    for strides in operands:
        if not strides[inner] or not strides[outer]:
            continue
        if strides[inner] != strides[outer]:
            return 1 if strides[inner] > strides[outer] else -1
        if shape[inner] > shape[outer]:
            return 1
    return 0


def is_channels_last(x: Tensor) -> bool:
    """True where torch takes the layout of `x` for channels last, (N, H, W, C) in memory.

    Reference: `is_channels_last_strides_2d_s4` in torch's c10/core/MemoryFormat.h.
    """
    if x.dim() not in (4, 5):
        return False
    strides = x.stride()
    if not strides[1] or strides[-1] < strides[1]:  # a channel must be the innermost
        return False
    shape, least = x.shape, 0
    for dim in (1, *range(x.dim() - 1, 1, -1), 0):
        if not shape[dim] or strides[dim] < least or (dim == 0 and least == strides[1]):
            return False
        least = strides[dim] * (shape[dim] if shape[dim] > 1 else 1)
    return True
