"""netcost: what a neural architecture costs, on paper and on the clock."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from netcost._version import __version__

if TYPE_CHECKING:
    from netcost.analysis import Analysis, analyze
    from netcost.batches import Sweep, sweep
    from netcost.comparison import Comparison, compare
    from netcost.cost import Cost, Kind
    from netcost.errors import NetcostError
    from netcost.graph import Graph, Op, TensorSpec
    from netcost.measurement import Measurement
    from netcost.profiling import Profile, profile
    from netcost.roofline import Peaks, measure_peaks
    from netcost.rules import access, rule
    from netcost.saved import load_comparison
    from netcost.targets import Target, resolve
    from netcost.timing import measure
    from netcost.tracing import InputSpec, trace, weightless
    from netcost.zoo import build, list_models

# Public names and where they live. Resolved on first use (PEP 562), so that `netcost --help` does not import torch.
_PLACES = {
    "Analysis": "analysis",
    "Comparison": "comparison",  # not compare.py: a module of that name would hide the function
    "Cost": "cost",
    "Graph": "graph",
    "InputSpec": "tracing",
    "Kind": "cost",
    "Measurement": "measurement",
    "NetcostError": "errors",
    "Op": "graph",
    "Sweep": "batches",  # not sweep.py, for the same reason
    "Peaks": "roofline",
    "Profile": "profiling",
    "Target": "targets",
    "TensorSpec": "graph",
    "access": "rules",
    "analyze": "analysis",
    "build": "zoo",
    "compare": "comparison",
    "list_models": "zoo",
    "load_comparison": "saved",
    "measure": "timing",
    "measure_peaks": "roofline",
    "profile": "profiling",
    "resolve": "targets",
    "rule": "rules",
    "sweep": "batches",
    "trace": "tracing",
    "weightless": "tracing",
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
