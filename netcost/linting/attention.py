"""NC7: attention that writes down more than it must.

Reference: FlashAttention (arXiv:2205.14135): the scores need not be written; GQA (arXiv:2305.13245): shared heads.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcost.graph.cost import Kind
from netcost.graph.graph import Op, aten
from netcost.linting.dead import by_chance
from netcost.linting.elementwise import CASTS, plain
from netcost.linting.finding import CALLER, Finding, Keeps, Network, Saving, rule

MASKING = CASTS | {*aten("add sub mul div masked_fill where clone contiguous")}
"""Operators on scores before softmax that a scale, a mask or a bias takes the place of; a tanh is none."""

REPEATS = frozenset(aten("repeat_interleave repeat clone reshape expand_copy"))


@rule("NC701")
def written_scores(network: Network) -> Iterator[Finding]:
    """Find softmax between two matrix products: its scores are written and read several times."""
    for index, op in network.of_kind(Kind.SOFTMAX):
        scores, after = op.outputs[0], [index]
        before = _behind_product(network, op)
        while (reader := network.only_reader(after[-1])) is not None and _keeps_weights(network.ops[reader]):
            after.append(reader)
        last = network.only_reader(after[-1])
        is_by_key = op.arguments.get("dim", -1) in (-1, len(scores.shape) - 1)
        if not before or not is_by_key or last is None or not network.is_kind(last, Kind.MATMUL):
            continue
        if not _weighs_values(network.ops[last], after[-1], scores.shape):
            continue
        first, *inner = before
        between = [*inner, *after]
        elements = 2 * sum(network.ops[member].outputs[0].elements for member in (first, *between))
        yield network.finding(
            first,
            f"{scores.elements:,} scores are written and read",
            "call torch.nn.functional.scaled_dot_product_attention, with the mask or bias as attn_mask",
            Saving.of_elements(elements, scores, len(between) + 1),
            Keeps.FUNCTION,
            (first, index, last),
        )


def _behind_product(network: Network, op: Op) -> list[int]:
    """Return the product that makes the scores and the operators from it to `op`; none where there are others."""
    found: list[int] = []
    scores = op.outputs[0].numel
    while True:
        made = [source for source in op.sources if source >= 0 and network.ops[source].outputs[0].numel == scores]
        source = next((one for one in made if network.is_kind(one, Kind.MATMUL)), max(made, default=CALLER))
        if source < 0 or len(network.readers[source]) > 1:
            return []
        found.insert(0, source)
        op = network.ops[source]
        if network.is_kind(source, Kind.MATMUL):
            return found
        if plain(op) not in MASKING:
            return []


def _keeps_weights(op: Op) -> bool:
    """True for an operator behind softmax that scaled_dot_product_attention does as well, or need not do."""
    return plain(op) in CASTS | {*aten("clone contiguous reshape expand_copy")} or "dropout" in op.name


def _weighs_values(product: Op, weights: int, shape: tuple[int, ...]) -> bool:
    """True where a product sums over the keys: the last dimension of the weights, or of what is transposed."""
    for position, (operand, source) in enumerate(zip(product.inputs[-2:], product.sources[-2:], strict=True)):
        if source == weights:
            is_turned = operand.layout != "contiguous"
            sides = operand.shape[-2:][::-1] if is_turned else operand.shape[-2:]
            return is_turned == bool(position) and sides == shape[-2:]
    return False


@rule("NC702")
def tables_made_anew(network: Network) -> Iterator[Finding]:
    """Find masks and tables that depend on no input and no weight, and are made in each pass."""
    by_module: dict[str, list[int]] = {}
    filled = _filled_later(network)
    for index, op in enumerate(network.ops):
        is_made = not network.depends[index] and bool(op.outputs) and not network.writes_outside(index)
        if is_made and network.count.costs[index].kernels and index not in filled and _is_constant(network, index):
            by_module.setdefault(op.module, []).append(index)
    for indices in by_module.values():
        yield network.finding(
            indices[0],
            f"{len(indices)} operators make masks or tables that are the same in each pass",
            "make them once for the network and pass them on, or keep them in a buffer",
            Saving.of(network.cost(indices)),
            Keeps.FUNCTION,
        )


def _filled_later(network: Network) -> set[int]:
    """Return the operators that make memory into which others write what depends on the input."""
    filled = set()
    for index, op in enumerate(network.ops):
        if network.in_place(index) and network.depends[index]:
            made = op.sources[0]
            while made >= 0 and made not in filled:
                filled.add(made)
                made = network.ops[made].sources[0] if network.in_place(made) else CALLER
    return filled


def _is_constant(network: Network, index: int) -> bool:
    """True where an operator rests on no weight and on nothing that is drawn by chance."""
    waiting, seen = [index], {index}
    while waiting:
        op = network.ops[waiting.pop()]
        if any(op.parameters) or by_chance(op):
            return False
        new = {source for source in op.sources if source >= 0} - seen
        waiting += new
        seen |= new
    return True


@rule("NC703")
def repeated_keys(network: Network) -> Iterator[Finding]:
    """Find keys and values that are copied for each of the heads that share them."""
    for index, op in network.of_kind(Kind.MOVEMENT):
        is_repeat = plain(op) in REPEATS and bool(op.inputs) and op.outputs[0].elements > op.inputs[0].elements
        readers = [reader for reader in network.readers[index] if reader != CALLER]
        is_shared = is_repeat and network.depends[index] and _repeats_heads(op)
        if is_shared and any(network.is_kind(reader, Kind.ATTENTION, Kind.MATMUL) for reader in readers):
            times = op.outputs[0].elements // max(1, op.inputs[0].elements)
            yield network.finding(
                index,
                f"keys or values are written {times} times, once per head that shares them",
                "pass enable_gqa=True to scaled_dot_product_attention",
                Saving.of(network.count.costs[index]),
                Keeps.FUNCTION,
            )


def _repeats_heads(op: Op) -> bool:
    """True where the repeated dimension is that of heads: (B, H, S, D), or (B, H, times, S, D) expanded."""
    given, written = op.inputs[0].shape, op.outputs[0].shape
    heads = len(given) == len(written) == 4 and given[0] == written[0] and given[2:] == written[2:]
    return heads or (len(given) == 5 and given[2] == op.inputs[0].broadcast > 1)
