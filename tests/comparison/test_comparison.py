"""Several networks, counted and timed together."""

import getpass
import platform
import re
import socket
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from made_up import comparison, machine, measurement
from torch import Tensor, nn

import netcost
from netcost.comparison import Comparison, Entry, Run
from netcost.comparison.running import compare
from netcost.comparison.side_by_side import SHOWN
from netcost.profiling.roofline import Bandwidth, Peaks, Product, Rate
from netcost.text.errors import MeasurementError, RequestError
from netcost.text.formats import result_text
from netcost.text.formats.json_text import render
from netcost.text.metrics import METRICS
from netcost.timing.doubts import Drift, OtherLoad
from netcost.timing.gpu import Gpu
from netcost.timing.measurement import Effort, Measurement
from netcost.timing.sampling import Stop
from netcost.timing.setting import EffectiveSetting

GOLDEN = Path(__file__).parents[1] / "golden"
DESIGN_KEYS = """
    model input params params_total mult_adds flops memory_access memory_access_fused memory_access_bytes activations
    elementwise_access kernels depth parallelism max_fragments peak_memory_bytes intensity unknown_ops latency ratio
""".split()
LATENCY_KEYS = "device median_s ci95_s iqr_s samples throughput_per_s doubts".split()

SMALL = (1, 3, 8, 8)


class Small(nn.Module):
    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).relu()


class Failing(nn.Module):
    def forward(self, _: Tensor) -> Tensor:
        raise ValueError("not today")


@pytest.fixture(scope="module")
def timed() -> netcost.Comparison:
    return compare([Small(), Small(8)], "cpu", inputs=SMALL, threads=1, budget_s=0.5)


def test_the_json_has_every_key_of_the_design(timed: netcost.Comparison) -> None:
    plain = timed.to_dict()
    assert list(plain) == ["schema", "netcost", "command", "environment", "models"]
    assert (plain["schema"], plain["netcost"]) == (1, netcost.__version__)
    for model in plain["models"]:
        assert set(DESIGN_KEYS) <= set(model)
        assert set(LATENCY_KEYS) <= set(model["latency"])
    assert plain["models"][0]["ratio"] is None
    assert set(plain["models"][1]["ratio"]) == {"to", "median", "ci95", "half_width", "same_rounds", "verdict"}


def test_work_is_counted_beside_the_clock(timed: netcost.Comparison) -> None:
    first, second = timed.to_dict()["models"]
    assert first["mult_adds"] == 8 * 8 * 4 * 3 * 3 * 3
    assert second["mult_adds"] == 2 * first["mult_adds"]
    assert first["latency"]["median_s"] > 0
    low, high = second["ratio"]["ci95"]
    assert low <= second["ratio"]["median"] <= high


def test_no_host_user_or_path_is_in_the_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_PLACES", str(Path.home()))
    text = render(compare([Small()], "cpu", inputs=SMALL, threads=1, budget_s=0.1).to_dict())
    secrets = (socket.gethostname(), getpass.getuser(), str(Path.home()), str(Path.cwd()), platform.node())
    for secret in filter(None, secrets):
        assert not re.search(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", text), secret
    assert '"OMP_PLACES": "(set)"' in text


def test_the_json_has_every_raw_time_and_what_was_asked_for_spent_and_reached(timed: netcost.Comparison) -> None:
    plain = timed.to_dict()["models"]
    for latency in (model["latency"] for model in plain):
        assert len(latency["times_s"]) == latency["samples"] == len(plain[0]["latency"]["times_s"])
        assert len(latency["warmup_s"]) >= 2
        assert latency["device_times_s"] is None
        assert (latency["precision"], latency["budget_s"]) == (0.02, 0.5)
        assert latency["spent_s"] > 0
        assert latency["stopped"] in {"precise", "budget", "rounds"}
        assert (latency["dtype"], latency["memory_format"], latency["backend"]) == ("fp32", "contiguous", "eager")
        assert (latency["compile_s"], latency["cold_cache"]) == (None, False)
    assert plain[1]["ratio"]["half_width"] > 0


def test_the_note_says_where_in_which_setting_with_what_effort_and_what_was_reached() -> None:
    result = comparison(measurement(2.0), measurement(1.0), environment=machine(torch="2.99"))
    assert result.notes() == [
        "Timed on Quick CPU, 2 threads, torch 2.99; batch 1, fp32, contiguous, eager; 12 interleaved rounds in 4.50 s, "
        "with 95 % intervals within ± 0 % (± 2.00 % asked for).",
        "Ratios are to a, round by round.",
    ]


@pytest.mark.parametrize(
    ("stopped", "said"),
    [
        (Stop.BUDGET, "within ± 0 % (the budget of 10.0 s spent, ± 2.00 % asked for)"),
        (Stop.ROUNDS, "within ± 0 % (the maximum of rounds, ± 2.00 % asked for)"),
    ],
)
def test_the_note_says_why_sampling_stopped(stopped: Stop, said: str) -> None:
    effort = Effort(precision=0.02, budget_s=10.0, spent_s=10.5, stopped=stopped)
    assert said in comparison(measurement(effort=effort)).notes()[0]


def test_without_an_interval_the_note_claims_no_precision() -> None:
    effort = Effort(precision=0.02, budget_s=1.0, spent_s=3.0, stopped=Stop.BUDGET)
    [note] = comparison(measurement(times_s=(1.0,) * 3, effort=effort)).notes()
    assert "3.00 s, without" in note and "1.00 s" in note


def test_a_doubt_of_every_network_is_said_once() -> None:
    busy, hot = OtherLoad(0.5, 2), Drift(1.0, 2.0)
    result = comparison(measurement(doubts=(busy,)), measurement(doubts=(busy, hot)), measurement(doubts=(busy, hot)))
    assert result.notes()[-2:] == [f"all: {busy}", f"b; c: {hot}"]
    assert result.table().notes == (*result.notes(), "netcost explain TOPIC says more: drift, other_load")
    assert "netcost explain" not in str(result.to_dict())


def test_without_a_warning_no_note_says_where_they_are_explained() -> None:
    result = comparison(measurement())
    assert list(result.table().notes) == result.notes()


def test_what_only_some_networks_have_is_a_row_only_where_one_has_it() -> None:
    def headings(*measurements: Measurement) -> list[str]:
        return [row[0] for row in comparison(*measurements).table().rows]

    assert "Compile time" not in headings(measurement())
    assert "Compile time" in headings(measurement(compile_s=3.0))
    assert "  between GPU events" not in headings(measurement())
    assert "  between GPU events" in headings(measurement(device_times_s=(0.5,) * 12))


@pytest.mark.parametrize(("backend", "word"), [("compile", "compiled"), ("cudagraph", "recorded")])
def test_the_note_says_how_long_all_networks_took_to_compile_or_record(backend: str, word: str) -> None:
    setting = EffectiveSetting(backend=backend)
    pair = [measurement(compile_s=seconds, setting=setting) for seconds in (1.0, 2.0)]
    assert f"{backend} ({word} in 3.00 s);" in comparison(*pair).notes()[0]
    assert word not in comparison(measurement(setting=setting)).notes()[0]


def test_on_a_gpu_the_note_states_benchmark_and_tf32() -> None:
    gpu = Gpu("Quick GPU", "9.0", "580.1", 1410, 1980, (), 92400, False, False, True)
    [note] = comparison(measurement(), environment=machine(gpu=gpu)).notes()
    assert note.startswith("Timed on Quick GPU")
    assert all(fact in note for fact in ("benchmark off", "TF32 off in matrix", "on in convolutions"))


def test_bytes_are_counted_in_the_element_type_and_nothing_else_changes() -> None:
    [full] = compare([Small()], "none", inputs=SMALL).to_dict()["models"]
    [half] = compare([Small()], "none", inputs=SMALL, dtype="bf16").to_dict()["models"]
    assert 2 * half["memory_access_bytes"] == full["memory_access_bytes"]
    assert 2 * half["peak_memory_bytes"] == full["peak_memory_bytes"]
    assert half["mult_adds"] == full["mult_adds"]
    assert half["memory_access"] == full["memory_access"]


@pytest.mark.parametrize("name", ["googlenet", "mobilenet_v2", "torchvision:vit_b_16"])
def test_networks_are_counted_in_another_type_without_an_unknown_operator(name: str) -> None:
    [entry] = compare([name], "none", dtype="bf16").entries
    assert entry.error is None
    assert entry.figures is not None
    assert entry.figures.unknown_ops == {}


def test_the_load_is_read_before_our_own_work_adds_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = iter((0.25, 0.75, 0.75))
    monkeypatch.setattr("netcost.comparison.running.load_per_core", lambda: next(loads))
    result = compare([Small()], "cpu", inputs=SMALL, threads=1, budget_s=0.1)
    assert result.environment is not None
    assert result.environment.load_per_core == 0.25


CALLS: list[SimpleNamespace] = []
"""Every call of any `Spy`; a list of the class would be put back after a count."""


class Spy(nn.Module):
    """Notes every call of any copy of it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.normal = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        hooks = [
            *torch.nn.modules.module._global_forward_hooks.values(),
            *torch.nn.modules.module._global_forward_pre_hooks.values(),
            *(hook for module in self.modules() for hook in module._forward_hooks.values()),
            *(hook for module in self.modules() for hook in module._forward_pre_hooks.values()),
            *(hook for module in self.modules() for hook in module._backward_hooks.values()),
        ]
        CALLS.append(
            SimpleNamespace(
                instance=self,  # kept, so that no two have the same identity
                meta=x.is_meta or self.conv.weight.is_meta,
                traced=bool(torch.utils._python_dispatch._get_current_dispatch_mode_stack()),
                training=any(module.training for module in self.modules()),
                inference=torch.is_inference_mode_enabled() and not torch.is_grad_enabled(),
                hooks=hooks,
                x=x,
            )
        )
        return self.normal(self.conv(x))


@pytest.mark.parametrize("given", ["a module", "a function that makes one", "one in a file"])
def test_what_is_timed_is_a_real_network_in_evaluation_that_nothing_hooked_or_traced(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    CALLS.clear()
    own = Spy().train()
    made: Any = own
    if given == "a function that makes one":
        made = netcost.Target("spy", Spy)
    if given == "one in a file":
        monkeypatch.setitem(sys.modules, "spied", SimpleNamespace(net=own))
        made = "spied:net"
    result = compare([made, made], "cpu", inputs=SMALL, threads=1, budget_s=0.2)
    assert result.errors == []
    counted = {id(call.instance) for call in CALLS if call.traced or call.meta}
    timed = [call for call in CALLS if id(call.instance) not in counted]
    assert counted
    assert len({id(call.instance) for call in timed}) == 2
    fewest = sum(1 + len(entry.measurement.warmup_s) + entry.measurement.samples for entry in result.entries)
    assert len(timed) >= fewest
    for call in timed:
        assert (call.meta, call.traced, call.training, call.inference, call.hooks) == (False, False, False, True, [])
        assert call.x.std().item() == pytest.approx(1.0, abs=0.3)
        assert call.instance.conv.weight.std().item() > 0.01
    assert own.training
    if given != "a function that makes one":
        assert all(torch.equal(call.instance.conv.weight, own.conv.weight) for call in timed)
        assert own not in {call.instance for call in timed}


def test_device_none_counts_and_times_nothing() -> None:
    result = compare(["lenet5"], "none")
    assert result.environment is None
    [model] = result.to_dict()["models"]
    assert model["latency"] is None
    assert model["ratio"] is None
    assert model["params"] == 61_706


def test_a_model_may_be_compared_with_itself() -> None:
    result = compare(["lenet5", "lenet5"], "none")
    assert [row["model"] for row in result.to_dict()["models"]] == ["lenet5", "lenet5"]
    assert result.table().rows[0][1] == result.table().rows[0][2]


def test_a_model_that_fails_says_so_and_the_others_go_on() -> None:
    result = compare([Small(), Failing(), Small()], "cpu", inputs=SMALL, threads=1, budget_s=0.2)
    first, failed, third = result.to_dict()["models"]
    assert "not today" in failed["error"]
    assert failed["params"] is None
    assert failed["latency"] is None
    assert "error" not in first
    assert third["ratio"]["to"] == "Small"
    assert any("not today" in note for note in result.notes())


def test_without_a_base_there_are_no_ratios() -> None:
    result = compare([Failing(), Small()], "cpu", inputs=SMALL, threads=1, budget_s=0.2)
    assert result.to_dict()["models"][1]["latency"] is not None
    assert result.to_dict()["models"][1]["ratio"] is None


def test_a_batch_is_what_throughput_counts() -> None:
    [timed] = compare(["lenet5"], "cpu", batch=8, threads=1, budget_s=0.2).to_dict()["models"]
    assert timed["input"] == [8, 1, 32, 32]
    assert timed["latency"]["throughput_per_s"] == pytest.approx(8 / timed["latency"]["median_s"])


def test_inputs_by_keyword_reach_the_count_and_the_clock() -> None:
    class Embedder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(100, 16)

        def forward(self, *, ids: Tensor, scale: Tensor) -> Tensor:
            return self.table(ids) * scale

    given = (netcost.InputSpec((1, 5), "int64", "ids"), netcost.InputSpec((1, 5, 16), name="scale"))
    [model] = compare([Embedder()], "cpu", inputs=given, threads=1, budget_s=0.2).to_dict()["models"]
    assert model["input"] == [[1, 5], [1, 5, 16]]
    assert model["flops"] == 5 * 16
    assert model["latency"] is not None


def test_every_metric_of_the_design_is_shown_once(timed: netcost.Comparison) -> None:
    headings = [row[0] for row in timed.table().rows]
    assert [METRICS[name].heading for name in SHOWN] == headings[: len(SHOWN)]
    assert headings[-1] == "Verdict"


def test_the_records_are_a_row_a_model_with_plain_numbers(timed: netcost.Comparison) -> None:
    table = timed.records()
    row = dict(zip(table.names, table.rows[1], strict=True))
    assert row["mult_adds"] == 2 * 8 * 8 * 4 * 3 * 3 * 3
    assert row["verdict"] in {"faster", "slower", "cannot tell"}
    assert row["error"] is None
    assert result_text(table, "csv").count("\n") == 1 + 2


def test_progress_never_goes_back_and_ends_at_one() -> None:
    seen: list[float] = []
    compare(["lenet5"], "cpu", threads=1, budget_s=0.2, progress=lambda share, _text: seen.append(share))
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0)


CRASHING = """
import os
from torch import nn
class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 3))
class CrashesWhenCounted(nn.Module):
    def __init__(self):
        super().__init__()
        os._exit(5)
class CrashesWhenRun(Net):
    def forward(self, x):
        return super().forward(x) if x.is_meta else os.abort()
"""


@pytest.mark.usefixtures("forked_workers")
def test_isolated_networks_crash_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net.py").write_text(CRASHING)
    monkeypatch.chdir(tmp_path)
    names = [f"net.py:{name}" for name in ("Net", "CrashesWhenCounted", "CrashesWhenRun", "Net")]
    targets = [netcost.resolve(name, inputs=["1x3x8x8"]) for name in names]
    seen: list[float] = []
    result = compare(
        targets, threads=1, budget_s=0.2, isolate=True, batch=2, progress=lambda share, _: seen.append(share)
    )
    fine, counted, ran, again = result.to_dict()["models"]
    assert counted["error"].startswith(f"{names[1]} ") and "exit code 5" in counted["error"]
    assert ran["error"].startswith(f"{names[2]} ") and "SIGABRT" in ran["error"]
    assert ran["params"] == fine["params"] == 4 * 3 * 3 * 3 + 4
    assert fine["latency"]["batch"] == 2
    assert again["ratio"]["to"] == names[0]
    assert fine["latency"]["samples"] == again["latency"]["samples"]
    assert seen == sorted(seen)
    assert [error.exit_code for error in result.errors] == [3, 3]


RATE = Rate((1e10,))
PEAKS = Peaks("cpu", 1, (Product("bf16", 64, RATE),), (Bandwidth("memory", None, 1, RATE, RATE),), (1e-6,))


@pytest.mark.usefixtures("forked_workers")
def test_an_isolated_network_is_counted_once_in_its_own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"budget_s": 0.0, "threads": 1, "batch": 2, "dtype": "bf16", "peaks": PEAKS}
    [here] = compare(["lenet5"], **asked).lines
    monkeypatch.delattr("netcost.comparison.running.analyze")
    [there] = compare(["lenet5"], isolate=True, **asked).lines
    assert there.entry.figures == here.entry.figures
    assert there.entry.analysis is None
    assert there.entry.measurement is not None
    latency_s = there.entry.measurement.median_s
    assert here.roofline is not None
    assert there.roofline == replace(here.roofline, latency_s=latency_s)


def test_a_module_cannot_be_isolated() -> None:
    with pytest.raises(RequestError, match="name the code that builds it"):
        compare([Small()], inputs=SMALL, isolate=True)


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(RequestError, match="at least one model"):
        compare([], "none")


def test_a_module_without_inputs_is_refused_with_the_remedy() -> None:
    with pytest.raises(RequestError, match="--input"):
        compare([Small()], "none")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_without_a_gpu_is_refused_before_anything_is_built() -> None:
    with pytest.raises(MeasurementError, match="--device cpu"):
        compare(["googlenet"], "cuda")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_googlenet_and_mobilenet_are_timed_on_a_gpu() -> None:
    result: dict[str, Any] = compare(["googlenet", "mobilenet_v2"], "cuda", budget_s=5).to_dict()
    assert all(model["latency"]["device"].startswith("cuda") for model in result["models"])
    assert result["environment"]["gpu"]["name"]


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (
            (1.0, 1.2) * 6,
            ["holds 1", "a larger --budget than 10.0 s", "fewer --threads than 2", "load of 70.0 % per core"],
        ),
        ((1.0,) * 12, ["differ by less than 1.00 %"]),
        ((1.0,) * 3, ["too few rounds", "a larger --budget"]),
    ],
)
def test_cannot_tell_says_what_may_help(times, said):
    run = Run(machine(load_per_core=0.7))
    entries = [
        Entry(name, measurement=measurement(times_s=taken)) for name, taken in (("a", (1.0,) * 12), ("b", times))
    ]
    notes = Comparison(tuple(entries), (run,)).with_ratios([0, 0]).notes()
    [note] = [note for note in notes if "cannot tell" in note]
    assert all(part in note for part in said)
