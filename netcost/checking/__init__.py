"""Cost as a check: targets counted, and held against a baseline, their budgets or another revision."""

from netcost.checking.latency import LIMIT, Timing
from netcost.checking.recording import record_all
from netcost.checking.running import TORCH, Update, check, other_versions, update

__all__ = ["LIMIT", "TORCH", "Timing", "Update", "check", "other_versions", "record_all", "update"]
