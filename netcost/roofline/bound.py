"""The roofline: how fast an operator or a network could run on a device at best, and how near it came.

Reference: Williams, Waterman and Patterson, "Roofline" (CACM 52(4), 2009): attainable FLOP/s are the lesser of the
peak and intensity x bandwidth. Here as a time: the greater of FLOPs / peak and bytes / bandwidth, because an operator
that only moves data has a time too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from netcost.cost import Cost, Kind, total
from netcost.counting import Count
from netcost.graph import Op
from netcost.roofline.peaks import Peaks
from netcost.tables import Column

UNBOUND = frozenset({Kind.VIEW, Kind.UNKNOWN})
"""Kinds of operators that have no bound: nothing is done, or nobody knows what."""


def operator_bound_s(op: Op, kind: Kind, cost: Cost, peaks: Peaks) -> float | None:
    """Seconds that one operator takes at least; None for a view and for an unknown operator.

    Its operands may lie in the smallest cache that they fit into together. Arithmetic of an element type that has no
    measured peak (integers) does not bound it.
    """
    if kind in UNBOUND:
        return None
    moving_s = cost.memory_access_bytes / peaks.bandwidth(cost.memory_access_bytes).best
    peak = peaks.flops_per_s(element_type(op))
    return moving_s if peak is None else max(moving_s, cost.flops / peak)


def element_type(op: Op) -> str:
    """Torch's name for the elements that an operator makes."""
    return op.outputs[0].dtype if op.outputs else ""


def bounds_s(count: Count, peaks: Peaks) -> tuple[float | None, ...]:
    """The bound of every operator (seconds)."""
    graph = zip(count.graph.ops, count.kinds, count.costs, strict=True)
    return tuple(operator_bound_s(op, kind, cost, peaks) for op, kind, cost in graph)


@dataclass(frozen=True, slots=True)
class Roofline:
    """A network under the roof of a device.

    Args:
        bound_s: seconds that a forward pass takes at least: operators run one after the other, each at its bound.
        flops: floating-point operations.
        access_bytes: bytes read + written, operator by operator.
        ridge: FLOPs a byte from which on arithmetic is the bound; None where the element type has no measured peak.
        latency_s: seconds that a forward pass was measured to take; None where it was not.
    """

    bound_s: float
    flops: int
    access_bytes: int
    ridge: float | None
    latency_s: float | None = None

    @property
    def intensity(self) -> float | None:
        """FLOPs a byte."""
        return self.flops / self.access_bytes if self.access_bytes else None

    @property
    def side(self) -> str | None:
        """What bounds the network as a whole: "memory" below the ridge, "compute" above it."""
        if self.intensity is None or self.ridge is None:
            return None
        return "memory" if self.intensity < self.ridge else "compute"

    @property
    def flops_per_s(self) -> float | None:
        """Attained FLOP/s."""
        return self.flops / self.latency_s if self.latency_s else None

    @property
    def bytes_per_s(self) -> float | None:
        """Attained bytes a second."""
        return self.access_bytes / self.latency_s if self.latency_s else None

    @property
    def share(self) -> float | None:
        """The bound as a share of the measured time: 1 is the best that the device can do."""
        return self.bound_s / self.latency_s if self.latency_s else None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers; what needs a measured time is None without one."""
        return {
            "bound_s": self.bound_s,
            "side": self.side,
            "intensity": self.intensity,
            "ridge": self.ridge,
            "flops_per_s": self.flops_per_s,
            "bytes_per_s": self.bytes_per_s,
            "share": self.share,
        }


ROOFLINE_COLUMNS = (
    Column("roofline_bound_s", "Roofline bound", "seconds"),
    Column("roofline_side", "  bound by", "ratio"),
    Column("roofline_ridge", "  ridge, FLOP/byte", "ratio"),
)
"""What peaks say of a network that was not timed; its side is a word among numbers."""

ATTAINED_COLUMNS = (
    Column("attained_flops_per_s", "Attained", "flop_per_s"),
    Column("attained_bytes_per_s", "Attained, memory", "byte_per_s"),
    Column("roofline_share", "Share of the roofline", "percent"),
)
"""What they say of its latency."""


def under_roof(count: Count, peak_memory_bytes: int, peaks: Peaks, latency_s: float | None = None) -> Roofline:
    """The network under the roof of the device that has these peaks.

    Args:
        count: the counted graph.
        peak_memory_bytes: weights and activations, which decide in which level of memory all of it could stay.
        latency_s: the measured time of a forward pass (seconds), if there is one.
    """
    whole = total(count.costs)
    return Roofline(
        bound_s=sum(bound for bound in bounds_s(count, peaks) if bound is not None),
        flops=whole.flops,
        access_bytes=whole.memory_access_bytes,
        ridge=peaks.ridge(_main_type(count), peak_memory_bytes),
        latency_s=latency_s,
    )


def _main_type(count: Count) -> str:
    """The element type in which most of the arithmetic is done."""
    work: Counter[str] = Counter()
    for op, cost in zip(count.graph.ops, count.costs, strict=True):
        work[element_type(op)] += cost.flops
    return max(work, key=lambda each: work[each], default="")


def record(roofline: Roofline | None) -> dict[str, Any]:
    """The cells of both groups of columns; none without a roofline."""
    if roofline is None:
        return {}
    return {
        "roofline_bound_s": roofline.bound_s,
        "roofline_side": roofline.side,
        "roofline_ridge": roofline.ridge,
        "attained_flops_per_s": roofline.flops_per_s,
        "attained_bytes_per_s": roofline.bytes_per_s,
        "roofline_share": roofline.share,
    }
