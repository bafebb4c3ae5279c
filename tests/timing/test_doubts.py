import json

import pytest
from made_up import DOUBTS

from netcost.timing import doubts, stats

STEADY = [1.0, 1.01, 0.99] * 10


def test_a_steady_series_raises_no_doubt():
    assert doubts.doubts_about(1.0, STEADY) == ()


def test_a_series_too_short_for_an_interval_says_how_many_rounds_are_missing():
    needed = stats.MIN_ROUNDS
    [doubt] = doubts.doubts_about(1.0, STEADY[: needed - 1])
    assert doubt == doubts.TooFewRounds(rounds=needed - 1, needed=needed)
    assert "--budget" in doubt.remedy
    assert doubts.too_few_rounds(STEADY[:needed]) is None


def test_a_spiky_series_keeps_its_median_and_raises_no_doubt():
    spiky = [50.0 if index % 10 == 9 else time_s for index, time_s in enumerate(STEADY)]
    assert stats.median(spiky) == 1.0
    assert doubts.doubts_about(1.0, spiky) == ()


def test_a_bimodal_series_is_a_wide_spread():
    [doubt] = doubts.doubts_about(1.0, [1.0, 2.0] * 20)
    assert doubt == doubts.WideSpread(median_s=1.5, iqr_s=2.0 - 1.0)


def test_the_spread_is_wide_above_a_tenth_of_the_median():
    assert doubts.wide_spread([9.0, 9.5, 10.0, 10.5, 11.0]) is None  # 10.5 - 9.5 is a tenth of 10
    assert doubts.wide_spread([9.0, 9.4, 10.0, 10.5, 11.0]) is not None


def test_a_series_that_slows_down_by_a_tenth_drifts():
    times = [1.0 + 0.1 * index / 29 for index in range(30)]
    doubt = doubts.drift(times)
    assert doubt.first_s == pytest.approx(1.0 + 0.1 * 4.5 / 29)  # the middle of the first ten
    assert doubt.last_s == pytest.approx(1.0 + 0.1 * 24.5 / 29)


def test_a_drift_below_a_twentieth_or_in_few_times_is_none():
    assert doubts.drift([1.0] * 10 + [1.04] * 20) is None
    assert doubts.drift([1.0] * 10 + [1.06] * 20) is not None
    assert doubts.drift([1.0] * 3 + [2.0] * 8) is None


def test_noise_that_overlaps_is_no_drift():
    assert doubts.drift([1.0, 1.0, 2.0, 2.0, 1.0, 1.5, 2.0, 1.5, 1.0, 2.0, 2.0, 1.1]) is None


def test_calls_below_ten_microseconds_are_too_fast():
    assert doubts.too_fast([9e-6] * 5) == doubts.TooFast(9e-6)
    assert doubts.too_fast([10e-6] * 5) is None


def test_a_first_call_counts_as_slow_only_when_somebody_could_notice():
    assert doubts.slow_first_call(1.0, [0.05] * 5) == doubts.SlowFirstCall(1.0, 0.05)
    assert doubts.slow_first_call(1.0, [0.10] * 5) is None  # ten times is not over ten times
    assert doubts.slow_first_call(0.09, [0.001] * 5) is None


def test_load_by_others_is_what_everybody_worked_without_us():
    assert doubts.other_load(busy_s=12.0, own_s=10.0, elapsed_s=10.0, cores=2) is None  # 2 / 20 is not over a tenth
    assert doubts.other_load(busy_s=15.0, own_s=10.0, elapsed_s=10.0, cores=2) == doubts.OtherLoad(5 / 20, 2)


@pytest.mark.parametrize(
    ("busy_s", "own_s", "elapsed_s"),
    [(None, 1.0, 10.0), (0.4, 0.0, 0.2), (0.0, 10.0, 10.0)],
    ids=["not told", "too short", "does not see even us"],
)
def test_load_by_others_is_unknown_where_the_machine_cannot_tell(busy_s, own_s, elapsed_s):
    assert doubts.other_load(busy_s, own_s, elapsed_s, cores=2) is None


def test_a_gpu_is_launch_bound_when_the_host_is_always_busy_or_the_events_are_short():
    assert doubts.launch_bound([10.0], [2.0], [9.5]) is None
    assert doubts.launch_bound([10.0], [9.0], [9.5]) == doubts.LaunchBound(10.0, 9.0, 9.5)
    assert doubts.launch_bound([10.0], [5.0], [7.0]) == doubts.LaunchBound(10.0, 5.0, 7.0)
    assert doubts.launch_bound([10.0], [4.0], [7.0]) is None  # the host is idle: the GPU works on another stream


def test_throttling_is_a_doubt_only_where_a_reason_is_named():
    assert doubts.throttled(None) is None
    assert doubts.throttled(()) is None
    assert doubts.throttled(("power cap",)) == doubts.Throttled(("power cap",))


@pytest.mark.parametrize("doubt", DOUBTS, ids=lambda doubt: type(doubt).__name__)
def test_a_doubt_says_what_was_seen_and_what_to_do_and_is_plain_json(doubt):
    plain = doubt.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["doubt"] == type(doubt).__name__
    assert plain["seen"] == str(doubt)
    assert plain["remedy"]


def test_every_kind_of_doubt_is_shown_above():
    kinds = {kind.__name__ for kind in doubts.Doubt.__subclasses__()}
    assert {type(doubt).__name__ for doubt in DOUBTS} == kinds


def test_a_doubt_carries_its_own_numbers():
    throttled = doubts.Throttled(("power cap",)).to_dict()
    assert throttled["reasons"] == ["power cap"]
    assert throttled["seen"].endswith(": power cap")
    assert "25.0 %" in str(doubts.WideSpread(median_s=2.0, iqr_s=0.5))
