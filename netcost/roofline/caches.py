"""How large the caches are that a measurement must fit into, or reach beyond; what Linux tells in /sys and /proc.

Every reader takes the `root` that these lie under, so that a test can write its own machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from netcost.environment import ROOT, available_cores

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
    sizes: dict[int, dict[str, int]] = {}
    for core in available_cores():
        for place in sorted((root / f"sys/devices/system/cpu/cpu{core}/cache").glob("index*")):
            level, size_bytes = _text(place / "level"), _size(_text(place / "size"))
            if level.isdecimal() and int(level) > 1 and _text(place / "type") != "Instruction" and size_bytes:
                sizes.setdefault(int(level), {})[_text(place / "shared_cpu_list") or str(core)] = size_bytes
    if not sizes:
        return (Cache("last level", ASSUMED_BYTES, assumed=True),)
    # One cache a thread, until all threads share what there is.
    totals = {level: sum(sorted(each.values(), reverse=True)[:threads]) for level, each in sorted(sizes.items())}
    last = max(totals)
    return tuple(
        Cache(f"L{level}", total) for level, total in totals.items() if total >= SMALLEST_BYTES or level == last
    )


def available_memory(root: Path = ROOT) -> int | None:
    """Bytes that may still be allocated, by the machine and by the control group, or None where neither tells."""
    free = re.search(r"^MemAvailable:\s*(\d+) kB", _text(root / "proc/meminfo"), re.MULTILINE)
    group = root / "sys/fs/cgroup"
    limit, used = _text(group / "memory.max"), _text(group / "memory.current")
    left = [int(free[1]) * 1024] if free else []
    if limit.isdecimal() and used.isdecimal():
        left.append(max(0, int(limit) - int(used)))
    return min(left, default=None)


def _size(written: str) -> int:
    """Bytes of `2048K` or `32M`; 0 where it is neither."""
    match = re.fullmatch(r"(\d+)([KMG]?)", written)
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]] if match else 0


def _text(path: Path) -> str:
    """The text of a small system file; "" where it is missing or may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
