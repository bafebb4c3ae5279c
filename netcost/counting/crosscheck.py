"""Crosscheck of our mult-adds with fvcore and torch's FlopCounterMode: every difference is explained by operator.

The others count by conventions that they do not state in a result. The ones that matter are known here, and their
differences are subtracted by name; the rest is called unexplained, and is a fault of theirs or of ours.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch.utils.flop_counter import FlopCounterMode

from netcost.counting.analysis import Analysis, analyze
from netcost.graph.cost import CONVOLUTIONS, Kind
from netcost.targets.naming import Target
from netcost.text import units
from netcost.text.tables import Column, Table, table_of
from netcost.tracing import InputSpec, call_arguments, described, set_training
from netcost.tracing.inputs import drawing
from netcost.tracing.nests import with_tensors

CONVOLUTION, PRODUCTS, ATTENTION, OTHER = "convolution", "linear and matrix product", "attention", "everything else"
CLASSES = (CONVOLUTION, PRODUCTS, ATTENTION, OTHER)

OUR_CLASSES = {
    **dict.fromkeys(CONVOLUTIONS, CONVOLUTION),
    **dict.fromkeys((Kind.LINEAR, Kind.MATMUL), PRODUCTS),
    Kind.ATTENTION: ATTENTION,
}
FVCORE_CLASSES = {"conv": CONVOLUTION, **dict.fromkeys(("linear", "matmul", "bmm", "addmm", "mv", "einsum"), PRODUCTS)}
TORCH_CLASSES = {
    **dict.fromkeys(("convolution", "_convolution"), CONVOLUTION),
    **dict.fromkeys(("mm", "addmm", "bmm", "baddbmm"), PRODUCTS),
}

EINSUM_ROUNDING = 1e-3
"""fvcore takes an einsum's count from numpy's printed report, which rounds it to four digits."""


@dataclass(frozen=True, slots=True)
class OtherCount:
    """Count of another tool.

    Args:
        name: of the tool.
        by_class: multiply-adds by class; None if it failed.
        reasons: known differences to netcost, as (class, difference, reason).
        failure: the error, if it failed.
        remarks: further notes.
    """

    name: str
    by_class: dict[str, int] | None
    reasons: tuple[tuple[str, int, str], ...] = ()
    failure: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """Our count of one network, or of its training step, beside those of other tools; `ours` has every class."""

    model: str
    ours: dict[str, int]
    others: tuple[OtherCount, ...]
    heading: str = "Mult-adds of"

    def unexplained(self, other: OtherCount) -> dict[str, int]:
        """Return the differences by class (mult-adds) that no known reason explains; a class that agrees has none."""
        if other.by_class is None:
            return {}
        known = {name: sum(reason[1] for reason in other.reasons if reason[0] == name) for name in other.by_class}
        left = {name: count - self.ours[name] - known[name] for name, count in other.by_class.items()}
        return {name: difference for name, difference in left.items() if difference}

    def table(self) -> Table:
        """Make a row per class of operators and a column per tool, with the reasons below."""
        columns = [
            Column("class", self.heading, of=str),
            Column("netcost", "netcost", "exact", of=self.ours.get),
            *(Column(other.name, other.name, "exact", of=(other.by_class or {}).get) for other in self.others),
        ]
        return table_of(columns, self.ours, notes=[note for other in self.others for note in self._notes(other)])

    def _notes(self, other: OtherCount) -> list[str]:
        if other.by_class is None:
            return [f"{other.name} could not count this network: {other.failure}."]
        notes = [f"{other.name} {_signed(difference)}: {why}." for _, difference, why in other.reasons]
        left = self.unexplained(other)
        notes += [f"{other.name} {_signed(difference)} in {name}: unexplained." for name, difference in left.items()]
        if not left:
            notes.append(f"{other.name} agrees with netcost{' otherwise' if notes else ''}.")
        return [*notes, *(f"{remark}." for remark in other.remarks)]


def _signed(difference: int) -> str:
    return f"{'+' if difference > 0 else '−'}{units.count(abs(difference))}"  # a minus sign


def crosscheck(target: Target) -> CrossCheck:
    """Count `target` with netcost, fvcore and torch's FlopCounterMode, in eval.

    Raises:
        RequestError: netcost itself cannot count it.
    """
    analysis = analyze(target)
    ours = dict.fromkeys(CLASSES, 0)
    for kind, cost in zip(analysis.count.kinds, analysis.count.costs, strict=True):
        ours[OUR_CLASSES.get(kind, OTHER)] += cost.mult_adds
    counters = (("fvcore", count_with_fvcore), ("FlopCounterMode", count_with_torch))
    with torch.no_grad():
        others = tuple(attempted(name, partial(counter, target, analysis)) for name, counter in counters)
    return CrossCheck(target.name, ours, others)


def attempted(name: str, count: Callable[[], OtherCount]) -> OtherCount:
    """Return the count of another tool; its failure is a result, not an error of ours."""
    try:
        with _plain_attention():
            return count()
    except Exception as error:
        return OtherCount(name, None, failure=described(error))


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Turn off torch's fused encoder layers, which hide their products from every counter."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing warns of every Python number in a forward pass
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def count_with_fvcore(target: Target, analysis: Analysis) -> OtherCount:
    """Count with fvcore: its "flop" is a multiply-add, but norms, pooling and interpolation have rules of their own.

    Its tracer runs the network for real but does not look at values, so all weights are zero.
    """
    from fvcore.nn import FlopCountAnalysis

    module = copy.deepcopy(target.build_weightless())
    set_training(module, False)
    module._apply(lambda tensor: torch.zeros_like(tensor, device="cpu") if tensor.is_meta else tensor)  # type: ignore[no-untyped-call]
    args, kwargs = call_arguments(target.required_inputs(), drawing(module))
    if kwargs:
        return OtherCount("fvcore", None, failure="it takes no keyword inputs")
    logging.getLogger("fvcore.nn.jit_analysis").setLevel(logging.ERROR)
    fvcore = FlopCountAnalysis(module, args)
    fvcore.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    by_operator = {name: int(flops) for name, flops in fvcore.by_operator().items()}
    by_class = dict.fromkeys(CLASSES, 0)
    reasons = []
    for name, flops in by_operator.items():
        operator_class = FVCORE_CLASSES.get(name, OTHER)
        by_class[operator_class] += flops
        if operator_class == OTHER and flops:
            reasons.append((OTHER, flops, f"{name}, which netcost counts as FLOPs, not as mult-adds"))
    rounding = by_class[PRODUCTS] - _mult_adds(analysis, Kind.LINEAR) - _mult_adds(analysis, Kind.MATMUL)
    if 0 < abs(rounding) <= EINSUM_ROUNDING * by_operator.get("einsum", 0):
        reasons.append((PRODUCTS, rounding, "einsum, whose count it reads off a printout with four digits"))
    attention = _mult_adds(analysis, Kind.ATTENTION)
    if attention and fvcore.unsupported_ops()["aten::scaled_dot_product_attention"]:
        reasons.append((ATTENTION, -attention, "attention, for which it has no handler"))
    return OtherCount("fvcore", by_class, tuple(reasons))


def count_with_torch(target: Target, analysis: Analysis) -> OtherCount:
    """Count with torch's FlopCounterMode, two FLOPs per multiply-add; on the meta device it decomposes attention."""
    module = copy.deepcopy(target.build_weightless()).to("meta")  # it needs everything on that device
    set_training(module, False)
    call = call_arguments(target.required_inputs(), InputSpec.on_meta)
    args, kwargs = with_tensors(call, lambda tensor: tensor.to("meta"))
    with FlopCounterMode(display=False) as counter:
        module(*args, **kwargs)
    by_class = dict.fromkeys(CLASSES, 0)
    for packet, flops in counter.get_flop_counts().get("Global", {}).items():
        name = str(packet).removeprefix("aten.")
        operator_class = ATTENTION if "attention" in name else TORCH_CLASSES.get(name, OTHER)
        by_class[operator_class] += flops // 2
    attention = _mult_adds(analysis, Kind.ATTENTION)
    reasons: list[tuple[str, int, str]] = []
    if attention and not by_class[ATTENTION]:
        reasons.append((ATTENTION, -attention, "attention, which it decomposes"))
        reasons.append((PRODUCTS, attention, "the two matrix products of that attention"))
    return OtherCount("FlopCounterMode", by_class, tuple(reasons))


def _mult_adds(analysis: Analysis, kind: Kind) -> int:
    pairs = zip(analysis.count.kinds, analysis.count.costs, strict=True)
    return sum(cost.mult_adds for kind_of_op, cost in pairs if kind_of_op is kind)
