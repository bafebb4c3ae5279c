"""The sizes of the caches: a measurement must fit into one, or reach beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netcost.timing.environment import ROOT, cache_sizes

ASSUMED_BYTES = 64 << 20
"""Last-level cache of a machine that does not report its size (bytes): more than most have."""

SMALLEST_BYTES = 1 << 20
"""A cache below this (bytes) is left out: a few launches of an operator stream all that fits into it."""


@dataclass(frozen=True, slots=True)
class Cache:
    """One level of the memory hierarchy.

    Args:
        level: "L2", "L3".
        size_bytes: of all caches of this level that the threads use, together.
        assumed: True where the machine does not report the size.
    """

    level: str
    size_bytes: int
    assumed: bool = False


def cpu_caches(threads: int, root: Path = ROOT) -> tuple[Cache, ...]:
    """Return the caches from the second level on that this number of threads use, the last level at the end."""
    # One cache per thread, until all threads share all caches.
    totals = {
        level: sum(sorted(sizes, reverse=True)[:threads]) for level, sizes in cache_sizes(root).items() if level > 1
    }
    if not totals:
        return (Cache("last level", ASSUMED_BYTES, assumed=True),)
    last = max(totals)
    return tuple(
        Cache(f"L{level}", total) for level, total in totals.items() if total >= SMALLEST_BYTES or level == last
    )
