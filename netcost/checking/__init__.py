"""Checking: targets counted again, and held against a baseline, their budgets or another revision.

`config` reads what is guarded from `[tool.netcost]`, `recording` counts it, `snapshot` and `baseline` are what is
kept, `limits` what may change, `regression/` what did change and whether that fails. Without a tolerance, one unit
more than recorded fails; what costs less passes and is said. `--base REVISION` needs no file: that revision is
checked out beside the working tree (`revision`), and each side is counted in a process of its own. Latency gates only
on request, as a ratio measured inside one job (`latency`): it fails where the whole 95 % interval lies above the
limit, twice, the second time in new processes. `pytest_plugin` is the fixture `netcost`; `formats/` writes a report
for people, programs and CI.

    >>> from netcost.checking.limits import parse_budget
    >>> budget = parse_budget("params", "<= 5M")
    >>> budget.bound
    5000000

What belongs here: another rule that can fail, another format of the report (a file in `formats/`), another setting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcost.text.lazy import resolver

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


__getattr__ = resolver(__name__, _PLACES)
