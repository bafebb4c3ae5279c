"""netcost: the cost of a neural architecture, on paper and on the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcost.text.lazy import resolver
from netcost.text.version import __version__

if TYPE_CHECKING:
    from netcost.comparison import Comparison, Sweep, compare, load_comparison, sweep
    from netcost.counting import Analysis, analyze
    from netcost.graph import Cost, Graph, Kind, Op, TensorSpec
    from netcost.graph.rules import access, rule
    from netcost.linting import LintReport, lint
    from netcost.prediction import Predictions, predict
    from netcost.prediction.evidence import Evidence, evidence
    from netcost.profiling import Profile, profile
    from netcost.profiling.roofline import Peaks, measure_peaks
    from netcost.search import NetworkChoice, choose
    from netcost.targets import Target, build, resolve, weightless
    from netcost.text import NetcostError
    from netcost.timing import Measurement, Timing, measure
    from netcost.tracing import InputSpec, TrainStep, trace, trace_step
    from netcost.zoo import list_models

# Public names by their room, resolved on first use (PEP 562), so that `netcost --help` does not import torch.
_ROOMS = {
    "comparison": ("Comparison", "Sweep", "compare", "load_comparison", "sweep"),
    "counting": ("Analysis", "analyze"),
    "graph": ("Cost", "Graph", "Kind", "Op", "TensorSpec"),
    "graph.rules": ("access", "rule"),
    "linting": ("LintReport", "lint"),
    "prediction": ("Predictions", "predict"),
    "prediction.evidence": ("Evidence", "evidence"),
    "profiling": ("Profile", "profile"),
    "profiling.roofline": ("Peaks", "measure_peaks"),
    "search": ("NetworkChoice", "choose"),
    "targets": ("Target", "build", "resolve", "weightless"),
    "text": ("NetcostError",),
    "timing": ("Measurement", "Timing", "measure"),
    "tracing": ("InputSpec", "TrainStep", "trace", "trace_step"),
    "zoo": ("list_models",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "Analysis",
    "Comparison",
    "Cost",
    "Evidence",
    "Graph",
    "InputSpec",
    "Kind",
    "LintReport",
    "Measurement",
    "NetcostError",
    "NetworkChoice",
    "Op",
    "Peaks",
    "Predictions",
    "Profile",
    "Sweep",
    "Target",
    "TensorSpec",
    "Timing",
    "TrainStep",
    "__version__",
    "access",
    "analyze",
    "build",
    "choose",
    "compare",
    "evidence",
    "lint",
    "list_models",
    "load_comparison",
    "measure",
    "measure_peaks",
    "predict",
    "profile",
    "resolve",
    "rule",
    "sweep",
    "trace",
    "trace_step",
    "weightless",
]


__getattr__ = resolver(__name__, _ROOM_OF)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOM_OF})
