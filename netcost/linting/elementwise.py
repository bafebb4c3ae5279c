"""NC4: element-wise work against guideline G4.

Reference: ShuffleNet V2 (arXiv:1807.11164), section 2, G4: element-wise operators cost little arithmetic and much time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

from netcost.graph.cost import Kind
from netcost.graph.fusion import PRODUCERS
from netcost.graph.graph import Op, extent
from netcost.linting.finding import CALLER, Finding, Keeps, Network, Saving, rule

LEAST_CHAIN = 3
"""Element-wise operators in a row from which on they are worth one kernel; an addition and its ReLU are two."""

IDEMPOTENT = frozenset({"aten.relu", "aten.hardtanh", "aten.relu6", "aten.abs", "aten.sign", "aten.clamp"})
"""Functions that change nothing when they are applied again."""

IDLE_NUMBERS = {"aten.add": 0, "aten.sub": 0, "aten.mul": 1, "aten.div": 1}
"""Operators that change nothing with this number."""

PADS = frozenset({"aten.constant_pad_nd", "aten.pad"})

CASTS = frozenset({"aten._to_copy", "aten.to", "aten.type_as"})


def plain(op: Op) -> str:
    """Return the operator's name without the mark of an in-place form."""
    return op.name.rstrip("_")


@rule("NC401")
def chains(network: Network) -> Iterator[Finding]:
    """Find element-wise operators that read each other alone, so that their values could stay in registers."""
    for indices in _rows(network):
        last, members = indices[-1], set(indices)
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


def _rows(network: Network) -> list[list[int]]:
    """Return the element-wise operators of each chain, in the order in which they run."""
    group: dict[int, list[int]] = {}
    for index, op in network.of_kind(Kind.ELEMENTWISE):
        joined = [index]
        for source in dict.fromkeys(op.sources):
            if source in group and network.only_reader(source) == index:
                joined = group.pop(source) + joined
        group[index] = joined
    return [indices for indices in group.values() if len(indices) >= LEAST_CHAIN]


def joining(network: Network) -> tuple[list[int], list[int]]:
    """Return the operators that join the operator before: those of a chain (NC401), and all others (NC405).

    None is in both, so that no kernel is saved twice.
    """
    chained = sorted(index for indices in _rows(network) for index in indices[1:])
    others = [index for index, _ in network.of_kind(Kind.ELEMENTWISE) if _could_join(network, index)]
    return chained, sorted({*others} - {*chained})


@rule("NC405")
def unfused(network: Network) -> Iterator[Finding]:
    """Find element-wise work that a compiler would do within the operator before, where its result is in registers."""
    costs, own = network.count.costs, [index for index, _ in network.of_kind(Kind.ELEMENTWISE)]
    chained, fused = joining(network)
    if fused:
        saving = reduce(Saving.plus, [_kept_in_registers(network, index) for index in fused])
        largest = max(fused, key=lambda index: costs[index].memory_access)
        rest = f", beside {len(chained)} of chains (NC401)" if chained else ""
        yield network.finding(
            largest,
            f"{len(fused)} element-wise operators that the operator before could do, of {len(own)}{rest}",
            "compile the network",
            saving,
            Keeps.FUNCTION,
        )


def _could_join(network: Network, index: int) -> bool:
    """True where an operator alone reads what one before it has written that can go on with it."""
    producer = max(network.ops[index].sources, default=CALLER)
    return network.is_kind(producer, *PRODUCERS) and network.only_reader(producer) == index


def _kept_in_registers(network: Network, index: int) -> Saving:
    """Return what an operator need not read, and the one before it need not write."""
    op = network.ops[index]
    producer = max(op.sources)
    written = network.ops[producer].outputs[0]
    read = [tensor for tensor, source in zip(op.inputs, op.sources, strict=True) if source == producer]
    elements, size_bytes = extent([written, *read])
    return Saving(elements, size_bytes, 1)


@rule("NC402")
def doubled(network: Network) -> Iterator[Finding]:
    """Find activations that are applied to their own result, and change nothing."""
    for index, op in network.of_kind(Kind.ELEMENTWISE):
        source = op.sources[0] if op.sources else CALLER
        is_again = source >= 0 and plain(op) in IDEMPOTENT and _does_the_same(network.ops[source], op)
        if is_again and network.is_whole(op, 0):
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
    """Find operators that move data and change nothing: a dropout in evaluation, times 1, plus 0, no padding."""
    for index, op in enumerate(network.ops):
        name = plain(op)
        is_dropout = "dropout" in name and network.count.graph.mode == "eval" and not op.is_view
        number = op.arguments.get("other")
        pad = op.arguments.get("pad") if name in PADS else None
        if not network.depends[index]:
            continue  # made anew in each pass, with the rest of its table
        if is_dropout or _is_idle(op) or (pad is not None and not any(pad)):
            does = "padding by 0" if pad is not None else f"{name.removeprefix('aten.')} with {number}"
            yield network.finding(
                index,
                "dropout runs in evaluation" if is_dropout else does,
                "pass training=self.training" if is_dropout else "leave it out",
                Saving.of(network.count.costs[index]),
                Keeps.NEITHER if is_dropout else Keeps.FUNCTION,
            )


def _is_idle(op: Op) -> bool:
    """True for a number that changes neither the values nor their type."""
    number, same = op.arguments.get("other"), IDLE_NUMBERS.get(plain(op))
    keeps_type = (
        len(op.inputs) == 1 and op.inputs[0].dtype == op.outputs[0].dtype and "rounding_mode" not in op.arguments
    )
    return keeps_type and same is not None and number is not None and number == same


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
    """True for a conversion between types of real numbers; others, such as of masks, are needed."""
    types = {tensor.dtype for tensor in (*op.inputs[:1], *op.outputs[:1])}
    return op.name in CASTS and len(types) == 2 and all("float" in dtype for dtype in types)
