"""Our mult-adds beside those of fvcore and of torch's FlopCounterMode, every difference explained by operator.

The others count by conventions that they do not state in a result. Those that matter are known here, and each is
subtracted as what it is; what is left over is called unexplained, and is a fault of theirs or of ours.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from netcost.counting.analysis import Analysis, analyze
from netcost.graph.cost import Kind
from netcost.targets.naming import Target
from netcost.text import units
from netcost.text.tables import Column, Table, table_of
from netcost.tracing import InputSpec, call_arguments, described

CONVOLUTION, PRODUCTS, ATTENTION, OTHER = "convolution", "linear and matrix product", "attention", "everything else"
CLASSES = (CONVOLUTION, PRODUCTS, ATTENTION, OTHER)

OUR_CLASSES = {
    Kind.CONVOLUTION: CONVOLUTION,
    Kind.POINTWISE_CONVOLUTION: CONVOLUTION,
    Kind.DEPTHWISE_CONVOLUTION: CONVOLUTION,
    Kind.LINEAR: PRODUCTS,
    Kind.MATMUL: PRODUCTS,
    Kind.ATTENTION: ATTENTION,
}
FVCORE_CLASSES = {
    "conv": CONVOLUTION,
    "linear": PRODUCTS,
    "matmul": PRODUCTS,
    "bmm": PRODUCTS,
    "addmm": PRODUCTS,
    "mv": PRODUCTS,
    "einsum": PRODUCTS,
}
TORCH_CLASSES = {
    "convolution": CONVOLUTION,
    "_convolution": CONVOLUTION,
    "mm": PRODUCTS,
    "addmm": PRODUCTS,
    "bmm": PRODUCTS,
    "baddbmm": PRODUCTS,
}


EINSUM_ROUNDING = 1e-3
"""fvcore takes an einsum's count from numpy's printed report, which rounds it to four digits."""


@dataclass(frozen=True, slots=True)
class OtherCount:
    """What another counter found.

    Args:
        name: of the counter.
        by_class: multiply-adds by class; None where it failed.
        reasons: what it counts otherwise than netcost, by class: the difference, and why.
        failure: why it has no count.
    """

    name: str
    by_class: dict[str, int] | None
    reasons: tuple[tuple[str, int, str], ...] = ()
    failure: str = ""


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """Our count of one network beside the others'."""

    model: str
    ours: dict[str, int]
    others: tuple[OtherCount, ...]

    def unexplained(self, other: OtherCount) -> dict[str, int]:
        """What is left of each class's difference after the named ones (mult-adds); classes that agree are left out."""
        if other.by_class is None:
            return {}
        named: Counter[str] = Counter()
        for operator_class, difference, _ in other.reasons:
            named[operator_class] += difference
        left = {name: other.by_class[name] - self.ours[name] - named[name] for name in CLASSES}
        return {name: difference for name, difference in left.items() if difference}

    def table(self) -> Table:
        """A row a class of operators, a column a counter, and the reasons below."""
        columns = [
            Column("class", "Mult-adds of", of=str),
            Column("netcost", "netcost", "exact", of=self.ours.get),
            *(Column(other.name, other.name, "exact", of=(other.by_class or {}).get) for other in self.others),
        ]
        return table_of(columns, CLASSES, notes=[note for other in self.others for note in self._notes(other)])

    def _notes(self, other: OtherCount) -> list[str]:
        if other.by_class is None:
            return [f"{other.name} could not count this network: {other.failure}."]
        notes = [f"{other.name} {_signed(difference)}: {why}." for _, difference, why in other.reasons]
        left = self.unexplained(other)
        for name, difference in left.items():
            notes.append(f"{other.name} {_signed(difference)} in {name}: unexplained.")
        return notes if left else [*notes, f"{other.name} agrees with netcost{' otherwise' if notes else ''}."]


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
    counters: tuple[tuple[str, Callable[[Target, Analysis], OtherCount]], ...] = (
        ("fvcore", count_with_fvcore),
        ("FlopCounterMode", count_with_torch),
    )
    others = []
    for name, counter in counters:
        try:
            with _plain_attention():
                others.append(counter(target, analysis))
        except Exception as error:  # another tool's failure is a finding, not ours
            others.append(OtherCount(name, None, failure=described(error)))
    return CrossCheck(target.name, ours, tuple(others))


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Without torch's fused encoder layers, which hide their products from every counter."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # tracing warns of every Python number in a forward pass
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _on_meta(target: Target) -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
    """The network and its inputs on the meta device throughout, as FlopCounterMode needs them."""
    module = copy.deepcopy(target.build_weightless()).to("meta").eval()
    return module, *call_arguments(target.required_inputs(), InputSpec.on_meta)


def _on_cpu(target: Target) -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
    """The network with zeros for weights: fvcore's tracer runs it for real, but does not care for its values."""
    module = copy.deepcopy(target.build_weightless()).eval()
    module._apply(lambda tensor: torch.zeros_like(tensor, device="cpu") if tensor.is_meta else tensor)  # type: ignore[no-untyped-call]
    generator = torch.Generator().manual_seed(0)
    return module, *call_arguments(target.required_inputs(), lambda spec: spec.random(generator))


def count_with_fvcore(target: Target, analysis: Analysis) -> OtherCount:
    """fvcore: a "flop" is a multiply-add, except that norms, pooling and interpolation count by rules of their own."""
    from fvcore.nn import FlopCountAnalysis

    module, args, kwargs = _on_cpu(target)
    if kwargs:
        return OtherCount("fvcore", None, failure="it takes no keyword inputs")
    logging.getLogger("fvcore.nn.jit_analysis").setLevel(logging.ERROR)
    found = FlopCountAnalysis(module, args)
    found.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    by_operator = {name: int(flops) for name, flops in found.by_operator().items()}
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
    ignored = found.unsupported_ops()
    if attention and ignored["aten::scaled_dot_product_attention"]:
        reasons.append((ATTENTION, -attention, "attention, for which it has no handler"))
    return OtherCount("fvcore", by_class, tuple(reasons))


def count_with_torch(target: Target, analysis: Analysis) -> OtherCount:
    """torch's FlopCounterMode, two FLOPs a multiply-add; on the meta device it decomposes attention."""
    module, args, kwargs = _on_meta(target)
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
    return sum(cost.mult_adds for each, cost in pairs if each is kind)
