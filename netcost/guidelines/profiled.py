"""What a profile adds to the timing: how the time of G4's variants and of Figure 2's networks is divided."""

from __future__ import annotations

from typing import Any

from torch import nn

from netcost.graph.cost import Kind
from netcost.guidelines.grid import Conditions
from netcost.profiling import Profile, profile
from netcost.text.errors import NetcostError
from netcost.timing.conversion import Call

VARIANT_S, NETWORK_S = 1.0, 3.0
"""Seconds for each profile: shares of a whole need less than ratios of two."""


def elementwise_share(model: nn.Module, call: Call, setting: Conditions) -> float | None:
    """The part of a variant's time that element-wise operators take; None where it cannot be profiled."""
    seconds = _divided(model, call[0], setting.device, setting.threads, VARIANT_S)
    whole_s = sum(seconds.values()) if seconds else 0.0
    return seconds.get(str(Kind.ELEMENTWISE), 0.0) / whole_s if seconds and whole_s else None


def time_by_kind(network: str, device: str, threads: int) -> dict[str, float] | None:
    """Seconds that each kind of operator takes in a network of the zoo; None where it cannot be profiled."""
    return _divided(network, None, device, threads, NETWORK_S)


def by_kind(found: Profile) -> dict[str, float]:
    """The time of the operators of each kind (seconds)."""
    seconds: dict[str, float] = {}
    for kind, time_s in zip(found.analysis.count.kinds, found.times_s, strict=True):
        seconds[str(kind)] = seconds.get(str(kind), 0.0) + time_s
    return seconds


def _divided(
    model: nn.Module | str, inputs: Any, device: str, threads: int, budget_s: float
) -> dict[str, float] | None:
    try:
        return by_kind(profile(model, inputs, device=device, threads=threads, budget_s=budget_s))
    except NetcostError:  # the times were taken; that they cannot be divided is no reason to lose them
        return None
