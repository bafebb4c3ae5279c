"""The benchmarks run: each on next to nothing, its figures not judged (a shared machine has no say in them)."""

import importlib
import lzma
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parent / "benchmarks"
FIVE = ("fvcore", "ptflops", "thop", "torchinfo", "torchprofile")


@pytest.fixture
def benchmark(monkeypatch):
    """Imports a script as it imports its neighbours when it is run: from its own folder."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def ran(script: ModuleType, report: Path, *arguments: str) -> str:
    """The report of a run that ended as a run may end, its figures reached or missed."""
    assert script.main([*arguments, "-o", str(report)]) in (0, 1)
    return report.read_text(encoding="utf-8")


def test_speed_times_netcost_against_torch(benchmark, tmp_path, capsys):
    written = ran(benchmark("speed"), tmp_path / "speed.md", "--models", "alexnet", "--tools", "torch", "--rounds", "0")
    assert "| alexnet |" in written
    assert "FlopCounterMode on meta: median over the models" in written
    assert "FlopCounterMode, meta" in capsys.readouterr().out


@pytest.mark.parametrize("tool", FIVE)
def test_speed_times_netcost_against_each_of_the_others(benchmark, tmp_path, tool):
    pytest.importorskip(tool, reason=f"{tool} is not installed; pip install '.[bench]' brings it")
    arguments = ("--models", "squeezenet1_1", "--tools", tool, "--rounds", "0")
    written = ran(benchmark("speed"), tmp_path / "speed.md", *arguments)
    assert f"{tool} failed" not in written
    assert "Fastest of the five: median over the models" in written


def test_own_device_holds_families_out(benchmark, tmp_path):
    script = benchmark("own_device")
    heading, *lines = script.TIMES.read_text(encoding="utf-8").splitlines(keepends=True)
    few = ("mobilenet_v2", "mini_googlenet", "nin", "alexnet", "alexnet_2012", "resnet18", "mobilenet_v1_0_5")
    (tmp_path / "few.csv").write_text(heading + "".join(line for line in lines if line.split(",")[0] in few))
    written = ran(script, tmp_path / "own.md", str(tmp_path / "few.csv"))
    assert "7 networks, 5 families" in written
    assert "| mult-adds, bytes, kernels | 3 |" in written


def test_memory_compares_fresh_processes(benchmark, tmp_path):
    arguments = ("--models", "torchvision:squeezenet1_1", "--rounds", "1")
    written = ran(benchmark("memory"), tmp_path / "memory.md", *arguments)
    assert "torchvision:alexnet, then torchvision:squeezenet1_1" in written


def test_the_transformer_of_memory_has_ten_billion_parameters(benchmark):
    memory = benchmark("memory")
    assert memory.analyse([memory.TRANSFORMER])["params"] >= memory.TRANSFORMER_PARAMS


def test_nothing_left_trains_after_an_analysis(benchmark, tmp_path):
    script, report = benchmark("nothing_left"), tmp_path / "nothing_left.md"
    assert script.main(["--networks", "lenet5", "-o", str(report)]) == 0
    assert "| lenet5 |" in report.read_text(encoding="utf-8")


def test_linearity_times_two_lengths(benchmark, tmp_path):
    written = ran(benchmark("linearity"), tmp_path / "linearity.md", "--lengths", "8", "16", "--rounds", "1")
    assert "| linear + relu | 8 |" in written


def test_profile_sum_adds_operators_and_gap_up(benchmark, tmp_path):
    arguments = ("--models", "lenet5", "--budget", "0.2", "--threads", "1")
    written = ran(benchmark("profile_sum"), tmp_path / "profile_sum.md", *arguments)
    assert "| lenet5: operators + gap, by the plain run |" in written


def test_peak_memory_agrees_with_a_real_run(benchmark, tmp_path):
    script = benchmark("peak_memory")
    assert script.main(["--models", "torchvision:squeezenet1_1", "-o", str(tmp_path / "peak_memory.md")]) == 0


@pytest.mark.parametrize(
    ("script", "arguments", "said"),
    [
        ("bias", (), "torchvision:squeezenet1_1: deviation"),
        ("precision", (), "3x3 convolutions and separable: longest time"),
        ("mobilenets", ("--threads", "1"), "Where the time goes, 1 thread"),
    ],
)
def test_a_benchmark_of_the_clock_runs_quickly(benchmark, tmp_path, script, arguments, said):
    assert said in ran(benchmark(script), tmp_path / "report.md", "--quick", *arguments)


@pytest.mark.usefixtures("forked_workers")
def test_latency_gate_asks_of_the_same_and_of_the_doubled_network(benchmark, tmp_path):
    arguments = ("--times", "1", "--budget", "1", "--limit", "50%")
    written = ran(benchmark("latency_gate"), tmp_path / "latency_gate.md", *arguments)
    assert "| the same: checks of 1 that pass |" in written
    assert "| doubled: checks of 1 that fail |" in written


def test_verdicts_are_kept_and_go_on_where_they_were_broken_off(benchmark, tmp_path, monkeypatch, capsys):
    script, results = benchmark("verdicts"), tmp_path / "results.jsonl"
    arguments = ("--quick", "--load", "--results", str(results))
    written = ran(script, tmp_path / "verdicts.md", *arguments)
    assert "equals with a winner; one core loaded half of the time, 1 thread" in written
    kept = results.read_text(encoding="utf-8")
    assert kept.count("\n") == len(script.KINDS) + 3 + 3  # how wide each network is, and every comparison
    *_, last = kept.splitlines(keepends=True)
    results.write_text(kept.removesuffix(last), encoding="utf-8")
    made = []
    again = script.comparison
    monkeypatch.setattr(script, "comparison", lambda *given: made.append(given) or again(*given))
    ran(script, tmp_path / "verdicts.md", *arguments)
    assert len(made) == 1
    assert ran(script, tmp_path / "quiet.md", "--quick", "--results", str(results)).count("no load of ours") > 1
    capsys.readouterr()


@pytest.mark.parametrize(("hits", "of", "low", "high"), [(0, 200, 0.0, 0.0188), (10, 200, 0.0274, 0.0896)])
def test_the_interval_of_a_share_is_wilsons(benchmark, hits, of, low, high):
    assert benchmark("verdicts").wilson(hits, of) == pytest.approx((low, high), abs=5e-5)


# ---- how they time and judge ----------------------------------------------------------------------------------------


class Clock:
    """Each look at it moves it on by the next of these steps (seconds): begin, end, begin, end …"""

    def __init__(self, *runs_s: float) -> None:
        self._steps = iter([step for run_s in runs_s for step in (0.0, run_s)])
        self._now = 0.0

    def __call__(self) -> float:
        self._now += next(self._steps)
        return self._now


@pytest.fixture
def rounds(benchmark, monkeypatch):
    """Times nothing that counts, and so does not collect what all other tests have left (a second per run)."""
    monkeypatch.setattr("gc.collect", lambda: 0)
    return benchmark("rounds")


def test_a_subject_warms_up_once_and_then_runs_once_a_round(rounds):
    found = rounds.interleave({"a": lambda: 7}, rounds=3, clock=Clock(9.0, 1.0, 2.0, 3.0))
    assert (found["a"].times_s, found["a"].result, found["a"].median_s) == ((1.0, 2.0, 3.0), 7, 2.0)


def test_a_slow_subject_runs_as_often_as_its_budget_allows(rounds):
    found = rounds.interleave({"a": lambda: 7}, rounds=3, budget_s=5.0, clock=Clock(2.0, 1.0, 1.5))
    assert found["a"].times_s == (1.0, 1.5)


def test_a_first_run_beyond_the_budget_is_the_only_one(rounds):
    found = rounds.interleave({"a": lambda: 7}, rounds=3, budget_s=5.0, clock=Clock(6.0))
    assert found["a"].times_s == (6.0,)


def test_a_failure_is_no_time(rounds):
    def fail():
        raise ValueError("no such operator\nmore of it")

    found = rounds.interleave({"bad": fail, "good": lambda: 1}, rounds=2)
    assert found["bad"].times_s == ()
    assert found["bad"].median_s is None
    assert found["bad"].failure == "ValueError: no such operator"
    assert len(found["good"].times_s) == 2


def test_a_count_that_contradicts_the_tools_own_is_a_failure(benchmark):
    speed, rounds = benchmark("speed"), benchmark("rounds")
    right, wrong = rounds.Series((1.0,), 100.0), rounds.Series((0.5,), 102.0)
    found = speed.agreeing({"thop": right, "thop, meta": wrong, "torchinfo": right, "torchinfo, meta": right})
    assert found["thop, meta"].median_s is None
    assert found["torchinfo, meta"] == right


@pytest.mark.parametrize(
    ("found", "holds"), [(None, False), (6.9, False), (7.0, True), (10.0, True), (13.0, True), (13.1, False)]
)
def test_a_figure_holds_within_its_bounds(benchmark, found, holds):
    assert benchmark("findings").Requirement("ratio", found, low=7, high=13).holds is holds


def test_a_missed_figure_fails_the_run(benchmark, capsys):
    findings = benchmark("findings")
    reached, missed = findings.Requirement("one", 11, low=10), findings.Requirement("two", None, low=10)
    assert findings.finish("Figures", [], [reached], None) == 0
    assert findings.finish("Figures", [], [reached, missed], None) == 1
    assert "MISSED" in capsys.readouterr().out


def test_netcost_is_exact_where_the_counters_disagree(benchmark, tmp_path):
    assert benchmark("disagreement").main(["-o", str(tmp_path / "disagreement.md")]) == 0


def test_training_step_compares_with_hand_arithmetic_and_real_steps(benchmark, tmp_path):
    arguments = ("--models", "torchvision:squeezenet1_1", "--memory", "squeezenet1_1")
    written = ran(benchmark("training_step"), tmp_path / "training.md", *arguments)
    assert "| networks of 1 that differ from arithmetic by layer, module by module | ≤ 0 | 0 | holds |" in written
    assert "| largest difference to live storages, bytes | ≤ 0 | 0 | holds |" in written


def test_prediction_fits_a_table_of_three_networks(benchmark, tmp_path):
    pytest.importorskip("timm")
    rows = "test_vit,160,707,1.4,1,0.37\ntest_byobnet,160,682,1.5,1,0.46\ntest_efficientnet,160,600,1.7,1,0.36\n"
    head = "model,infer_img_size,infer_samples_per_sec,infer_step_time,infer_batch_size,param_count\n"
    (tmp_path / "benchmark-infer-fp32-nchw-pt240-cpu-i9_10940x-dynamo.csv").write_text(head + rows)
    arguments = (str(tmp_path), "--cache", str(tmp_path / "counts"), "--only", "i9-10940x")
    written = ran(benchmark("prediction"), tmp_path / "prediction.md", *arguments)
    assert "| i9-10940x | 3 |" in written
    assert "i9-10940x: median error on unseen families" in written


def test_pretrained_writes_the_facts_that_are_shipped(benchmark, tmp_path, monkeypatch):
    pytest.importorskip("timm")
    script, facts = benchmark("pretrained"), tmp_path / "facts"
    shipped = script.DATA
    facts.mkdir()
    monkeypatch.setattr(script, "DATA", facts)
    weights = "test_vit.r160_in1k,160,41.7,0.37\ntest_byobnet.r160_in1k,160,46.2,0.46\n"
    (tmp_path / "results.csv").write_text(f"model,img_size,top1,param_count\n{weights}")
    head = "model,infer_img_size,infer_samples_per_sec,infer_step_time,infer_batch_size,param_count\n"
    for table in script.TABLES:
        (tmp_path / f"benchmark-infer-{table.file}.csv").write_text(f"{head}test_vit,160,707,1.4,1,0.37\n")
    arguments = (str(tmp_path / "results.csv"), str(tmp_path), "--cache", str(tmp_path), "--write", "--sample", "1")
    assert "| rtx4090, eager |" in ran(script, tmp_path / "pretrained.md", *arguments)
    for name in ("networks", *script.WAYS):
        ours, theirs = (
            lzma.decompress((folder / f"{name}.csv.xz").read_bytes()).decode() for folder in (facts, shipped)
        )
        assert ours.count("\n") > 2 and ours.partition("test_byobnet")[2].partition("test_vit")[0] in theirs
