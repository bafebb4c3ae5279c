"""Rows of work: the kernels that a network runs in one way of running it, with the figures that the columns add up.

An eager row is an operator, or a cast or hidden copy that it makes of an operand. A compiled row is a convolution, a
product, or a group of other operators that a compiler runs as one kernel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netcost.counting import Count
from netcost.counting.operators import OperatorFacts, Traffic, batch_of, operator_facts
from netcost.graph.autocast import PRECISIONS, itemsize
from netcost.graph.graph import MODEL_INPUT as INPUT
from netcost.graph.graph import Graph
from netcost.text.errors import RequestError

OWN_KERNELS = (
    "dense convolution",
    "stem convolution",
    "1x1 convolution",
    "grouped convolution",
    "depthwise convolution",
    "linear",
    "matrix product",
    "attention",
)
"""Kinds with multiply-adds that a model knows."""

REDUCING = frozenset({"layer norm", "group norm", "softmax", "reduction", "global pooling"})
WINDOWED = frozenset({"concatenation", "indexing", "pooling", "resizing"})

MODES = ("eager", "compiled")
MEMORY_FORMATS = ("contiguous", "channels_last")

FIELDS = (
    "count",  # equal rows
    "mult_adds",  # per sample of the batch
    "constant_mult_adds",  # whatever the batch
    "flops",  # per sample, without multiply-adds
    "sample_bytes",
    "constant_bytes",
    "scores",  # of attention that writes them down, per sample
    "mixed_layouts",  # 1 where the largest operands lie in different orders
    "named_padding",  # 1 where padding is given as a word
    "reordered_input",  # 1 where the input of a convolution is not contiguous
    "spatial_mean",  # 1 in a group with a mean over space
    "windowed",  # 1 in a group with a concatenation, an index, a window or a resizing
)
ROW = np.dtype([("kind", "U24"), *((field, np.float64) for field in FIELDS)])
Rows = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Running:
    """One way of running a network.

    Args:
        mode: "eager" or "compiled".
        precision: "amp" for autocast to half precision, or "traced" for the types of the weights.
        memory_format: "contiguous" or "channels_last", of images and weights.

    Raises:
        RequestError: one of them is another word.
    """

    mode: str = "eager"
    precision: str = "amp"
    memory_format: str = "contiguous"

    def __post_init__(self) -> None:
        choices = {"mode": MODES, "precision": PRECISIONS, "memory_format": MEMORY_FORMATS}
        for name, known in choices.items():
            if (value := getattr(self, name)) not in known:
                words = name.replace("_", " ")
                raise RequestError(f"unknown {words} {value!r}; expected one of {', '.join(known)}")

    def __str__(self) -> str:
        types = {"amp": "autocast to half precision", "traced": "single precision", "half": "half precision"}
        return f"{self.mode}, {types[self.precision]}, {self.memory_format.replace('_', ' ')}"


def rows_of(count: Count, running: Running) -> Rows:
    """Return the rows of a counted network, equal ones once."""
    facts = operator_facts(count, running.precision)
    made = _eager(facts, batch_of(count.graph)) if running.mode == "eager" else _compiled(facts, count.graph)
    return np.array([(kind, times, *values) for (kind, *values), times in Counter(made).items()], dtype=ROW)


def _row(kind: str, traffic: Traffic, **values: float) -> tuple[Any, ...]:
    given = {**values, "sample_bytes": traffic.sample, "constant_bytes": traffic.constant}
    return (kind, *(float(given.get(field, 0.0)) for field in FIELDS[1:]))


def _work(fact: OperatorFacts, batch: int) -> dict[str, float]:
    """Return what a row of a convolution, a product or any eager operator has beside its bytes."""
    other = fact.cost.flops - 2 * fact.cost.mult_adds
    is_convolution = fact.kernel is not None
    return {
        "mult_adds": fact.cost.mult_adds / batch if fact.batched else 0,
        "constant_mult_adds": 0 if fact.batched else fact.cost.mult_adds,
        "flops": other / batch if fact.batched else other,
        "scores": fact.scores / batch,
        "mixed_layouts": fact.mixed_layouts,
        "named_padding": isinstance(fact.op.arguments.get("padding"), str),
        "reordered_input": is_convolution and fact.op.inputs[0].layout != "contiguous",
    }


def _eager(facts: Sequence[OperatorFacts], batch: int) -> Iterator[tuple[Any, ...]]:
    for fact in facts:
        yield _row(fact.kind, fact.read + fact.written, **_work(fact, batch))
        for traffic in fact.copies:
            yield _row("hidden copy", traffic)
        for traffic in fact.casts:
            yield _row("cast", traffic)


def _compiled(facts: Sequence[OperatorFacts], graph: Graph) -> Iterator[tuple[Any, ...]]:
    groups: dict[int, list[OperatorFacts]] = {}
    readers: dict[int, list[OperatorFacts]] = {}
    for fact in facts:
        groups.setdefault(fact.group, []).append(fact)
        for source in set(fact.op.sources):
            readers.setdefault(source, []).append(fact)
    batch, batched = batch_of(graph), {INPUT, *(fact.index for fact in facts if fact.batched)}
    for members in groups.values():
        first = members[0]
        if first.kind in OWN_KERNELS or first.kernel is not None:
            yield _row(first.kind, first.read + first.written, **_work(first, batch))
            continue
        kinds = {member.kind for member in members}
        written = [(_written(member, readers, graph), member.batched) for member in members]
        yield _row(
            "fused reduction" if kinds & REDUCING else "fused",
            _traffic([*_reads(members, batched), *written], batch),
            flops=sum(member.cost.flops / (batch if member.batched else 1) for member in members),
            mixed_layouts=len(_layouts(members)) > 1,
            spatial_mean="global pooling" in kinds,
            windowed=bool(kinds & WINDOWED),
        )


def _traffic(moved: Iterable[tuple[float, bool]], batch: int) -> Traffic:
    """Add up bytes, each with True where they grow with the batch."""
    sizes = list(moved)
    sample = sum(size for size, grows in sizes if grows)
    return Traffic(sample / batch, sum(size for size, _ in sizes) - sample)


def _outer(members: Sequence[OperatorFacts]) -> Iterator[tuple[OperatorFacts, int]]:
    """Yield each operand, as operator and position, that no operator of the group makes."""
    inside = {member.index for member in members}
    for member in members:
        for position, source in enumerate(member.op.sources):
            if source not in inside:
                yield member, position


def _reads(members: Sequence[OperatorFacts], batched: set[int]) -> Iterable[tuple[float, bool]]:
    """Return the bytes that a group reads: those of each tensor from outside once."""
    read: dict[Any, tuple[float, bool]] = {}
    for member, position in _outer(members):
        tensor, source = member.op.inputs[position], member.op.sources[position]
        key = source if source >= INPUT else (member.index, position)
        size = tensor.elements * itemsize(member.types.given[position], tensor.itemsize)
        read[key] = max(read.get(key, (0.0, False)), (size, source in batched))
    return read.values()


def _layouts(members: Sequence[OperatorFacts]) -> set[str]:
    operands = ((member.op.inputs[position], member.op.sources[position]) for member, position in _outer(members))
    return {tensor.layout for tensor, source in operands if source >= INPUT and tensor.elements > 1}


def _written(member: OperatorFacts, readers: Mapping[int, Sequence[OperatorFacts]], graph: Graph) -> float:
    """Return the bytes that a group writes of one operator's first result: once per type in which it is read."""
    if not member.op.outputs:
        return 0.0
    own = itemsize(member.types.written, member.op.outputs[0].itemsize)
    sizes = {own} if member.index in graph.output_sources else set()
    for reader in readers.get(member.index, ()):
        if reader.group != member.group:
            position = reader.op.sources.index(member.index)
            is_library = reader.kind in OWN_KERNELS
            sizes.add(itemsize(reader.types.read[position], own) if is_library else own)
    return float(member.op.outputs[0].elements * sum(sizes))
