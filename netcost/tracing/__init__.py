"""nn.Module + inputs -> Graph, by shapes alone: the one user of torch's dispatch."""

from netcost.tracing.forward import described, paused_collection, trace
from netcost.tracing.inputs import InputSpec, call_arguments, input_specs, parse_input

__all__ = [
    "InputSpec",
    "call_arguments",
    "described",
    "input_specs",
    "parse_input",
    "paused_collection",
    "trace",
]
