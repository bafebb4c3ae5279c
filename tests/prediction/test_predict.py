"""`netcost predict` and `netcost calibrate`: answers, refusals, and files of measured times."""

import csv
import json
from pathlib import Path

import pytest
import torch
from commands import refused
from torch import nn

import netcost
from netcost.cli.app import run

NETWORKS = (
    "xception googlenet inception_v3 mobilenet_v1 mobilenet_v2 resnet18 resnet34 resnet50 shufflenet_v2_x1_0 vgg11"
)


@pytest.fixture(autouse=True)
def in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_prediction_has_an_interval_and_a_rate() -> None:
    both = netcost.predict(["resnet50", "mobilenet_v2"], on=["rtx4090", "rtx5090"]).predictions
    assert [(one.model, one.on.device) for one in both][1:3] == [("resnet50", "rtx5090"), ("mobilenet_v2", "rtx4090")]
    assert {(one.status, one.batch) for one in both} == {("predicted", 256)}
    assert all(one.interval_s[0] < one.latency_s < one.interval_s[1] for one in both)
    assert both[0].per_second == pytest.approx(256 / both[0].latency_s)
    assert both[1].latency_s < both[0].latency_s  # a 5090 is faster than a 4090
    assert both[2].latency_s < both[0].latency_s  # and a MobileNet v2 than a ResNet-50


class Decoder(nn.Module):
    """Tokens, causal attention, logits."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.head = nn.Embedding(100, 32), nn.Linear(32, 100)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.tokens(ids)[:, None]
        return self.head(nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True))


@torch.library.custom_op("netcost_prediction_test::twist", mutates_args=())
def twist(x: torch.Tensor) -> torch.Tensor:
    return x.flip(0)


@twist.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


class Own(nn.Conv2d):
    """A convolution, and an operator without a counting rule."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return twist(super().forward(x))


IDS = torch.zeros(256, 16, dtype=torch.int64)
IMAGE = (256, 8, 32, 32)


@pytest.mark.parametrize(
    ("network", "inputs", "why"),
    [
        (nn.LSTM(8, 8), (16, 256, 8), "recurrent"),
        (nn.Sequential(nn.Conv3d(3, 8, 3)), (256, 3, 8, 8, 8), "3-D convolution"),
        (Decoder(), IDS, "causal attention, embedding"),
        (nn.ConvTranspose2d(8, 8, 2), IMAGE, "transposed convolution"),
        (nn.Flatten(), IMAGE, "per sample"),  # nothing runs
        (nn.Conv2d(8, 8, 3).half(), torch.empty(IMAGE, dtype=torch.float16, device="meta"), "float16"),
        (Own(8, 8, 3), IMAGE, "no rule counts netcost_prediction_test.twist"),
        (nn.ReLU(), IMAGE, "per sample; measured networks took"),
    ],
)
def test_a_network_unlike_those_measured_gets_no_number(network: nn.Module, inputs: object, why: str) -> None:
    [one] = netcost.predict(network, on="rtx4090", inputs=inputs).predictions
    assert (one.status, one.latency_s, one.interval_s, one.per_second) == ("cannot tell", None, None, None)
    assert why in "; ".join(one.reasons)


@pytest.mark.parametrize(("device", "batch"), [("rtx4090", 1), ("rtx5090", 100_000), ("i9-10940x", 256)])
def test_a_batch_that_was_not_measured_gets_no_number(device: str, batch: int) -> None:
    [one] = netcost.predict("resnet50", on=device, batch=batch).predictions
    assert one.latency_s is None
    assert f"batch {batch:,}; measured" in one.reasons[0]


def test_a_prediction_says_so_in_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("table", "markdown", "csv", "json"):
        assert run(["predict", "resnet50", "--on", "rtx4090", "--format", name]) == 0
        out = capsys.readouterr().out
        assert "redicted" in out, name
    [one] = json.loads(out)["predictions"]
    low, high = one["predicted_interval90_s"]
    assert low < one["predicted_latency_s"] < high
    assert run(["predict", "resnet50", "--on", "rtx4090", "--batch", "1", "--format", "csv"]) == 0
    [record] = csv.DictReader(capsys.readouterr().out.splitlines())
    assert (record["status"], record["predicted_latency_s"]) == ("cannot tell", "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--on rtx409", "did you mean rtx4090"),
        ("--on rtx3090 --mode compiled", "for 'compiled contiguous'; it was measured: eager"),
        ("--on absent.json", "absent.json"),
        ("--on rtx4090 --memory-format nchw", "unknown memory format 'nchw'; expected one of contiguous"),
    ],
)
def test_an_unknown_device_is_one_line(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told in refused(capsys, ["predict", "resnet50", *words.split()])


def timings(times: float = 1.0, mode: str | None = None, device: str = "i9-10940x") -> str:
    predicted = netcost.predict(NETWORKS.split(), on=device, mode=mode).predictions
    return "target,batch,ms\n" + "".join(f"{p.model},{p.batch},{1000 * times * p.latency_s}\n" for p in predicted)


def test_a_processor_that_is_twice_as_slow_is_found_from_ten_networks(capsys: pytest.CaptureFixture[str]) -> None:
    Path("board.csv").write_text(timings(2.0))
    words = "calibrate --from board.csv --precision traced --mode compiled -o board.json"
    assert run(words.split()) == 0
    assert "Median error on held-out families" in capsys.readouterr().out
    ours, theirs = (netcost.predict("resnet50", on=on).predictions[0] for on in ("board.json", "i9-10940x"))
    assert ours.on.few_columns
    assert "no datasheet" in ours.on.sheet.source
    assert ours.on.sheet.mult_adds_per_s != theirs.on.sheet.mult_adds_per_s
    assert ours.latency_s == pytest.approx(2 * theirs.latency_s, rel=0.35)


def test_a_gpu_starts_from_the_sibling_that_is_most_alike(capsys: pytest.CaptureFixture[str]) -> None:
    Path("gpu.csv").write_text(timings(3.0, device="rtx4090"))
    assert run("calibrate --from gpu.csv -o gpu.json".split()) == 0
    assert "rtx4090" in capsys.readouterr().out
    ours, theirs = (netcost.predict("densenet121", on=on).predictions[0] for on in ("gpu.json", "rtx4090"))
    assert ours.latency_s == pytest.approx(3 * theirs.latency_s, rel=0.05)


TIMM = "model,infer_samples_per_sec,infer_step_time,infer_batch_size,infer_img_size\n"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("", "lacks the columns name, batch, ms"),
        ("target,ms\nresnet50,3\n", "lacks the columns batch"),
        ("target,batch,ms\nresnet50,1,nan\n", "line 2: ms is 'nan'; expected a number above 0"),
        ("target,batch,ms\nresnet50,1,-3\n", "line 2: ms is '-3'"),
        ("target,batch,ms\nresnet50,1\n", "line 2: ms is null"),
        ("target,batch,ms\nresnet50,1.5,3\n", "line 2: batch is 1.5; expected a whole number"),
        ("target,batch,ms\nresnet50,1,3\nresnet50,1,4\n", "line 3: 'resnet50' at this batch stands in line 2"),
        ("target,batch,ms\nresnet50,1,9e9\n", "write milliseconds"),
        ("target,batch,ms\nresnet5,1,3\n", "0 networks that can be used, of at least 10; line 2: unknown architecture"),
        (f"{TIMM}resnet50,1000,0.256,256,224\n", "is not milliseconds per batch"),
    ],
)
def test_a_damaged_file_of_times_is_one_line(written: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("times.csv").write_text(written)
    assert told in refused(capsys, "calibrate --from times.csv -o my.json".split())
    assert not Path("my.json").exists()


def test_a_damaged_calibration_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my.json").write_text(json.dumps({"schema": 1, "device": 3}))
    assert "$.device: expected text, found 3" in refused(capsys, "predict resnet50 --on my.json".split())
