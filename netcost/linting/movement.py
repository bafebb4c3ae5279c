"""NC5: operators that only move data, each by what it moves."""

from __future__ import annotations

from collections.abc import Iterator

from netcost.counting.operators import batch_of
from netcost.graph.cost import CONVOLUTIONS, Kind
from netcost.graph.graph import MODEL_INPUT, Op
from netcost.graph.rules.conv import is_transposed
from netcost.linting.elementwise import PADS, plain
from netcost.linting.finding import Finding, Keeps, Network, Saving, rule

COPIES = frozenset({"aten.clone", "aten.contiguous", "aten.reshape", "aten._reshape_copy", "aten.flatten"})
MOST_DIMENSIONS = 4
"""Dimensions of a feature map; a tensor with more is cut into windows, patches or heads, which asks for a copy."""


def copies(network: Network) -> Iterator[tuple[int, Op]]:
    """Yield the copies that write a tensor in another order."""
    for index, op in network.of_kind(Kind.MOVEMENT):
        is_copy = op.name in COPIES and len(op.inputs) == 1 and op.inputs[0].elements == op.outputs[0].elements
        if is_copy and op.inputs[0].layout in ("permuted", "strided"):
            yield index, op


def is_shuffle(network: Network, index: int) -> bool:
    """True for a copy that shuffles channels: (B, C/g, g, H, W) is written, and (B, C, H, W) is read."""
    shape = network.ops[index].inputs[0].shape
    if len(shape) != 5 or shape[1] == 1 or shape[2] == 1:
        return False
    read = (shape[0], shape[1] * shape[2], *shape[3:])
    outputs = [network.ops[index].outputs[0].shape]
    outputs += [
        tensor.shape
        for reader in network.readers[index]
        for tensor, source in zip(network.ops[reader].inputs, network.ops[reader].sources, strict=True)
        if source == index
    ]
    return read in outputs or any(
        len(found) == 4 and found[0] == read[0] and found[2:] == read[2:] for found in outputs
    )


@rule("NC501")
def shuffles(network: Network) -> Iterator[Finding]:
    """Find channel shuffles; behind a concatenation of as many parts, one copy does both."""
    for index, op in copies(network):
        if not is_shuffle(network, index):
            continue
        source, groups = op.sources[0], op.inputs[0].shape[2]
        joins = source >= 0 and plain(network.ops[source]) == "aten.cat" and network.only_reader(source) == index
        parts = len(network.ops[source].inputs) if joins else 0
        yield network.finding(
            index,
            f"channel shuffle in {groups} groups" + (f" of {parts} joined parts" if parts == groups else ""),
            "write torch.stack(parts, 2).flatten(1, 2), which joins and shuffles in one copy"
            if parts == groups
            else "take one group in the layer before, which needs no shuffle",
            Saving.of(network.count.costs[index]),
            Keeps.FUNCTION if parts == groups else Keeps.NEITHER,
            (source, index) if parts == groups else (index,),
        )


@rule("NC502")
def permuted_copies(network: Network) -> Iterator[Finding]:
    """Find copies of permuted tensors; those of weights are found as work on weights."""
    for index, op in copies(network):
        if not is_shuffle(network, index) and network.depends[index]:
            dimensions = len(op.inputs[0].shape)
            is_map = dimensions <= MOST_DIMENSIONS and not network.is_kind(op.sources[0], Kind.MATMUL)
            yield network.finding(
                index,
                f"a permuted tensor of {dimensions} dimensions is copied",
                "keep one layout throughout, so that the next operator reads the tensor as it lies"
                if is_map
                else "cut into windows, patches or heads less often, or with an operator that reads them as they lie",
                Saving.of(network.count.costs[index]),
                Keeps.FUNCTION if is_map else Keeps.NEITHER,
            )


@rule("NC503")
def split_and_joined(network: Network) -> Iterator[Finding]:
    """Find concatenations of slices of one tensor, with nothing done to them between."""
    for index, op in enumerate(network.ops):
        if plain(op) != "aten.cat" or len(op.inputs) < 2 or len(set(op.sources)) > 1 or network.is_whole(op, 0):
            continue
        source = op.sources[0]
        if source < 0 and source != MODEL_INPUT:
            continue
        cut = network.ops[source].outputs if source >= 0 else network.count.graph.inputs
        if len(cut) != 1 or not _differ_in_one(cut[0].shape, op.outputs[0].shape):
            continue  # they may be of several tensors, or go from space to depth
        yield network.finding(
            index,
            f"{len(op.inputs)} slices of one tensor are joined again",
            "index once, or let the next layer's weights take the new order",
            Saving.of(network.count.costs[index]),
            Keeps.FUNCTION,
        )


def _differ_in_one(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """True for shapes that are the same but for one dimension at most."""
    return len(shape) == len(other) and sum(one != two for one, two in zip(shape, other, strict=True)) <= 1


@rule("NC504")
def padded_apart(network: Network) -> Iterator[Finding]:
    """Find zeros put around a tensor in a copy of their own, which the convolution could pad by itself."""
    for index, op in enumerate(network.ops):
        reader = network.only_reader(index)
        pad = op.arguments.get("pad")
        if plain(op) not in PADS or not isinstance(pad, list | tuple) or reader is None:
            continue
        layer, pairs = network.ops[reader], list(zip(pad[::2], pad[1::2], strict=True))
        if not network.is_kind(reader, *CONVOLUTIONS) or is_transposed(layer) or network.is_viewed(layer, 0):
            continue
        sides = len(layer.inputs[1].shape) - 2
        is_even = all(before == after >= 0 for before, after in pairs) and not any(map(any, pairs[sides:]))
        is_zero = not op.arguments.get("value") and op.arguments.get("mode", "constant") == "constant"
        if is_even and is_zero and any(map(any, pairs)):
            added = [before for before, _ in reversed([*pairs, *[(0, 0)] * sides][:sides])]
            whole = ", ".join(str(own + more) for own, more in zip(own_padding(layer), added, strict=True))
            yield network.finding(
                index,
                f"zeros are put around the input of a convolution, {' x '.join(map(str, added))} on each side",
                f"give the convolution padding={whole}",
                Saving.of(network.count.costs[index]),
                Keeps.FUNCTION,
                (index, reader),
            )


def own_padding(op: Op) -> list[int]:
    """Return the zeros that a convolution puts on each side by itself, per dimension."""
    sides = len(op.inputs[1].shape) - 2
    own = op.arguments.get("padding", 0)
    if own == "same":  # of an odd kernel at stride 1
        return [side // 2 for side in op.inputs[1].shape[2:]]
    given = [own] if isinstance(own, int) else [] if isinstance(own, str) else list(own)
    return given * sides if len(given) == 1 else given or [0] * sides


@rule("NC505")
def rolls(network: Network) -> Iterator[Finding]:
    """Find tensors that are rolled, which copies them."""
    for index, op in enumerate(network.ops):
        if plain(op) == "aten.roll":
            yield network.finding(
                index,
                "a tensor is rolled",
                "shift by slices where the windows are cut, or let the windows overlap",
                Saving.of(network.count.costs[index]),
                Keeps.NEITHER,
            )


@rule("NC506")
def hidden_copies(network: Network) -> Iterator[Finding]:
    """Find operands that a kernel copies first, because they lie otherwise than it reads them."""
    for index, row in network.facts.items():
        if row.copies:
            moved = sum(copy.sample * batch_of(network.count.graph) + copy.constant for copy in row.copies)
            like = next(tensor for tensor in row.op.inputs if tensor.layout != "contiguous")
            yield network.finding(
                index,
                f"{row.kind} copies {len(row.copies)} operand first, which is {like.layout}",
                "give it the operand as it reads it: contiguous, or channels_last in the whole network",
                Saving(moved / max(1, like.itemsize), moved, len(row.copies)),
                Keeps.FUNCTION,
            )
