"""Cost as a check: targets counted, and held against a baseline, their budgets or another revision."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netcost.checking.latency import LIMIT, LatencyGate
    from netcost.checking.recording import record_all
    from netcost.checking.running import Update, check, other_versions, torch_version, update

# Resolved on first use (PEP 562): every run of pytest loads this room's plugin, and must not pay for torch.
_PLACES = {
    "LIMIT": "latency",
    "LatencyGate": "latency",
    "Update": "running",
    "check": "running",
    "other_versions": "running",
    "record_all": "recording",
    "torch_version": "running",
    "update": "running",
}

__all__ = ["LIMIT", "LatencyGate", "Update", "check", "other_versions", "record_all", "torch_version", "update"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
