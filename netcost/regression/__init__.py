"""Then and now: what changed, which rule it breaks, and which module did it. Numbers in, verdicts out."""

from netcost.regression.changes import Change, Verdict
from netcost.regression.latency import SAMPLINGS, LatencyResult, Sampling
from netcost.regression.modules import Fate, ModuleChange, diff
from netcost.regression.report import UPDATE, Report, modules_table
from netcost.regression.results import Place, Result, compare

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
