"""Rewrites of operators without weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from netcost.linting.finding import Finding, Network
from netcost.linting.rewrites import Calls, Rewrite, rewrite


@rewrite("NC402")
def once(network: Network, finding: Finding) -> Rewrite | None:
    """Apply an activation once."""
    op = network.ops[finding.ops[0]]
    if op.name.rstrip("_") != "aten.relu":
        return None
    return Rewrite(Calls(lambda x: x.relu().relu()), Calls(lambda x: x.relu()), (op.inputs[0].shape,))


@rewrite("NC501")
def stacked(network: Network, finding: Finding) -> Rewrite | None:
    """Join and shuffle parts in one copy."""
    if len(finding.ops) < 2:
        return None
    parts = network.ops[finding.ops[0]].inputs
    if len({part.shape for part in parts}) > 1 or len(parts[0].shape) != 4:
        return None

    def shuffled(*given: Tensor) -> Tensor:
        joined = torch.cat(given, 1)
        batch, width, *sides = joined.shape
        return joined.view(batch, len(given), width // len(given), *sides).transpose(1, 2).reshape(joined.shape)

    after = Calls(lambda *given: torch.stack(given, 2).flatten(1, 2))
    return Rewrite(Calls(shuffled), after, tuple(part.shape for part in parts))


@rewrite("NC701")
def unwritten_scores(network: Network, finding: Finding) -> Rewrite | None:
    """Call the operator that computes attention without writing the scores."""
    product, softmax, last = (network.ops[index] for index in finding.ops)
    scores = softmax.outputs[0].shape
    query, width = product.inputs[0].shape[-2:]
    keys, values = product.inputs[1].shape[-1], last.inputs[1].shape[-1]
    if scores[-2:] != (query, keys):
        return None
    heads = softmax.outputs[0].numel // (query * keys)
    shapes = ((1, heads, query, width), (1, heads, keys, width), (1, heads, keys, values))

    def written(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores: Tensor = q @ k.transpose(-2, -1) / width**0.5
        return scores.softmax(-1) @ v

    return Rewrite(Calls(written), Calls(lambda q, k, v: F.scaled_dot_product_attention(q, k, v)), shapes)


@rewrite("NC703")
def shared_keys(network: Network, finding: Finding) -> Rewrite | None:
    """Let attention share keys and values between heads."""
    readers = [network.ops[reader] for reader in network.readers[finding.ops[0]] if reader >= 0]
    attention = next((op for op in readers if "scaled_dot_product_attention" in op.name), None)
    if attention is None or len(attention.inputs[0].shape) != 4:
        return None
    query = attention.inputs[0].shape
    given = network.ops[finding.ops[0]]
    times = given.outputs[0].elements // given.inputs[0].elements
    if query[1] % times:
        return None
    shared = (query[0], query[1] // times, *attention.inputs[1].shape[2:])

    def copied(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k.repeat_interleave(times, 1), v.repeat_interleave(times, 1))

    after = Calls(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True))
    return Rewrite(Calls(copied), after, (query, shared, shared))
