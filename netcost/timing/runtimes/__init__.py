"""Runtimes: what executes a network -> a run that can be timed.

`eager`, `compile`, `cudagraph` and `export` are torch's own; `onnxruntime` and `openvino` get the network as an ONNX
file (`onnx_form`), and an ONNX target as it is; `executorch` gets an exported program. `agreement` compares a runtime's
output with eager's before anything is timed. All have the same number of threads within an operator, and compute in the
type that was asked for.

This belongs here: another runtime, in a file of its own that ends in a `Runtime`, and in the list below.
"""

from __future__ import annotations

from netcost.timing.runtimes import compile as compiled
from netcost.timing.runtimes import cudagraph, eager, executorch, export, onnxruntime, openvino
from netcost.timing.runtimes.runtime import NetworkCall, Runtime, Started, require_runtimes, runtime_version

RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        eager.RUNTIME,
        compiled.RUNTIME,
        cudagraph.RUNTIME,
        export.RUNTIME,
        onnxruntime.RUNTIME,
        openvino.RUNTIME,
        executorch.RUNTIME,
    )
}
"""Every runtime by the word of `--backend`."""

__all__ = ["RUNTIMES", "NetworkCall", "Runtime", "Started", "require_runtimes", "runtime_version"]
