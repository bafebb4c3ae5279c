"""Models made ready: compiled, of another type or layout, and with cold caches; on a made-up device and clock."""

import pytest
import torch
from fake_clock import LONG, Clock
from fake_device import FLUSH_S, Gpu, Hungry, Plain, quiet_meter
from torch import nn

from netcost.text.errors import MeasurementError
from netcost.timing import conversion, stats
from netcost.timing import measuring as timing
from netcost.timing.sampling import FEWEST_ROUNDS
from netcost.timing.setting import EffectiveSetting, Timing

COMPILE_S = 64 * LONG


def measured(gpu, clock, *modules, batches=(4,), **words):
    """Every module at every batch size."""
    models = [
        (f"net{index}", module, ((torch.ones(batch, 2),), {}))
        for index, module in enumerate(modules)
        for batch in batches
    ]
    return timing.measure_all(models, Timing(**words), device=gpu, clock=clock, meter=quiet_meter)


@pytest.fixture
def slow_compiler(monkeypatch):
    """A compiler that takes `COMPILE_S` of a clock at the first call; returns that clock and what it compiled."""
    clock, compiled = Clock(), []

    def compile_slowly(model):
        compiled.append(model)
        fresh = [COMPILE_S]

        def run(*args):
            if fresh:
                clock.spend(fresh.pop())
            return model(*args)

        return run

    monkeypatch.setattr(conversion, "compiled", compile_slowly)
    return clock, compiled


def test_the_time_of_compiling_is_told_apart_to_the_digit(slow_compiler):
    clock, compiled = slow_compiler
    model = Plain()
    [result] = measured(Gpu(clock, 0.0, LONG), clock, model, backend="compile")
    assert result.compile_s == COMPILE_S + LONG
    assert result.first_call_s == LONG
    assert result.times_s == (LONG,) * stats.MIN_ROUNDS
    assert result.setting.backend == "compile"
    assert result.doubts == ()
    assert [network is not model for network in compiled] == [True]


def test_compiling_is_no_part_of_the_budget(slow_compiler):
    clock, _ = slow_compiler
    [result] = measured(Gpu(clock, 0.0, LONG), clock, Plain(), backend="compile")
    calls = 1 + len(result.warmup_s) + result.samples
    assert result.effort.spent_s == calls * LONG < COMPILE_S
    assert clock.now == result.compile_s + result.effort.spent_s


def test_batch_sizes_of_one_model_are_compiled_one_by_one_on_one_copy(slow_compiler):
    clock, compiled = slow_compiler
    results = measured(Gpu(clock, 0.0, LONG), clock, Plain(), batches=(1, 2, 8), backend="compile")
    assert [result.compile_s for result in results] == [COMPILE_S + LONG] * 3
    assert [result.batch for result in results] == [1, 2, 8]
    assert len(compiled) == 3
    assert len({id(network) for network in compiled}) == 1


def test_a_model_that_does_not_compile_is_its_own_error_and_the_others_go_on(monkeypatch):
    class Uncompilable(Plain):
        """Not what a compiler takes."""

    def failing(model):
        def run(*_):
            raise RuntimeError("No working C++ compiler found\nand much more")

        return run if isinstance(model, Uncompilable) else model

    clock = Clock()
    monkeypatch.setattr(conversion, "compiled", failing)
    fine, failed = measured(Gpu(clock, 0.0, LONG), clock, Plain(), Uncompilable(), backend="compile")
    assert fine.samples == stats.MIN_ROUNDS
    assert str(failed).startswith("net1 failed in its first call: torch.compile: RuntimeError: No working")
    assert str(failed).endswith("--backend eager")
    assert isinstance(failed, MeasurementError)


class Launching(nn.Module):
    """Keeps the host busy with launches, as a network of many small kernels does."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def forward(self, x):
        self.clock.spend(8 * LONG)
        return x


@pytest.mark.parametrize(("backend", "host_s"), [("eager", 9 * LONG), ("cudagraph", LONG)])
def test_a_graph_leaves_the_host_one_launch_and_its_recording_is_told_apart(backend, host_s):
    clock = Clock()
    [result] = measured(Gpu(clock, LONG, 2 * LONG), clock, Launching(clock), device="cuda", backend=backend)
    assert set(result.times_s) == {host_s + 2 * LONG}
    assert result.compile_s == ((8 + 1 + 2) * LONG if backend == "cudagraph" else None)  # recorded, and launched once
    assert result.setting.backend == backend


def test_a_call_that_changes_its_inputs_has_no_graph():
    class Growing(nn.Module):
        def forward(self, cache):
            cache.append(1)

    clock = Clock()
    models = [("net", Growing(), (([],), {})), ("other", Plain(), ((torch.ones(2),), {}))]
    asked, gpu = Timing("cuda", backend="cudagraph"), Gpu(clock, 0.0, LONG)
    failed, fine = timing.measure_all(models, asked, device=gpu, clock=clock, meter=quiet_meter)
    assert "a call changes its inputs, and a graph has one copy" in str(failed)
    assert fine.samples == stats.MIN_ROUNDS


def test_the_caller_s_model_keeps_its_type_its_mode_and_no_marks(slow_compiler):
    clock, _ = slow_compiler
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()
    [result] = measured(Gpu(clock, 0.0, LONG), clock, model, dtype="bf16", backend="compile")
    assert result.setting == EffectiveSetting(dtype="bf16", backend="compile")
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert all(module.training for module in model.modules())


def test_cold_caches_are_filled_before_each_call_and_outside_of_its_time():
    clock = Clock()
    gpu = Gpu(clock, launch_s=0.0, work_s=LONG)
    [result] = measured(gpu, clock, Plain(), cold_cache=True)
    assert gpu.flushes == 1 + len(result.warmup_s) + result.samples
    assert result.times_s == result.device_times_s == (LONG,) * stats.MIN_ROUNDS
    assert result.effort.spent_s == gpu.flushes * (FLUSH_S + LONG)
    assert result.setting.cold_cache


def test_with_cold_caches_a_sample_is_a_single_call_however_fast():
    clock, work_s = Clock(), 2.0**-15
    [result] = measured(Gpu(clock, 0.0, work_s), clock, Plain(), cold_cache=True)
    assert result.calls_per_sample == 1
    assert set(result.times_s) == {work_s}


def test_a_failure_in_another_type_names_it():
    class Choosy(nn.Module):
        """Knows floats of 32 bits only."""

        def forward(self, x):
            if x.dtype is not torch.float32:
                raise NotImplementedError("\"svd\" not implemented for 'BFloat16'")
            return x

    clock = Clock()
    failed, fine = measured(Gpu(clock, 0.0, LONG), clock, Choosy(), Plain(), dtype="bf16")
    assert str(failed).startswith("net0 failed in its first call: NotImplementedError: ")
    assert "in bf16: try without --dtype" in str(failed)
    assert fine.setting.dtype == "bf16"


def test_running_out_of_memory_in_another_type_is_told_as_such():
    models = [("big", Hungry(), ((torch.ones(1),), {}))]
    [failed] = timing.measure_all(models, Timing(dtype="bf16", budget_s=0.0))
    assert str(failed).startswith("big failed in its first call: out of memory")


# ---- on the CPU ---------------------------------------------------------------------------------------------------


class Seeing(nn.Module):
    """Notes what it is called with; no copy of it forgets."""

    seen = []  # noqa: RUF012  # shared by all copies

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 3)

    def forward(self, x, ids):
        weight = self.conv.weight
        last = weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()
        self.seen.append((id(self), x.dtype, ids.dtype, weight.dtype, last))
        return self.conv(x).sum() + ids.sum()


@pytest.fixture
def seeing():
    Seeing.seen.clear()
    return Seeing()


def test_a_model_runs_in_the_type_and_format_that_were_asked_for_and_is_left_alone(seeing):
    inputs = [(2, 4, 5, 5), torch.zeros(3, dtype=torch.int64)]
    result = timing.measure(seeing, inputs, budget_s=0.0, dtype="bf16", memory_format="channels_last")
    assert result.setting == EffectiveSetting(dtype="bf16", memory_format="channels_last")
    assert {call[1:] for call in seeing.seen} == {(torch.bfloat16, torch.int64, torch.bfloat16, True)}
    assert id(seeing) not in {call[0] for call in seeing.seen}
    assert seeing.conv.weight.dtype is torch.float32
    assert seeing.conv.weight.is_contiguous()


def test_without_a_change_the_model_itself_runs(seeing):
    result = timing.measure(seeing, [(2, 4, 5, 5), torch.zeros(3, dtype=torch.int64)], budget_s=0.0)
    assert result.setting == EffectiveSetting()
    assert {call[0] for call in seeing.seen} == {id(seeing)}


def test_the_cpu_s_caches_are_overwritten_before_each_call(monkeypatch):
    written = []
    monkeypatch.setattr("netcost.timing.environment.last_level_cache_bytes", lambda: 4096)
    monkeypatch.setattr(
        "netcost.timing.devices.cache_flusher", lambda size, where: lambda: written.append((size, where.type))
    )
    result = timing.measure(nn.ReLU(), (1, 8), budget_s=0.0, cold_cache=True)
    assert set(written) == {(4096, "cpu")}
    assert len(written) == 1 + len(result.warmup_s) + result.samples >= 1 + 2 + FEWEST_ROUNDS


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
@pytest.mark.parametrize(
    "words",
    [{"dtype": "fp16"}, {"memory_format": "channels_last"}, {"cold_cache": True}, {"backend": "cudagraph"}],
)
def test_a_real_gpu_runs_in_each_setting(words):
    result = timing.measure(nn.Conv2d(16, 32, 3), (4, 16, 32, 32), device="cuda", budget_s=10.0, **words)
    assert len(result.device_times_s) == result.samples >= stats.MIN_ROUNDS
    assert {name: result.setting.to_dict()[name] for name in words} == words


def test_torch_s_own_compiler_compiles_or_says_in_one_line_why_not(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    try:
        result = timing.measure(nn.Linear(4, 4), (2, 4), budget_s=0.0, backend="compile")
    except MeasurementError as error:  # a machine without a C++ compiler
        assert str(error).startswith("Linear failed in its first call: torch.compile: ")
        assert str(error).endswith("try --backend eager")
    else:
        assert result.setting == EffectiveSetting(backend="compile")
        assert result.compile_s > result.median_s
