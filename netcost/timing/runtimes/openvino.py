"""OpenVINO on the CPU: one stream, the type that was asked for, and inputs in torch's memory.

Left alone, it computes in bfloat16 where the processor can, which would be another function than eager's; and it pins
its threads to cores, which torch does not.

Reference: OpenVINO's documentation, "CPU device": supported properties.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netcost.timing.runtimes.kernels import ProfiledNetwork, RanKernel, graph_nodes
from netcost.timing.runtimes.onnx_form import OnnxForm, onnx_form
from netcost.timing.runtimes.runtime import NetworkCall, Runtime, Started, imported, threads_text, version_of
from netcost.timing.setting import OPENVINO

PRECISIONS = {None: "f32", "fp32": "f32", "bf16": "bf16", "fp16": "f16"}
"""Its words for element types."""


def compiled_model(package: Any, form: OnnxForm, network: NetworkCall, **more: Any) -> Any:
    """Compile the file for the CPU, for the shapes of its inputs."""
    model = package.Core().read_model(str(form.path))
    if model.is_dynamic():
        model.reshape({name: list(tensor.shape) for name, tensor in form.inputs.items()})
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": network.threads,
        "INFERENCE_PRECISION_HINT": PRECISIONS[network.dtype],
        "ENABLE_CPU_PINNING": False,
        "ENABLE_HYPER_THREADING": True,
        "CPU_DENORMALS_OPTIMIZATION": True,
    }
    return package.Core().compile_model(model, "CPU", {**options, **more})


def ready_request(package: Any, compiled: Any, form: OnnxForm) -> Any:
    """Return a request whose inputs are the tensors' own memory."""
    request = compiled.create_infer_request()
    for name, tensor in form.inputs.items():
        request.set_tensor(name, package.Tensor(tensor.numpy(), shared_memory=True))
    return request


def results_of(request: Any) -> list[Tensor]:
    """Return copies of a request's results."""
    return [torch.tensor(tensor.data) for tensor in request.output_tensors]


def _start(network: NetworkCall) -> Started:
    package = imported("openvino")
    with onnx_form(network) as form:
        compiled = compiled_model(package, form, network)
    request = ready_request(package, compiled, form)
    used, precision = (compiled.get_property(name) for name in ("INFERENCE_NUM_THREADS", "INFERENCE_PRECISION_HINT"))
    details = (
        f"OpenVINO {version_of(package)}, {threads_text(int(used), network.threads)}, 1 stream, computing in "
        f"{precision.get_type_name()}, {form.source}"
    )

    held = request, form  # as long as the run: the request reads the inputs' own memory

    def run() -> Any:
        held[0].infer(share_outputs=True)
        return held[0]

    return Started(run, results_of, details)


def profiled(network: NetworkCall) -> ProfiledNetwork:
    """Start the network with counters; its executable graph says which nodes each kernel stands for."""
    package = imported("openvino")
    with onnx_form(network) as form:
        nodes = graph_nodes(form, network)
        compiled = compiled_model(package, form, network, PERF_COUNT=True)
    request = ready_request(package, compiled, form)
    held, runs = (request, form), list[dict[str, float]]()

    def run() -> object:
        held[0].infer(share_outputs=True)
        infos = held[0].profiling_info
        runs.append({info.node_name: info.real_time.total_seconds() for info in infos if _has_run(info)})
        return held

    def kernels() -> list[RanKernel]:
        origins, kinds = _executable(compiled)
        index = {name: number for number, node in enumerate(nodes) for name in (node.name, *node.results)}
        return [
            RanKernel(
                name,
                kinds.get(name, "unknown"),
                tuple(sorted({index[origin] for origin in origins.get(name, ()) if origin in index})),
                tuple(run.get(name, 0.0) for run in runs),
            )
            for name in runs[0]
        ]

    details = f"OpenVINO {version_of(package)}, {threads_text(network.threads, network.threads)}, {form.source}"
    return ProfiledNetwork(run, nodes, kernels, details)


def _has_run(info: Any) -> bool:
    return bool(info.status == info.Status.EXECUTED)


def _executable(compiled: Any) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the original nodes and the kind of each node of the executable graph."""
    origins, kinds = {}, {}
    for node in compiled.get_runtime_model().get_ordered_ops():
        facts = node.get_rt_info()
        name = node.get_friendly_name()
        origins[name] = [part for part in str(facts["originalLayersNames"].value).split(",") if part]
        kinds[name] = str(facts["layerType"].value)
    return origins, kinds


RUNTIME = Runtime(OPENVINO, "OpenVINO", "converting", _start, own_threads=True)
