"""nn.Module + inputs -> Graph, by shapes alone: the one user of torch's dispatch."""

from netcost.tracing.construction import weightless
from netcost.tracing.forward import described, paused_collection, trace
from netcost.tracing.inputs import InputSpec, call_arguments, parse_input

__all__ = ["InputSpec", "call_arguments", "described", "parse_input", "paused_collection", "trace", "weightless"]
