"""The roofline: the least time of an operator or a network on a device, and how near a measured time comes to it.

Reference: Williams, Waterman and Patterson, "Roofline" (CACM 52(4), 2009): attainable FLOP/s are the lesser of the
peak and intensity x bandwidth. Here as a time: the greater of FLOPs / peak and bytes / bandwidth, because an operator
that only moves data has a time too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from netcost.counting import breakdown
from netcost.counting.count import Count
from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op
from netcost.profiling.roofline.peaks import Peaks
from netcost.text.tables import Column, Table

MOST_SHARE = 2.0
"""A network that is faster than its bound by more was not under these peaks: they were measured under load."""


BEYOND = (
    "The measured time is less than half of the roofline bound: the peaks were measured under load, or elsewhere. No "
    "share of the roof is given; measure them again on a quiet machine: netcost device."
)


def operator_bound_s(op: Op, kind: Kind, cost: Cost, peaks: Peaks) -> float | None:
    """Return the least time of one operator (seconds); None for an unknown one, and 0 for a view, which does nothing.

    Its operands may lie in the smallest cache that they fit into together. Arithmetic of an element type that has no
    measured peak (integers) does not bound it.
    """
    if kind is Kind.UNKNOWN:
        return None
    size_bytes = cost.memory_access_bytes
    moving_s = size_bytes / peaks.bandwidth(size_bytes).best
    peak = peaks.flops_per_s(_element(op))
    return moving_s if peak is None else max(moving_s, cost.flops / peak)


def _element(op: Op) -> str:
    return op.outputs[0].dtype if op.outputs else ""


def bounds_s(count: Count, peaks: Peaks) -> tuple[float | None, ...]:
    """Return the bound of every operator (seconds)."""
    counted = zip(count.graph.ops, count.kinds, count.costs, strict=True)
    return tuple(operator_bound_s(op, kind, cost, peaks) for op, kind, cost in counted)


@dataclass(frozen=True, slots=True)
class Roofline:
    """A network under the roof of a device.

    Args:
        bound_s: least time of a forward pass (seconds): operators run one after the other, each at its bound.
        flops: floating-point operations.
        access_bytes: bytes read + written, operator by operator.
        ridge: FLOPs per byte above which arithmetic is the bound; None where the element type has no measured peak.
        latency_s: measured time of a forward pass (seconds), if any.
        is_possible: False where the peaks cannot be, so that there is no share of them.
    """

    bound_s: float
    flops: int
    access_bytes: int
    ridge: float | None
    latency_s: float | None = None
    is_possible: bool = True

    @property
    def intensity(self) -> float | None:
        """FLOPs per byte."""
        return self.flops / self.access_bytes if self.access_bytes else None

    @property
    def bound_by(self) -> str | None:
        """Bound of the network as a whole: "memory" below the ridge, "compute" above it."""
        if self.intensity is None or self.ridge is None:
            return None
        return "memory" if self.intensity < self.ridge else "compute"

    @property
    def flops_per_s(self) -> float | None:
        """Attained FLOP/s."""
        return self.flops / self.latency_s if self.latency_s else None

    @property
    def bytes_per_s(self) -> float | None:
        """Attained bytes per second."""
        return self.access_bytes / self.latency_s if self.latency_s else None

    @property
    def share(self) -> float | None:
        """The bound as a share of the measured time: 1 is the best that the device can do; None beyond belief."""
        share = self.bound_s / self.latency_s if self.latency_s and self.is_possible else None
        return None if share is None or share > MOST_SHARE else share

    @property
    def is_beyond(self) -> bool:
        """True where the measured time is so far below the bound that the peaks cannot be this device's."""
        return bool(self.latency_s) and self.bound_s / (self.latency_s or 1) > MOST_SHARE

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers; None for those that need a measured time, without one."""
        return {
            "bound_s": self.bound_s,
            "side": self.bound_by,
            "intensity": self.intensity,
            "ridge": self.ridge,
            "flops_per_s": self.flops_per_s,
            "bytes_per_s": self.bytes_per_s,
            "share": self.share,
        }


BOUND = Column("roofline_bound_s", "Roofline bound", "seconds", of=lambda roofline: roofline.bound_s)
ROOFLINE_COLUMNS = (
    BOUND,
    Column("roofline_side", "  bound by", of=lambda roofline: roofline.bound_by, flush_right=True),
    Column("attained_flops_per_s", "Attained", "flop_per_s", of=lambda roofline: roofline.flops_per_s),
    Column("attained_bytes_per_s", "  in memory", "byte_per_s", of=lambda roofline: roofline.bytes_per_s),
    Column("roofline_share", "  of the roofline", "percent", of=lambda roofline: roofline.share),
)
"""The columns of a `Roofline`."""


def under_roof(count: Count, peak_memory_bytes: int, peaks: Peaks, latency_s: float | None = None) -> Roofline:
    """Return the network under the roof of these peaks.

    Args:
        count: the counted graph.
        peak_memory_bytes: weights and activations: the level of memory that holds them gives the ridge.
        latency_s: measured time of a forward pass (seconds), if any.
    """
    work: Counter[str] = Counter()
    for op, cost in zip(count.graph.ops, count.costs, strict=True):
        work[_element(op)] += cost.flops
    main = max(work, key=lambda element: work[element], default="")  # the type of most of the arithmetic
    return Roofline(
        bound_s=sum(bound for bound in bounds_s(count, peaks) if bound is not None),
        flops=work.total(),
        access_bytes=sum(cost.memory_access_bytes for cost in count.costs),
        ridge=peaks.ridge(main, peak_memory_bytes),
        latency_s=latency_s,
        is_possible=not peaks.faults,
    )


def with_roofline(summary: Table, roofline: Roofline, peaks: Peaks) -> Table:
    """Return a table of a row per metric with the bound, the ridge point and the bound's side below."""
    rows = (("Roofline bound", roofline.bound_s), ("Ridge point, FLOP/byte", roofline.ridge))
    return replace(
        summary,
        rows=(*summary.rows, *rows, ("Bound by", roofline.bound_by)),
        row_units=(*(summary.row_units or ()), "seconds", "ratio", "text"),
        notes=(*summary.notes, f"Nothing was timed: the bound is that of the peaks of {peaks.title}."),
    )


def with_bounds(table: Table, count: Count, by: str, depth: int | None, peaks: Peaks) -> Table:
    """Return a table of `breakdown.table` with a column for the least time of each row's operators."""
    bounds = bounds_s(count, peaks)
    rows = []
    for row, members in zip(table.rows, breakdown.members(count, by, depth), strict=True):
        known = [bound for index in members if (bound := bounds[index]) is not None]
        rows.append((*row, sum(known) if known else None))
    return replace(table, columns=(*table.columns, BOUND), rows=tuple(rows))
