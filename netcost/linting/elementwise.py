"""NC4: element-wise work against guideline G4.

Reference: ShuffleNet V2 (arXiv:1807.11164), section 2, G4: element-wise operators cost little arithmetic and much time.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcost.graph.cost import Kind
from netcost.graph.graph import Op
from netcost.linting.finding import CALLER, Finding, Keeps, Network, Saving, rule

LEAST_CHAIN = 3
"""Element-wise operators in a row from which on they are worth one kernel; an addition and its ReLU are two."""

IDEMPOTENT = frozenset({"aten.relu", "aten.hardtanh", "aten.relu6", "aten.abs", "aten.sign", "aten.clamp"})
"""Functions that change nothing when they are applied again."""

IDLE_NUMBERS = {"aten.add": 0, "aten.sub": 0, "aten.mul": 1, "aten.div": 1}
"""Operators that change nothing with this number."""

CASTS = frozenset({"aten._to_copy", "aten.to", "aten.type_as"})


def plain(op: Op) -> str:
    """Return the operator's name without the mark of an in-place form."""
    return op.name.rstrip("_")


@rule("NC401")
def chains(network: Network) -> Iterator[Finding]:
    """Find element-wise operators that read each other alone, so that their values could stay in registers."""
    group: dict[int, list[int]] = {}
    for index, op in network.of_kind(Kind.ELEMENTWISE):
        joined = [index]
        for source in dict.fromkeys(op.sources):
            if source in group and network.only_reader(source) == index:
                joined = group.pop(source) + joined
        group[index] = joined
    for last, indices in group.items():
        if len(indices) < LEAST_CHAIN:
            continue
        members = set(indices)
        inner = sum(
            tensor.elements
            for index in indices
            for tensor, source in zip(network.ops[index].inputs, network.ops[index].sources, strict=True)
            if source in members
        )
        written = sum(network.ops[index].outputs[0].elements for index in indices if index != last)
        yield network.finding(
            indices[0],
            f"{len(indices)} element-wise operators in a row",
            "write them as one operator of torch.nn.functional where there is one, or compile them",
            Saving.of_elements(inner + written, network.ops[last].outputs[0], len(indices) - 1),
            Keeps.FUNCTION,
        )


@rule("NC405")
def unfused(network: Network) -> Iterator[Finding]:
    """Find element-wise work that a compiler would do within the operator before, where its result is in registers."""
    kinds, costs = network.count.kinds, network.count.costs
    own = [index for index, kind in enumerate(kinds) if kind is Kind.ELEMENTWISE]
    fused = [index for index in own if costs[index].memory_access_fused < costs[index].memory_access]
    if fused:
        saved = sum(2 * network.ops[index].outputs[0].elements for index in fused)
        like = network.ops[fused[0]].outputs[0]
        largest = max(fused, key=lambda index: costs[index].memory_access)
        yield network.finding(
            largest,
            f"{len(fused)} element-wise operators that the operator before could do, of {len(own)}",
            "compile the network, or take out activations that it can do without",
            Saving.of_elements(saved, like, len(fused)),
            Keeps.FUNCTION,
        )


@rule("NC402")
def doubled(network: Network) -> Iterator[Finding]:
    """Find activations that are applied to their own result, and change nothing."""
    for index, op in network.of_kind(Kind.ELEMENTWISE):
        source = op.sources[0] if op.sources else CALLER
        if source >= 0 and plain(op) in IDEMPOTENT and _does_the_same(network.ops[source], op):
            yield network.finding(
                index,
                f"{plain(op).removeprefix('aten.')} of what is one already",
                "leave the second out",
                Saving.of(network.count.costs[index]),
                Keeps.FUNCTION,
            )


def _does_the_same(one: Op, other: Op) -> bool:
    return plain(one) == plain(other) and dict(one.arguments) == dict(other.arguments) and len(other.inputs) == 1


@rule("NC403")
def idle(network: Network) -> Iterator[Finding]:
    """Find operators that move data and change nothing: a dropout in evaluation, times 1, plus 0."""
    for index, op in enumerate(network.ops):
        name = plain(op)
        is_dropout = "dropout" in name and network.count.graph.mode == "eval" and not op.is_view
        number = op.arguments.get("other")
        is_idle = name in IDLE_NUMBERS and len(op.inputs) == 1 and number is not None and number == IDLE_NUMBERS[name]
        if is_dropout or is_idle:
            yield network.finding(
                index,
                "dropout runs in evaluation" if is_dropout else f"{name.removeprefix('aten.')} with {number}",
                "pass training=self.training" if is_dropout else "leave it out",
                Saving.of(network.count.costs[index]),
                Keeps.NEITHER if is_dropout else Keeps.FUNCTION,
            )


@rule("NC404")
def conversions(network: Network) -> Iterator[Finding]:
    """Find conversions of type that are taken back behind norms and element-wise operators."""
    for index, op in enumerate(network.ops):
        if not _converts(op):
            continue
        source = op.sources[0]
        while network.is_kind(source, Kind.ELEMENTWISE, Kind.NORMALISATION, Kind.SOFTMAX) and not _converts(
            network.ops[source]
        ):
            source = max(network.ops[source].sources, default=CALLER)
        if source >= 0 and _converts(network.ops[source]):
            first = network.ops[source]
            if first.inputs[0].dtype == op.outputs[0].dtype and first.outputs[0].elements > 1:
                yield network.finding(
                    source,
                    f"{first.inputs[0].dtype} to {first.outputs[0].dtype} and back",
                    "let the operator between take the first type; torch's norms and softmax sum in float32 by "
                    "themselves",
                    Saving.of(network.cost((source, index))),
                    Keeps.NEITHER,
                )


def _converts(op: Op) -> bool:
    return op.name in CASTS and bool(op.outputs) and bool(op.inputs) and op.inputs[0].dtype != op.outputs[0].dtype
