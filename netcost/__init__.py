"""netcost: what a neural architecture costs, on paper and on the clock."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from netcost.text.version import __version__

if TYPE_CHECKING:
    from netcost.comparison.batches import Sweep, sweep
    from netcost.comparison.result import Comparison
    from netcost.comparison.running import compare
    from netcost.comparison.saved import load_comparison
    from netcost.counting.analysis import Analysis, analyze
    from netcost.graph.cost import Cost, Kind
    from netcost.graph.graph import Graph, Op, TensorSpec
    from netcost.graph.rules import access, rule
    from netcost.profiling import Profile, profile
    from netcost.profiling.roofline import Peaks, measure_peaks
    from netcost.targets.naming import Target, build, resolve
    from netcost.targets.weightless import weightless
    from netcost.text.errors import NetcostError
    from netcost.timing.measurement import Measurement
    from netcost.timing.measuring import measure
    from netcost.tracing import InputSpec, trace
    from netcost.zoo import list_models

# Public names and where they live. Resolved on first use (PEP 562), so that `netcost --help` does not import torch.
_PLACES = {
    "Analysis": "counting.analysis",
    "Comparison": "comparison.result",  # not compare.py: a module of that name would hide the function
    "Cost": "graph.cost",
    "Graph": "graph.graph",
    "InputSpec": "tracing",
    "Kind": "graph.cost",
    "Measurement": "timing.measurement",
    "NetcostError": "text.errors",
    "Op": "graph.graph",
    "Sweep": "comparison.batches",  # not sweep.py, for the same reason
    "Peaks": "profiling.roofline",
    "Profile": "profiling",
    "Target": "targets.naming",
    "TensorSpec": "graph.graph",
    "access": "graph.rules",
    "analyze": "counting.analysis",
    "build": "targets.naming",
    "compare": "comparison.running",
    "list_models": "zoo",
    "load_comparison": "comparison.saved",
    "measure": "timing.measuring",
    "measure_peaks": "profiling.roofline",
    "profile": "profiling",
    "resolve": "targets.naming",
    "rule": "graph.rules",
    "sweep": "comparison.batches",
    "trace": "tracing",
    "weightless": "targets.weightless",
}

__all__ = [
    "Analysis",
    "Comparison",
    "Cost",
    "Graph",
    "InputSpec",
    "Kind",
    "Measurement",
    "NetcostError",
    "Op",
    "Peaks",
    "Profile",
    "Sweep",
    "Target",
    "TensorSpec",
    "__version__",
    "access",
    "analyze",
    "build",
    "compare",
    "list_models",
    "load_comparison",
    "measure",
    "measure_peaks",
    "profile",
    "resolve",
    "rule",
    "sweep",
    "trace",
    "weightless",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
