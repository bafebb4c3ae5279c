"""CUDA graph: the kernels of an eager run, recorded once and launched together."""

from __future__ import annotations

from netcost.text.errors import MeasurementError
from netcost.timing.runtimes.runtime import NetworkCall, Runtime, Started, flat_tensors
from netcost.timing.setting import CUDAGRAPH


def _start(network: NetworkCall) -> Started:
    run = network.arguments.bound(network.model)
    if network.arguments.renewing is not None:
        raise MeasurementError("a call changes its inputs, and a graph has one copy; try --backend eager")
    return Started(network.device.graph(run), flat_tensors)


RUNTIME = Runtime(CUDAGRAPH, "CUDA graph", "recording", _start)
