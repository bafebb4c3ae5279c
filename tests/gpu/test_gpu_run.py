"""The script for a GPU: on the CPU in small, and with steps that fail, hang and die."""

import os
import subprocess
import sys

import run

NEED_A_GPU = ("events and wall clock", "compare, CUDA graphs")


def fine(place):
    return f"on {place.device}"


def fails(_):
    raise ValueError("no such\nkernel")


def hangs(_):
    subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"], check=False)


def dies(_):
    os._exit(1)


def lacks(_):
    raise ModuleNotFoundError("no torchvision here", name="torchvision")


def test_the_steps_fit_into_their_minutes(capsys):
    assert sum(step.minutes for step in run.STEPS) <= run.MINUTES == 8.0
    assert run.main(["--list"]) == 0
    assert [line.split("  ")[1] for line in capsys.readouterr().out.splitlines()] == [step.name for step in run.STEPS]


def test_a_step_that_fails_hangs_or_dies_is_a_line_and_the_next_goes_on(tmp_path, capsys):
    todo = [run.Step(do.__name__, 2 / 60 if do is hangs else 1.0, do) for do in (fails, hangs, dies, lacks, fine)]
    assert run.run(todo, tmp_path / "out", dry=False) == 1
    *lines, _ = capsys.readouterr().out.splitlines()
    assert [line.split(" s  ", 1)[1].split(maxsplit=1) for line in lines] == [
        ["FAILED", "ValueError: no such kernel"],
        ["FAILED", "stopped after 2 s"],
        ["FAILED", "its process died"],
        ["left", "out  torchvision is not installed"],
        ["done", "on cuda"],
    ]
    assert (tmp_path / "out" / "steps.txt").read_text().splitlines() == lines
    assert (tmp_path / "out.tar.gz").stat().st_size > 0


def test_no_step_begins_when_the_time_is_up(tmp_path, capsys):
    assert run.run([run.Step("late", 1.0, fine)], tmp_path / "out", dry=True, minutes=0.0) == 0
    assert "no time is left" in capsys.readouterr().out


def test_the_same_steps_run_on_the_cpu_in_small_without_packages_that_a_gpu_s_machine_may_lack(tmp_path):
    for package in ("fvcore", "altair", "vl_convert", "timm", "torchvision", "transformers"):
        (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('blocked', name={package!r})\n")
    command = [sys.executable, run.__file__, "--dry-run", "--out", str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    fates = {line[:24].strip(): line[33:42].strip() for line in done.stdout.splitlines()[:-1]}
    assert fates == {step.name: "left out" if step.name in NEED_A_GPU else "done" for step in run.STEPS}, done.stdout
    assert done.returncode == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    kinds = ("clocks", "device", "environment", "guidelines", "guidelines-networks", "profile-lenet5")
    assert {f"{kind}-cpu.json" for kind in kinds} < written
    assert {"compare-lenet5-lenet5_1998-fp32-cpu.json", "compare-lenet5-lenet5_1998-fp32-compile-cpu.json"} < written
