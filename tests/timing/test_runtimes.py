"""Runtimes: one network in several, with outputs that agree, equal threads and nothing left behind."""

import logging
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import netcost
from netcost.text.errors import MeasurementError, RequestError
from netcost.text.formats import result_text
from netcost.timing import Timing, measure_all
from netcost.timing.runtimes import RUNTIMES, executorch
from netcost.timing.runtimes.agreement import require_agreement
from netcost.timing.runtimes.kernels import GraphNode, divided
from netcost.timing.setting import BACKENDS

OF_ONNX = ["onnxruntime", "openvino"]
CONVERTING = [*OF_ONNX, "executorch"]


def test_each_word_of_the_option_has_a_runtime():
    assert tuple(RUNTIMES) == BACKENDS


class Branches(nn.Module):
    """Takes an input by name, and returns two tensors of different types."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())

    def forward(self, x, *, scale):
        y = self.conv(x) * scale
        return {"y": y, "most": y.flatten(1).argmax(1)}


def test_the_pool_of_executorch_keeps_its_size_while_a_program_holds_it(monkeypatch):
    sizes = [2]
    pool = SimpleNamespace(
        _threadpool_get_thread_count=lambda: sizes[-1], _unsafe_reset_threadpool=lambda threads: sizes.append(threads)
    )
    monkeypatch.setattr(executorch, "_bindings", lambda: (pool, True))
    assert executorch._threads_used(1) == 1

    def run():
        return None

    executorch._loaded.add(run)
    assert executorch._threads_used(2) == 1
    del run
    assert executorch._threads_used(2) == 2
    monkeypatch.setattr(executorch, "_bindings", lambda: (pool, False))  # somebody else's
    assert executorch._threads_used(3) == 2


class Unconvertible(nn.Module):
    """Has an operator that ONNX has not."""

    def forward(self, x):
        return torch.linalg.eigvals(x)


CALL = (torch.ones(1, 3, 8, 8),), {}


def timed(*modules, backends, call=CALL, **words):
    models = [(f"net{index}", module, call) for index, module in enumerate(modules)]
    return measure_all(models, Timing(threads=1, budget_s=0.0, **words), backends=backends)


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The folder in which temporary files are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def state():
    return warnings.filters[:], logging.root.manager.disable, torch.get_num_threads(), torch.get_rng_state().tolist()


def test_a_network_runs_in_each_runtime_and_leaves_nothing_behind(temporary, capfd):
    net, call = Branches(), ((torch.rand(1, 3, 8, 8),), {"scale": torch.tensor(2.0)})
    before = state()
    backends = ["eager", *CONVERTING]
    eager, *others = timed(*[net] * len(backends), backends=backends, call=call, cold_cache=True)
    assert eager.setting.runtime is None
    for name, measured in zip(CONVERTING, others, strict=True):
        assert measured.setting.backend == name
        assert "1 thread" in measured.setting.runtime
        assert measured.compile_s > 0
    assert state() == before
    assert not [path for path in temporary.iterdir() if not path.name.startswith("torchinductor")]  # a cache of torch's
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("backend", CONVERTING)
def test_a_network_that_does_not_convert_is_its_own_error(backend):
    failed, fine = timed(Unconvertible(), nn.ReLU(), backends=[backend, backend])
    assert isinstance(failed, MeasurementError)
    assert str(failed).startswith(f"net0 failed in its first call: {RUNTIMES[backend].title}: ")
    assert fine.samples > 0


def test_a_call_that_changes_its_inputs_does_not_convert():
    class Growing(nn.Module):
        def forward(self, x, cache):
            cache.append(x)
            return x

    [failed] = timed(Growing(), backends=["onnxruntime"], call=((torch.ones(1), []), {}))
    assert "changes its inputs" in str(failed)


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr("netcost.timing.runtimes.runtime.find_spec", lambda _: None)
    with pytest.raises(RequestError, match=r"pip install 'netcost\[openvino\]'"):
        netcost.compare("lenet5", backend=["eager", "openvino"])


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ([torch.tensor([2.0, 4.0036])], None),  # 0.0009 of the largest value, 4
        ([torch.tensor([2.0, 4.1])], "by up to 0.0250 of its largest value"),
        ([torch.tensor([2.0])], "has the shape"),
        ([], "returns 0 tensors where eager returns 1"),
        ([torch.tensor([2.0, float("nan")])], "by up to inf"),
    ],
)
def test_outputs_that_differ_are_refused_with_the_largest_difference(theirs, said):
    ours = [torch.tensor([2.0, 4.0])]
    if said is None:
        require_agreement("It", ours, theirs)
        return
    with pytest.raises(MeasurementError, match=said):
        require_agreement("It", ours, theirs)


def test_a_runtime_that_computes_something_else_is_not_timed(monkeypatch):
    class Wrong(nn.Module):
        def forward(self, x):
            return x + 1 if torch.compiler.is_exporting() else x

    [failed] = timed(Wrong(), backends=["onnxruntime"])
    assert "differs from eager's by up to 1.00 of its largest value" in str(failed)


def test_random_outputs_are_timed_all_the_same():
    class Noisy(nn.Module):
        def forward(self, x):
            return x + torch.rand_like(x)

    [measured] = timed(Noisy(), backends=["onnxruntime"])
    assert measured.samples > 0


def test_runtimes_stand_side_by_side_and_are_saved(temporary):
    result = netcost.compare("lenet5", backend=["eager", *CONVERTING], threads=1, budget_s=0.0)
    assert [entry.backend for entry in result.entries] == ["eager", *CONVERTING]
    assert len({id(entry.analysis) for entry in result.entries}) == 1  # counted once
    assert result.table().columns[0].heading == "lenet5"
    (temporary / "saved.json").write_text(result_text(result, "json"))
    again = netcost.load_comparison(temporary / "saved.json")
    assert [again.label(entry) for entry in again.entries] == ["eager", *CONVERTING]
    assert [entry.measurement for entry in again.entries] == [entry.measurement for entry in result.entries]


def test_several_networks_are_timed_in_each_runtime_at_each_batch():
    swept = netcost.sweep(["lenet5"], [1, 2], backend=["eager", "onnxruntime"], threads=1, budget_s=0.0)
    points = [(entry.backend, entry.batch) for entry in swept.entries]
    assert points == [("eager", 1), ("eager", 2), ("onnxruntime", 1), ("onnxruntime", 2)]
    assert [knee.model for knee in swept.knees] == ["lenet5, eager", "lenet5, onnxruntime"]
    assert [entry.ratio is None for entry in swept.entries] == [True, True, False, False]


def test_a_file_goes_to_the_runtimes_as_it_is(temporary):
    path = Path(temporary) / "net.onnx"
    torch.onnx.export(nn.Conv2d(3, 4, 3).eval(), (torch.ones(1, 3, 8, 8),), path, dynamo=True, verbose=False)
    result = netcost.compare(str(path), backend=OF_ONNX, threads=1, budget_s=0.0, isolate=True)
    assert ["the file as it is" in entry.measurement.setting.runtime for entry in result.entries] == [True, True]
    refused = netcost.compare(str(path), backend="onnxruntime", dtype="fp16", budget_s=0.0)
    assert "a file runs in its own type" in str(refused.errors[0])


def node(operator, operands, result):
    return GraphNode(result, operator, tuple(operands.split()), (result,), None, None, ())


def test_a_kernel_stands_for_its_operator_and_what_is_fused_around_it():
    nodes = [node("Conv", "x", "a"), node("Relu", "a", "b"), node("Conv", "b", "c"), node("Add", "c b", "d")]
    last = [1, None, 2]  # named after the first activation; a change of layout; named after the second convolution
    assert divided(nodes, last, ["Conv", "ReorderOutput", "Conv"]) == [(0, 1), (), (2, 3)]


def test_no_compiler_is_imported_before_one_is_asked_for() -> None:
    code = (
        "import netcost.timing.workers.server, sys; sys.exit(sorted({'torch._dynamo', 'onnx'} & {*sys.modules}) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
