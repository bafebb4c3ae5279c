"""Profiles beside the timing: how the time of G4's variants and of Figure 2's networks is divided."""

from __future__ import annotations

from typing import Any

from torch import nn

from netcost.graph.cost import Kind
from netcost.guidelines.grid import Conditions
from netcost.profiling import profile
from netcost.text.errors import NetcostError
from netcost.timing.conversion import Call

VARIANT_S, NETWORK_S = 1.0, 3.0
"""Seconds per profile: shares of a whole need less time than ratios of two."""


def elementwise_share(model: nn.Module, call: Call, setting: Conditions) -> float | None:
    """Return the share of a variant's time in element-wise operators; None where it cannot be profiled."""
    seconds = _by_kind(model, call[0], setting.device, setting.threads, VARIANT_S)
    whole_s = sum(seconds.values()) if seconds else 0.0
    return seconds.get(str(Kind.ELEMENTWISE), 0.0) / whole_s if seconds and whole_s else None


def time_by_kind(network: str, device: str, threads: int) -> dict[str, float] | None:
    """Return the seconds per kind of operator of a network of the zoo; None where it cannot be profiled."""
    return _by_kind(network, None, device, threads, NETWORK_S)


def _by_kind(
    model: nn.Module | str, inputs: Any, device: str, threads: int, budget_s: float
) -> dict[str, float] | None:
    try:
        profiled = profile(model, inputs, device=device, threads=threads, budget_s=budget_s)
    except NetcostError:  # the times are already taken; a failed profile is no reason to lose them
        return None
    seconds: dict[str, float] = {}
    for kind, time_s in zip(profiled.analysis.count.kinds, profiled.times_s, strict=True):
        seconds[str(kind)] = seconds.get(str(kind), 0.0) + time_s
    return seconds
