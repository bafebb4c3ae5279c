"""Networks in processes of their own: what they answer, how they die, and that nothing of them stays."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest
from fake_clock import LONG, Clock
from fake_worker import FakeWorker
from torch import nn

from netcost.checking.counter import count_target
from netcost.checking.revision import place_in
from netcost.comparison.isolated import count_here
from netcost.targets.naming import Target, resolve
from netcost.text.errors import MeasurementError, RequestError, TargetError
from netcost.timing import doubts, stats
from netcost.timing.measurement import Measurement
from netcost.timing.sampling import FEWEST_ROUNDS
from netcost.timing.setting import Timing
from netcost.timing.workers import Recipe, Worker, WorkerPlace, measure_in, messages, recipe_of
from netcost.tracing import InputSpec

SMALL = (InputSpec((2, 3, 8, 8)),)

NET = """
import os, signal, subprocess, sys
import torch
from torch import nn

print("imported")

class Net(nn.Module):
    def __init__(self, width=4, sizes=(3, 3)):
        super().__init__()
        assert isinstance(sizes, tuple)
        self.conv = nn.Conv2d(3, width, sizes)
        self.calls = 0
    def forward(self, x):
        if not x.is_meta:
            self.calls += 1
            if self.calls == 6:  # a first call, two of warm-up, and three rounds there are, however slow the machine
                self.fail()
        return self.conv(x)
    def fail(self):
        pass

class Exits(Net):
    def fail(self):
        os._exit(3)

class Raises(Net):
    def fail(self):
        raise ValueError("not today\\nnor tomorrow")

class Leaves(Net):
    def fail(self):
        sys.exit("enough")

class Crashes(Net):
    def fail(self):
        print("about to crash", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)

class Prints(Net):
    def forward(self, x):
        print('{"seconds": 0.0}')
        os.write(1, b'{"seconds": 0.0}\\n')
        sys.stdout.flush()
        assert sys.stdin.read() == ""
        return super().forward(x)

class Hangs(Net):
    def forward(self, x):
        while not x.is_meta:
            pass
        return super().forward(x)

class HangsAndSays(Hangs):
    def forward(self, x):
        open("hanging", "w").close()  # waits for a reader
        return super().forward(x)

class Forks(Net):
    def __init__(self):
        super().__init__()
        self.child = subprocess.Popen(["sleep", "1000"])
        self.register_buffer("pid", torch.tensor(self.child.pid))
        with open("child.pid", "w") as file:
            file.write(str(self.child.pid))

def dies():
    os._exit(4)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("net")
    (folder / "net.py").write_text(NET)
    return folder


@pytest.fixture(scope="module")
def worker(folder):
    """One worker for all tests that leave it alive: starting one means importing torch."""
    with Worker(WorkerPlace(folder)) as worker:
        yield worker


def net(name, **arguments):
    return Recipe(f"net.py:{name}", arguments, SMALL)


# ---- with real processes --------------------------------------------------------------------------------------------


def params(worker, recipe):
    """What the network has, as a function of another room counts it in the worker."""
    return worker.call(count_here, recipe.to_dict(), {}, "eval", False, None)["figures"]["values"]["params"]


def test_a_function_of_another_room_is_called_in_the_worker(worker):
    assert params(worker, net("Net", width=5)) == 5 * 3 * 3 * 3 + 5


def test_arguments_arrive_as_they_were_and_not_as_json_has_them(worker):
    assert params(worker, net("Net", sizes=(1, 1))) == 4 * 3 + 4


def test_errors_arrive_as_they_would_be_raised_here(worker):
    with pytest.raises(TargetError, match="did you mean Net"):
        params(worker, net("Nett"))
    with pytest.raises(RequestError, match="did you mean googlenet"):
        params(worker, Recipe("googlnet"))
    with pytest.raises(RequestError, match="--input 1x3x224x224"):
        params(worker, Recipe("net.py:Net"))
    with pytest.raises(TargetError, match="widht"):
        params(worker, net("Net", widht=3))


def test_an_order_that_there_is_none_of_is_refused_and_the_worker_lives_on(worker):
    with pytest.raises(RequestError, match="'dance'"):
        worker.ask("dance")
    with pytest.raises(RequestError, match="'colour'"):
        worker.ask("build", recipe=net("Net").to_dict(), timing={"threads": 1, "colour": "red"})
    with pytest.raises(RequestError, match="before it has built"):
        worker.ask("sample", calls=1)
    assert worker.ask("hello") == {}


def test_what_the_users_code_prints_or_reads_does_not_reach_the_pipes(worker):
    worker.ask("build", recipe=net("Prints").to_dict(), timing={"threads": 1})
    assert worker.ask("sample", calls=2)["seconds"] > 0
    worker.ask("set_up")
    told = worker.ask("finish")
    assert (told["times"], told["setting"]["dtype"], told["compile_s"]) == (None, "fp32", None)


@pytest.mark.usefixtures("forked_workers")
def test_each_failing_network_is_its_own_error_and_the_others_go_on(folder):
    names = ["Net", "Exits", "Raises", "Leaves", "Crashes", "dies", "Prints"]
    with ExitStack() as stack:
        workers = [(stack.enter_context(Worker(WorkerPlace(folder))), net(name)) for name in names]
        results = measure_in(workers, Timing(threads=1, budget_s=1.0, precision=0.0))
    fine, exits, raises, leaves, crashes, dies, prints = results
    assert isinstance(fine, Measurement) and isinstance(prints, Measurement)
    assert (fine.device, fine.threads, fine.batch) == ("cpu", 1, 2)
    assert fine.samples == prints.samples >= FEWEST_ROUNDS
    assert min(fine.times_s) > 0
    assert stats.ratio(fine.times_s, prints.times_s).rounds == fine.samples
    when = r"failed in (warm-up|round \d+): "
    for result, name, said in (
        (exits, "Exits", r"its process ended with exit code 3; it last said: imported"),
        (raises, "Raises", r"ValueError: not today"),
        (leaves, "Leaves", r"SystemExit: enough"),
        (crashes, "Crashes", r"its process was killed by SIGSEGV; it last said: about to crash"),
    ):
        assert isinstance(result, MeasurementError)
        assert re.fullmatch(rf"net\.py:{name} {when}{said}", str(result)), result
    assert str(dies).startswith("net.py:dies failed while it was built: its process ended with exit code 4")


@pytest.mark.usefixtures("forked_workers")
def test_a_worker_that_gives_no_answer_is_ended(folder):
    with Worker(WorkerPlace(folder)) as worker:
        worker.ask("build", recipe=net("Hangs").to_dict(), timing={"threads": 1})
        worker.patience_s = 0.1
        with pytest.raises(MeasurementError, match=r"gave no answer within 0\.1 s, and was ended"):
            worker.ask("sample", calls=1)
        gone(worker.pid)


@pytest.mark.usefixtures("forked_workers")
def test_what_the_users_code_has_started_ends_with_the_worker(folder):
    with Worker(WorkerPlace(folder)) as worker:
        worker.ask("build", recipe=net("Forks").to_dict(), timing={"threads": 1})
        child = int((folder / "child.pid").read_text())
        os.kill(child, 0)
    gone(child)


def test_another_revisions_code_is_found_first_and_netcost_stays_ours(tmp_path, monkeypatch):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for root, width in ((ours, 4), (theirs, 6)):
        (root / "src" / "shop").mkdir(parents=True)
        (root / "src" / "shop" / "__init__.py").write_text("")
        (root / "src" / "shop" / "sizes.py").write_text(f"WIDTH = {width}")
        (root / "models.py").write_text(
            "from torch import nn\nfrom shop.sizes import WIDTH\ndef net():\n    return nn.Conv2d(3, WIDTH, 1)\n"
        )
        (root / "netcost").mkdir()
        (root / "netcost" / "__init__.py").write_text("raise ImportError('the wrong netcost')")
        for name in ("json", "queue", "tomllib"):  # of ours and of what we import: at once, then, and when called for
            (root / f"{name}.py").write_text(f"raise ImportError('the wrong {name}')")
    (ours / "src" / "shop" / "added.py").write_text("")
    monkeypatch.chdir(ours)
    monkeypatch.setattr(sys, "path", [*sys.path, str(ours / "src")])
    with Worker(place_in(theirs, theirs, replaces=ours)) as worker:
        answer = worker.call(
            count_target, Recipe("models:net", inputs=SMALL).to_dict(), str(theirs), "", False, False, None
        )
        assert json.loads(answer["baseline"])["targets"]["models:net"]["totals"]["params"] == 6 * 3 + 6
        with pytest.raises(TargetError, match=r"shop\.added"):
            params(worker, Recipe("shop.added:net", inputs=SMALL))


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(MeasurementError, match="no process can be started"), Worker(WorkerPlace(tmp_path / "gone")):
        pass


@pytest.mark.usefixtures("forked_workers")
def test_a_waiting_worker_leaves_its_cores_to_the_others(folder):
    recipe = Recipe("mobilenet_v2", inputs=(InputSpec((1, 3, 96, 96)),))
    with Worker(WorkerPlace(folder)) as working, Worker(WorkerPlace(folder)) as waiting:
        for each in (working, waiting):
            each.ask("build", recipe=recipe.to_dict(), timing={"threads": 2})
            each.ask("sample", calls=1)
        waiting.ask("hello")
        before, spent = waiting.cpu_s, working.cpu_s
        while working.cpu_s < spent + 0.2:
            working.ask("sample", calls=1)
        waiting.ask("hello")
        # Threads that spin after a call do so for about 10 ms, those of OpenMP's for other processors for 200 ms.
        assert waiting.cpu_s - before < 0.003


INTERRUPTED = """
from netcost.timing.workers import Recipe, Worker
with Worker() as idle, Worker() as hanging:
    print(idle.pid, hanging.pid, flush=True)
    for worker, name in (idle, "Net"), (hanging, "HangsAndSays"):
        worker.ask("build", recipe=Recipe(f"net.py:{name}", inputs=["1x3x8x8"]).to_dict(), timing={})
    hanging.ask("sample", calls=1)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_parent_ends_its_workers_end_with_it(how, folder):
    (folder / "hanging").unlink(missing_ok=True)
    os.mkfifo(folder / "hanging")
    command = [sys.executable, "-c", INTERRUPTED]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as parent:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 2
        (folder / "hanging").read_text()  # in the middle of a call
        parent.send_signal(how)
        _, complaint = parent.communicate(timeout=60)
    assert parent.returncode == -how, complaint
    assert how is not signal.SIGINT or "KeyboardInterrupt" in complaint
    for worker in workers:
        gone(worker)


def gone(pid: int) -> None:
    """Wait for the end of a process that is not our child, or is and was waited for."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        ready, _, _ = select.select([handle], [], [], 30.0)
        os.close(handle)
        assert ready, f"process {pid} lives on"


# ---- on a made-up clock ---------------------------------------------------------------------------------------------


def measured(clock, *workers, busy=lambda: None, **options):
    named = [(worker, Recipe(f"net{index}")) for index, worker in enumerate(workers)]
    return measure_in(named, Timing(**options), clock=clock, busy=busy)


def test_times_are_the_workers_own_and_the_way_there_and_back_is_not_in_them():
    clock = Clock()
    one, other = measured(clock, FakeWorker(clock, LONG), FakeWorker(clock, 2 * LONG), budget_s=1e6)
    assert one.times_s == (LONG,) * stats.MIN_ROUNDS
    assert stats.ratio(one.times_s, other.times_s).ci95 == (2.0, 2.0)
    assert (one.device, one.threads, one.batch, one.first_call_s) == ("cpu", 2, 4, LONG)


def test_a_worker_that_dies_in_round_seven_leaves_the_others_running():
    clock = Clock()
    workers = [FakeWorker(clock, LONG), FakeWorker(clock, LONG, dies_in_round=7), FakeWorker(clock, LONG)]
    fine, dead, also_fine = measured(clock, *workers, budget_s=1e6)
    assert str(dead) == "net1 failed in round 7: its process was killed by SIGSEGV"
    assert fine.samples == also_fine.samples == stats.MIN_ROUNDS
    assert "finish" not in workers[1].log


def test_a_worker_that_dies_after_the_last_round_is_an_error_too():
    clock = Clock()
    [dead] = measured(clock, FakeWorker(clock, LONG, dies_in_round=FakeWorker.AFTER_THE_LAST))
    assert str(dead) == "net0 failed after its last round: its process was killed by SIGSEGV"


def test_the_workers_own_work_is_no_load_by_others():
    clock = Clock()
    workers = [FakeWorker(clock, LONG), FakeWorker(clock, LONG)]
    results = measured(clock, *workers, busy=lambda: sum(worker.cpu_s for worker in workers), budget_s=1e6)
    assert [result.doubts for result in results] == [(), ()]


def test_the_work_of_others_is():
    clock = Clock()
    workers = [FakeWorker(clock, LONG), FakeWorker(clock, LONG)]
    results = measured(clock, *workers, busy=lambda: 1e3 * clock.now, budget_s=1e6)
    assert all(doubts.OtherLoad in map(type, result.doubts) for result in results)


# ---- recipes and messages --------------------------------------------------------------------------------------------


def test_a_recipe_survives_its_way():
    inputs = (InputSpec((1, 128), "int64", "ids"), InputSpec((2, 3)))
    recipe = Recipe("net.py:Net", {"width": 0.5, "sizes": (1, [2, {"a": None}]), "name": "x=1"}, inputs)
    assert Recipe.from_dict(messages.read(lines_of(recipe.to_dict()))) == recipe


def lines_of(message):
    import io

    stream = io.BytesIO()
    messages.write(stream, message)
    assert stream.getvalue().count(b"\n") == 1
    return stream.getvalue()


def test_what_is_no_literal_cannot_go_to_another_process():
    with pytest.raises(RequestError, match=r"norm=.*cannot go to another process"):
        Recipe("net.py:Net", {"norm": nn.BatchNorm2d}).to_dict()


def test_a_target_tells_how_it_is_made_and_a_module_cannot():
    target = resolve("mobilenet_v1", {"width": 0.5}, ["1x3x64x64"]).with_batch(4)
    assert recipe_of(target) == Recipe("mobilenet_v1", {"width": 0.5}, (InputSpec((4, 3, 64, 64)),))
    module = nn.Linear(2, 2)
    with pytest.raises(RequestError, match=r"name the code that builds it.*file\.py:Net"):
        recipe_of(Target("Linear", lambda: module, SMALL))


def test_errors_are_told_in_one_line_and_by_their_kind():
    assert messages.error_to_dict(TargetError("no")) == {"kind": "TargetError", "text": "no"}
    assert messages.error_to_dict(ValueError("a\nb")) == {"kind": "", "text": "ValueError: a"}
    assert type(messages.error_from_dict({"kind": "TargetError", "text": "no"})) is TargetError
    assert type(messages.error_from_dict({"kind": "", "text": "ValueError: a"})) is MeasurementError


def test_only_what_json_can_hold_goes_through_a_pipe():
    with pytest.raises(ValueError, match="JSON"):
        lines_of({"seconds": float("nan")})


def test_a_network_runs_in_the_setting_that_was_asked_for(worker):
    timing = Timing(threads=1, dtype="bf16", cold_cache=True, budget_s=0.5)
    [result] = measure_in([(worker, net("Net"))], timing)
    assert isinstance(result, Measurement)
    assert (result.setting.dtype, result.setting.cold_cache, result.calls_per_sample) == ("bf16", True, 1)
