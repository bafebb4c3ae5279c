"""Findings, the rules that make them, and the network as a rule sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from netcost.counting.count import Count
from netcost.counting.operators import OperatorFacts, operator_facts
from netcost.graph.cost import Cost, Kind, total
from netcost.graph.graph import MODEL_INPUT, Op, SourceLine, TensorSpec
from netcost.profiling.roofline import Peaks
from netcost.text.registry import Registry

CALLER = -1
"""The caller, as a reader of the network's outputs."""


MIN_SHARE = 0.01
"""Share of the memory access, kernels or parameters below which a finding is not shown."""


class Keeps(StrEnum):
    """Properties of a network that a change keeps."""

    FUNCTION = "function"
    """The same outputs, from the same or from mapped weights."""
    CAPACITY = "capacity"
    """The same multiply-adds; the network is trained anew."""
    NEITHER = "neither"


class Saving(NamedTuple):
    """Costs that a change takes away; below 0 where it adds."""

    memory_access: float = 0  # elements
    memory_access_bytes: float = 0
    kernels: int = 0
    mult_adds: float = 0
    params: float = 0

    @classmethod
    def of(cls, cost: Cost) -> Saving:
        """Return the saving where operators of this cost fall away."""
        return cls(cost.memory_access, cost.memory_access_bytes, cost.kernels, cost.mult_adds, cost.params)

    @classmethod
    def of_elements(cls, elements: float, like: TensorSpec, kernels: int = 0, mult_adds: float = 0) -> Saving:
        """Return the saving where elements of one type are no longer moved."""
        return cls(elements, elements * like.itemsize, kernels, mult_adds)

    def plus(self, other: Saving) -> Saving:
        """Return both together."""
        return Saving(
            self.memory_access + other.memory_access,
            self.memory_access_bytes + other.memory_access_bytes,
            self.kernels + other.kernels,
            self.mult_adds + other.mult_adds,
            self.params + other.params,
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """One place in a network that costs more than it must.

    Args:
        code: of its rule, like NC201.
        module: qualified name of the module; "" is the network.
        seen: the fact.
        instead: the change, in the imperative.
        saving: of the change alone, by arithmetic.
        keeps: what the change leaves as it is.
        line: of the network's code that calls the operator; None where it is not known.
        made: the line that constructs the module; None where it is not known.
        ops: indices of the operators that it is about; none for one about parameters.
    """

    code: str
    module: str
    seen: str
    instead: str
    saving: Saving
    keeps: Keeps
    line: SourceLine | None = None
    made: SourceLine | None = None
    ops: tuple[int, ...] = ()


@dataclass(frozen=True)
class Network:
    """A counted network, with what rules ask of it.

    Args:
        count: of the forward pass.
        made: the line that constructs each module, by its qualified name, where it is known.
        peaks: of the device, where they are given.
    """

    count: Count
    made: Mapping[str, SourceLine] = field(default_factory=dict)
    peaks: Peaks | None = None

    @property
    def ops(self) -> tuple[Op, ...]:
        """The operators of the pass."""
        return self.count.graph.ops

    @cached_property
    def total(self) -> Cost:
        """The cost of the pass."""
        return total(self.count.costs)

    @cached_property
    def readers(self) -> list[list[int]]:
        """The operators that read what each has written, in order; views read nothing, and the caller reads outputs."""
        readers: list[list[int]] = [[] for _ in self.ops]
        for index, op in enumerate(self.ops):
            for source in dict.fromkeys(op.sources):
                if source >= 0 and not op.is_view:
                    readers[source].append(index)
        for source in self.count.graph.output_sources:
            if source >= 0:
                readers[source].append(CALLER)
        return readers

    @cached_property
    def depends(self) -> list[bool]:
        """True for each operator that depends on an input of the network."""
        depends: list[bool] = []
        for op in self.ops:
            depends.append(any(source == MODEL_INPUT or (source >= 0 and depends[source]) for source in op.sources))
        return depends

    @cached_property
    def facts(self) -> dict[int, OperatorFacts]:
        """Work of a device beside the operator itself, by index."""
        return {row.index: row for row in operator_facts(self.count)}

    def of_kind(self, *kinds: Kind) -> Iterator[tuple[int, Op]]:
        """Yield the operators of these kinds, with their indices."""
        for index, op in enumerate(self.ops):
            if self.count.kinds[index] in kinds:
                yield index, op

    def is_kind(self, index: int, *kinds: Kind) -> bool:
        """True where `index` is an operator of one of these kinds."""
        return index >= 0 and self.count.kinds[index] in kinds

    def only_reader(self, index: int) -> int | None:
        """Return the operator that alone reads what `index` has written; None where there are others, or the caller."""
        readers = self.readers[index]
        return readers[0] if len(readers) == 1 and readers[0] != CALLER else None

    def is_output(self, index: int) -> bool:
        """True where the caller reads what `index` has written."""
        return CALLER in self.readers[index]

    def is_whole(self, op: Op, position: int) -> bool:
        """True where an operand is known to be all that its source has written, or the network's only input.

        It is not known where the source has several results of that size, or writes in place into a part of memory.
        """
        elements = op.inputs[position].elements
        source = op.sources[position]
        while source >= 0:
            written = self.ops[source].outputs
            if [tensor.elements for tensor in written].count(elements) != 1:
                return False
            if elements != max(tensor.elements for tensor in written):
                return False
            if not self.in_place(source):
                return True
            source = self.ops[source].sources[0]
        return source == MODEL_INPUT and [tensor.elements for tensor in self.count.graph.inputs] == [elements]

    def in_place(self, index: int) -> bool:
        """True for an operator that writes into its first operand."""
        op = self.ops[index]
        return op.name.endswith("_") and bool(op.sources)

    def is_same(self, op: Op, position: int) -> bool:
        """True where an operand is whole, and its shape tells its order in memory."""
        operand = op.inputs[position]
        sides = [side for side in operand.shape if side > 1]
        is_ordered = operand.layout == "contiguous" or len({*sides}) == len(sides) or not self.is_viewed(op, position)
        return is_ordered and self.is_whole(op, position)

    def writes_outside(self, index: int) -> bool:
        """True for an operator that writes into a buffer of the network or into its input, itself or after others."""
        while index >= 0 and self.in_place(index):
            index = self.ops[index].sources[0]
            if index < 0:
                return True
        return False

    def is_viewed(self, op: Op, position: int) -> bool:
        """True where an operand has another shape or order than its source: a view of it."""
        source = op.sources[position]
        written = self.count.graph.inputs if source < 0 else self.ops[source].outputs
        return op.inputs[position] not in written

    def cost(self, indices: Iterable[int]) -> Cost:
        """Add up the costs of operators."""
        return total([self.count.costs[index] for index in indices])

    def finding(
        self, index: int, seen: str, instead: str, saving: Saving, keeps: Keeps, ops: Sequence[int] = ()
    ) -> Finding:
        """Make a finding at an operator, and at the others of `ops`; its code is added where the rules are run."""
        op, lines = self.ops[index], self.count.graph.lines
        line = lines[index] if lines else None
        return Finding(
            "", op.module, seen, instead, saving, keeps, line, self.made.get(op.module), tuple(ops) or (index,)
        )


Find = Callable[[Network], Iterable[Finding]]

RULES: Registry[Find] = Registry("code", "`netcost explain` lists them")
"""By code, like NC201."""


def rule(code: str) -> Callable[[Find], Find]:
    """Register the decorated function, which yields findings without a code, as the rule of that code."""

    def register(find: Find) -> Find:
        return RULES.add(code, find)

    return register
