"""Figures of one step of a language model: its cache, the weights that it reads, and its work per token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from netcost.counting.count import Count
from netcost.graph.cost import Kind
from netcost.graph.graph import Graph, Op
from netcost.targets.libraries.caches import GenerationStep

GATHERS = frozenset({"aten.embedding", "aten.index_select", "aten.index"})
GROUPED = frozenset({"aten._grouped_mm", "aten._scaled_grouped_mm"})

EXPERTS_NOTE = (
    "Experts: each token is taken to choose others, up to all, so that the weights read are at most these; the memory "
    "access counts all experts."
)


class WeightUse(NamedTuple):
    """The use of one parameter in a step.

    Args:
        elements: read in the step, at most.
        active: elements that one token works with; a table that it looks up is active as a whole.
        is_chosen: True for experts, of which a token chooses some.
    """

    elements: int
    active: int
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class LanguageCount:
    """A step of a language model in numbers.

    Args:
        past: tokens per sequence in the cache before the step.
        new: tokens per sequence that the step adds.
        batch: sequences.
        kv_cache_bytes: of the cache that the step reads, or that a prefill leaves, of all sequences.
        kv_cache_bytes_per_token: by which the cache of one sequence grows with the next token.
        weights_read_bytes: bytes of parameters that the step reads, each once; at most, where experts are chosen.
        active_params: parameters that one token works with.
        mult_adds: of the step.
        expert_bytes: bytes of all experts; 0 without any.
        chosen_bytes: bytes of the experts among the weights that the step reads.
        chosen_per_token_bytes: bytes of the experts that one token chooses.
    """

    past: int
    new: int
    batch: int
    kv_cache_bytes: int
    kv_cache_bytes_per_token: int
    weights_read_bytes: int
    active_params: int
    mult_adds: int
    expert_bytes: int
    chosen_bytes: int
    chosen_per_token_bytes: int

    @classmethod
    def of(cls, count: Count, step: GenerationStep, batch: int, mult_adds: int) -> LanguageCount:
        """Read the figures off a counted step."""
        tokens, graph = batch * step.new, count.graph
        uses = _uses(count, tokens)
        size = step.caches.size_bytes(batch, step.context)
        experts = [name for name, use in uses.items() if use.is_chosen]
        grown = step.caches.size_bytes(batch, step.context + 1)
        return cls(
            past=step.past,
            new=step.new,
            batch=batch,
            kv_cache_bytes=size,
            kv_cache_bytes_per_token=(grown - size) // batch,
            weights_read_bytes=sum(use.elements * graph.parameters[name].itemsize for name, use in uses.items()),
            active_params=sum(use.active for use in uses.values()),
            mult_adds=mult_adds,
            expert_bytes=sum(graph.parameters[name].size_bytes for name in experts),
            chosen_bytes=sum(uses[name].elements * graph.parameters[name].itemsize for name in experts),
            chosen_per_token_bytes=sum(uses[name].active * graph.parameters[name].itemsize for name in experts),
        )

    @property
    def context(self) -> int:
        """Tokens per sequence that the cache holds."""
        return self.past or self.new

    @property
    def weights_least_bytes(self) -> int:
        """Bytes of the weights that the step reads if all its tokens choose the same experts."""
        return self.weights_read_bytes - self.chosen_bytes + min(self.chosen_bytes, self.chosen_per_token_bytes)

    @property
    def cache_moved_bytes(self) -> int:
        """Bytes of the cache that the step reads and adds, each once; of a prefill those that it leaves."""
        grown = self.kv_cache_bytes_per_token * self.new * self.batch if self.past else 0
        return self.kv_cache_bytes + grown

    @property
    def tokens(self) -> int:
        """New tokens of all sequences."""
        return self.batch * self.new

    @property
    def mult_adds_per_token(self) -> float:
        """Multiply-adds of the step per new token."""
        return self.mult_adds / self.tokens

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what the figures take for granted."""
        return (EXPERTS_NOTE,) if self.expert_bytes else ()

    def metrics(self) -> dict[str, Any]:
        """Return the metrics of `LANGUAGE_METRICS`."""
        per_token = self.mult_adds_per_token
        return {
            "kv_cache_bytes": self.kv_cache_bytes,
            "kv_cache_bytes_per_token": self.kv_cache_bytes_per_token,
            "weights_read_bytes": self.weights_read_bytes,
            "active_params": self.active_params,
            "mult_adds_per_token": int(per_token) if per_token.is_integer() else per_token,
        }


def _uses(count: Count, tokens: int) -> Mapping[str, WeightUse]:
    """Return the largest use of each parameter that the step reads."""
    uses: dict[str, WeightUse] = {}
    for op, kind in zip(count.graph.ops, count.kinds, strict=True):
        if kind is not Kind.VIEW:
            for name, use in _uses_in(op, count.graph, tokens):
                before = uses.get(name, WeightUse(0, 0))
                largest = max(before.elements, use.elements), max(before.active, use.active)
                uses[name] = WeightUse(*largest, before.is_chosen or use.is_chosen)
    return uses


def _uses_in(op: Op, graph: Graph, tokens: int) -> Iterator[tuple[str, WeightUse]]:
    for index, name in enumerate(op.parameters):
        if name is None:
            continue
        whole = graph.parameters[name]
        read, active = whole.numel, whole.numel
        if op.name in GROUPED and index == 1 and len(op.inputs[1].shape) == 3:  # (rows, K) by (experts, K, N)
            experts, rows = op.inputs[1].shape[0], op.inputs[0].shape[-2]
            read = whole.numel * min(experts, rows) // experts
            active = min(whole.numel, whole.numel * rows // (tokens * experts))
        elif op.name in GATHERS and index == 0:
            read = min(whole.numel, op.outputs[0].numel)
            active = whole.numel if len(whole.shape) < 3 else min(whole.numel, op.outputs[0].numel // tokens)
        yield name, WeightUse(read, active, op.name in GROUPED and index == 1)
