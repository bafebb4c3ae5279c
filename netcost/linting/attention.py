"""NC7: attention that writes down more than it must.

Reference: FlashAttention (arXiv:2205.14135): the scores need not be written; GQA (arXiv:2305.13245): shared heads.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcost.graph.cost import Kind
from netcost.linting.elementwise import plain
from netcost.linting.finding import CALLER, Finding, Keeps, Network, Saving, rule

BETWEEN = (Kind.ELEMENTWISE, Kind.MOVEMENT, Kind.SOFTMAX)
"""Kinds of operators between the two products of attention."""

REPEATS = frozenset({"aten.repeat_interleave", "aten.repeat", "aten.clone", "aten.reshape", "aten.expand_copy"})


@rule("NC701")
def written_scores(network: Network) -> Iterator[Finding]:
    """Find softmax between two matrix products: its scores are written and read several times."""
    for index, op in network.of_kind(Kind.SOFTMAX):
        before, after = [op.sources[0] if op.sources else CALLER], [index]
        while network.is_kind(before[-1], Kind.ELEMENTWISE, Kind.MOVEMENT):
            before.append(max(network.ops[before[-1]].sources, default=CALLER))
        while (reader := network.only_reader(after[-1])) is not None and network.is_kind(reader, *BETWEEN):
            after.append(reader)
        last = network.only_reader(after[-1])
        if not network.is_kind(before[-1], Kind.MATMUL) or last is None or not network.is_kind(last, Kind.MATMUL):
            continue
        first = before.pop()
        scores = op.outputs[0]
        between = [*before, *after]
        elements = network.cost(between).memory_access + 2 * scores.elements
        yield network.finding(
            first,
            f"{scores.elements:,} scores are written and read",
            "call torch.nn.functional.scaled_dot_product_attention, with the mask or bias as attn_mask",
            Saving.of_elements(elements, scores, len(between) + 1),
            Keeps.FUNCTION,
            (first, index, last),
        )


@rule("NC702")
def tables_made_anew(network: Network) -> Iterator[Finding]:
    """Find masks and tables that depend on no input and no weight, and are made in each pass."""
    by_module: dict[str, list[int]] = {}
    for index, op in enumerate(network.ops):
        is_made = not network.depends[index] and not any(op.parameters) and bool(op.outputs)
        if is_made and network.count.costs[index].kernels and not _rests_on_weights(network, index):
            by_module.setdefault(op.module, []).append(index)
    for indices in by_module.values():
        yield network.finding(
            indices[0],
            f"{len(indices)} operators make masks or tables that are the same in each pass",
            "make them once for the network and pass them on, or keep them in a buffer",
            Saving.of(network.cost(indices)),
            Keeps.FUNCTION,
        )


def _rests_on_weights(network: Network, index: int) -> bool:
    waiting, seen = [index], set()
    while waiting:
        one = waiting.pop()
        if any(network.ops[one].parameters):
            return True
        seen.add(one)
        waiting += [source for source in network.ops[one].sources if source >= 0 and source not in seen]
    return False


@rule("NC703")
def repeated_keys(network: Network) -> Iterator[Finding]:
    """Find keys and values that are copied for each of the heads that share them."""
    for index, op in network.of_kind(Kind.MOVEMENT):
        is_repeat = plain(op) in REPEATS and bool(op.inputs) and op.outputs[0].elements > op.inputs[0].elements
        readers = [reader for reader in network.readers[index] if reader != CALLER]
        if is_repeat and any(network.is_kind(reader, Kind.ATTENTION, Kind.MATMUL) for reader in readers):
            times = op.outputs[0].elements // max(1, op.inputs[0].elements)
            yield network.finding(
                index,
                f"keys or values are written {times} times, once per head that shares them",
                "pass enable_gqa=True to scaled_dot_product_attention",
                Saving.of(network.count.costs[index]),
                Keeps.FUNCTION,
            )
