"""ONNX Runtime on the CPU: inputs and outputs are bound to torch's memory once, so that a call copies nothing.

Spinning of its threads ends with a call, because the next network of the round needs the cores, and denormal numbers
become zero, as they do in torch while netcost times.

Reference: onnxruntime's documentation, "Thread management", and onnxruntime_session_options_config_keys.h.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from netcost.text.errors import MeasurementError
from netcost.timing.runtimes.kernels import GraphNode, ProfiledNetwork, RanKernel, by_kernel, divided, graph_nodes
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


def profiled(network: NetworkCall) -> ProfiledNetwork:
    """Start the network in a session that writes down each kernel's time.

    A kernel is named after the value that it writes, or after a node; what the optimised graph writes under a name of
    the original one shows where a kernel ends.
    """
    package = imported("onnxruntime")
    folder = TemporaryDirectory(prefix="netcost-")
    options = session_options(package, network.threads)
    options.enable_profiling, options.profile_file_prefix = True, str(Path(folder.name) / "profile")
    options.optimized_model_filepath = str(Path(folder.name) / "optimised.onnx")
    with onnx_form(network) as form:
        nodes = graph_nodes(form, network)
        session = open_session(package, form.path, options)
    outputs = [torch.empty(tensor.shape, dtype=tensor.dtype) for tensor in network.outputs]
    binding, held = bound_session(session, form, outputs), (form, outputs, folder)

    def run() -> object:
        session.run_with_iobinding(binding)
        return held

    def kernels() -> list[RanKernel]:
        onnx = imported("onnx")
        optimised = onnx.load(options.optimized_model_filepath, load_external_data=False).graph.node
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        folder.cleanup()
        return _kernels(nodes, optimised, [event for event in events if event.get("cat") == "Node"])

    details = f"ONNX Runtime {version_of(package)}, {threads_text(options.intra_op_num_threads, network.threads)}"
    return ProfiledNetwork(run, nodes, kernels, f"{details}, {form.source}")


def _kernels(nodes: Sequence[GraphNode], optimised: Sequence[Any], events: Sequence[Any]) -> list[RanKernel]:
    """Return the kernels of the recorded runs, in the order of a run."""
    by_value = {name: index for index, node in enumerate(nodes) for name in (node.name, *node.results)}
    results = {node.name: tuple(node.output) for node in optimised}
    runs: list[list[Any]] = []
    seen: set[str] = set()
    for event in events:
        if not runs or event["args"]["node_index"] in seen:
            runs.append([])
            seen = set()
        seen.add(event["args"]["node_index"])
        runs[-1].append(event)
    names = [event["name"].removesuffix("_kernel_time") for event in runs[0]]
    kinds = [event["args"]["op_name"] for event in runs[0]]
    last: list[int | None] = []
    for name, kind in zip(names, kinds, strict=True):
        is_own = kind.startswith("Reorder")  # a change of layout, which writes a value of the graph once more
        candidates = () if is_own else (*results.get(name, ()), name.removesuffix("_nchwc"), name)
        last.append(next((by_value[found] for found in candidates if found in by_value), None))
    times = by_kernel([event["dur"] / 1e6 for event in run] for run in runs)
    return list(map(RanKernel, names, kinds, divided(nodes, last, kinds), times))


RUNTIME = Runtime(ONNXRUNTIME, "ONNX Runtime", "converting", _start, own_threads=True)
