"""Bounds of a language model on a device: the least times of its steps, and the longest context in its memory.

A step takes at least the time of its matrix products at the device's peak, and at least the time to read its weights
and its cache once. Both are bounds: no kernel reaches them, and other work comes on top.

Reference: Pope et al., "Efficiently Scaling Transformer Inference" (MLSys 2023, arXiv:2211.05102), section 2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

from netcost.counting.analysis import Analysis
from netcost.counting.language import LanguageCount
from netcost.graph.cost import Kind
from netcost.profiling.roofline.peaks import Peaks
from netcost.text.tables import Column, Table, table_of

MOST_TOKENS = 1 << 32
"""A context that still fits at this length has no end that memory sets."""


@dataclass(frozen=True, slots=True)
class StepBound:
    """The least time of one step.

    Args:
        compute_s: of its matrix products; None where the element type has no peak.
        memory_s: of reading its weights and its cache once.
    """

    compute_s: float | None
    memory_s: float

    @property
    def seconds(self) -> float:
        """The greater of both."""
        return max(self.compute_s or 0.0, self.memory_s)

    @property
    def bound_by(self) -> str:
        """The greater of both in a word: "compute" or "memory"."""
        return "compute" if (self.compute_s or 0.0) > self.memory_s else "memory"


@dataclass(frozen=True, slots=True)
class LanguageBounds:
    """Bounds of a language model on a device.

    Args:
        device: whose peaks they are.
        notes: sentences on these peaks.
        context: tokens per sequence.
        batch: sequences.
        first: of the prefill of the context.
        token: of the step after it.
        compute_bound_batch: sequences from which a step is bound by compute; None where it never is.
        memory_bytes: of the device, or as asked for; None if unknown.
        longest_context: tokens per sequence whose cache fits beside the weights; None without an end.
    """

    device: str
    notes: tuple[str, ...]
    context: int
    batch: int
    first: StepBound
    token: StepBound
    compute_bound_batch: int | None
    memory_bytes: int | None
    longest_context: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the JSON keys."""
        return {
            "device": self.device,
            "context": self.context,
            "batch": self.batch,
            "first_token_bound_s": self.first.seconds,
            "first_token_bound_by": self.first.bound_by,
            "token_bound_s": self.token.seconds,
            "token_bound_by": self.token.bound_by,
            "compute_bound_batch": self.compute_bound_batch,
            "memory_bytes": self.memory_bytes,
            "longest_context": self.longest_context,
        }

    def table(self) -> Table:
        """Make a row per bound."""
        rows: list[tuple[str, Any, str]] = [
            ("time to first token, at least", self.first.seconds, "seconds"),
            ("  bound by", self.first.bound_by, "text"),
            ("time per token, at least", self.token.seconds, "seconds"),
            ("  bound by", self.token.bound_by, "text"),
            ("tokens per second, at most", self.batch / self.token.seconds, "per_second"),
            ("batch that is bound by compute, from", self.compute_bound_batch or "never", "exact"),
        ]
        if self.memory_bytes is not None:
            longest = "no end" if self.longest_context is None else self.longest_context or "does not fit"
            rows += [("memory", self.memory_bytes, "bytes"), ("longest context, at most", longest, "exact")]
        columns = (
            Column("fact", "Limit", of=lambda row: row[0]),
            Column("value", self.device, "mixed", of=lambda row: row[1]),
        )
        sequences = f"{self.batch:,} sequence{'s' if self.batch > 1 else ''}"
        notes = (
            "Bounds, not predictions: products at the peak, or weights and cache read once; all else comes on top.",
            *self.notes,
        )
        table = table_of(columns, rows, f"{self.context:,} tokens in the cache, {sequences}", notes)
        return Table(table.columns, table.rows, table.title, table.notes, tuple(row[2] for row in rows))


def language_bounds(step: Analysis, prefill: Analysis, peaks: Peaks, memory: int | None) -> LanguageBounds:
    """Return the bounds of a model on the device of these peaks.

    Args:
        step: one step after a context.
        prefill: of that context.
        memory: bytes that weights and cache may take.
    """
    assert step.language is not None and prefill.language is not None
    language, caches = step.language, prefill.step_caches
    longest = None
    if memory is not None and caches is not None:
        left = memory - step.graph.weight_bytes
        longest = _largest(lambda tokens: caches.size_bytes(language.batch, tokens) <= left)
    return LanguageBounds(
        device=peaks.title,
        notes=peaks.notes,
        context=language.context,
        batch=language.batch,
        first=_bound(prefill, prefill.language, peaks),
        token=_bound(step, language, peaks),
        compute_bound_batch=_turning_batch(step, language, peaks),
        memory_bytes=memory,
        longest_context=longest,
    )


def _element(analysis: Analysis) -> str:
    """Return the element type of most of the arithmetic."""
    work: Counter[str] = Counter()
    for op, cost in zip(analysis.graph.ops, analysis.count.costs, strict=True):
        work[op.outputs[0].dtype if op.outputs else ""] += cost.mult_adds
    return max(work, key=lambda element: work[element], default="")


def _bound(analysis: Analysis, language: LanguageCount, peaks: Peaks) -> StepBound:
    peak = peaks.flops_per_s(_element(analysis))
    moved = language.weights_least_bytes + language.cache_moved_bytes
    compute_s = None if peak is None else 2 * _least_mult_adds(analysis) / peak
    return StepBound(compute_s, moved / peaks.bandwidth(moved).best)


def _least_mult_adds(analysis: Analysis) -> float:
    """Return the multiply-adds of a step in which no token attends to one after it."""
    skipped = 0.0
    for op, kind, cost in zip(analysis.graph.ops, analysis.count.kinds, analysis.count.costs, strict=True):
        if kind is Kind.ATTENTION and (length := op.outputs[0].shape[-2]) == op.inputs[1].shape[-2]:
            skipped += cost.mult_adds * (length - 1) / (2 * length)
    return analysis.mult_adds - skipped


def _turning_batch(analysis: Analysis, language: LanguageCount, peaks: Peaks) -> int | None:
    """Return the sequences from which the products of a step take longer than its reading; None if they never do."""
    peak = peaks.flops_per_s(_element(analysis))
    if peak is None:
        return None
    bandwidth = peaks.bandwidth(float("inf")).best
    per_sequence = (
        2 * analysis.mult_adds / language.batch / peak - language.cache_moved_bytes / language.batch / bandwidth
    )
    if per_sequence <= 0:
        return None  # the cache of each sequence takes longer than its products
    shared, experts = language.weights_read_bytes - language.chosen_bytes, language.expert_bytes
    chosen = language.chosen_per_token_bytes * language.new
    if (growing := per_sequence - chosen / bandwidth) > 0:
        batch = ceil(shared / bandwidth / growing)
        if batch * chosen <= experts:
            return max(1, batch)
    return max(1, ceil((shared + experts) / bandwidth / per_sequence))


def _largest(fits: Callable[[int], bool]) -> int | None:
    """Return the largest number that fits, 0 for none; None where there is no end to it."""
    good, bad = 0, 1
    while bad < MOST_TOKENS and fits(bad):
        good, bad = bad, 2 * bad
    if bad >= MOST_TOKENS:
        return None
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fits(middle) else (good, middle)
    return good
