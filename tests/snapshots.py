"""Snapshots written down by hand, and any that hypothesis thinks of."""

from collections.abc import Mapping

from hypothesis import strategies as st

from netcost.checking.snapshot import TOTALS, Module, Snapshot
from netcost.counting.breakdown import ADDITIVE

counts = st.integers(0, 10**12)
names = st.text("abc.01", min_size=1, max_size=6)
figures = st.fixed_dictionaries(dict.fromkeys(ADDITIVE, counts))
modules = st.dictionaries(names, st.builds(Module, st.sampled_from(["Conv2d", "Linear", "ReLU"]), figures), max_size=6)
operators = st.dictionaries(st.sampled_from(["aten.conv2d", "aten.relu", "aten.view", "aten.add"]), st.integers(1, 99))


def module(type: str = "Conv2d", **given: int | None) -> Module:
    """A module that costs what is given, and else nothing."""
    return Module(type, {**dict.fromkeys(ADDITIVE, 0), **given})


def snapshot(parts: Mapping[str, Module], model: str = "net", **others: object) -> Snapshot:
    """The snapshot of a model of these modules: what adds up is their sum, the rest is 1 each."""
    sums = {figure: sum(part.figures[figure] or 0 for part in parts.values()) for figure in ADDITIVE}
    totals = {**dict.fromkeys(TOTALS, 1), **sums, "params_total": sums["params"]}
    return Snapshot(model, **{"inputs": ("1x3x8x8",), "totals": totals, "modules": dict(parts), **others})


snapshots = st.builds(lambda parts, ops: snapshot(parts, operators=ops), modules, operators)
