"""Divides a network's work by kind of operator: ShuffleNet V2's Figure 2, as counted and, by a profile, timed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netcost.graph.cost import Cost, Kind
from netcost.guidelines.networks.panels import counted

DECOMPOSED = ("shufflenet_v1_g3_x1_0", "mobilenet_v2")
"""The two networks of Figure 2."""


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of operator in one network.

    Args:
        mult_adds, memory_access: shares of the network's.
        time: share of the time of all operators; None without a profile.
    """

    network: str
    kind: str
    mult_adds: float
    memory_access: float
    time: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        shares = {"mult_adds_share": self.mult_adds, "memory_access_share": self.memory_access}
        return {"network": self.network, "kind": self.kind, **shares, "time_share": self.time}


def decompose(network: str, seconds: Mapping[str, float] | None = None) -> list[Part]:
    """Return the kinds of operator with any memory access, most first; `seconds` are those of each kind."""
    analysis = counted(network)
    by_kind: dict[Kind, Cost] = {}
    for kind, cost in zip(analysis.count.kinds, analysis.count.costs, strict=True):
        by_kind[kind] = by_kind.get(kind, Cost()) + cost
    whole = sum(seconds.values()) if seconds else 0.0
    parts = [
        Part(
            network,
            str(kind),
            cost.mult_adds / analysis.mult_adds,
            cost.memory_access / analysis.memory_access,
            seconds.get(str(kind), 0.0) / whole if seconds and whole else None,
        )
        for kind, cost in by_kind.items()
        if cost.memory_access
    ]
    return sorted(parts, key=lambda part: -part.memory_access)
