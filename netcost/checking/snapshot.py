"""The part of an analysis that a baseline records: integer metrics, module paths, operator counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from netcost.checking.limits import FIGURES
from netcost.counting.breakdown import ADDITIVE, by_module, shape_text
from netcost.counting.count import Count
from netcost.counting.figures import Figures
from netcost.graph.graph import TensorSpec
from netcost.text.metrics import TRAIN_METRICS
from netcost.text.tables import bare

TOTALS = tuple(name for name in FIGURES if name not in (*TRAIN_METRICS, "unknown_ops"))
"""The figures of a whole network; those of `TRAIN_METRICS` stand beside them where a training step is counted."""


@dataclass(frozen=True, slots=True)
class Module:
    """One module's part of the cost."""

    type: str  # name of its class
    figures: Mapping[str, int | None]  # the `ADDITIVE` metrics; None where only operators without a rule ran

    @property
    def works(self) -> bool:
        """True where the module costs anything; one that only makes views does not."""
        return any(value != 0 for value in self.figures.values())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A network's cost on one input."""

    model: str  # the target that was counted
    inputs: tuple[str, ...] = ()  # like "1x3x224x224", one per tensor, then the values and objects
    totals: Mapping[str, int | None] = field(default_factory=dict)  # None: undefined, like fragments without blocks
    modules: Mapping[str, Module] = field(default_factory=dict)  # by path
    operators: Mapping[str, int] = field(default_factory=dict)  # calls of each operator
    unknown_ops: Mapping[str, int] = field(default_factory=dict)  # those among them without a counting rule
    depth: int | None = None  # levels of modules; None for the innermost modules

    def figure(self, name: str) -> int | None:
        """Return the figure called `name` in `FIGURES`."""
        return sum(self.unknown_ops.values()) if name == "unknown_ops" else self.totals.get(name)


def take(count: Count, figures: Figures, model: str, depth: int | None = None, values: Sequence[str] = ()) -> Snapshot:
    """Return the snapshot of a counted network.

    Args:
        count: the counted graph.
        figures: of the whole network, and of its training step where one was counted.
        model: the target that was counted.
        depth: levels of modules to record; None for the innermost modules.
        values: inputs that are no tensors.
    """
    return Snapshot(
        model=model,
        inputs=(*map(input_text, count.graph.inputs), *values),
        totals={name: figures.values[name] for name in (*TOTALS, *TRAIN_METRICS) if name in figures.values},
        modules=_modules(count, depth),
        operators=dict(Counter(op.name for op in count.graph.ops)),
        unknown_ops=figures.every_unknown_op,
        depth=depth,
    )


def input_text(tensor: TensorSpec) -> str:
    """Return `1x3x224x224`, with the element type where it is not float32: `1x128:int64`."""
    return shape_text(tensor) + ("" if tensor.dtype == "float32" else f":{tensor.dtype}")


def _modules(count: Count, depth: int | None) -> dict[str, Module]:
    table = by_module(count, depth)
    rows = [dict(zip(table.names, row, strict=True)) for row in table.rows]
    return {row["module"]: Module(row["type"] or "", {name: bare(row[name]) for name in ADDITIVE}) for row in rows}
