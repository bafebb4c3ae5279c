"""Then and now: what changed, which rule it breaks, and which module did it. Numbers in, verdicts out."""

from netcost.checking.regression.changes import Change, Verdict
from netcost.checking.regression.latency import SAMPLINGS, LatencyResult, Sampling
from netcost.checking.regression.modules import Fate, ModuleChange, diff
from netcost.checking.regression.report import UPDATE, Report, modules_table
from netcost.checking.regression.results import Place, Result, compare

__all__ = [
    "SAMPLINGS",
    "UPDATE",
    "Change",
    "Fate",
    "LatencyResult",
    "ModuleChange",
    "Place",
    "Report",
    "Result",
    "Sampling",
    "Verdict",
    "compare",
    "diff",
    "modules_table",
]
