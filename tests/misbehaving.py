"""Models that misbehave in every way that a process allows, at import, in the constructor or in the forward pass.

    python tests/misbehaving.py 100

checks that many of them, with a well-behaved one after each, and prints what became of each.
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

KINDS = {
    "exit": "sys.exit(0)",
    "leave": "os._exit(0)",
    "raise": "raise BaseException('not today')",
    "interrupt": "raise KeyboardInterrupt",
    "generator": "raise GeneratorExit",
    "kill": "os.kill(os.getpid(), signal.SIGKILL)",
    "terminate": "os.kill(os.getpid(), signal.SIGTERM)",
    "abort": "os.abort()",
    "fork": "os.fork()",
    "daemon": "os.fork() and os._exit(0)",
    "hang": "time.sleep(3600)",
    "print": "print('{\"id\": 1}'); os.write(1, b'no json\\n'); os.write(2, b'\\xff\\xfe')",
    "pipes": '[os.write(fd, b\'\\n{"id": 1, "baseline": {}}\\n\') for fd in range(3, 20) if _is_pipe(fd)]',
    "close": "os.closerange(3, 20)",
    "chdir": "os.chdir('/')",
    "modules": "sys.modules = {}",
    "clear": "sys.modules.clear()",
    "torch": "sys.modules['torch'] = None",
    "path": "sys.path.clear()",
    "signals": "[signal.signal(n, signal.SIG_IGN) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)]",
    "alarm": "signal.setitimer(signal.ITIMER_REAL, 0.05)",
    "streams": "sys.stdout = sys.stderr = None",
    "thread": "threading.Thread(target=lambda: (time.sleep(0.05), os._exit(0))).start()",
    "recursion": "(lambda f: f(f))(lambda f: f(f))",
    "stop": "raise StopIteration",
    "trace": "sys.settrace(lambda *_: 1 / 0)",
    "patch": "nn.Linear.forward = lambda self, x: x",
    "dtype": "torch.set_default_dtype(torch.float64)",
    "exit hook": "atexit.register(os._exit, 0); sys.exit(0)",
}
"""Statements by name."""

MOMENTS = ("import", "constructor", "forward")

CODE = """
import atexit, os, signal, stat, sys, threading, time
import torch
from torch import nn

def _is_pipe(fd):
    try:
        return stat.S_ISFIFO(os.fstat(fd).st_mode)
    except OSError:
        return False

{at_import}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, {width})
        {in_constructor}

    def forward(self, x):
        {in_forward}
        return self.layer(x)
"""


def params(width: int) -> int:
    """Parameters of a network."""
    return (4 + 1) * width


def write_project(folder: Path, chosen: list[tuple[str, str]]) -> None:
    """Write a model of each kind and moment, a well-behaved one after each, and the settings that name them all."""
    settings = []
    for width, (kind, moment) in enumerate(chosen, start=1):
        statements = {name: KINDS[kind] if name == moment else "pass" for name in MOMENTS}
        for name, code in ((f"bad{width}", statements), (f"good{width}", dict.fromkeys(MOMENTS, "pass"))):
            text = CODE.format(
                width=width, at_import=code["import"], in_constructor=code["constructor"], in_forward=code["forward"]
            )
            (folder / f"{name}.py").write_text(text)
            settings.append(f'[[targets]]\nmodel = "{name}.py:Net"\ninput = "2x4"\nbudget = {{params = "<= 1M"}}\n')
    (folder / "netcost.toml").write_text("".join(settings))


def check(folder: Path, *arguments: str, timeout: float) -> subprocess.CompletedProcess[bytes]:
    """Run `netcost check` on the project."""
    command = [sys.executable, "-m", "netcost", "check", "--config", "netcost.toml", "--timeout", str(timeout)]
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, check=False)


def faults(chosen: list[tuple[str, str]], code: int, targets: list[dict]) -> list[str]:
    """Return what is wrong with the report: a target that is neither counted right nor an error, or a false code."""
    found = []
    by_name = {target["target"]: target for target in targets}
    for width, what in enumerate(chosen, start=1):
        for name in (f"bad{width}", f"good{width}"):
            target = by_name.get(f"{name}.py:Net")
            if target is None:
                found.append(f"{name} {what}: missing")
            elif target["error"] is None:
                [counted] = [change["new"] for change in target["changes"] if change["metric"] == "params"]
                expected = 0 if name.startswith("bad") and what[0] == "patch" else params(width)
                if counted != expected:
                    found.append(f"{name} {what}: counted {counted}, expected {expected}")
            elif name.startswith("good"):
                found.append(f"{name} {what}: {target['error']}")
    if code == 0 and any(target["error"] for target in targets):
        found.append("exit code 0, and not every target is counted")
    return found


def main(number: int) -> int:
    """Check so many models, drawn at random, and print what became of each."""
    chosen = [(kind, moment) for kind in KINDS for moment in MOMENTS]
    draw = random.Random(0)
    chosen = draw.sample(chosen * (1 + number // len(chosen)), number)
    with tempfile.TemporaryDirectory() as folder:
        write_project(Path(folder), chosen)
        done = check(Path(folder), "--format", "json", timeout=20)
    targets = json.loads(done.stdout)["targets"]
    for what, target in zip(chosen, targets[::2], strict=True):
        print(*what, target["error"] or "counted", sep=": ")
    found = faults(chosen, done.returncode, targets)
    print(f"{number} models, exit code {done.returncode}, {len(found)} faults", *found, sep="\n")
    return len(found)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
