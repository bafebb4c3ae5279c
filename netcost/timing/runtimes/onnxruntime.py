"""ONNX Runtime on the CPU: inputs and outputs are bound to torch's memory once, so that a call copies nothing.

Spinning of its threads ends with a call, because the next network of the round needs the cores, and denormal numbers
become zero, as they do in torch while netcost times.

Reference: onnxruntime's documentation, "Thread management", and onnxruntime_session_options_config_keys.h.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from netcost.text.errors import MeasurementError
from netcost.timing.runtimes.onnx_form import OnnxForm, onnx_form
from netcost.timing.runtimes.runtime import NetworkCall, Runtime, Started, imported, threads_text, version_of
from netcost.timing.setting import ONNXRUNTIME

ELEMENT_TYPES = {
    torch.float32: 1,
    torch.uint8: 2,
    torch.int8: 3,
    torch.int16: 5,
    torch.int32: 6,
    torch.int64: 7,
    torch.bool: 9,
    torch.float16: 10,
    torch.float64: 11,
    torch.bfloat16: 16,
}
"""Numbers of element types in ONNX (onnx.proto, TensorProto.DataType)."""

ERRORS_ONLY = 3
"""Its level of logging."""


def session_options(package: Any, threads: int) -> Any:
    """Return the options that every session has: one operator after the other, each on `threads` threads."""
    options = package.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.execution_mode = package.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = ERRORS_ONLY
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return options


def open_session(package: Any, path: Path, options: Any) -> Any:
    """Return a session of the file on the CPU."""
    return package.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def bound_session(session: Any, form: OnnxForm, outputs: list[Tensor]) -> Any:
    """Bind a session's inputs and outputs to tensors.

    Raises:
        MeasurementError: the session has another number of outputs.
    """
    binding = session.io_binding()
    names = [output.name for output in session.get_outputs()]
    if len(names) != len(outputs):
        raise MeasurementError(f"the graph has {len(names)} outputs where eager returns {len(outputs)}")
    for name, tensor in form.inputs.items():
        binding.bind_input(name, "cpu", 0, *_facts(tensor))
    for name, tensor in zip(names, outputs, strict=True):
        binding.bind_output(name, "cpu", 0, *_facts(tensor))
    return binding


def _facts(tensor: Tensor) -> tuple[int, list[int], int]:
    return ELEMENT_TYPES[tensor.dtype], list(tensor.shape), tensor.data_ptr()


def _start(network: NetworkCall) -> Started:
    package = imported("onnxruntime")
    with onnx_form(network) as form:
        session = open_session(package, form.path, session_options(package, network.threads))
    outputs = [torch.empty(tensor.shape, dtype=tensor.dtype) for tensor in network.outputs]
    binding = bound_session(session, form, outputs)
    used = session.get_session_options().intra_op_num_threads
    details = (
        f"ONNX Runtime {version_of(package)}, {threads_text(used, network.threads)} within an operator and 1 between "
        f"them, all graph optimizations, {form.source}"
    )

    held = form, outputs  # as long as the run: their addresses are bound

    def run() -> list[Tensor]:
        session.run_with_iobinding(binding)
        return held[1]

    return Started(run, list, details)


RUNTIME = Runtime(ONNXRUNTIME, "ONNX Runtime", "converting", _start, own_threads=True)
