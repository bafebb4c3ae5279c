import random
from dataclasses import replace
from itertools import chain, repeat

import pytest
from fake_clock import LONG, Clock
from hypothesis import given
from hypothesis import strategies as st

from netcost.text.errors import MeasurementError
from netcost.text.notices import Notice
from netcost.timing import sampling, stats
from netcost.timing.sampling import Stop, Subject, sample_rounds

FIRST_AND_WARMUP = 1 + 6
"""Calls before the rounds of a subject that is steady from the start: two windows of three have to agree."""


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
    rounds = [LONG * multiple for multiple in (1, 3, 1, 2, 1, 9, 1, 1, 2, 1)]
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
    growing = (LONG * 2**index for index in range(100))  # every window is eight times the one before
    [series] = sample_rounds([subject(clock, "a", growing)], clock=clock, budget_s=budget_s, min_rounds=1).series
    begun = [series.first_call_s + sum(series.warmup_s[:index]) for index in range(len(series.warmup_s) + 1)]
    assert begun[-2] < sampling.WARMUP_SHARE * budget_s <= begun[-1]


def test_the_share_of_warm_up_is_split_among_the_subjects():
    clock, budget_s = Clock(), 80.0
    subjects = [subject(clock, name, (LONG * 2**index for index in range(100))) for name in "ab"]
    result = sample_rounds(subjects, clock=clock, budget_s=budget_s, min_rounds=1)
    for series in result.series:
        begun = series.first_call_s + sum(series.warmup_s[:-1])
        assert begun < sampling.WARMUP_SHARE * budget_s / 2


def test_even_without_a_budget_there_are_two_warm_up_calls_and_the_fewest_rounds():
    clock = Clock()
    times = chain([LONG] * 3, [LONG, 2 * LONG] * 50)
    result = sample_rounds([subject(clock, "a", times)], clock=clock, budget_s=0.0)
    assert len(result.series[0].warmup_s) == sampling.WARMUP_CALLS[0]
    assert (result.rounds, result.stopped) == (sampling.FEWEST_ROUNDS, Stop.BUDGET)


def slow_pair(clock, call_s=1.0):
    """A subject and another that takes twice as long, in calls of which a budget of seconds holds few."""
    return [subject(clock, "a", steady(call_s)), subject(clock, "b", steady(2 * call_s))]


@pytest.mark.parametrize(
    ("budget_s", "warmup_s", "rounds"),
    [
        (20.0, 3 * 1.0 + 3 * 2.0, 4),  # the fourth round spends it
        (42.0, 7 * 1.0 + 4 * 2.0, stats.MIN_ROUNDS - 1),
    ],
)
def test_slow_subjects_stop_at_the_budget_with_fewer_rounds_than_an_interval_needs(budget_s, warmup_s, rounds):
    clock = Clock()
    result = sample_rounds(slow_pair(clock), clock=clock, budget_s=budget_s)
    assert (result.rounds, result.stopped) == (rounds, Stop.BUDGET)
    assert clock.now == warmup_s + rounds * (1.0 + 2.0)
    assert result.ratios[1] == stats.RatioEstimate(2.0, None, rounds)
    assert stats.verdict(result.ratios[1].ci95) is stats.SpeedVerdict.CANNOT_TELL


def test_a_budget_for_just_the_rounds_of_an_interval_gives_one():
    clock, rounds = Clock(), stats.MIN_ROUNDS
    budget_s = 7 * 1.0 + 4 * 2.0 + rounds * (1.0 + 2.0)
    result = sample_rounds(slow_pair(clock), clock=clock, budget_s=budget_s)
    assert (clock.now, result.rounds, result.stopped) == (budget_s, rounds, Stop.PRECISE)
    assert result.ratios[1] == stats.RatioEstimate(2.0, (2.0, 2.0), rounds)


@pytest.mark.parametrize("budget_s", [0.0, 1.0, 9.0, 18.0])
def test_however_small_the_budget_there_are_three_rounds_and_no_more(budget_s):
    clock = Clock()
    result = sample_rounds(slow_pair(clock), clock=clock, budget_s=budget_s)
    assert (result.rounds, result.stopped) == (3, Stop.BUDGET)
    assert clock.now == 3 * 1.0 + 3 * 2.0 + 3 * (1.0 + 2.0)


@given(st.floats(0.0, 100.0, allow_subnormal=False), st.integers(-3, 3))
def test_the_budget_is_overrun_by_less_than_a_round_or_there_are_the_fewest(budget_s, exponent):
    clock, call_s = Clock(), 2.0**exponent
    result = sample_rounds(slow_pair(clock, call_s), clock=clock, budget_s=budget_s, precision=0.0)
    assert result.rounds == sampling.FEWEST_ROUNDS or clock.now < budget_s + 3 * call_s


def test_a_budget_that_runs_out_ends_the_rounds_with_the_one_that_spends_it():
    clock, budget_s = Clock(), 40 * LONG
    rounds = [LONG, 3 * LONG] * 50
    result = sample_rounds([subject(clock, "a", after_warmup(*rounds))], clock=clock, budget_s=budget_s)
    spent = [FIRST_AND_WARMUP * LONG + sum(rounds[:index]) for index in range(len(rounds))]
    assert result.rounds == next(index for index, seconds in enumerate(spent) if seconds >= budget_s)
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
    rounds = [tuple(sampled[index : index + 3]) for index in range(0, len(sampled), 3)]
    assert len(rounds) == result.rounds == 30
    assert all(sorted(order) == ["a", "b", "c"] for order in rounds)
    assert {order[0] for order in rounds} == {"a", "b", "c"}


def test_of_every_four_rounds_each_two_subjects_run_in_either_order_in_two():
    clock, log = Clock(), []
    subjects = [subject(clock, name, steady(), log) for name in "abc"]
    sample_rounds(subjects, clock=clock, max_rounds=40, precision=0.0, budget_s=1e6)
    sampled = log[3 * FIRST_AND_WARMUP :]
    rounds = [sampled[index : index + 3] for index in range(0, len(sampled), 3)]
    for four in (rounds[index : index + 4] for index in range(0, len(rounds), 4)):
        for one, other in ("ab", "ac", "bc"):
            assert sum(order.index(one) < order.index(other) for order in four) == 2
    assert len({tuple(order) for order in rounds}) == 6  # and yet each of the orders occurs


def test_a_renewal_comes_before_each_sample_of_a_round_and_is_not_in_its_time():
    clock, log = Clock(), []
    renewed = replace(
        subject(clock, "a", steady(), log), untimed_setup=lambda: (log.append("untimed_setup"), clock.spend(5.0))
    )
    [series] = sample_rounds([renewed], clock=clock, budget_s=1e6).series
    assert series.times_s == (LONG,) * stats.MIN_ROUNDS
    assert log == ["a"] * FIRST_AND_WARMUP + ["untimed_setup", "a"] * stats.MIN_ROUNDS


def test_a_renewal_that_raises_fails_its_subject():
    def full():
        raise MemoryError("no pages left")

    clock = Clock()
    broken = replace(subject(clock, "b", steady()), untimed_setup=full)
    result = sample_rounds([subject(clock, "a", steady()), broken], clock=clock)
    assert str(result.series[1].error) == "b failed in round 1: MemoryError: no pages left"
    assert result.series[0].error is None


class OwnClock:
    """A subject in another process, say: it keeps the time itself, and getting the answer here takes a while."""

    name = "far"
    is_single = False

    def __init__(self, clock, call_s):
        self.clock, self.call_s, self.renewed = clock, call_s, 0

    def seconds(self, calls, clock, synchronize):  # noqa: ARG002  # it has its own
        self.clock.spend(calls * self.call_s + 1.0)
        return calls * self.call_s

    def set_up(self):
        self.renewed += 1


def test_a_subject_with_a_clock_of_its_own_is_believed():
    clock = Clock()
    far = OwnClock(clock, LONG)
    result = sample_rounds([subject(clock, "near", steady(2 * LONG)), far], clock=clock, budget_s=1e6)
    assert result.series[1].times_s == (LONG,) * stats.MIN_ROUNDS
    assert result.series[1].first_call_s == LONG
    assert far.renewed == result.rounds
    assert result.ratios[1] == stats.RatioEstimate(0.5, (0.5, 0.5), stats.MIN_ROUNDS)


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
    wild = [LONG * random.Random(index).choice((1, 2, 4)) for index in range(stats.MIN_ROUNDS)]
    subjects = [
        subject(clock, "a", after_warmup(*wild)),
        subject(clock, "b", after_warmup(*[2 * time_s for time_s in wild], call_s=2 * LONG)),
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
    assert (1 + len(series.warmup_s) - 1) * fast < sampling.WARMUP_S <= (1 + len(series.warmup_s)) * fast


def test_a_clock_that_cannot_see_a_call_ends_all_the_same_without_a_ratio():
    clock = Clock()
    subjects = [subject(clock, "a", steady(0.0)), subject(clock, "b", steady(0.0))]
    result = sample_rounds(subjects, clock=clock, max_rounds=10)
    assert len(result.series[0].warmup_s) == sampling.WARMUP_CALLS[1]
    assert result.series[0].calls == sampling.MAX_CALLS
    assert result.ratios == (None, None)
    assert result.stopped is Stop.ROUNDS


def test_what_prepares_a_call_comes_before_each_and_is_no_part_of_its_time():
    clock, log = Clock(), []

    def prepare():
        log.append("prepare")
        clock.spend(4 * LONG)

    def run():
        log.append("run")
        clock.spend(2.0**-15)

    def synchronize():
        log.append("synchronize")

    [series] = sample_rounds([Subject("a", run, prepare)], clock=clock, synchronize=synchronize, budget_s=1e3).series
    assert (series.calls, set(series.times_s)) == (1, {2.0**-15})
    assert series.first_call_s == 2.0**-15
    calls = 1 + len(series.warmup_s) + len(series.times_s)
    assert log == ["prepare", "synchronize", "run", "synchronize"] * calls


def test_what_prepares_a_call_may_fail_like_the_call():
    def prepare():
        raise MeasurementError("out of memory")

    [series] = sample_rounds([Subject("a", lambda: None, prepare)], clock=Clock()).series
    assert str(series.error) == "a failed in its first call: out of memory"


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
    sample_rounds(subjects, clock=clock, precision=0.0, budget_s=20.0, progress=lambda *report: told.append(report))
    shares, texts = zip(*told, strict=True)
    assert list(shares) == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert texts[:3] == ("warming up a", "warming up b", "round 1")
    assert shares[1] == FIRST_AND_WARMUP * LONG / 20.0


def test_progress_never_exceeds_one_however_far_the_budget_is_overrun():
    clock, told = Clock(), []
    sample_rounds(
        [subject(clock, "a", steady())], clock=clock, budget_s=LONG, progress=lambda *report: told.append(report)
    )
    assert [share for share, _ in told] == [0.0, *[1.0] * sampling.FEWEST_ROUNDS, 1.0]


def test_progress_follows_the_rounds_where_they_run_out_first():
    clock, told = Clock(), []
    sample_rounds(
        [subject(clock, "a", steady())],
        clock=clock,
        precision=0.0,
        budget_s=1e6,
        max_rounds=16,
        progress=lambda *report: told.append(report),
    )
    assert (9 / 16, "round 10") in told


@pytest.mark.parametrize(("fewest", "most"), [(0, 10), (5, 4)])
def test_rounds_that_cannot_be_are_refused(fewest, most):
    with pytest.raises(ValueError, match="min_rounds"):
        sample_rounds([], min_rounds=fewest, max_rounds=most)


def test_nothing_to_time_gives_nothing():
    assert sample_rounds([]).series == ()


@given(st.lists(st.sampled_from([1, 2, 3, 5, 8]), min_size=12, max_size=30), st.integers(0, 6))
def test_scaling_every_time_scales_the_result_and_not_the_ratio(pattern, exponent):
    def run(scale):
        clock = Clock()
        times = [scale * LONG * factor for factor in pattern]
        pair = [subject(clock, "a", after_warmup(*times, call_s=scale * LONG)), subject(clock, "b", steady(scale))]
        return sample_rounds(pair, clock=clock, budget_s=1e6, max_rounds=len(pattern), precision=0.0)

    scale = 2.0**exponent
    one, other = run(1.0), run(scale)
    assert other.series[0].times_s == tuple(scale * time_s for time_s in one.series[0].times_s)
    assert other.ratios == one.ratios


def test_what_the_fewest_rounds_need_is_told_before_they_start():
    told, clock = [], Clock()
    subjects = [subject(clock, name, steady(10.0)) for name in "ab"]
    sample_rounds(subjects, clock=clock, budget_s=5.0, progress=lambda _, text: told.append((clock.now, text)))
    [(when, text)] = [(now, text) for now, text in told if isinstance(text, Notice)]
    assert when < clock.now - 3 * 2 * 10.0 + 1e-9
    assert "budget of 5.00 s" in text


def test_it_is_told_again_where_the_next_network_takes_far_longer():
    told, clock = [], Clock()
    subjects = [subject(clock, name, steady(call_s)) for name, call_s in (("a", 10.0), ("b", 100.0))]
    sample_rounds(subjects, clock=clock, budget_s=5.0, progress=lambda _, text: told.append(text))
    first, last = [text for text in told if isinstance(text, Notice)]
    assert "at least 60.0 s" in first  # three calls of a to warm up, and three rounds of 10 s
    assert f"at least {3 * 110 + 3 * 110} s" in last
