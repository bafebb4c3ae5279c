"""What is kept of an analysis, to be compared with a later one: whole numbers and names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netcost.checking.limits import FIGURES
from netcost.counting.breakdown import ADDITIVE, by_module, shape_text
from netcost.counting.count import Count
from netcost.graph.graph import TensorSpec
from netcost.text.tables import bare

TOTALS = tuple(name for name in FIGURES if name != "unknown_ops")
"""The figures of a whole network."""


@dataclass(frozen=True, slots=True)
class Module:
    """One module's part of the cost.

    Args:
        type: name of its class.
        figures: what adds up over modules; None where only operators without a rule ran.
    """

    type: str
    figures: Mapping[str, int | None]

    @property
    def works(self) -> bool:
        """Whether it does anything at all: a module of views alone does not."""
        return any(value != 0 for value in self.figures.values())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A network's cost on one input.

    Args:
        model: the target that was counted.
        inputs: like "1x3x224x224", one a tensor.
        totals: every figure of the whole; None where it has none, like fragments of a network without blocks.
        modules: each module's part, by its path.
        operators: how often each operator ran.
        unknown_ops: those among them that no rule counts.
        depth: levels of modules that are told apart; None for the innermost ones.
    """

    model: str
    inputs: tuple[str, ...] = ()
    totals: Mapping[str, int | None] = field(default_factory=dict)
    modules: Mapping[str, Module] = field(default_factory=dict)
    operators: Mapping[str, int] = field(default_factory=dict)
    unknown_ops: Mapping[str, int] = field(default_factory=dict)
    depth: int | None = None

    def figure(self, name: str) -> int | None:
        """The figure called `name`, of `FIGURES`."""
        return sum(self.unknown_ops.values()) if name == "unknown_ops" else self.totals[name]


def take(count: Count, metrics: Mapping[str, Any], model: str, depth: int | None = None) -> Snapshot:
    """The snapshot of a counted network.

    Args:
        count: the counted graph.
        metrics: of the whole, by identifier.
        model: the target that was counted.
        depth: levels of modules to tell apart; None for the innermost ones.
    """
    return Snapshot(
        model=model,
        inputs=tuple(map(input_text, count.graph.inputs)),
        totals={name: metrics[name] for name in TOTALS},
        modules=_modules(count, depth),
        operators=dict(Counter(op.name for op in count.graph.ops)),
        unknown_ops=count.unknown_ops,
        depth=depth,
    )


def input_text(tensor: TensorSpec) -> str:
    """`1x3x224x224`, and the element type where it is not float32: `1x128:int64`."""
    return shape_text(tensor) + ("" if tensor.dtype == "float32" else f":{tensor.dtype}")


def _modules(count: Count, depth: int | None) -> dict[str, Module]:
    table = by_module(count, depth)
    path, kind = table.names.index("module"), table.names.index("type")
    figures = {name: table.names.index(name) for name in ADDITIVE}
    return {
        row[path]: Module(row[kind] or "", {name: bare(row[index]) for name, index in figures.items()})
        for row in table.rows
    }
