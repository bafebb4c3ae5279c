"""What work costs: one frozen value that adds up, and the kinds of work there are."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What an operator does: the classes of ShuffleNet V2, Figure 2, made finer."""

    CONVOLUTION = "convolution"
    POINTWISE_CONVOLUTION = "1x1 convolution"
    DEPTHWISE_CONVOLUTION = "depthwise convolution"
    LINEAR = "linear"
    MATMUL = "matrix product"
    ATTENTION = "attention"
    POOLING = "pooling"
    NORMALISATION = "normalisation"
    SOFTMAX = "softmax"
    ELEMENTWISE = "element-wise"
    REDUCTION = "reduction"
    MOVEMENT = "data movement"
    OTHER = "other"
    VIEW = "view"
    UNKNOWN = "unknown"


COMPUTE_KINDS = frozenset(
    {
        Kind.CONVOLUTION,
        Kind.POINTWISE_CONVOLUTION,
        Kind.DEPTHWISE_CONVOLUTION,
        Kind.LINEAR,
        Kind.MATMUL,
        Kind.ATTENTION,
        Kind.POOLING,
    }
)
"""The operators that depth, parallelism and fragments count (design: compute operators)."""


class Cost(NamedTuple):
    """What one operator, module or network costs for one forward pass.

    Costs add: `sum(costs, Cost())` is the cost of the whole. `params` counts a shared parameter once, at its
    first user, so that it adds up too.
    """

    params: int = 0
    """Unique parameters used (count)."""
    mult_adds: int = 0
    """Multiply-accumulates of convolutions, linear layers, matrix products and attention (count)."""
    flops: int = 0
    """Floating-point operations: 2 x mult_adds + biases + all other arithmetic (count)."""
    memory_access: int = 0
    """Elements read + written, weights included, operator by operator: the paper's MAC (elements)."""
    memory_access_bytes: int = 0
    """The same by the element size of each tensor (bytes)."""
    memory_access_fused: int = 0
    """Elements read + written once batch norm is folded and point-wise chains are fused (elements)."""
    memory_access_fused_bytes: int = 0
    """The same by the element size of each tensor (bytes)."""
    activations: int = 0
    """Elements written by convolutions, linear layers and matrix products (elements)."""
    elementwise_access: int = 0
    """The part of `memory_access` due to activations and point-wise arithmetic (elements)."""
    kernels: int = 0
    """Operators that launch work (count)."""

    def __add__(self, other: object) -> Cost:
        if not isinstance(other, Cost):
            return NotImplemented
        return Cost(*map(sum, zip(self, other, strict=True)))


COST_FIELDS = Cost._fields


def total(costs: Collection[Cost]) -> Cost:
    """The sum of many costs, field by field."""
    return Cost(*map(sum, zip(*costs, strict=True))) if costs else Cost()
