"""All that a GPU can tell about netcost, in eight minutes on a bare machine with the checkout.

    python tests/gpu/run.py [--out FOLDER] [--list] [--dry-run]

Each step prints a line with its time and saves what it measured in the folder; everything so far is also packed in
`FOLDER.tar.gz` after each step. One process does step after step; one that fails, dies or takes longer than it may is
replaced, and the next step goes on. `--dry-run` does the same steps on the CPU in small.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import steps  # noqa: E402  # needs the path above, and imports neither torch nor netcost at its top
from steps import DTYPES, LeftOut, Place  # noqa: E402

MINUTES = 8.0
DONE, LEFT_OUT, FAILED = "done", "left out", "FAILED"


class Step(NamedTuple):
    """One step: its name, the minutes that it may take, and the function that does it and returns its line."""

    name: str
    minutes: float
    do: Callable[..., str]
    arguments: tuple[object, ...] = ()


EAGER = (*DTYPES, *(f"{dtype} channels_last" for dtype in DTYPES))
COMPILED = (*(f"{dtype} compile" for dtype in DTYPES), "fp16 channels_last compile")
GRAPHED = ("fp32 cudagraph", "fp16 cudagraph")

STEPS = (
    Step("machine", 0.4, steps.machine),
    Step("compare, eager", 0.9, steps.compare, EAGER),
    Step("pytest -m cuda", 1.1, steps.cuda_tests),
    Step("device", 0.4, steps.device),
    Step("guidelines, quick", 0.9, steps.guidelines),
    Step("events and wall clock", 0.2, steps.clocks),
    Step("training memory", 0.3, steps.training_memory),
    Step("out of memory", 0.2, steps.out_of_memory),
    Step("equals and 10 % more", 0.8, steps.verdicts),
    Step("profiles", 0.4, steps.profiles),
    Step("compare, compiled", 1.0, steps.compare, COMPILED),
    Step("compare, CUDA graphs", 0.3, steps.compare, GRAPHED),
    Step("networks", 0.6, steps.networks),
    Step("guidelines, filled batch", 0.5, steps.guidelines, ("--batch", "64")),
)
"""In the order of what they tell; the last one has all the time that is left."""


class Worker:
    """A process that does step after step, so that torch is imported and the GPU opened once."""

    def __init__(self) -> None:
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None

    def do(self, step: Step, place: Place, log: Path, seconds: float) -> tuple[str, str]:
        """Do a step with its output in the log; return its fate and its text."""
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
        assert self._pipe is not None
        self._pipe.send((step.do, place, step.arguments, log))
        try:
            fate, text = self._pipe.recv() if self._pipe.poll(seconds) else (FAILED, f"stopped after {seconds:.0f} s")
        except (EOFError, ConnectionError):
            fate, text = FAILED, "its process died"
        if fate == FAILED:  # a GPU that failed once may fail everything after it in the same process
            self.end()
        return fate, text

    def end(self) -> None:
        """End the process and all that it has started."""
        if self._process is None or self._pipe is None:
            return
        self._pipe.close()  # one that is not busy ends by itself
        self._process.join(2)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid or 0, signal.SIGKILL)
        self._process.kill()  # where it has not yet made a group
        self._process.join(5)
        self._process = None


def _serve(pipe: Connection) -> None:
    """Do the steps that come through the pipe, one at a time."""
    os.setsid()
    while True:
        try:
            do, place, arguments, log = pipe.recv()
        except EOFError:
            return
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.close(file)
        try:
            answer = DONE, do(place, *arguments)
        except LeftOut as reason:
            answer = LEFT_OUT, str(reason)
        except ModuleNotFoundError as error:
            answer = LEFT_OUT, f"{error.name} is not installed"
        except BaseException as error:
            traceback.print_exc()
            answer = FAILED, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        sys.stdout.flush()
        pipe.send(answer)


def run(todo: Sequence[Step], out: Path, dry: bool, minutes: float = MINUTES) -> int:
    """Do the steps and print a line per step; return 1 if one failed, else 0."""
    out.mkdir(parents=True, exist_ok=True)
    if dry:
        # A minute of compiling tells nothing about a GPU, and the tests of CI share this machine.
        os.environ |= {"TORCH_COMPILE_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    begun, fates, worker = time.monotonic(), list[str](), Worker()
    try:
        for number, step in enumerate(todo, 1):
            start = time.monotonic()
            left_s = 60 * minutes - (start - begun)
            granted_s = left_s if number == len(todo) else min(60 * step.minutes, left_s)
            log = out / f"{number:02}-{''.join(letter if letter.isalnum() else '-' for letter in step.name)}.log"
            if granted_s > 1:
                fate, text = worker.do(step, Place(out, dry, 0.0 if dry else granted_s), log, granted_s)
            else:
                fate, text = LEFT_OUT, "no time is left"
            line = f"{step.name:<24} {time.monotonic() - start:>4.0f} s  {fate:<8}  {text}"
            print(line, flush=True)
            with (out / "steps.txt").open("a", encoding="utf-8") as lines:
                lines.write(line + "\n")
            shutil.make_archive(str(out), "gztar", out.parent, out.name)
            fates.append(fate)
    finally:
        worker.end()
    print(f"{time.monotonic() - begun:.0f} s; the results are in {out}, and packed in {out}.tar.gz")
    return int(FAILED in fates)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("gpu-results"), help="folder of the results")
    parser.add_argument("--list", action="store_true", help="print the steps with the minutes that each may take")
    parser.add_argument("--dry-run", action="store_true", help="the same steps on the CPU, in small")
    asked = parser.parse_args(arguments)
    if asked.list:
        print("\n".join(f"{step.minutes:.1f} min  {step.name}" for step in STEPS))
        return 0
    return run(STEPS, asked.out.resolve(), asked.dry_run)


if __name__ == "__main__":
    sys.exit(main())
