"""torch.compile: Inductor's kernels, called from Python."""

from __future__ import annotations

from netcost.timing import conversion
from netcost.timing.runtimes.runtime import NetworkCall, Runtime, Started, flat_tensors
from netcost.timing.setting import COMPILE


def _start(network: NetworkCall) -> Started:
    function = conversion.compiled(network.model)
    return Started(network.arguments.bound(function, trial=network.model), flat_tensors)


RUNTIME = Runtime(COMPILE, "torch.compile", "compiling", _start)
