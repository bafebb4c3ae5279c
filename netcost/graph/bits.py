"""Bit operations of networks in narrow numbers: multiply-adds x bits of the weight x bits of the activation.

Reference: van Baalen et al., Bayesian Bits (arXiv:2005.07093).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netcost.graph.cost import Cost
from netcost.graph.graph import CONSTANT, Graph, Op, TensorSpec, aten

NARROW = 16
"""Bits below which bit operations are told."""

PASSING = frozenset(aten("to _to_copy type_as dequantize mul mul_ sub sub_ clone contiguous reshape"))
"""Operators by which stored numbers become the operand of a product: cast, shifted, scaled, laid out anew."""

FOUR_BITS = frozenset(
    aten("_weight_int4pack_mm _weight_int4pack_mm_for_cpu _weight_int4pack_mm_with_scales_and_zeros")
    + aten("_dyn_quant_matmul_4bit")
)
"""Products with a weight of 4 bits, packed into wider numbers."""

INTEGERS = frozenset({"int8", "uint8"})
SUMS = frozenset(aten("addmm addmv baddbmm addbmm _sparse_addmm"))
"""Products that add their first operand."""


def bit_operations(graph: Graph, costs: Sequence[Cost]) -> int | None:
    """Add up the bit operations of all products; None where no operand has fewer than 16 bits.

    A product in single precision has 32 x 32 per multiply-add. The width of a weight is the one that it is stored in,
    also where a cast widens it before the product.
    """
    carried: dict[int, int] = {}  # bits of what an operator passes on
    total, narrowest = 0, NARROW
    for index, (op, cost) in enumerate(zip(graph.ops, costs, strict=True)):
        if op.is_view or not op.inputs:
            continue
        if cost.mult_adds:
            activation, weight = widths(op, carried)
            narrowest = min(narrowest, activation, weight)
            total += cost.mult_adds * activation * weight
        elif op.name in PASSING:
            bits = _stored(op, 0, carried)
            if bits is not None:
                carried[index] = bits
    return total if narrowest < NARROW else None


def widths(op: Op, carried: Mapping[int, int] | None = None) -> tuple[int, int]:
    """Return the bits of activation and weight, or of both activations, that a product multiplies.

    Args:
        carried: of the operators before it, the bits of what they pass on, by index.
    """
    first = 1 if op.name in SUMS else 0
    second = op.roles.index("weight") if "weight" in op.roles else min(first + 1, len(op.inputs) - 1)
    activation, weight = (_width(op, index, carried or {}) for index in (first, second))
    if op.name in FOUR_BITS:
        weight = 4
    if op.inputs[second].dtype[0] == "q" or op.name == "aten._dyn_quant_matmul_4bit":  # whose activations the kernel
        activation = min(activation, 8)  # quantises where they are not yet
    return activation, weight


def _width(op: Op, index: int, carried: Mapping[int, int]) -> int:
    bits = _stored(op, index, carried)
    return 8 * op.inputs[index].itemsize if bits is None else bits


def _stored(op: Op, index: int, carried: Mapping[int, int]) -> int | None:
    """Return the bits of an operand that is quantised, or a narrow weight, or made of one; None for any other."""
    tensor = op.inputs[index]
    source = op.sources[index] if op.sources else CONSTANT
    if tensor.dtype[0] == "q" or (source == CONSTANT and _is_narrow(tensor)):
        return 8 * tensor.itemsize
    return carried.get(source)


def _is_narrow(tensor: TensorSpec) -> bool:
    return tensor.dtype in INTEGERS or tensor.dtype.startswith("float8")
