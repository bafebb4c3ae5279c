"""`netcost compare --on`: predicted latencies beside the counts and the times of a comparison."""

import csv
import io
import json

import pytest
from commands import refused

import netcost
from netcost.cli.app import run
from netcost.comparison import Comparison, Sweep, sweep
from netcost.comparison.running import compare
from netcost.prediction.coefficients import shipped
from netcost.text.formats import result_text

REASON = "lenet5 on rtx4090: cannot tell: "
"""Of a network that takes far less time than any that was measured."""


@pytest.fixture(scope="module")
def predicted() -> Comparison:
    return compare(["resnet18", "lenet5"], "none", batch=256, on=["rtx4090", "rtx5090"])


def test_a_comparison_predicts_as_netcost_predict_does(predicted: Comparison) -> None:
    first, other = predicted.entries
    alone = netcost.predict("resnet18", on=["rtx4090", "rtx5090"], batch=256).predictions
    assert [one.device for one in first.predicted] == ["rtx4090", "rtx5090"]
    assert [one.predicted_latency_s for one in first.predicted] == [one.latency_s for one in alone]
    assert [one.predicted_interval90_s for one in first.predicted] == [one.interval_s for one in alone]
    assert [one.predicted_latency_s for one in other.predicted] == [None, None]


def test_predictions_are_called_so_in_every_format(predicted: Comparison) -> None:
    first = predicted.entries[0].predicted[0]
    table = result_text(predicted, "table")
    assert "Predicted latency, rtx4090" in table
    assert "90 % interval, predicted" in table
    assert REASON in table
    assert "predicted for NVIDIA GeForce RTX 5090" in table
    one, other = csv.DictReader(io.StringIO(result_text(predicted, "csv")))
    assert float(one["predicted_rtx4090_s"]) == first.predicted_latency_s
    assert float(one["predicted_rtx4090_low_s"]) < first.predicted_latency_s < float(one["predicted_rtx4090_high_s"])
    assert (other["predicted_rtx4090_s"], bool(other["predicted_rtx4090_reasons"])) == ("", True)
    plain = json.loads(result_text(predicted, "json"))["models"][0]["predicted"][0]
    assert plain["predicted_latency_s"] == first.predicted_latency_s
    assert "predicted" not in result_text(compare(["lenet5"], "none"), "json")


def test_a_sweep_predicts_each_batch_and_files_of_one_name_are_told_apart() -> None:
    swept = sweep(["lenet5"], [1, 2], threads=1, budget_s=0.2, on=["rtx4090", "rtx4090"])
    assert isinstance(swept, Sweep)
    table = swept.table()
    assert [column.heading for column in table.columns if "Predicted" in column.heading] == [
        "Predicted on rtx4090",
        "Predicted on rtx4090_2",
    ]
    assert [row[-4] for row in table.rows] == ["cannot tell"] * 2
    assert "batch 1; measured at" in " ".join(table.notes)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--on rtx409", "did you mean rtx4090"),
        ("--on rtx4090 --isolate", "leave out --isolate"),
        ("--on rtx4090 --device none --step train", "leave out --step"),
    ],
)
def test_a_wrong_request_is_one_line(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told in refused(capsys, ["compare", "lenet5", *words.split()])


def test_a_calibration_of_another_setting_is_warned_of(
    tmp_path, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = shipped("i9-10940x").to_dict()
    setting = {"dtype": "fp32", "memory_format": "contiguous", "backend": "compile", "cold_cache": False}
    plain |= {"source": {"table": "times here"}, "setting": setting, "threads": 14, "torch": "2.4.0"}
    (tmp_path / "my.json").write_text(json.dumps(plain))
    assert run(["compare", "lenet5", "--on", "my.json", "--threads", "1", "--budget", "0.2"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Warning: i9-10940x was calibrated with torch 2.4.0, not" in told
    assert "backend compile, not eager; threads 14, not 1." in told
