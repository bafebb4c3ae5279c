"""How large the caches are that a measurement must fit into, or reach beyond."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netcost.timing.environment import ROOT, cache_sizes

ASSUMED_BYTES = 64 << 20
"""The last-level cache of a machine that does not tell its size (bytes): more than most have."""

SMALLEST_BYTES = 1 << 20
"""A cache below this (bytes) is left out: what fits into it is streamed in a few launches of an operator."""


@dataclass(frozen=True, slots=True)
class Cache:
    """One level of the memory hierarchy.

    Args:
        level: "L2", "L3".
        size_bytes: of all caches of this level that the threads use, together.
        assumed: whether the machine does not tell, and the size is a guess.
    """

    level: str
    size_bytes: int
    assumed: bool = False


def cpu_caches(threads: int, root: Path = ROOT) -> tuple[Cache, ...]:
    """The caches from the second level on that so many threads use, the last level at the end; one at least."""
    # One cache a thread, until all threads share what there is.
    totals = {
        level: sum(sorted(sizes, reverse=True)[:threads]) for level, sizes in cache_sizes(root).items() if level > 1
    }
    if not totals:
        return (Cache("last level", ASSUMED_BYTES, assumed=True),)
    last = max(totals)
    return tuple(
        Cache(f"L{level}", total) for level, total in totals.items() if total >= SMALLEST_BYTES or level == last
    )
