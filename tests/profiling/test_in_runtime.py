"""Kernels that a runtime really ran, joined to the counted graph."""

import pytest
from torch import nn

from netcost.profiling.in_runtime import PROFILERS, ShownRuntimeProfile, profile_in_runtime
from netcost.targets import Target
from netcost.text.errors import RequestError
from netcost.text.formats import result_text
from netcost.timing import Timing
from netcost.tracing import InputSpec

TARGET = Target(
    "net",
    lambda: nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2)
    ),
    (InputSpec((1, 3, 8, 8)),),
)


@pytest.mark.parametrize("backend", sorted(PROFILERS))
def test_a_convolution_with_norm_and_activation_is_one_kernel_in_each_runtime(backend):
    profile = profile_in_runtime(TARGET, Timing(threads=1, backend=backend, budget_s=0.0))
    named = [{profile.analysis.graph.ops[index].name for index in own} for own in profile.ops]
    assert {"aten.conv2d", "aten.batch_norm", "aten.relu"} in named
    assert {"aten.linear"} in named
    assert (profile.analysis.kernels, profile.fused_kernels, profile.joined_share) == (4, 2, 1.0)
    assert profile.differences() == []
    assert all(len(kernel.times_s) == len(profile.plain_s) for kernel in profile.kernels)
    by_module = profile.grouped("module", 1)
    work = dict(zip((row[0] for row in by_module.rows), (row[-1] for row in by_module.rows), strict=True))
    assert (work["0"], work["4"]) == (3 * 8 * 3 * 3 * 6 * 6, 288 * 2)
    for format_name in ("table", "json", "csv", "markdown"):
        assert "linear" in result_text(ShownRuntimeProfile(profile), format_name)


def test_compiled_code_has_no_profile():
    with pytest.raises(RequestError, match="a profile has no --backend compile; expected one of onnxruntime, openvino"):
        profile_in_runtime(TARGET, Timing(backend="compile"))
