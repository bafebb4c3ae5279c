"""Checking: counts targets again and compares them with a baseline, their budgets or a git revision.

`config` reads the targets from `[tool.netcost]`, `recording` counts them, `snapshot` and `baseline` are the recorded
figures, `limits` the allowed changes, and `regression/` finds the actual changes and gives the verdicts. Targets are
counted in a worker (`counter`), always with the code of the working tree, so that a model that ends its process is one
target's error. Without a tolerance, a figure fails if it is even one unit larger than recorded; an improvement passes
and is reported. `--base REVISION` needs no file: that revision is checked out beside the working tree (`revision`), and
each target is compared with what it was there (`earlier`).

Latency is checked only on request, as a ratio measured in one job (`latency`): it fails only if
the whole 95 % interval is above the limit, and is so again in a second measurement in new processes. A budget like
"latency.rtx4090" needs no timing: the prediction's 90 % interval is judged alike. `pytest_plugin` is
the fixture `netcost`; `formats/` writes a report for people, programs and CI.

    >>> from netcost.checking.limits import parse_budget
    >>> budget = parse_budget("params", "<= 5M")
    >>> budget.bound
    5000000

Words of its reports: `netcost explain tolerated`, `netcost explain not_guarded`.

This belongs here: another rule that can fail, another format of the report (a file in `formats/`), another setting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcost.text.lazy import resolver

if TYPE_CHECKING:
    from netcost.checking.latency import LIMIT, LatencyGate
    from netcost.checking.recording import torch_version
    from netcost.checking.running import Update, check, other_versions, update

__all__ = ["LIMIT", "LatencyGate", "Update", "check", "other_versions", "torch_version", "update"]

_FILES = {"LIMIT": "latency", "LatencyGate": "latency", "torch_version": "recording"}


# Resolved on first use: every run of pytest loads this room's plugin, and must not pay for torch.
__getattr__ = resolver(__name__, {name: _FILES.get(name, "running") for name in __all__})
