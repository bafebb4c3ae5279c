"""Then and now: what changed, which rule it breaks, and which module did it. Whole numbers in, verdicts out."""

from netcost.regression.changes import Change, Verdict
from netcost.regression.modules import Fate, ModuleChange, diff
from netcost.regression.report import UPDATE, Report, modules_table
from netcost.regression.results import Place, Result, compare

__all__ = [
    "UPDATE",
    "Change",
    "Fate",
    "ModuleChange",
    "Place",
    "Report",
    "Result",
    "Verdict",
    "compare",
    "diff",
    "modules_table",
]
