import json
from itertools import chain, cycle, repeat
from types import SimpleNamespace

import pytest
import torch
from fake_clock import LONG, Clock
from fake_device import Gpu, Hungry, Plain, quiet_meter
from torch import nn

from netcost.text.errors import MeasurementError, RequestError
from netcost.timing import doubts, environment, stats
from netcost.timing import measuring as timing
from netcost.timing.measurement import Effort, Measurement
from netcost.timing.sampling import FEWEST_ROUNDS, Stop
from netcost.timing.setting import EffectiveSetting, Timing
from netcost.tracing import InputSpec


def measurement(**changes):
    times = {"first_call_s": 1.0, "times_s": (0.25,) * 10, "device_times_s": None, "batch": 8, "compile_s": None}
    return Measurement(
        device="cpu",
        threads=2,
        setting=EffectiveSetting(),
        warmup_s=(0.5, 0.25),
        calls_per_sample=1,
        effort=Effort(precision=0.02, budget_s=10.0, spent_s=4.25, stopped=Stop.PRECISE),
        **{**times, **changes},
    )


def test_the_latency_object_of_the_json_has_what_follows_from_the_times_beside_them():
    plain = measurement().to_dict()
    assert (plain["times_s"], plain["samples"], plain["throughput_per_s"]) == ([0.25] * 10, 10, 8 / 0.25)
    assert (plain["median_s"], plain["ci95_s"], plain["half_width"], plain["iqr_s"]) == (0.25, [0.25, 0.25], 0.0, 0.0)
    assert (plain["first_call_s"], plain["warmup_s"], plain["calls_per_sample"]) == (1.0, [0.5, 0.25], 1)
    assert (plain["budget_s"], plain["spent_s"], plain["stopped"]) == (10.0, 4.25, "precise")
    assert (plain["device_times_s"], plain["device_median_s"], plain["compile_s"], plain["doubts"]) == (None,) * 3 + (
        [],
    )


def test_what_a_measurement_cannot_know_is_none():
    plain = measurement(times_s=(0.25, 0.5), batch=None).to_dict()
    assert (plain["ci95_s"], plain["iqr_s"], plain["throughput_per_s"]) == (None, None, None)


def test_a_measurement_with_doubts_is_plain_json():
    plain = measurement(doubts=(doubts.Throttled(("power cap",)),), device_times_s=(0.125,) * 10).to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["doubts"][0]["doubt"] == "Throttled"
    assert plain["device_median_s"] == 0.125


def test_nothing_to_time_gives_nothing():
    assert timing.measure_all([]) == []


# ---- on a made-up device --------------------------------------------------------------------------------------------


def measured_on(gpu, clock, *modules):
    models = [(f"net{index}", module, ((torch.ones(4, 2),), {})) for index, module in enumerate(modules)]
    return timing.measure_all(models, device=gpu, clock=clock, meter=quiet_meter)


def test_wall_and_device_times_are_both_reported():
    clock = Clock()
    [result] = measured_on(Gpu(clock, launch_s=LONG / 8, work_s=LONG), clock, Plain())
    assert result.times_s == (LONG / 8 + LONG,) * stats.MIN_ROUNDS
    assert result.device_times_s == result.times_s  # the GPU has begun when the first event is there
    assert result.doubts == ()
    assert (result.device, result.batch, result.first_call_s) == ("cuda:0", 4, LONG / 8 + LONG)


def test_a_call_that_belongs_to_no_sample_shifts_none():
    class TriedOut(Gpu):
        def watch(self, run):
            watch = super().watch(run)
            watch()
            return watch

    clock = Clock()
    [result] = measured_on(TriedOut(clock, launch_s=0.0, work_s=LONG), clock, Plain())
    assert result.device_times_s == result.times_s == (LONG,) * stats.MIN_ROUNDS


def test_a_device_that_waits_for_its_host_is_launch_bound():
    clock = Clock()
    [result] = measured_on(Gpu(clock, launch_s=LONG, work_s=LONG / 16), clock, Plain())
    wall_s = LONG + LONG / 16
    assert result.doubts == (doubts.LaunchBound(wall_s, host_s=LONG, device_s=wall_s),)


def test_work_on_another_stream_is_in_the_time_and_makes_nothing_launch_bound():
    class TwoStreams(Gpu):
        def enqueue(self, work_s):
            self.free_elsewhere_at = self.clock() + 4 * work_s
            super().enqueue(work_s)

    clock = Clock()
    [result] = measured_on(TwoStreams(clock, launch_s=LONG / 8, work_s=LONG), clock, Plain())
    assert set(result.times_s) == {LONG / 8 + 4 * LONG}
    assert set(result.device_times_s) == {LONG / 8 + LONG}
    assert result.doubts == ()


def test_clocks_that_rise_from_idle_are_in_the_warm_up_alone():
    class Ramping(Gpu):
        def enqueue(self, work_s):
            self.calls += 1
            super().enqueue(work_s * max(1, 6 - self.calls))

        calls = 0

    clock = Clock()
    [result] = measured_on(Ramping(clock, launch_s=0.0, work_s=LONG), clock, Plain())
    assert (result.first_call_s, result.warmup_s[:4]) == (5 * LONG, (4 * LONG, 3 * LONG, 2 * LONG, LONG))
    assert set(result.times_s) == {LONG}
    assert result.doubts == ()


@pytest.mark.parametrize("answers", [0, 20])
def test_a_gpu_that_is_lost_is_an_error_in_one_line_for_every_model(answers):
    class Lost(Gpu):
        def synchronize(self):
            super().synchronize()
            if next(left, None) is None:
                raise RuntimeError("CUDA error: unspecified launch failure\nFor debugging, consider …")

        def place(self, model, call):
            if not answers:
                self.synchronize()
            return model, call

    left, clock = iter(range(answers)), Clock()
    results = measured_on(Lost(clock, 0.0, LONG), clock, Plain(), Plain())
    assert all(isinstance(result, MeasurementError) for result in results)
    assert [str(result).partition(" failed in ")[0] for result in results] == ["net0", "net1"]
    assert all(str(result).endswith("RuntimeError: CUDA error: unspecified launch failure") for result in results)


def test_a_model_too_slow_for_its_budget_has_no_interval_and_says_why():
    clock, call_s, rounds = Clock(), 1.0, stats.MIN_ROUNDS - 4
    models = [("net", Plain(), ((torch.ones(4, 2),), {}))]
    budget_s = (1 + 2 + rounds) * call_s  # first call, warm-up, rounds
    [result] = timing.measure_all(
        models, Timing(budget_s=budget_s), device=Gpu(clock, 0.0, call_s), clock=clock, meter=quiet_meter
    )
    assert (len(result.warmup_s), result.samples, result.stopped) == (2, rounds, Stop.BUDGET)
    assert (result.median_s, result.ci95_s) == (call_s, None)
    assert result.doubts == (doubts.TooFewRounds(rounds, stats.MIN_ROUNDS),)
    assert result.to_dict()["doubts"] == [doubts.TooFewRounds(rounds, stats.MIN_ROUNDS).to_dict()]


def test_device_times_of_fast_calls_are_divided_like_those_on_the_wall():
    clock, work_s = Clock(), 2.0**-15
    [result] = measured_on(Gpu(clock, launch_s=0.0, work_s=work_s), clock, Plain())
    assert result.calls_per_sample == 4
    assert result.device_times_s == result.times_s == (work_s,) * stats.MIN_ROUNDS


def test_a_throttled_device_is_a_doubt_of_every_model():
    clock = Clock()
    results = measured_on(Gpu(clock, 0.0, LONG, reasons=("power cap",)), clock, Plain(), Plain())
    assert [result.doubts for result in results] == [(doubts.Throttled(("power cap",)),)] * 2


def test_load_by_others_is_a_doubt_of_every_model():
    clock, busy = Clock(), iter((100.0, 190.0))
    meter = environment.LoadMeter(lambda: next(busy), lambda: 0.0, iter((0.0, 10.0)).__next__)
    models = [("net", Plain(), ((torch.ones(1),), {}))]
    [result] = timing.measure_all(models, device=Gpu(clock, 0.0, LONG), clock=clock, meter=lambda: meter)
    assert [type(doubt) for doubt in result.doubts] == [doubts.OtherLoad]


# ---- series of every kind, on a made-up device -----------------------------------------------------------------------


class Scripted(nn.Module):
    """Leaves work to the made-up device: after steady calls for warm-up, what the script says, and over again."""

    FIRST_AND_WARMUP = 1 + 6

    def __init__(self, gpu, script):
        super().__init__()
        self._gpu = gpu
        self._works = chain(repeat(LONG, self.FIRST_AND_WARMUP), cycle(script))

    def forward(self, _):
        work = next(self._works)
        if isinstance(work, Exception):
            raise work
        self._gpu.enqueue(work)


def scripted(*scripts, **options):
    clock = Clock()
    gpu = Gpu(clock, launch_s=0.0, work_s=0.0)
    models = [(f"net{index}", Scripted(gpu, script), ((torch.ones(1),), {})) for index, script in enumerate(scripts)]
    return timing.measure_all(models, Timing(**options), device=gpu, clock=clock, meter=quiet_meter)


def kinds(measurement):
    return {type(doubt) for doubt in measurement.doubts}


def test_a_settled_series_is_precise_at_once_and_raises_no_doubt():
    [result] = scripted([LONG], budget_s=1e6)
    assert (result.stopped, result.samples, result.doubts) == (Stop.PRECISE, stats.MIN_ROUNDS, ())
    assert (result.half_width, result.effort.precision) == (0.0, 0.02)
    assert result.effort.spent_s == (Scripted.FIRST_AND_WARMUP + stats.MIN_ROUNDS) * LONG


def test_a_drifting_series_is_doubted_and_its_ratio_is_not():
    rising = [LONG * (1 + index / 64) for index in range(64)]
    slow, twice = scripted(rising, [2 * time_s for time_s in rising], budget_s=200 * LONG, precision=0.0)
    assert doubts.Drift in kinds(slow) & kinds(twice)
    assert slow.times_s[0] == LONG < slow.times_s[-1]
    both = stats.ratio(slow.times_s, twice.times_s)
    assert (both.median, both.ci95) == (2.0, (2.0, 2.0))


def test_a_spiky_series_keeps_its_spikes_and_its_median_does_not_move():
    script = [LONG] * 9 + [32 * LONG]
    [result] = scripted(script, budget_s=1e6, precision=1e-9)
    assert (result.median_s, result.ci95_s, result.stopped) == (LONG, (LONG, LONG), Stop.PRECISE)
    assert max(result.times_s) == 32 * LONG
    assert result.doubts == ()  # a tenth of the times does not reach the middle half


def test_a_bimodal_series_never_gets_precise_and_says_how_wide_it_is():
    [result] = scripted([LONG, 2 * LONG], budget_s=200 * LONG)
    assert result.stopped is Stop.BUDGET
    assert result.ci95_s == (LONG, 2 * LONG)
    assert doubts.WideSpread(result.median_s, LONG) in result.doubts
    assert result.half_width > 0.02
    assert result.effort.spent_s >= result.effort.budget_s == 200 * LONG


def test_a_model_that_raises_in_round_seven_is_its_own_error_and_the_others_keep_their_rounds():
    first, failed, last = scripted([LONG], [LONG] * 6 + [RuntimeError("a bad day")], [2 * LONG], budget_s=1e6)
    assert str(failed) == "net1 failed in round 7: RuntimeError: a bad day"
    assert first.samples == last.samples == stats.MIN_ROUNDS
    assert stats.ratio(first.times_s, last.times_s).median == 2.0


class Broken(nn.Module):
    """Cannot be run."""

    def forward(self, _):
        raise RuntimeError("shapes do not match")


def test_a_model_that_runs_out_of_memory_is_its_own_error_and_says_what_to_try():
    failed, fine = timing.measure_all(
        [(name, module, ((torch.ones(1),), {})) for name, module in (("big", Hungry()), ("small", Plain()))],
        Timing(budget_s=0.0),
    )
    assert isinstance(failed, MeasurementError)
    assert str(failed).startswith("big failed in its first call: out of memory")
    assert "smaller --batch" in str(failed)
    assert fine.samples == FEWEST_ROUNDS


def test_a_model_that_does_not_fit_on_the_device_is_its_own_error():
    clock = Clock()
    gpu = Gpu(clock, 0.0, LONG)
    big, small = Plain(), Plain()

    def place(model, call):
        if model is big:
            raise MeasurementError("out of memory: cuda:0 is full")
        return model, call

    gpu.place = place
    failed, fine = measured_on(gpu, clock, big, small)
    assert str(failed) == "net0 failed in its first call: out of memory: cuda:0 is full"
    assert fine.samples == stats.MIN_ROUNDS


# ---- models on the CPU --------------------------------------------------------------------------------------------


class Watchful(nn.Module):
    """Notes under which conditions it runs, and changes what evaluation must not."""

    def __init__(self):
        super().__init__()
        self.normal = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.5)
        self.seen = []

    def forward(self, x, scale=None):
        noise = torch.rand(1)  # a draw from torch's own generator
        self.seen.append(
            SimpleNamespace(
                training=self.training or self.normal.training,
                inference=torch.is_inference_mode_enabled(),
                threads=torch.get_num_threads(),
                flushed=environment.flushes_denormals(),
                x=x,
                scale=scale,
            )
        )
        return self.drop(self.normal(x)) + 0 * noise


def quick(model, inputs, **options):
    return timing.measure(model, inputs, budget_s=0.0, **options)


def test_models_run_in_evaluation_without_gradients_and_with_denormals_flushed():
    model = Watchful().train()
    quick(model, (2, 4))
    assert len(model.seen) >= 1 + 2 + FEWEST_ROUNDS
    assert not any(seen.training for seen in model.seen)
    assert all(seen.inference for seen in model.seen)
    assert all(seen.flushed for seen in model.seen) or not torch.set_flush_denormal(False)


def test_measuring_leaves_the_model_as_it_was():
    model = Watchful().train()
    model.drop.eval()  # a mixture of modes is put back as it was
    state = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    hooks = [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()]
    quick(model, (2, 4))
    assert [module.training for module in model.modules()] == modes
    assert [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()] == hooks
    after = model.state_dict()
    assert list(after) == list(state)
    assert all(torch.equal(after[name], value) for name, value in state.items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert not any(value.is_inference() for value in after.values())


def test_measuring_leaves_torch_as_it_was():
    def settings():
        return (
            torch.random.get_rng_state().tolist(),
            torch.get_num_threads(),
            environment.flushes_denormals(),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
        )

    before = settings()
    model = Watchful()
    quick(model, (2, 4), threads=torch.get_num_threads() + 1)
    assert settings() == before
    assert {seen.threads for seen in model.seen} == {before[1] + 1}


def test_torch_and_model_are_put_back_after_an_interruption_too():
    class Interrupted(nn.Module):
        def forward(self, _):
            raise KeyboardInterrupt

    model, threads = Interrupted().train(), torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        quick(model, (1,), threads=threads + 1)
    assert model.training
    assert torch.get_num_threads() == threads
    assert not torch.is_inference_mode_enabled()


def test_the_same_module_twice_is_put_back_to_its_own_mode():
    model = Plain().train()
    call = ((torch.ones(1),), {})
    results = timing.measure_all([("a", model, call), ("a again", model, call)], Timing(budget_s=0.0))
    assert [result.samples for result in results] == [FEWEST_ROUNDS] * 2
    assert model.training


def test_the_measurement_records_threads_batch_and_device():
    result = quick(Watchful(), (3, 4), threads=1)
    assert (result.device, result.threads, result.batch, result.device_times_s) == ("cpu", 1, 3, None)
    assert result.stopped in Stop


def test_a_shape_stands_for_the_same_random_normal_values_every_time():
    [(first,), named] = timing.random_call((1000, 50))
    assert torch.equal(first, timing.random_call((1000, 50))[0][0])
    assert not torch.equal(first, timing.random_call((1000, 50), seed=1)[0][0])
    assert named == {}
    assert first.mean().item() == pytest.approx(0.0, abs=5 / 50_000**0.5)  # five standard errors
    assert first.std().item() == pytest.approx(1.0, rel=0.02)


def test_inputs_are_a_tensor_a_shape_or_several_in_order_or_by_name():
    tensor = torch.zeros(5, dtype=torch.int64)
    (only,), _ = timing.random_call(tensor)
    assert only is tensor
    (first, second), _ = timing.random_call([(2, 3), tensor])
    assert (tuple(first.shape), second is tensor) == ((2, 3), True)
    args, named = timing.random_call({"x": (2, 4), "ids": tensor})
    assert (args, tuple(named["x"].shape), named["ids"] is tensor) == ((), (2, 4), True)


def test_an_input_spec_keeps_its_type_and_its_name():
    specs = (InputSpec((2, 3)), InputSpec((2, 5), "int64"), InputSpec((2, 1), name="scale"))
    (floating, indices), named = timing.random_call(specs)
    assert (floating.dtype, tuple(floating.shape)) == (torch.float32, (2, 3))
    assert (indices.dtype, tuple(indices.shape)) == (torch.int64, (2, 5))
    assert {name: tuple(value.shape) for name, value in named.items()} == {"scale": (2, 1)}


def test_a_type_is_that_of_shapes_and_not_of_what_holds_indices():
    (shape, indices), _ = timing.random_call(((2, 3), InputSpec((2, 5), "int64")), torch.bfloat16)
    assert (shape.dtype, indices.dtype) == (torch.bfloat16, torch.int64)


def test_named_inputs_reach_the_model_by_their_names():
    model, scale = Watchful(), torch.ones(2)
    result = quick(model, {"scale": scale, "x": (2, 4)})
    assert all(torch.equal(seen.scale, scale) and tuple(seen.x.shape) == (2, 4) for seen in model.seen)
    assert result.batch == 2


def test_a_shape_takes_the_type_of_the_model():
    model = Watchful().double()
    quick(model, (2, 4))
    assert {seen.x.dtype for seen in model.seen} == {torch.float64}


@pytest.mark.parametrize("inputs", ["224", (0, 3), (2, -1), 4])
def test_inputs_that_are_none_are_refused_with_what_came(inputs):
    with pytest.raises(RequestError, match=r"\(1, 3, 224, 224\)"):
        timing.random_call(inputs)


def test_inputs_without_a_batch_have_no_throughput():
    result = quick(Plain(), torch.tensor(1.0))
    assert (result.batch, result.throughput_per_s) == (None, None)


@pytest.mark.parametrize("threads", [0, -2])
def test_a_number_of_threads_below_one_is_a_wrong_request(threads):
    with pytest.raises(RequestError, match="expected 1 or more"):
        quick(Plain(), (1,), threads=threads)


def test_a_model_that_raises_is_raised_as_a_measurement_error():
    with pytest.raises(MeasurementError, match="Broken failed in its first call: RuntimeError: shapes do not match"):
        quick(Broken(), (1,))


def test_a_model_without_real_weights_cannot_be_timed():
    with torch.device("meta"):
        model = nn.Linear(2, 2)
    with pytest.raises(RequestError, match="meta device"):
        quick(model, (1, 2))


def test_a_missing_gpu_is_said_before_anything_runs(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model = Watchful()
    with pytest.raises(MeasurementError, match="sees no CUDA device"):
        quick(model, (2, 4), device="cuda")
    assert model.seen == []


# ---- a real GPU ---------------------------------------------------------------------------------------------------


def on_a_gpu(test):
    skip = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
    return pytest.mark.cuda(skip(test))


@on_a_gpu
def test_a_real_gpu_has_wall_and_device_times_and_leaves_the_model_where_it_was():
    model = nn.Sequential(nn.Linear(256, 256), nn.BatchNorm1d(256)).train()
    result = timing.measure(model, (64, 256), device="cuda", budget_s=30.0)
    assert len(result.device_times_s) == result.samples >= stats.MIN_ROUNDS
    assert min(result.device_times_s) > 0
    assert stats.median(result.device_times_s) <= result.median_s
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}
    assert model.training


@on_a_gpu
def test_a_real_gpu_keeps_its_random_state():
    before = torch.cuda.get_rng_state()
    timing.measure(nn.Dropout(), (8,), device="cuda", budget_s=0.0)
    assert torch.equal(torch.cuda.get_rng_state(), before)


@on_a_gpu
def test_a_model_too_big_for_a_real_gpu_is_out_of_memory_and_the_next_one_runs():
    class Huge(nn.Module):
        def forward(self, x):
            return x.new_empty(2**50)

    call = ((torch.ones(1),), {})
    failed, fine = timing.measure_all([("huge", Huge(), call), ("small", Plain(), call)], Timing("cuda", budget_s=30.0))
    assert "out of memory" in str(failed)
    assert fine.samples >= stats.MIN_ROUNDS


@on_a_gpu
def test_a_tiny_network_on_a_real_gpu_is_launch_bound():
    model = nn.Sequential(*[nn.ReLU() for _ in range(50)])
    result = timing.measure(model, (1, 8), device="cuda", budget_s=30.0)
    assert doubts.LaunchBound in {type(doubt) for doubt in result.doubts}
