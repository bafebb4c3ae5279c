"""Several networks, counted and timed together."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netcost
from netcost.comparison import SHOWN, compare
from netcost.errors import MeasurementError, RequestError
from netcost.formats import renderer
from netcost.formats.json_text import render
from netcost.tables import METRICS

GOLDEN = Path(__file__).parent / "golden"
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
    assert list(plain) == ["schema", "netcost", "environment", "models"]
    assert (plain["schema"], plain["netcost"]) == (1, netcost.__version__)
    for model in plain["models"]:
        assert set(DESIGN_KEYS) <= set(model)
        assert set(LATENCY_KEYS) <= set(model["latency"])
    assert plain["models"][0]["ratio"] is None
    assert set(plain["models"][1]["ratio"]) == {"to", "median", "ci95", "verdict"}


def test_the_json_is_plain_values_that_survive_a_round_trip(timed: netcost.Comparison) -> None:
    plain = timed.to_dict()
    assert json.loads(render(plain)) == plain


def test_work_is_counted_beside_the_clock(timed: netcost.Comparison) -> None:
    first, second = timed.to_dict()["models"]
    assert first["mult_adds"] == 8 * 8 * 4 * 3 * 3 * 3
    assert second["mult_adds"] == 2 * first["mult_adds"]
    assert first["latency"]["median_s"] > 0
    low, high = second["ratio"]["ci95"]
    assert low <= second["ratio"]["median"] <= high


def test_no_host_user_or_path_is_in_the_environment(timed: netcost.Comparison) -> None:
    text = render(timed.to_dict()["environment"])
    assert str(Path.home()) not in text
    import platform

    assert platform.node() == "" or f'"{platform.node()}"' not in text


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


def test_batch_scales_work_and_is_what_throughput_counts() -> None:
    one, eight = compare(["lenet5"], "none"), compare(["lenet5"], "none", batch=8)
    assert eight.to_dict()["models"][0]["mult_adds"] == 8 * one.to_dict()["models"][0]["mult_adds"]
    assert eight.to_dict()["models"][0]["input"] == [8, 1, 32, 32]
    [timed] = compare(["lenet5"], "cpu", batch=8, threads=1, budget_s=0.2).to_dict()["models"]
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
    assert renderer("csv")(table).count("\n") == 1 + 2


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
    assert counted["error"].startswith(f"{names[1]} failed while it was counted: its process ended with exit code 5")
    assert ran["error"].startswith(f"{names[2]} failed in its first call: its process was killed by SIGABRT")
    assert ran["params"] == fine["params"] == 4 * 3 * 3 * 3 + 4
    assert fine["latency"]["batch"] == 2
    assert again["ratio"]["to"] == names[0]
    assert fine["latency"]["samples"] == again["latency"]["samples"]
    assert seen == sorted(seen)
    assert [error.exit_code for error in result.errors] == [3, 3]


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
