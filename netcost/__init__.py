"""netcost: what a neural architecture costs, on paper and on the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcost.text.lazy import resolver
from netcost.text.version import __version__

if TYPE_CHECKING:
    from netcost.comparison import Comparison, Sweep, compare, load_comparison, sweep
    from netcost.counting import Analysis, analyze
    from netcost.graph import Cost, Graph, Kind, Op, TensorSpec
    from netcost.graph.rules import access, rule
    from netcost.profiling import Profile, profile
    from netcost.profiling.roofline import Peaks, measure_peaks
    from netcost.targets import Target, build, resolve, weightless
    from netcost.text import NetcostError
    from netcost.timing import Measurement, Timing, measure
    from netcost.tracing import InputSpec, trace
    from netcost.zoo import list_models

# Public names and where they live. Resolved on first use (PEP 562), so that `netcost --help` does not import torch.
_PLACES = {
    "Analysis": "counting",
    "Comparison": "comparison",
    "Cost": "graph",
    "Graph": "graph",
    "InputSpec": "tracing",
    "Kind": "graph",
    "Measurement": "timing",
    "NetcostError": "text",
    "Op": "graph",
    "Peaks": "profiling.roofline",
    "Profile": "profiling",
    "Sweep": "comparison",
    "Target": "targets",
    "TensorSpec": "graph",
    "Timing": "timing",
    "access": "graph.rules",
    "analyze": "counting",
    "build": "targets",
    "compare": "comparison",
    "list_models": "zoo",
    "load_comparison": "comparison",
    "measure": "timing",
    "measure_peaks": "profiling.roofline",
    "profile": "profiling",
    "resolve": "targets",
    "rule": "graph.rules",
    "sweep": "comparison",
    "trace": "tracing",
    "weightless": "targets",
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
    "Timing",
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


__getattr__ = resolver(__name__, _PLACES)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
