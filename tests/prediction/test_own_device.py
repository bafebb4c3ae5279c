"""`netcost calibrate` on this device: what is timed, kept, resumed and warned of; on made-up times."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import fake_bench
import made_up
import pytest
from commands import refused

import netcost
from netcost.cli.app import run
from netcost.counting import Analysis
from netcost.prediction import own_device
from netcost.prediction.own_device import NETWORKS, REFERENCE
from netcost.text.errors import MeasurementError
from netcost.timing import doubts
from netcost.zoo import ARCHITECTURES

CALIBRATE = ["calibrate", "-o", "my.json"]
KEPT = "my.json.times.csv"

FEW = """
    mobilenet_v1_0_25 mini_googlenet shufflenet_v2_x0_5 nin alexnet resnet18 googlenet vgg11 se_resnet50 densenet121
""".split()
PANELS = ([REFERENCE, *FEW[:5]], [REFERENCE, *FEW[5:]])


@cache
def analysis(name: str) -> Analysis:
    return netcost.analyze(name)


def true_ms(name: str) -> float:
    """A device of 0.1 ns per multiply-add, 10 GB/s and 20 us per kernel."""
    counted = analysis(name)
    return 1e3 * (1e-10 * counted.mult_adds + 1e-10 * counted.memory_access_bytes + 2e-5 * counted.kernels)


class Timer:
    """Stands in for `measure_all`: true times, each panel slower by its factor; None interrupts, as a user does."""

    def __init__(self, *factors: float | None, failing: str = "") -> None:
        self.factors, self.failing, self.panels = list(factors), failing, []

    def __call__(self, models, _timing, progress):
        factor = self.factors.pop(0)
        if factor is None:
            raise KeyboardInterrupt
        self.panels.append([name for name, _, _ in models])
        progress(1.0, "done")
        load = (doubts.OtherLoad(0.5, 2),)
        return [
            MeasurementError(f"{name} failed in its first call: out of memory")
            if name == self.failing
            else made_up.measurement(factor * true_ms(name) / 1000, doubts=load)
            for name, _, _ in models
        ]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of known rates, and fewer networks, which are not built."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(own_device, "NETWORKS", FEW)
    monkeypatch.setattr(own_device, "measure_peaks", lambda *_, **__: fake_bench.made_up_peaks())
    monkeypatch.setattr(own_device, "read_environment", lambda _, threads: made_up.machine(threads=threads or 2))
    monkeypatch.setattr(own_device, "built", lambda *_: (None, None))


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Timer]:
    def begin(*factors: float | None, failing: str = "") -> Timer:
        timer = Timer(*factors, failing=failing)
        monkeypatch.setattr(own_device, "measure_all", timer)
        return timer

    return begin


def test_a_device_is_timed_in_panels_and_fitted(
    timed: Callable[..., Timer], capsys: pytest.CaptureFixture[str]
) -> None:
    timer = timed(1.0, 1.25)  # the second panel ran on a slower machine
    assert run([*CALIBRATE, "--threads", "2"]) == 0
    out = capsys.readouterr().out
    assert timer.panels == [*PANELS]
    assert not Path(KEPT).exists()
    assert "OtherLoad (11 of 11 networks)" in out
    assert f"{REFERENCE} took" in out  # from panel to panel
    plain = json.loads(Path("my.json").read_text())
    assert (plain["device"], plain["title"], plain["threads"]) == ("my", "Quick CPU", 2)
    setting = {"dtype": "fp32", "memory_format": "contiguous", "backend": "eager", "cold_cache": False, "runtime": None}
    assert plain["setting"] == setting
    assert plain["sheet"]["mult_adds_per_s"] == pytest.approx(fake_bench.FLOPS_PER_S["fp32"] / 2, rel=1e-3)
    assert "measured here" in plain["sheet"]["source"]
    # Both are scaled to the median of the reference, which is that of the first: six of eleven networks ran in it.
    seconds = {one["target"]: one["seconds"] for one in plain["measured"]}
    assert seconds == pytest.approx({name: true_ms(name) / 1000 for name in (REFERENCE, *FEW)}, rel=1e-3)
    assert plain["error"] < 0.05
    [one] = netcost.predict("resnet34", on="my.json").predictions
    assert one.batch == 1
    assert one.latency_s == pytest.approx(true_ms("resnet34") / 1000, rel=0.05)


def test_a_gpu_starts_from_its_nearest_sibling_and_keeps_its_own_rates(monkeypatch, timed) -> None:
    alone = {p.model: p.latency_s for p in netcost.predict([REFERENCE, *FEW, "resnet34"], on="rtx4090").predictions}
    known = {name: 3e3 * (seconds or 1.0) for name, seconds in alone.items()}  # milliseconds of a third of its speed
    gpu = replace(fake_bench.made_up_peaks(), device="cuda")
    monkeypatch.setattr(own_device, "measure_peaks", lambda *_, **__: gpu)
    monkeypatch.setattr(own_device, "require_device", lambda name: name)
    monkeypatch.setitem(globals(), "true_ms", known.get)
    timed(1.0, 1.0)
    assert run([*CALIBRATE, "--device", "cuda", "--dtype", "bf16"]) == 0
    plain = json.loads(Path("my.json").read_text())
    assert (plain["precision"], plain["setting"]["dtype"], plain["threads"]) == ("half", "bf16", None)
    assert (plain["few_columns"], plain["batches"]) == (False, [256, 256])
    assert plain["sheet"]["mult_adds_per_s"] == pytest.approx(fake_bench.FLOPS_PER_S["bf16"] / 2, rel=1e-3)
    assert plain["sheet"]["cache_bytes"] is None
    [one] = netcost.predict("resnet34", on="my.json").predictions
    assert one.latency_s == pytest.approx(known["resnet34"] / 1e3, rel=0.2)


def test_an_interrupted_run_goes_on(timed: Callable[..., Timer], capsys: pytest.CaptureFixture[str]) -> None:
    timed(1.0, None)
    assert run(CALIBRATE) == 130
    assert f"the times so far are in '{KEPT}'" in capsys.readouterr().err
    assert not Path("my.json").exists()
    again = timed(1.0)
    assert run(CALIBRATE) == 0
    assert again.panels == [PANELS[1]]
    assert not Path(KEPT).exists()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("Quick CPU", "Slow CPU", "times of another setting (device Slow CPU, now Quick CPU); remove the file"),
        ("target,", "model,", "is no file of times of netcost calibrate"),
        ("nin,1,", "nin,one,", "is damaged: ValueError: invalid literal"),
        ("nin,1,", "nin,1,-", "is damaged: nin took -"),
    ],
)
def test_times_that_do_not_go_together_are_one_line(
    old: str, new: str, told: str, timed: Callable[..., Timer], capsys: pytest.CaptureFixture[str]
) -> None:
    timed(1.0, None)
    run(CALIBRATE)
    capsys.readouterr()
    text = Path(KEPT).read_text()
    assert old in text
    Path(KEPT).write_text(text.replace(old, new))
    assert told in refused(capsys, CALIBRATE)


def test_a_network_that_fails_is_left_out_and_told(timed, capsys) -> None:
    timed(1.0, 1.0, failing="vgg11")
    assert run(CALIBRATE) == 0
    assert "vgg11 at batch 1: vgg11 failed in its first call: out of memory" in capsys.readouterr().out
    timed(1.0, failing=REFERENCE)
    assert run(CALIBRATE) == 3


def test_a_calibration_of_another_torch_or_layout_is_warned_of(timed, capsys) -> None:
    timed(1.0, 1.0)
    run(CALIBRATE)
    text = Path("my.json").read_text().replace(made_up.machine().torch, "1.0")
    Path("my.json").write_text(text)
    words = ["predict", "resnet34", "--on", "my.json", "--memory-format", "channels_last"]
    capsys.readouterr()
    assert run(words) == 0
    warning = f"Warning: my was calibrated with torch 1.0, not {made_up.machine().torch}; memory format contiguous, not"
    assert warning in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--mode eager", "--mode is for times of a file; add --from"),
        ("--from times.csv --threads 1", "--threads is for timing here, not for --from"),
        ("--device gpu", "device 'gpu' is not one to measure on"),
        ("--batch 0", "--batch '0' does not parse"),
    ],
)
def test_options_of_the_other_way_are_refused(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told in refused(capsys, [*CALIBRATE, *words.split()])


def test_the_networks_are_of_many_families() -> None:
    families = {ARCHITECTURES.get(name).build.__module__ for name in (REFERENCE, *NETWORKS)}
    assert len({REFERENCE, *NETWORKS}) == 20
    assert len(families) == 17
