from dataclasses import replace

import pytest
from made_up import machine, measurement

from netcost.timing import doubts
from netcost.timing.ratios import ratio_of_rounds, ratio_of_runs
from netcost.timing.setting import EffectiveSetting

HERE = machine()


def between(base, other, before=HERE, after=HERE):
    return ratio_of_runs("base", (base, before), (other, after))


def test_within_a_run_the_ratio_is_taken_round_by_round():
    ratio = ratio_of_rounds("base", measurement(2.0), measurement(1.0))
    assert (ratio.median, ratio.ci95, ratio.verdict) == (0.5, (0.5, 0.5), "faster")
    assert ratio.to_dict()["same_rounds"] is True


def test_between_runs_nothing_cancels_and_the_interval_says_so():
    wandering = tuple(1 + index / 8 for index in range(12))
    base, other = measurement(times_s=wandering), measurement(times_s=wandering)
    assert ratio_of_rounds("base", base, other).ci95 == (1.0, 1.0)
    same = between(base, other)
    assert same.median == 1.0
    assert same.ci95[0] < 1.0 < same.ci95[1]
    assert (same.same_rounds, same.against, same.verdict) == (False, (), "cannot tell")


@pytest.mark.parametrize(("scale", "verdict"), [(0.5, "faster"), (2.0, "slower")])
def test_runs_of_one_environment_and_setting_may_have_a_winner(scale, verdict):
    assert between(measurement(1.0), measurement(scale)).verdict == verdict


@pytest.mark.parametrize(("scale", "verdict"), [(0.97, "cannot tell"), (0.94, "faster"), (1.06, "slower")])
def test_between_runs_a_few_percent_are_no_verdict(scale, verdict):
    steady = measurement(1.0, times_s=(1.0,) * 10)
    other = measurement(1.0, times_s=(scale,) * 10)
    assert between(steady, other).verdict == verdict
    assert ratio_of_rounds("base", steady, other).verdict != "cannot tell"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"threads": 1}, "threads: 2 and 1"),
        ({"batch": 8}, "batch: 1 and 8"),
        ({"device": "cuda:0"}, "device: cpu and cuda:0"),
        ({"setting": EffectiveSetting(dtype="bf16")}, "dtype: fp32 and bf16"),
        ({"setting": EffectiveSetting(memory_format="channels_last")}, "memory_format: contiguous and channels_last"),
        ({"setting": EffectiveSetting(backend="compile")}, "backend: eager and compile"),
        ({"setting": EffectiveSetting(cold_cache=True)}, "cold_cache: False and True"),
    ],
)
def test_between_runs_of_another_setting_there_is_no_winner_and_it_says_why(changes, said):
    ratio = between(measurement(1.0), measurement(0.25, **changes))
    assert (ratio.verdict, ratio.against) == ("cannot tell", (said,))
    assert ratio.median == 0.25
    assert ratio.to_dict()["against"] == [said]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"torch": "9.9.9"}, f"torch: {HERE.torch} and 9.9.9"),
        ({"cpu": None}, "cpu: Quick CPU and none"),
        ({"cpu": "Slow CPU"}, "cpu: Quick CPU and Slow CPU"),
        ({"governor": "powersave"}, "governor: none and powersave"),
        ({"variables": {"OMP_PROC_BIND": "close"}}, "variables OMP_PROC_BIND: none and close"),
    ],
)
def test_between_environments_there_is_no_winner_and_it_says_why(changes, said):
    ratio = between(measurement(1.0), measurement(0.25), after=replace(HERE, **changes))
    assert (ratio.verdict, ratio.against) == ("cannot tell", (said,))


def test_the_load_of_the_moment_makes_no_other_environment():
    assert between(measurement(1.0), measurement(0.25), after=replace(HERE, load_per_core=3.0)).against == ()


@pytest.mark.parametrize(
    "doubt",
    [doubts.OtherLoad(0.5, 2), doubts.Drift(1.0, 2.0), doubts.Throttled(("power cap",))],
    ids=lambda doubt: type(doubt).__name__,
)
def test_what_would_have_cancelled_within_a_run_speaks_against_a_winner_between_two(doubt):
    doubted = measurement(0.25, doubts=(doubt,))
    assert between(measurement(1.0), doubted).against == (str(doubt),)
    assert between(doubted, measurement(1.0)).against == (f"of base, {doubt}",)
    assert ratio_of_rounds("base", measurement(1.0), doubted).verdict == "faster"


def test_another_batch_is_other_work_within_a_run_too():
    ratio = ratio_of_rounds("base", measurement(1.0), measurement(4.0, batch=8))
    assert (ratio.verdict, ratio.against) == ("cannot tell", ("batch: 1 and 8",))


def test_times_that_the_clock_did_not_see_have_no_ratio():
    unseen = measurement(0.0)
    assert ratio_of_rounds("base", unseen, measurement(1.0)) is None
    assert between(measurement(1.0), unseen) is None


@pytest.mark.parametrize(
    ("scale", "verdict"), [(1e-3, "faster"), (0.45, "faster"), (0.6, "cannot tell"), (4.0, "slower")]
)
def test_what_nobody_would_doubt_needs_no_interval(scale, verdict):
    """9.41 s against 2.07 ms in three rounds: there is no interval, and none is needed."""
    base, other = (measurement(1.0, times_s=(time_s,) * 3) for time_s in (1.0, scale))
    ratio = ratio_of_rounds("base", base, other)
    assert (ratio.ci95, ratio.verdict) == (None, verdict)


def test_between_runs_a_drift_does_not_explain_a_factor_of_a_thousand():
    drifted = measurement(1.0, times_s=(1e-3,) * 12, doubts=(doubts.Drift(1.0, 2.0),))
    assert between(measurement(1.0), drifted).verdict == "faster"
