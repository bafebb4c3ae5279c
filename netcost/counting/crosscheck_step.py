"""Crosscheck of a training step's mult-adds: with torch's FlopCounterMode, and with arithmetic layer by layer.

FlopCounterMode runs the same step, with the same choice of fused kernels. The arithmetic knows the forward pass alone:
a product of two factors has one product of the same size in the backward pass per factor that needs a gradient.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise

from torch.utils.flop_counter import FlopCounterMode

from netcost.counting.breakdown import WHOLE
from netcost.counting.crosscheck import (
    ATTENTION,
    CLASSES,
    CONVOLUTION,
    OTHER,
    OUR_CLASSES,
    PRODUCTS,
    TORCH_CLASSES,
    CrossCheck,
    OtherCount,
    attempted,
)
from netcost.counting.training import StepCount
from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op, Phase
from netcost.targets.naming import Target
from netcost.tracing import InputSpec, TrainStep, call_arguments, set_training
from netcost.tracing.device_kernels import autocast_left, chosen_kernels
from netcost.tracing.nests import with_tensors
from netcost.tracing.training import AMP

FORWARD, BACKWARD = "forward", "backward"
PHASES = {
    Phase.FORWARD: FORWARD,
    Phase.LOSS: FORWARD,
    Phase.BACKWARD: BACKWARD,
    Phase.RECOMPUTE: BACKWARD,
}
"""Parts of a step that other counters tell apart; they do not run the optimizer."""

SHORT = {PRODUCTS: "products", OTHER: "others"}
"""Classes by a name that a line has room for."""

ADDED_FIRST = frozenset({"aten.addmm", "aten.baddbmm", "aten.addbmm", "aten.addmv"})
"""Products whose first operand is added to them."""

TOLD = 5
"""Modules that a note names at most."""

Operators = Sequence[tuple[Op, Kind, Cost]]
By = Counter[tuple[str, str]]
"""Mult-adds by module and class."""


def crosscheck_step(target: Target, count: StepCount) -> CrossCheck:
    """Compare the mult-adds of a counted step, forward and backward, with those of the other ways to count them."""
    operators = list(zip(count.graph.ops, count.kinds, count.costs, strict=True))
    ours: dict[str, int] = {_row(phase, name): 0 for phase in (FORWARD, BACKWARD) for name in CLASSES}
    for op, kind, cost in operators:
        if op.phase in PHASES:
            ours[_row(PHASES[op.phase], OUR_CLASSES.get(kind, OTHER))] += cost.mult_adds
    by_torch = attempted("FlopCounterMode", partial(_count_with_torch, target, count.step, operators))
    return CrossCheck(target.name, ours, (_by_layer(target, operators), by_torch), "Mult-adds of a step")


def _row(phase: str, name: str) -> str:
    return f"{phase} {SHORT.get(name, name)}"


def backward_by_layer(operators: Sequence[tuple[Op, Kind, Cost]], frozen: frozenset[str] = frozenset()) -> By:
    """Count the products of a backward pass from the operators of the forward pass alone, by module and class.

    Fused attention has five products in the backward pass where the forward pass has two: it computes the scores again.

    Args:
        operators: of a forward pass, or of a step, of whose backward pass only the beginning is looked at.
        frozen: names of the parameters that need no gradient.
    """
    found: By = Counter()
    needs: list[bool] = []
    lead = _lead_to_loss([op for op, _, _ in operators])
    for index, (op, kind, cost) in enumerate(operators):
        operands = zip(op.inputs, op.sources, op.parameters, strict=True)
        asks = [
            "float" in spec.dtype and (name not in frozen if name else source >= 0 and needs[source])
            for spec, source, name in operands
        ]
        needs.append(any(asks) and any("float" in spec.dtype for spec in op.outputs))
        if not cost.mult_adds or not lead[index]:
            continue
        factors = asks[-2:] if op.name.removesuffix("_") in ADDED_FIRST else asks[:2]
        fused = kind is Kind.ATTENTION and any(asks)
        products = 5 * cost.mult_adds // 2 if fused else cost.mult_adds * sum(factors)
        found[op.module, OUR_CLASSES.get(kind, OTHER)] += products
    return +found


def _lead_to_loss(ops: Sequence[Op]) -> list[bool]:
    """Tell for each operator if it is of a forward pass and the loss depends on it; all are if there is no loss."""
    lead = [PHASES.get(op.phase) == FORWARD for op in ops]
    if all(lead):
        return lead
    # A backward pass begins with a gradient of one for the loss.
    begins = [op for before, op in pairwise(ops) if op.phase is Phase.BACKWARD and PHASES[before.phase] == FORWARD]
    used = {source for op in begins for source in op.sources}
    for index in reversed(range(len(ops))):
        if lead[index] and index in used:
            used.update(ops[index].sources)
    return [is_forward and index in used for index, is_forward in enumerate(lead)]


def _by_layer(target: Target, operators: Operators) -> OtherCount:
    """Compare with arithmetic, also module by module: in the sums of a network, two errors may cancel."""
    parameters = target.build_weightless().named_parameters()
    frozen = frozenset(name for name, parameter in parameters if not parameter.requires_grad)
    hand, ours, again = backward_by_layer(operators, frozen), products_of(operators, Phase.BACKWARD), Counter[str]()
    for (_, name), mult_adds in products_of(operators, Phase.RECOMPUTE).items():
        again[name] += mult_adds
    by_class: Counter[str] = Counter()
    for (_, name), mult_adds in hand.items():
        by_class[_row(BACKWARD, name)] += mult_adds
    modules = dict.fromkeys(module for module, _ in (*hand, *ours))
    differ = [
        module or WHOLE for module in modules if any(hand[module, name] != ours[module, name] for name in CLASSES)
    ]
    agree = f"{len(modules) - len(differ)} of {len(modules)} modules agree with arithmetic by layer"
    others = f"; not {', '.join(differ[:TOLD])}{' …' if len(differ) > TOLD else ''}" if differ else ""
    return OtherCount(
        "by layer",
        {_row(BACKWARD, name): by_class[_row(BACKWARD, name)] for name in CLASSES},
        tuple((_row(BACKWARD, name), -mult_adds, "which checkpoints run again") for name, mult_adds in again.items()),
        remarks=(agree + others,),
    )


def products_of(operators: Operators, phase: Phase) -> By:
    """Return the mult-adds of one phase."""
    found: By = Counter()
    for op, kind, cost in operators:
        if op.phase is phase:
            found[op.module, OUR_CLASSES.get(kind, OTHER)] += cost.mult_adds
    return +found


def _count_with_torch(target: Target, step: TrainStep, operators: Operators) -> OtherCount:
    """Count with torch's FlopCounterMode, two FLOPs per multiply-add."""
    module = copy.deepcopy(target.build_weightless()).to("meta")
    set_training(module, True)
    call = call_arguments(target.required_inputs(), InputSpec.on_meta)
    args, kwargs = with_tensors(call, lambda tensor: tensor.to("meta"))
    found: Counter[str] = Counter()
    for _ in range(step.passes):
        with chosen_kernels(step.device, AMP[step.amp] if step.amp else None) as choice:
            with FlopCounterMode(display=False) as forward:
                loss = step.compute_loss(module(*args, **kwargs))
            autocast_left(choice)
            with FlopCounterMode(display=False) as backward:
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        for phase, counter in ((FORWARD, forward), (BACKWARD, backward)):
            for packet, flops in counter.get_flop_counts().get("Global", {}).items():
                name = str(packet).removeprefix("aten.").removesuffix("_backward")
                found[_row(phase, ATTENTION if "attention" in name else TORCH_CLASSES.get(name, OTHER))] += flops // 2
    by_class = {_row(phase, name): found[_row(phase, name)] for phase in (FORWARD, BACKWARD) for name in CLASSES}
    return OtherCount("FlopCounterMode", by_class, tuple(_reasons_of_torch(operators)))


def _reasons_of_torch(operators: Operators) -> Iterable[tuple[str, int, str]]:
    """Explain FlopCounterMode's differences.

    It counts the gradient of a weight as a convolution of the input with the gradient, all channels of the one with all
    of the other: right for one group, and as many times too much as there are groups.

    Reference: `conv_backward_flop` in torch/utils/flop_counter.py.
    """
    grouped, uncounted = 0, Counter[str]()
    for op, _, cost in operators:
        if op.name == "aten.convolution_backward" and op.arguments["output_mask"][1]:
            products = sum(map(bool, op.arguments["output_mask"][:2]))
            grouped += cost.mult_adds // products * (op.arguments.get("groups", 1) - 1)
        elif op.name.startswith("aten._scaled_dot_product_flash_attention_for_cpu"):
            uncounted[PHASES[op.phase]] += cost.mult_adds
    if grouped:
        yield _row(BACKWARD, CONVOLUTION), grouped, "gradients of weights in groups, which it counts as if of one group"
    for phase, mult_adds in uncounted.items():
        yield _row(phase, ATTENTION), -mult_adds, "attention on a CPU, for which it has no formula"
