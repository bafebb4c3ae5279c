"""Cost, a frozen value that adds up, and Kind, the kinds of work."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple, NoReturn


class Kind(StrEnum):
    """Kind of work of an operator: the classes of ShuffleNet V2, Figure 2, made finer."""

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


CONVOLUTIONS = frozenset({Kind.CONVOLUTION, Kind.POINTWISE_CONVOLUTION, Kind.DEPTHWISE_CONVOLUTION})
COMPUTE_KINDS = CONVOLUTIONS | {Kind.LINEAR, Kind.MATMUL, Kind.ATTENTION, Kind.POOLING}
"""Compute operators: those that depth, parallelism and fragments count."""


class Cost(NamedTuple):
    """Cost of one operator, module or network for one forward pass.

    Costs add, and do nothing else: `sum(costs, Cost())` is the cost of the whole. A shared parameter counts once, at
    its first user, so that `params` adds up too. A tuple, because a frozen dataclass takes three times as long to make.
    """

    params: int = 0  # unique parameters used (count)
    mult_adds: int = 0  # multiply-accumulates of convolutions, linear layers, matrix products and attention (count)
    flops: int = 0  # floating-point operations: 2 x mult_adds + biases + all other arithmetic (count)
    memory_access: int = 0  # read + written, weights included, operator by operator: the paper's MAC (elements)
    memory_access_bytes: int = 0  # the same by the element size of each tensor (bytes)
    memory_access_fused: int = 0  # read + written with batch norm folded and point-wise chains fused (elements)
    memory_access_fused_bytes: int = 0  # the same by the element size of each tensor (bytes)
    activations: int = 0  # written by convolutions, linear layers and matrix products (elements)
    elementwise_access: int = 0  # the part of memory_access due to activations and point-wise arithmetic (elements)
    kernels: int = 0  # operators that launch work (count)

    def __add__(self, other: object) -> Cost:
        return total((self, other)) if isinstance(other, Cost) else NotImplemented

    def __mul__(self, other: object) -> NoReturn:
        raise TypeError(f"a cost cannot be multiplied by {other!r}, only added to another cost")

    def __rmul__(self, other: object) -> NoReturn:
        self.__mul__(other)


COST_FIELDS = Cost._fields


def total(costs: Collection[Cost]) -> Cost:
    """Add up many costs, field by field."""
    return Cost(*map(sum, zip(*costs, strict=True))) if costs else Cost()
