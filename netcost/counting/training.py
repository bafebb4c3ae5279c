"""Cost of a training step: its phases, its peak memory with what that holds, and the share of each module."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from netcost.counting.breakdown import NEED_A_RULE, WHOLE, truncated
from netcost.counting.count import Count, kinds_and_costs
from netcost.graph import liveness, structure
from netcost.graph.cost import Cost, Kind, total
from netcost.graph.graph import Content, Graph, Op, Phase
from netcost.text import units
from netcost.text.metrics import METRICS
from netcost.text.tables import Column, Table, table_of
from netcost.text.units import AtLeast
from netcost.tracing import TrainStep

FIGURES = ("mult_adds", "flops", "memory_access", "memory_access_bytes", "kernels")
"""The figures of a phase. Its other figures are those of an inference pass: fusion, activations, parameters."""


class Peak(NamedTuple):
    """The moment of a step at which most memory is alive."""

    op: Op
    contents: dict[Content, int]  # bytes of each class

    @property
    def total(self) -> int:
        """All bytes."""
        return sum(self.contents.values())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the JSON keys."""
        sizes = {str(content): size for content, size in self.contents.items()}
        return {**sizes, "phase": str(self.op.phase), "op": self.op.name, "module": self.op.module}


class PartOfStep(NamedTuple):
    """The operators of one phase or module with the sum of their costs by phase."""

    name: str
    type: str
    costs: dict[Phase, Cost]
    incomplete: frozenset[Phase]  # phases with an operator that no rule counts
    kept_bytes: int = 0

    def of(self, figure: str, *phases: Phase) -> int | AtLeast:
        """Return a figure of these phases, or of all; a lower bound where it leaves out an operator without a rule."""
        asked = [phase for phase in self.costs if not phases or phase in phases]
        value = sum(getattr(self.costs[phase], figure) for phase in asked)
        return AtLeast(value) if figure in NEED_A_RULE and not self.incomplete.isdisjoint(asked) else value


@dataclass(frozen=True)
class StepCount:
    """A counted training step.

    Args:
        graph: the step.
        step: as it was asked for.
        kinds: the kind of each operator.
        costs: the cost of each operator.
    """

    graph: Graph
    step: TrainStep
    kinds: tuple[Kind, ...]
    costs: tuple[Cost, ...]

    @classmethod
    def of(cls, graph: Graph, step: TrainStep) -> StepCount:
        """Count a traced step."""
        return cls(graph, step, *kinds_and_costs(graph.ops))

    @cached_property
    def phases(self) -> dict[Phase, Cost]:
        """The cost of each phase; they add up to the step."""
        groups: dict[Phase, list[Cost]] = {phase: [] for phase in Phase}
        for op, cost in zip(self.graph.ops, self.costs, strict=True):
            groups[op.phase].append(cost)
        return {phase: total(costs) for phase, costs in groups.items() if costs}

    @cached_property
    def total(self) -> Cost:
        """The cost of the step."""
        return total(self.costs)

    @cached_property
    def unknown_ops(self) -> dict[str, int]:
        """Operators without a counting rule, and the runs of each: the totals leave their work out."""
        pairs = zip(self.graph.ops, self.kinds, strict=True)
        return dict(Counter(op.name for op, kind in pairs if kind is Kind.UNKNOWN))

    @cached_property
    def memory(self) -> dict[Content, list[int]]:
        """Bytes of each class that are alive while each operator runs."""
        return liveness.bytes_by_content(self.graph)

    @cached_property
    def peak(self) -> Peak:
        """The moment at which most memory is alive."""
        sizes = [sum(moment) for moment in zip(*self.memory.values(), strict=True)]
        index = max(range(len(sizes)), key=sizes.__getitem__)
        return Peak(self.graph.ops[index], {content: line[index] for content, line in self.memory.items()})

    def metrics(self) -> dict[str, Any]:
        """Return the metrics of `TRAIN_METRICS`."""
        return {
            "train_mult_adds": self.total.mult_adds,
            "train_memory_access_bytes": self.total.memory_access_bytes,
            "train_memory_bytes": self.peak.total,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers under the JSON keys."""
        phases = {str(phase): {name: getattr(cost, name) for name in FIGURES} for phase, cost in self.phases.items()}
        return {
            "step": self.step.to_dict(),
            "phases": phases,
            "peak_memory_bytes": self.peak.total,
            "peak": self.peak.to_dict(),
            "unknown_ops": self.unknown_ops,
        }

    def as_count(self) -> Count:
        """Return the step as a counted graph; loss and optimizer, which no module runs, are modules of their own."""
        ops = tuple(op._replace(module=_part(op, None)) for op in self.graph.ops)
        graph = replace(self.graph, ops=ops)
        return Count(graph, self.kinds, self.costs, structure.analyse(graph, self.kinds))

    def by_phase(self) -> Table:
        """Make a row per phase, in the order in which they run."""
        columns = (
            Column("phase", "Phase", of=lambda part: part.name),
            *(_figure(name, METRICS[name].heading) for name in FIGURES),
        )
        unknown = self._incomplete([str(op.phase) for op in self.graph.ops])
        rows = [PartOfStep(str(phase), "", {phase: cost}, unknown[str(phase)]) for phase, cost in self.phases.items()]
        return table_of(columns, rows, f"Training step ({self.step.title})", self.notes())

    def by_content(self) -> Table:
        """Make a row per class of memory at the peak, with its largest size in the step."""
        peak = self.peak
        columns = (
            Column("content", "Memory", of=lambda content: str(content)),
            Column("peak_bytes", "At the peak", "bytes", of=lambda content: peak.contents[content]),
            Column("share", "Share", "percent", of=lambda content: peak.contents[content] / (peak.total or 1)),
            Column("largest_bytes", "Largest", "bytes", of=lambda content: max(self.memory[content], default=0)),
        )
        where = f"{peak.op.name.removeprefix('aten.')} of {peak.op.module or WHOLE}"
        note = f"The peak of {units.data_size(peak.total)} is in the {peak.op.phase} phase, at {where}."
        return table_of(columns, Content, "Peak memory of the step", (note,))

    def by_module(self, depth: int | None = None) -> Table:
        """Make a row per module of the first `depth` levels, or of all, in the order of first use."""
        keys = [_part(op, depth) for op in self.graph.ops]
        costs: dict[str, dict[Phase, list[Cost]]] = {}
        for key, op, cost in zip(keys, self.graph.ops, self.costs, strict=True):
            costs.setdefault(key, {}).setdefault(op.phase, []).append(cost)
        kept, unknown = self._kept(keys), self._incomplete(keys)
        rows = [
            PartOfStep(
                key,
                self.graph.modules.get(key, ""),
                {phase: total(parts) for phase, parts in phases.items()},
                unknown[key],
                kept[key],
            )
            for key, phases in costs.items()
        ]
        columns = (
            Column("module", "Module", of=lambda part: part.name or WHOLE),
            Column("type", "Type"),
            _figure("forward_mult_adds", "Forward mult-adds", Phase.FORWARD),
            _figure("backward_mult_adds", "Backward mult-adds", Phase.BACKWARD, Phase.RECOMPUTE),
            _figure("memory_access", "Memory access"),
            _figure("kernels", "Kernels"),
            Column("kept_bytes", "Keeps for backward", "bytes"),
        )
        return table_of(columns, rows, notes=self.notes())

    def notes(self) -> tuple[str, ...]:
        """Make the notes under the tables of this step."""
        unknown = ", ".join(f"{name} ({times})" for name, times in self.unknown_ops.items())
        return (
            *([f"Training step: no rule counts {unknown}; totals marked ≥ leave that work out."] if unknown else []),
            *self.graph.notes,
        )

    def _incomplete(self, keys: list[str]) -> dict[str, frozenset[Phase]]:
        """Return the phases in which each part has an operator without a counting rule."""
        found: dict[str, frozenset[Phase]] = dict.fromkeys(keys, frozenset())
        for key, op, kind in zip(keys, self.graph.ops, self.kinds, strict=True):
            if kind is Kind.UNKNOWN:
                found[key] |= {op.phase}
        return found

    def _kept(self, keys: list[str]) -> Counter[str]:
        """Add up the activations that each module keeps at the end of the forward pass (bytes)."""
        ended = max((index for index, op in enumerate(self.graph.ops) if op.phase is Phase.FORWARD), default=-1)
        kept: Counter[str] = Counter()
        for storage in self.graph.storages:
            if storage.content is Content.ACTIVATIONS and 0 <= storage.born <= ended < storage.died:
                kept[keys[storage.born]] += storage.size_bytes
        return kept


def _part(op: Op, depth: int | None) -> str:
    """Return the module of an operator; loss and optimizer, which no module runs, are parts of their own."""
    if op.phase in (Phase.LOSS, Phase.OPTIMIZER) and not op.module:
        return f"({op.phase})"
    return truncated(op.module, depth)


def _figure(name: str, heading: str, *phases: Phase) -> Column:
    figure = name.removeprefix("forward_").removeprefix("backward_")
    return Column(name, heading, METRICS[figure].unit, of=lambda part: part.of(figure, *phases))
