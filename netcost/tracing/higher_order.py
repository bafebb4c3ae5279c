"""Operators that take functions: torch.cond, while_loop, scan and flex_attention."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from math import prod
from typing import Any, Protocol

import torch
from torch import Tensor
from torch._C import DispatchKey
from torch._ops import HigherOrderOperator

from netcost.graph import rules
from netcost.graph.graph import Op
from netcost.text.errors import DataDependentError
from netcost.tracing.layouts import META

Function = Callable[..., Any]

FLEX_ATTENTION = "higher_order.flex_attention"


class Recording(AbstractContextManager["Recording"], Protocol):
    """The recorder of the pass; operators are recorded while it is open."""

    ops: list[Op]
    notes: list[str]
    concrete: bool

    def record(self, name: str, operands: Any, arguments: Any, outputs: Any) -> None:
        """Record an operator that did not come through torch's dispatcher."""

    def position(self) -> Any:
        """Return the place that recording has come to."""

    def return_to(self, position: Any) -> None:
        """Forget everything recorded since."""


def run(recorder: Recording, operator: HigherOrderOperator, args: Any, kwargs: Any) -> Any:
    """Record what the operator's functions do; attention by a score function is recorded whole.

    A loop runs as often as it does eagerly, if what it asks is known by shape.
    """
    if operator._name == "flex_attention":
        return _flex_attention(recorder, operator, args, kwargs)
    if operator._name == "cond":
        return _cond(recorder, *args, **kwargs)
    if operator._name == "scan":
        with recorder:
            return _scan(*args, **kwargs)
    eager = operator.py_kernels.get(DispatchKey.CompositeExplicitAutograd)
    with recorder:
        return operator(*args, **kwargs) if eager is None else eager(*args, **kwargs)


def _cond(
    recorder: Recording, predicate: Any, true: Callable[..., Any], false: Callable[..., Any], operands: Any
) -> Any:
    """Run the branch that is taken, or where that hangs on values, the one with more multiply-adds."""
    try:
        with recorder:
            taken = true if bool(predicate) else false
    except DataDependentError:
        return _larger(recorder, true, false, operands)
    with recorder:
        return taken(*operands)


def _larger(recorder: Recording, true: Function, false: Function, operands: Any) -> Any:
    work = []
    for branch in (true, false):
        before = recorder.position()
        with recorder:
            branch(*operands)
        work.append(sum(map(_mult_adds, recorder.ops[before.ops :])))
        recorder.return_to(before)
    recorder.notes.append(
        f"torch.cond asks for values: counted is its larger branch, {max(work):,} mult-adds; "
        f"the other has {min(work):,}."
    )
    with recorder:
        return (true if work[0] >= work[1] else false)(*operands)


def _scan(combine: Function, carry: Any, sequences: Any, others: Any = ()) -> tuple[Any, ...]:
    """Call `combine` per step of the sequences (T, *); it returns the next carry, and what the steps stack."""
    steps: list[Any] = []
    count = len(carry)
    for index in range(sequences[0].shape[0]):
        results = combine(*carry, *[sequence.select(0, index) for sequence in sequences], *others)
        carry = results[:count]
        steps.append(results[count:])
    return (*carry, *(torch.stack(list(step)) for step in zip(*steps, strict=True)))


def _mult_adds(op: Op) -> int:
    rule = None if op.is_view else rules.find(op.name)
    return 0 if rule is None or rule.cost is None else rule.cost(op).mult_adds


def _flex_attention(recorder: Recording, operator: HigherOrderOperator, args: Any, kwargs: Any) -> Any:
    """Record query (N, H, L, E), key (N, G, S, E) and value (N, G, S, V) -> (N, H, L, V) as one operator.

    Scores are counted in the blocks that the mask keeps, or in full where the mask's blocks are not known.
    """
    query, key, value, _, block_mask = args[:5]
    batch, heads, length, _ = query.shape
    scores = batch * heads * length * key.shape[-2]
    kept = _kept_scores(block_mask, batch * heads)
    if recorder.concrete:
        result = operator(*args, **kwargs)
    else:
        out = torch.empty((*query.shape[:-1], value.shape[-1]), dtype=query.dtype, device=META)
        rows = [torch.empty(query.shape[:-1], dtype=torch.float32, device=META) for _ in range(2)]
        result = (out, *rows)  # and the log-sum-exp and the largest score of each row
    recorder.record(
        FLEX_ATTENTION,
        {"query": query, "key": key, "value": value},
        {"scores": scores if kept is None else min(kept, scores)},
        result[:1],
    )
    return result


def _kept_scores(block_mask: tuple[Any, ...], matrices: int) -> int | None:
    """Return the scores in the blocks that a mask keeps, partly or in full; None if their number is not known.

    Args:
        block_mask: as `BlockMask.as_tuple` gives it: two lengths, then per row of blocks the number of those kept in
            part, their indices, the number of those kept in full, their indices, ...; at the end the sides of a block.
        matrices: score matrices (batch x heads); a mask for fewer is the same for all.
    """
    partial, full = block_mask[2], block_mask[4]
    counts = [count for count in (partial, full) if isinstance(count, Tensor)]
    sides = [side for side in block_mask if isinstance(side, int)][-2:]
    if not counts or any(count.is_meta for count in counts) or len(sides) < 2:
        return None
    covered = prod(counts[0].shape[:-1])
    return sum(int(count.sum()) for count in counts) * prod(sides) * matrices // covered
