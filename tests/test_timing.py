import json
import random
from contextlib import nullcontext
from itertools import chain, repeat
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from netcost import environment, stats, timing
from netcost.errors import MeasurementError, RequestError
from netcost.timing import Stop, Subject, sample_rounds

# Times are sums of powers of two, so that the clock adds and subtracts them to the digit.
LONG = 2.0**-3
"""Seconds of a call that is sampled alone, and whose eight warm-up calls of a second fit any budget below."""

FIRST_AND_WARMUP = 1 + 6
"""Calls before the rounds of a subject that is steady from the start: two windows of three have to agree."""


class Clock:
    """A clock that stands still unless somebody spends time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def spend(self, seconds: float) -> None:
        self.now += seconds


def subject(clock, name, times, log=None):
    """A subject whose calls take the given times in turn; an exception among them is raised."""
    turns = iter(times)

    def run():
        if log is not None:
            log.append(name)
        turn = next(turns)
        if isinstance(turn, BaseException):
            raise turn
        clock.spend(turn)

    return Subject(name, run)


def steady(call_s=LONG):
    return repeat(call_s)


def after_warmup(*times, call_s=LONG):
    """Steady through first call and warm-up, then the given rounds."""
    return chain(repeat(call_s, FIRST_AND_WARMUP), times)


def test_a_steady_subject_is_precise_after_the_fewest_rounds():
    clock = Clock()
    result = sample_rounds([subject(clock, "a", steady())], clock=clock)
    [series] = result.series
    assert series.first_call_s == LONG
    assert series.warmup_s == (LONG,) * 6
    assert series.times_s == (LONG,) * stats.MIN_ROUNDS
    assert (result.rounds, result.stopped) == (stats.MIN_ROUNDS, Stop.PRECISE)
    assert clock.now == (FIRST_AND_WARMUP + stats.MIN_ROUNDS) * LONG


def test_every_raw_time_is_kept_in_the_order_of_the_rounds():
    clock = Clock()
    rounds = [LONG * each for each in (1, 3, 1, 2, 1, 9, 1, 1, 2, 1)]
    result = sample_rounds([subject(clock, "a", after_warmup(*rounds))], clock=clock, max_rounds=10)
    assert result.series[0].times_s == tuple(rounds)
    assert result.stopped is Stop.ROUNDS


def test_the_first_call_is_timed_apart_and_warm_up_lasts_until_times_settle():
    clock = Clock()
    falling = [8 * LONG, 4 * LONG, 3 * LONG, 2 * LONG]
    [series] = sample_rounds([subject(clock, "a", chain(falling, steady()))], clock=clock, budget_s=100.0).series
    assert series.first_call_s == 8 * LONG
    # 4 3 2 | 1 1 1 has not settled, nor has 3 2 1 | 1 1 1; in 2 1 1 | 1 1 1 the medians agree.
    assert series.warmup_s == (4 * LONG, 3 * LONG, 2 * LONG, *[LONG] * 5)


def test_warm_up_of_times_that_never_settle_ends_with_its_share_of_the_budget():
    clock, budget_s = Clock(), 80.0
    growing = (LONG * 2**at for at in range(100))  # every window is eight times the one before
    [series] = sample_rounds([subject(clock, "a", growing)], clock=clock, budget_s=budget_s, min_rounds=1).series
    begun = [series.first_call_s + sum(series.warmup_s[:at]) for at in range(len(series.warmup_s) + 1)]
    assert begun[-2] < timing.WARMUP_SHARE * budget_s <= begun[-1]


def test_the_share_of_warm_up_is_split_among_the_subjects():
    clock, budget_s = Clock(), 80.0
    subjects = [subject(clock, name, (LONG * 2**at for at in range(100))) for name in "ab"]
    result = sample_rounds(subjects, clock=clock, budget_s=budget_s, min_rounds=1)
    for series in result.series:
        begun = series.first_call_s + sum(series.warmup_s[:-1])
        assert begun < timing.WARMUP_SHARE * budget_s / 2


def test_even_without_a_budget_there_are_two_warm_up_calls_and_the_fewest_rounds():
    clock = Clock()
    times = chain([LONG] * 3, [LONG, 2 * LONG] * 50)
    result = sample_rounds([subject(clock, "a", times)], clock=clock, budget_s=0.0)
    assert len(result.series[0].warmup_s) == timing.WARMUP_CALLS[0]
    assert (result.rounds, result.stopped) == (stats.MIN_ROUNDS, Stop.BUDGET)


def test_a_budget_that_runs_out_ends_the_rounds_with_the_one_that_spends_it():
    clock, budget_s = Clock(), 40 * LONG
    rounds = [LONG, 3 * LONG] * 50
    result = sample_rounds([subject(clock, "a", after_warmup(*rounds))], clock=clock, budget_s=budget_s)
    spent = [FIRST_AND_WARMUP * LONG + sum(rounds[:at]) for at in range(len(rounds))]
    assert result.rounds == next(at for at, seconds in enumerate(spent) if seconds >= budget_s)
    assert result.stopped is Stop.BUDGET


def test_without_a_precision_to_reach_the_whole_budget_is_spent():
    clock = Clock()
    result = sample_rounds([subject(clock, "a", steady())], clock=clock, precision=0.0, budget_s=100 * LONG)
    assert (result.rounds, result.stopped) == (100 - FIRST_AND_WARMUP, Stop.BUDGET)


def test_more_rounds_are_taken_until_the_interval_is_narrow():
    clock = Clock()
    noise = random.Random(1)
    times = (LONG * (1 + noise.choice((-1, 0, 1)) / 16) for _ in repeat(None))
    result = sample_rounds([subject(clock, "a", times)], clock=clock, budget_s=1000.0, precision=0.01)
    [series] = result.series
    assert result.stopped is Stop.PRECISE
    assert stats.MIN_ROUNDS < result.rounds < 200  # far from the most that are taken
    width = stats.relative_half_width(stats.ci95(series.times_s), stats.median(series.times_s))
    assert width < 0.01


def test_every_round_has_every_subject_once_and_the_order_changes():
    clock, log = Clock(), []
    subjects = [subject(clock, name, steady(), log) for name in "abc"]
    result = sample_rounds(subjects, clock=clock, rng=random.Random(3), max_rounds=30, precision=0.0, budget_s=1e6)
    sampled = log[3 * FIRST_AND_WARMUP :]
    rounds = [tuple(sampled[at : at + 3]) for at in range(0, len(sampled), 3)]
    assert len(rounds) == result.rounds == 30
    assert all(sorted(each) == ["a", "b", "c"] for each in rounds)
    assert {each[0] for each in rounds} == {"a", "b", "c"}


def test_the_same_source_of_chance_gives_the_same_order():
    def order(seed):
        clock, log = Clock(), []
        sample_rounds([subject(clock, name, steady(), log) for name in "abcd"], clock=clock, rng=random.Random(seed))
        return log

    assert order(5) == order(5)
    assert order(5) != order(6)


def test_subjects_that_slow_down_together_keep_their_exact_ratio():
    clock, turn = Clock(), iter(range(10_000))

    def slowing(share):
        return (share * LONG * (1 + next(turn) // 64) for _ in repeat(None))

    subjects = [subject(clock, "a", slowing(1)), subject(clock, "b", slowing(0.5)), subject(clock, "c", slowing(2))]
    result = sample_rounds(subjects, clock=clock, budget_s=1e6, max_rounds=40, precision=0.0)
    first = result.series[0].times_s
    assert first[-1] >= 2 * first[0]
    # The drift moves in steps of 64 calls; only a round that straddles a step can differ.
    assert [ratio.median for ratio in result.ratios] == [1.0, 0.5, 2.0]
    assert [ratio.ci95 for ratio in result.ratios] == [(1.0, 1.0), (0.5, 0.5), (2.0, 2.0)]


def test_a_comparison_is_precise_when_its_ratios_are_however_wild_the_times():
    clock = Clock()
    wild = [LONG * random.Random(at).choice((1, 2, 4)) for at in range(stats.MIN_ROUNDS)]
    subjects = [
        subject(clock, "a", after_warmup(*wild)),
        subject(clock, "b", after_warmup(*[2 * each for each in wild], call_s=2 * LONG)),
    ]
    result = sample_rounds(subjects, clock=clock, budget_s=1e6)
    assert (result.rounds, result.stopped) == (stats.MIN_ROUNDS, Stop.PRECISE)
    assert result.ratios[1] == stats.RatioEstimate(2.0, (2.0, 2.0), stats.MIN_ROUNDS)


def test_fast_subjects_are_called_often_enough_for_a_sample_and_the_time_is_divided():
    clock, log, fast = Clock(), [], 2.0**-15
    subjects = [subject(clock, "slow", steady()), subject(clock, "fast", steady(fast), log)]
    slow, quick = sample_rounds(subjects, clock=clock).series
    assert slow.calls == 1
    assert quick.calls == 4  # 3 x 31 µs is short of 100 µs, 4 x 31 µs is not
    assert quick.times_s == (fast,) * stats.MIN_ROUNDS
    assert len(log) == 1 + len(quick.warmup_s) + 4 * stats.MIN_ROUNDS


def test_the_calls_a_sample_follow_the_settled_times_and_not_the_first_slow_ones():
    clock = Clock()
    times = chain([LONG] * 4, steady(2.0**-15))
    [series] = sample_rounds([subject(clock, "a", times)], clock=clock).series
    assert series.calls == 4


def test_warm_up_of_a_fast_subject_lasts_the_shortest_time():
    clock, fast = Clock(), 2.0**-15
    [series] = sample_rounds([subject(clock, "fast", steady(fast))], clock=clock).series
    assert (1 + len(series.warmup_s) - 1) * fast < timing.WARMUP_S <= (1 + len(series.warmup_s)) * fast


def test_a_clock_that_cannot_see_a_call_ends_all_the_same_without_a_ratio():
    clock = Clock()
    subjects = [subject(clock, "a", steady(0.0)), subject(clock, "b", steady(0.0))]
    result = sample_rounds(subjects, clock=clock, max_rounds=10)
    assert len(result.series[0].warmup_s) == timing.WARMUP_CALLS[1]
    assert result.series[0].calls == timing.MAX_CALLS
    assert result.ratios == (None, None)
    assert result.stopped is Stop.ROUNDS


def test_each_call_of_a_sample_is_finished_before_the_next_begins():
    clock, pending = Clock(), []

    def run():
        assert not pending
        pending.append(2.0**-15)

    def synchronize():
        clock.spend(pending.pop())

    [series] = sample_rounds([Subject("a", run)], clock=clock, synchronize=synchronize).series
    assert series.calls == 4
    assert set(series.times_s) == {2.0**-15}


def test_a_subject_that_raises_in_round_seven_leaves_the_others_running():
    clock = Clock()
    failing = after_warmup(*[LONG] * 6, RuntimeError("bad shape\nwith more lines"))
    subjects = [subject(clock, "a", steady()), subject(clock, "b", failing), subject(clock, "c", steady(2 * LONG))]
    result = sample_rounds(subjects, clock=clock)
    a, b, c = result.series
    assert isinstance(b.error, MeasurementError)
    assert str(b.error) == "b failed in round 7: RuntimeError: bad shape"
    assert b.times_s == (LONG,) * 6
    assert (a.error, c.error) == (None, None)
    assert len(a.times_s) == len(c.times_s) == stats.MIN_ROUNDS
    assert result.ratios[1] is None
    assert result.ratios[2] == stats.RatioEstimate(2.0, (2.0, 2.0), stats.MIN_ROUNDS)


@pytest.mark.parametrize(("calls_before", "when"), [(0, "in its first call"), (2, "in warm-up")])
def test_a_subject_that_raises_before_the_rounds_says_when(calls_before, when):
    clock = Clock()
    failing = subject(clock, "b", [*[LONG] * calls_before, ValueError("no")])
    result = sample_rounds([subject(clock, "a", steady()), failing], clock=clock)
    assert str(result.series[1].error) == f"b failed {when}: ValueError: no"
    assert result.series[0].error is None


def test_when_the_first_subject_fails_the_others_have_times_but_no_ratio():
    clock = Clock()
    subjects = [subject(clock, "a", [MeasurementError("out of memory")]), subject(clock, "b", steady())]
    result = sample_rounds(subjects, clock=clock)
    assert str(result.series[0].error) == "a failed in its first call: out of memory"
    assert result.series[0].first_call_s is None
    assert result.ratios == (None, None)
    assert (len(result.series[1].times_s), result.stopped) == (stats.MIN_ROUNDS, Stop.PRECISE)


def test_when_all_subjects_fail_sampling_stops():
    clock = Clock()
    result = sample_rounds([subject(clock, "a", after_warmup(LONG, OSError("gone")))], clock=clock)
    assert (result.rounds, result.stopped) == (2, Stop.FAILED)


def test_an_error_keeps_no_frame_alive():
    clock = Clock()
    [series] = sample_rounds([subject(clock, "a", [ValueError("no")])], clock=clock).series
    assert series.error.__traceback__ is None
    assert series.error.__cause__ is None
    assert series.error.__context__ is None


@pytest.mark.parametrize("calls_before", [0, 3, FIRST_AND_WARMUP + 2])
def test_an_interruption_passes_through(calls_before):
    clock = Clock()
    times = [*[LONG] * calls_before, KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        sample_rounds([subject(clock, "a", times)], clock=clock)


def test_progress_grows_to_one_and_names_what_goes_on():
    clock, told = Clock(), []
    subjects = [subject(clock, name, steady()) for name in "ab"]
    sample_rounds(subjects, clock=clock, precision=0.0, budget_s=20.0, progress=lambda *each: told.append(each))
    shares, texts = zip(*told, strict=True)
    assert list(shares) == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert texts[:3] == ("warming up a", "warming up b", "round 1")
    assert shares[1] == FIRST_AND_WARMUP * LONG / 20.0


def test_progress_never_exceeds_one_however_far_the_budget_is_overrun():
    clock, told = Clock(), []
    sample_rounds([subject(clock, "a", steady())], clock=clock, budget_s=LONG, progress=lambda *each: told.append(each))
    assert [share for share, _ in told] == [0.0, *[1.0] * stats.MIN_ROUNDS, 1.0]


def test_progress_follows_the_rounds_where_they_run_out_first():
    clock, told = Clock(), []
    sample_rounds(
        [subject(clock, "a", steady())],
        clock=clock,
        precision=0.0,
        budget_s=1e6,
        max_rounds=16,
        progress=lambda *each: told.append(each),
    )
    assert (9 / 16, "round 10") in told


@pytest.mark.parametrize(("fewest", "most"), [(0, 10), (5, 4)])
def test_rounds_that_cannot_be_are_refused(fewest, most):
    with pytest.raises(ValueError, match="min_rounds"):
        sample_rounds([], min_rounds=fewest, max_rounds=most)


def test_nothing_to_time_gives_nothing():
    assert sample_rounds([]).series == ()
    assert timing.measure_all([]) == []


@settings(deadline=None)
@given(st.lists(st.sampled_from([1, 2, 3, 5, 8]), min_size=12, max_size=30), st.integers(0, 6))
def test_scaling_every_time_scales_the_result_and_not_the_ratio(pattern, exponent):
    def run(scale):
        clock = Clock()
        times = [scale * LONG * each for each in pattern]
        pair = [subject(clock, "a", after_warmup(*times, call_s=scale * LONG)), subject(clock, "b", steady(scale))]
        return sample_rounds(pair, clock=clock, budget_s=1e6, max_rounds=len(pattern), precision=0.0)

    scale = 2.0**exponent
    one, other = run(1.0), run(scale)
    assert other.series[0].times_s == tuple(scale * each for each in one.series[0].times_s)
    assert other.ratios == one.ratios


# ---- measurements -------------------------------------------------------------------------------------------------


def measurement(**changes):
    times = {"first_call_s": 1.0, "times_s": (0.25,) * 10, "device_times_s": None, "batch": 8}
    return timing.Measurement(
        device="cpu", threads=2, warmup_calls=6, calls_per_sample=1, stopped=Stop.PRECISE, **{**times, **changes}
    )


def test_a_measurement_is_the_latency_object_of_the_json():
    assert measurement().to_dict() == {
        "device": "cpu",
        "threads": 2,
        "batch": 8,
        "first_call_s": 1.0,
        "median_s": 0.25,
        "ci95_s": [0.25, 0.25],
        "iqr_s": 0.0,
        "samples": 10,
        "throughput_per_s": 8 / 0.25,
        "device_median_s": None,
        "doubts": [],
    }


def test_what_a_measurement_cannot_know_is_none():
    plain = measurement(times_s=(0.25, 0.5), batch=None).to_dict()
    assert (plain["ci95_s"], plain["iqr_s"], plain["throughput_per_s"]) == (None, None, None)


def test_a_measurement_with_doubts_is_plain_json():
    plain = measurement(doubts=(stats.Throttled(("power cap",)),), device_times_s=(0.125,) * 10).to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["doubts"][0]["doubt"] == "Throttled"
    assert plain["device_median_s"] == 0.125


# ---- a made-up device ---------------------------------------------------------------------------------------------


class Event:
    """A GPU event of a made-up device: remembers when the device got to it."""

    def __init__(self, gpu):
        self._gpu = gpu

    def record(self):
        self._gpu.queue.append(self)

    def elapsed_time(self, later):
        return (later.at - self.at) * 1000  # milliseconds, as torch has them


class Gpu:
    """A made-up device: the host spends `launch_s` on a call, and the device works `work_s` on it later."""

    name = "cuda:0"

    def __init__(self, clock, launch_s, work_s, reasons=None):
        self.clock, self.launch_s, self.work_s, self.reasons = clock, launch_s, work_s, reasons
        self.queue = []

    def active(self):
        return nullcontext()

    def place(self, model, call):
        return model, call

    def watch(self, run):
        def launch():
            run()
            self.clock.spend(self.launch_s)
            self.queue.append(self.work_s)

        return timing.EventRun(launch, lambda: Event(self), self.clock)

    def synchronize(self):
        for each in self.queue:
            if isinstance(each, Event):
                each.at = self.clock()
            else:
                self.clock.spend(each)
        self.queue.clear()

    def throttle_reasons(self):
        return self.reasons


def quiet_meter():
    return environment.LoadMeter(lambda: None, lambda: 0.0, lambda: 0.0)


class Plain(nn.Module):
    """Doubles its input."""

    def forward(self, x):
        return 2 * x


def measured_on(gpu, clock, *modules):
    models = [(f"net{at}", module, ((torch.ones(4, 2),), {})) for at, module in enumerate(modules)]
    return timing.measure_all(models, gpu, clock=clock, meter=quiet_meter)


def test_wall_and_device_times_are_both_reported():
    clock = Clock()
    [result] = measured_on(Gpu(clock, launch_s=LONG / 8, work_s=LONG), clock, Plain())
    assert result.times_s == (LONG / 8 + LONG,) * stats.MIN_ROUNDS
    assert result.device_times_s == (LONG,) * stats.MIN_ROUNDS
    assert result.doubts == ()
    assert (result.device, result.batch, result.first_call_s) == ("cuda:0", 4, LONG / 8 + LONG)


def test_a_device_that_waits_for_its_host_is_launch_bound():
    clock = Clock()
    [result] = measured_on(Gpu(clock, launch_s=LONG, work_s=LONG / 16), clock, Plain())
    assert result.doubts == (stats.LaunchBound(wall_s=LONG + LONG / 16, host_s=LONG, device_s=LONG / 16),)


def test_device_times_of_fast_calls_are_divided_like_those_on_the_wall():
    clock, work_s = Clock(), 2.0**-15
    [result] = measured_on(Gpu(clock, launch_s=0.0, work_s=work_s), clock, Plain())
    assert result.calls_per_sample == 4
    assert result.device_times_s == result.times_s == (work_s,) * stats.MIN_ROUNDS


def test_a_throttled_device_is_a_doubt_of_every_model():
    clock = Clock()
    results = measured_on(Gpu(clock, 0.0, LONG, reasons=("power cap",)), clock, Plain(), Plain())
    assert [result.doubts for result in results] == [(stats.Throttled(("power cap",)),)] * 2


def test_load_by_others_is_a_doubt_of_every_model():
    clock, busy = Clock(), iter((100.0, 190.0))
    meter = environment.LoadMeter(lambda: next(busy), lambda: 0.0, iter((0.0, 10.0)).__next__)
    models = [("net", Plain(), ((torch.ones(1),), {}))]
    [result] = timing.measure_all(models, Gpu(clock, 0.0, LONG), clock=clock, meter=lambda: meter)
    assert [type(doubt) for doubt in result.doubts] == [stats.OtherLoad]


class Hungry(nn.Module):
    """Runs out of memory, as a GPU does."""

    def forward(self, _):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


class Broken(nn.Module):
    """Cannot be run."""

    def forward(self, _):
        raise RuntimeError("shapes do not match")


def test_a_model_that_runs_out_of_memory_is_its_own_error_and_says_what_to_try():
    failed, fine = timing.measure_all(
        [(name, module, ((torch.ones(1),), {})) for name, module in (("big", Hungry()), ("small", Plain()))],
        budget_s=0.0,
    )
    assert isinstance(failed, MeasurementError)
    assert str(failed).startswith("big failed in its first call: out of memory")
    assert "smaller --batch" in str(failed)
    assert fine.samples == stats.MIN_ROUNDS


def test_out_of_memory_frees_what_the_failed_call_held_before_the_cache_is_emptied():
    released = []

    class Tensor:
        def __del__(self):
            released.append("activation")

    def run():
        activation = Tensor()
        raise torch.OutOfMemoryError(f"CUDA out of memory with {activation!r}")

    with pytest.raises(MeasurementError, match="out of memory: cuda:0"):
        timing.within_memory(run, "cuda:0", lambda: released.append("cache"))
    assert released == ["activation", "cache"]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 EB")])
def test_a_cpu_runs_out_of_memory_in_its_own_words(error):
    def run():
        raise error

    with pytest.raises(MeasurementError, match="out of memory: cpu"):
        timing.within_memory(run, "cpu")


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
    monkeypatch.setattr(environment, "open_driver", noted("open_driver", lambda: None))
    monkeypatch.setattr(timing, "moved", lambda model, call, where: asked.append(("moved", where)) or (model, call))
    return SimpleNamespace(clock=clock, gpu=gpu, asked=asked)


class Queued(nn.Module):
    """Leaves its work to the made-up device."""

    def __init__(self, gpu):
        super().__init__()
        self.gpu = gpu

    def forward(self, _):
        self.gpu.queue.append(self.gpu.work_s)


@pytest.mark.parametrize("name", ["cuda:1", "cuda"])
def test_a_gpu_is_made_current_waited_for_and_read_by_its_own_number(torch_with_two_gpus, name):
    world = torch_with_two_gpus
    models = [("net", Queued(world.gpu), ((torch.ones(2),), {}))]
    [result] = timing.measure_all(models, name, clock=world.clock, meter=quiet_meter)
    assert (result.device, result.device_times_s) == (name, (LONG,) * stats.MIN_ROUNDS)
    calls = 1 + result.warmup_calls + result.samples
    assert world.asked.count(("synchronize", 1)) == 1 + calls  # once more: the copying is no part of the first call
    assert set(world.asked) == {
        ("open_driver", "GPU-uuid-1"),
        ("device", 1),
        ("fork_rng", 1),
        ("moved", torch.device("cuda:1")),
        ("synchronize", 1),
    }


def test_a_gpu_that_ran_out_of_memory_is_emptied(torch_with_two_gpus):
    world = torch_with_two_gpus
    models = [("net", Hungry(), ((torch.ones(2),), {}))]
    [failed] = timing.measure_all(models, "cuda:1", clock=world.clock, meter=quiet_meter)
    assert "out of memory: cuda:1" in str(failed)
    assert world.asked[-1] == ("empty_cache",)


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
    assert len(model.seen) >= 1 + 2 + stats.MIN_ROUNDS
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
    results = timing.measure_all([("a", model, call), ("a again", model, call)], budget_s=0.0)
    assert [result.samples for result in results] == [stats.MIN_ROUNDS] * 2
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


def test_named_inputs_reach_the_model_by_their_names():
    model, scale = Watchful(), torch.ones(2)
    result = quick(model, {"scale": scale, "x": (2, 4)})
    assert all(seen.scale is scale and tuple(seen.x.shape) == (2, 4) for seen in model.seen)
    assert result.batch == 2


def test_a_shape_takes_the_type_of_the_model():
    model = Watchful().double()
    quick(model, (2, 4))
    assert {seen.x.dtype for seen in model.seen} == {torch.float64}


@pytest.mark.parametrize("inputs", ["224", (), (0, 3), (2, -1), [(2, 3), 4], {"x": None}])
def test_inputs_that_are_none_are_refused_with_what_came(inputs):
    with pytest.raises(RequestError, match=r"expected the like of \(1, 3, 224, 224\)"):
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


@pytest.mark.parametrize(("before", "now", "reasons"), [(1, 1, ()), (1, 2, ("temperature",)), (None, None, None)])
def test_a_cpu_is_throttled_when_it_got_too_hot_meanwhile(monkeypatch, before, now, reasons):
    counts = iter((before, now))
    monkeypatch.setattr(environment, "thermal_events", lambda: next(counts))
    assert timing.CpuDevice().throttle_reasons() == reasons


# ---- a real GPU ---------------------------------------------------------------------------------------------------


def on_a_gpu(test):
    skip = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
    return pytest.mark.cuda(skip(test))


@on_a_gpu
def test_a_real_gpu_has_wall_and_device_times_and_leaves_the_model_where_it_was():
    model = nn.Sequential(nn.Linear(256, 256), nn.BatchNorm1d(256)).train()
    result = timing.measure(model, (64, 256), device="cuda", budget_s=1.0)
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
    failed, fine = timing.measure_all([("huge", Huge(), call), ("small", Plain(), call)], "cuda", budget_s=0.5)
    assert "out of memory" in str(failed)
    assert fine.samples >= stats.MIN_ROUNDS


@on_a_gpu
def test_a_tiny_network_on_a_real_gpu_is_launch_bound():
    model = nn.Sequential(*[nn.ReLU() for _ in range(50)])
    result = timing.measure(model, (1, 8), device="cuda", budget_s=1.0)
    assert stats.LaunchBound in {type(doubt) for doubt in result.doubts}
