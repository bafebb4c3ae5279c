"""Compares two snapshots: what changed, which rule it breaks, and which module caused it."""

from netcost.checking.regression.latency import SAMPLINGS, Attempt, LatencyResult, PredictedResult
from netcost.checking.regression.modules import ModuleChange, ModuleStatus, diff
from netcost.checking.regression.report import UPDATE, CheckReport, modules_table
from netcost.checking.regression.results import Place, TargetResult, TargetVerdict, compare
from netcost.checking.regression.verdicts import Change, CheckVerdict

__all__ = [
    "SAMPLINGS",
    "UPDATE",
    "Attempt",
    "Change",
    "CheckReport",
    "CheckVerdict",
    "LatencyResult",
    "ModuleChange",
    "ModuleStatus",
    "Place",
    "PredictedResult",
    "TargetResult",
    "TargetVerdict",
    "compare",
    "diff",
    "modules_table",
]
