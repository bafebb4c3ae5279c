from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch
from fake_clock import LONG, Clock
from fake_device import Event, Gpu, Hungry, quiet_meter
from torch import nn

from netcost.text.errors import MeasurementError
from netcost.timing import devices, environment, stats
from netcost.timing.doubts import Throttled
from netcost.timing.measuring import measure_all
from netcost.timing.setting import Timing


def test_out_of_memory_frees_what_the_failed_call_held_before_the_cache_is_emptied():
    released = []

    class Tensor:
        def __del__(self):
            released.append("activation")

    def run():
        activation = Tensor()
        raise torch.OutOfMemoryError(f"CUDA out of memory with {activation!r}")

    with pytest.raises(MeasurementError, match="out of memory: cuda:0"):
        devices.translating_out_of_memory(run, "cuda:0", lambda: released.append("cache"))
    assert released == ["activation", "cache"]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 EB")])
def test_a_cpu_runs_out_of_memory_in_its_own_words(error):
    def run():
        raise error

    with pytest.raises(MeasurementError, match="out of memory: cpu"):
        devices.translating_out_of_memory(run, "cpu")


@pytest.fixture
def torch_with_two_gpus(monkeypatch):
    """A torch whose second GPU is a made-up one; returns what was asked of it."""
    clock, asked = Clock(), []
    gpu = Gpu(clock, launch_s=0.0, work_s=LONG)

    def noted(name, answer):
        def answering(*arguments, devices=()):
            asked.append((name, *arguments, *devices))
            return answer()

        return answering

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=f"uuid-{index}"))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "device", noted("device", nullcontext))
    monkeypatch.setattr(torch.cuda, "synchronize", noted("synchronize", gpu.synchronize))
    monkeypatch.setattr(torch.cuda, "empty_cache", noted("empty_cache", lambda: None))
    monkeypatch.setattr(torch.cuda, "Event", lambda enable_timing: Event(gpu) if enable_timing else None)
    monkeypatch.setattr(torch.random, "fork_rng", noted("fork_rng", nullcontext))
    monkeypatch.setattr(devices, "open_driver", noted("open_driver", lambda: None))
    monkeypatch.setattr(devices, "moved", lambda model, call, where: asked.append(("moved", where)) or (model, call))
    return SimpleNamespace(clock=clock, gpu=gpu, asked=asked)


class Queued(nn.Module):
    """Leaves its work to the made-up device."""

    def __init__(self, gpu):
        super().__init__()
        self.gpu = gpu

    def forward(self, _):
        self.gpu.enqueue(self.gpu.work_s)


@pytest.mark.parametrize("name", ["cuda:1", "cuda"])
def test_a_gpu_is_made_current_waited_for_and_read_by_its_own_number(torch_with_two_gpus, name):
    world = torch_with_two_gpus
    models = [("net", Queued(world.gpu), ((torch.ones(2),), {}))]
    [result] = measure_all(models, Timing(name), clock=world.clock, meter=quiet_meter)
    assert (result.device, result.device_times_s) == (name, (LONG,) * stats.MIN_ROUNDS)
    calls = 1 + len(result.warmup_s) + result.samples
    assert world.asked.count(("synchronize", 1)) == 1 + calls  # once more: the copying is no part of the first call
    assert set(world.asked) == {
        ("open_driver", "GPU-uuid-1"),
        ("device", 1),
        ("fork_rng", 1),
        ("moved", torch.device("cuda:1")),
        ("synchronize", 1),
    }


def test_a_gpu_is_throttled_where_a_look_during_the_measurement_has_seen_it(torch_with_two_gpus, monkeypatch):
    world = torch_with_two_gpus
    looks = iter([(), ("power cap",), None, ("temperature (software)", "power cap")])
    monkeypatch.setattr(devices, "open_driver", lambda _: SimpleNamespace(throttle_reasons=lambda: next(looks, ())))
    models = [("net", Queued(world.gpu), ((torch.ones(2),), {}))]
    [result] = measure_all(models, Timing("cuda:1"), clock=world.clock, meter=quiet_meter)
    assert result.doubts == (Throttled(("power cap", "temperature (software)")),)


def test_a_gpu_that_does_not_answer_is_said_in_one_line(torch_with_two_gpus, monkeypatch):
    def lost(_):
        raise RuntimeError("CUDA error: system not yet initialized\nand much more")

    monkeypatch.setattr(torch.cuda, "get_device_properties", lost)
    with pytest.raises(MeasurementError, match=r"^cuda:1 does not answer: .*not yet initialized; see nvidia-smi$"):
        devices.open_device("cuda:1")


def test_a_gpu_that_ran_out_of_memory_is_emptied(torch_with_two_gpus):
    world = torch_with_two_gpus
    models = [("net", Hungry(), ((torch.ones(2),), {}))]
    [failed] = measure_all(models, Timing("cuda:1"), clock=world.clock, meter=quiet_meter)
    assert "out of memory: cuda:1" in str(failed)
    assert world.asked[-1] == ("empty_cache",)


def test_a_graph_is_recorded_after_calls_on_a_side_stream_and_replayed_without_python(torch_with_two_gpus, monkeypatch):
    done = []

    class Stream:
        def __init__(self, name):
            self.name = name

        def wait_stream(self, other):
            done.append(f"{self.name} waits for {other.name}")

    class Graph:
        def replay(self):
            done.append("replay")

    @contextmanager
    def within(words):
        done.append(f"begin {words}")
        yield
        done.append(f"end {words}")

    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: Stream("own"))
    monkeypatch.setattr(torch.cuda, "Stream", lambda _: Stream("side"))
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: within(stream.name))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", lambda _: within("capture"))
    replay = devices.open_device("cuda:1").graph(lambda: done.append("call") or "result")
    assert [replay(), replay()] == ["result", "result"]
    calls = [
        "side waits for own",
        "begin side",
        *devices.CALLS_BEFORE_GRAPH * ["call"],
        "end side",
        "own waits for side",
    ]
    assert done == [*calls, "begin capture", "call", "end capture", "replay", "replay"]


def test_overwriting_reads_and_writes_all_of_its_memory():
    overwrite = devices.cache_flusher(5, torch.device("cpu"))
    assert overwrite().tolist() == [-1] * 5
    assert overwrite().tolist() == [0] * 5


def test_a_cache_that_no_memory_holds_says_what_to_leave_out(monkeypatch):
    def full(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 GB")

    monkeypatch.setattr(torch, "zeros", full)
    with pytest.raises(MeasurementError, match=r"no room for the 9\.00 GB of a cache; leave out --cold-cache"):
        devices.cache_flusher(9 * 10**9, torch.device("cpu"))


@pytest.mark.parametrize(("told", "written"), [(50 * 2**20, 50 * 2**20), (0, devices.UNKNOWN_CACHE)])
def test_a_gpu_s_cold_cache_is_its_l2(torch_with_two_gpus, monkeypatch, told, written):
    asked = []
    properties = SimpleNamespace(uuid="u", L2_cache_size=told)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    monkeypatch.setattr(devices, "cache_flusher", lambda *given: asked.append(given))
    devices.open_device("cuda:1").cold_cache()
    assert asked == [(written, torch.device("cuda:1"))]


@pytest.mark.parametrize(("told", "written"), [(4096, 4096), (None, devices.UNKNOWN_CACHE)])
def test_a_cpu_s_cold_cache_is_its_last_level(monkeypatch, told, written):
    asked = []
    monkeypatch.setattr(environment, "last_level_cache_bytes", lambda: told)
    monkeypatch.setattr(devices, "cache_flusher", lambda *given: asked.append(given))
    devices.open_device("cpu").cold_cache()
    assert asked == [(written, torch.device("cpu"))]


@pytest.mark.parametrize(("before", "now", "reasons"), [(1, 1, ()), (1, 2, ("temperature",)), (None, None, None)])
def test_a_cpu_is_throttled_when_it_got_too_hot_meanwhile(monkeypatch, before, now, reasons):
    counts = iter((before, now))
    monkeypatch.setattr(environment, "thermal_events", lambda: next(counts))
    assert devices.open_device("cpu").throttle_reasons() == reasons
