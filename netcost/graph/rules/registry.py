"""The table of counting rules: operator name -> kind and cost, with three states.

An operator is **costed** (it has a rule), **free** (a view or mere bookkeeping: listed, not skipped) or **unknown**
(no entry: it is listed beside the total, which then reads `≥ …`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op, TensorSpec, extent
from netcost.text.registry import Registry

CostRule = Callable[[Op], Cost]
KindRule = Callable[[Op], Kind]


@dataclass(frozen=True, slots=True)
class Rule:
    """Kind and cost of one operator; `cost` is None if it is free."""

    kind: Kind | KindRule
    cost: CostRule | None

    def kind_of(self, op: Op) -> Kind:
        """Return the kind of `op`, which for a convolution depends on its weight."""
        return self.kind if isinstance(self.kind, Kind) else self.kind(op)


RULES: Registry[Rule] = Registry("operator")


def rule(*names: str, kind: Kind | KindRule = Kind.OTHER) -> Callable[[CostRule], CostRule]:
    """Register the decorated function as the cost of the named operators.

    Args:
        names: operators as torch spells them, "aten.convolution" or "mylib::my_op", without overload. An
            in-place form ("aten.relu_") takes the rule of its plain form.
        kind: the class of work, or a function that tells it from the operator.

    Example:
        >>> from netcost.graph.rules import access, rule
        >>> @rule("mylib::my_op")
        ... def my_op(op):
        ...     return access(op, flops=3 * op.outputs[0].numel)
    """

    def register(function: CostRule) -> CostRule:
        for name in names:
            RULES.add(name.replace("::", "."), Rule(kind, function))
        return function

    return register


def free(*names: str) -> None:
    """Register operators that move nothing and compute nothing."""
    for name in names:
        RULES.add(name.replace("::", "."), Rule(Kind.VIEW, None))


def find(name: str) -> Rule | None:
    """Return the rule of the operator called `name`, in place or not; None if it is unknown.

    A primitive of torch, as derivatives in forward mode are made of, has the name of the operator that it stands for.
    """
    return RULES.find(name) or RULES.find(name.removesuffix("_").replace("prims.", "aten.", 1))


def is_complex(tensor: TensorSpec) -> bool:
    """True where the elements are complex numbers."""
    return tensor.dtype[0] == "c"


def access(
    op: Op,
    *,
    mult_adds: int = 0,
    flops: int = 0,
    activations: int = 0,
    read: Sequence[TensorSpec] | None = None,
    written: int | None = None,
) -> Cost:
    """Make the cost of an operator that reads its inputs once and writes its outputs once.

    On complex inputs a multiply-add is 4 real ones, and another operation 2 (the sum of two numbers is two sums).

    Args:
        mult_adds: multiply-accumulates (count); two FLOPs each, which are added here.
        flops: other floating-point operations (count).
        activations: elements written that count as activations.
        read: tensors read [default: all inputs]; an embedding reads the rows it looks up.
        written: elements written [default: those of all outputs].
    """
    elements, size_bytes = extent(op.inputs if read is None else read)
    if written is None:
        written, written_bytes = extent(op.outputs)
    else:
        written_bytes = written * op.outputs[0].itemsize if op.outputs else 0
    for tensor in op.inputs:
        if tensor.dtype[0] == "c":  # as `is_complex` says, without the time of a call per operand
            mult_adds, flops = 4 * mult_adds, 2 * flops
            break
    return Cost(
        mult_adds=mult_adds,
        flops=2 * mult_adds + flops,
        memory_access=elements + written,
        memory_access_bytes=size_bytes + written_bytes,
        activations=activations,
        kernels=1,
    )
