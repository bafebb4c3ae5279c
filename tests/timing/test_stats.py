import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from netcost.timing import stats
from netcost.timing.stats import SpeedVerdict

TIME = st.floats(1e-6, 1e3)
SERIES = st.lists(TIME, min_size=stats.MIN_ROUNDS, max_size=40)
PAIRS = st.lists(st.tuples(TIME, TIME), min_size=stats.MIN_ROUNDS, max_size=40)

STEADY = [1.0, 1.01, 0.99] * 10


def test_median_and_range_of_the_middle_half():
    times = [1.0, 2.0, 3.0, 4.0, 100.0]
    assert stats.median(times) == 3.0
    assert stats.iqr(times) == 4.0 - 2.0


def test_a_quantile_lies_linearly_between_its_neighbours():
    assert stats.quantile([10.0, 20.0], 0.25) == 10.0 + 0.25 * (20.0 - 10.0)


def test_quartiles_of_three_times_are_not_made_up():
    assert stats.iqr([1.0, 2.0, 3.0]) is None


def test_a_quantile_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one time"):
        stats.median([])


@pytest.mark.parametrize(("count", "rank"), [(5, 0), (6, 1), (8, 1), (9, 2), (10, 2), (20, 6), (100, 40)])
def test_the_ranks_of_an_interval_are_those_of_the_tables(count, rank):
    # Conover, table A3 (binomial, p = 0.5): P(X <= 5) = 0.0207 of 20 throws is allowed, P(X <= 6) = 0.0577 is not.
    assert stats.interval_rank(count) == rank
    tail = sum(math.comb(count, heads) for heads in range(rank)) / 2**count
    assert tail <= 0.025 < tail + math.comb(count, rank) / 2**count


def test_an_interval_ends_with_values_of_its_ranks():
    assert stats.ci95([float(index) for index in range(20, 0, -1)]) == (6.0, 15.0)


def test_an_interval_needs_the_stated_number_of_rounds():
    assert stats.ci95([1.0] * (stats.MIN_ROUNDS - 1)) is None
    assert stats.ci95([1.0] * stats.MIN_ROUNDS) == (1.0, 1.0)


def test_intervals_cover_the_true_median_as_often_as_they_say():
    generator = np.random.default_rng(0)
    runs, covered = 2000, 0
    for _ in range(runs):
        low, high = stats.ci95(np.exp(generator.normal(0, 0.3, size=16)).tolist())
        covered += low <= 1.0 <= high
    exactly = 1 - 2 * sum(math.comb(16, heads) for heads in range(4)) / 2**16  # 97.9 %, with four standard errors
    assert abs(covered / runs - exactly) < 4 * math.sqrt(exactly * (1 - exactly) / runs)


@given(SERIES)
def test_an_interval_lies_within_the_times_and_around_their_median(times):
    low, high = stats.ci95(times)
    assert min(times) <= low <= stats.median(times) <= high <= max(times)


@given(SERIES, st.integers(-12, 12))
def test_scaling_all_times_scales_the_interval(times, exponent):
    scale = 2.0**exponent  # a power of two: floating point then scales to the digit
    low, high = stats.ci95(times)
    assert stats.ci95([scale * time_s for time_s in times]) == (scale * low, scale * high)


@given(SERIES)
def test_a_series_against_itself_has_ratio_one_and_no_verdict(times):
    estimate = stats.ratio(times, times)
    assert estimate == stats.RatioEstimate(1.0, (1.0, 1.0), len(times))
    assert stats.verdict(estimate.ci95) is SpeedVerdict.CANNOT_TELL


@given(PAIRS)
def test_exchanging_base_and_other_inverts_the_ratio(pairs):
    base, other = zip(*pairs, strict=True)
    there, back = stats.ratio(base, other), stats.ratio(other, base)
    assert back.median == pytest.approx(1 / there.median)
    assert back.ci95 == pytest.approx((1 / there.ci95[1], 1 / there.ci95[0]))  # 1 / (a / b) is not b / a to the digit


@given(PAIRS, st.floats(0, 0.2, allow_subnormal=False))
def test_exchanging_base_and_other_turns_faster_into_slower(pairs, threshold):
    base, other = zip(*pairs, strict=True)
    there, back = stats.ratio(base, other).ci95, stats.ratio(other, base).ci95
    assume(not 1 + threshold < there[0] <= 1 / (1 - threshold) + 1e-9)  # the sliver of threshold² in the docstring
    assume(not 1 + threshold < back[0] <= 1 / (1 - threshold) + 1e-9)
    inverse = {SpeedVerdict.FASTER: SpeedVerdict.SLOWER, SpeedVerdict.SLOWER: SpeedVerdict.FASTER}
    verdict = stats.verdict(there, threshold)
    assert stats.verdict(back, threshold) is inverse.get(verdict, verdict)


def test_the_ratio_of_two_that_slow_down_together_stays_exact():
    base = [1.0 + index / 16 for index in range(17)]  # twice as slow in the end
    estimate = stats.ratio(base, [0.5 * time_s for time_s in base])
    assert estimate == stats.RatioEstimate(0.5, (0.5, 0.5), len(base))


def test_the_median_of_an_even_number_of_ratios_is_the_geometric_mean_of_the_middle_two():
    assert stats.ratio([1.0, 1.0], [2.0, 8.0]).median == math.sqrt(2 * 8)


def test_a_ratio_of_few_rounds_has_no_interval_and_so_no_verdict():
    estimate = stats.ratio([1.0] * 9, [0.5] * 9)
    assert estimate == stats.RatioEstimate(0.5, None, 9)
    assert stats.verdict(estimate.ci95) is SpeedVerdict.CANNOT_TELL


@pytest.mark.parametrize(("base", "other"), [([], []), ([1.0], [1.0, 2.0]), ([0.0, 1.0], [1.0, 1.0])])
def test_a_ratio_needs_the_same_rounds_and_times_above_zero(base, other):
    with pytest.raises(ValueError, match="a ratio needs"):
        stats.ratio(base, other)


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.5, 0.98), "faster"),
        ((0.5, 0.99), "cannot tell"),  # on the threshold is not beyond it
        ((0.98, 1.02), "cannot tell"),
        ((1.01, 1.5), "cannot tell"),
        ((1.02, 1.5), "slower"),
        (None, "cannot tell"),
    ],
)
def test_a_verdict_needs_the_whole_interval_beyond_the_threshold(interval, verdict):
    assert stats.verdict(interval, threshold=0.01) == verdict


def test_a_wider_threshold_takes_a_verdict_back():
    assert stats.verdict((0.90, 0.93), threshold=0.05) is SpeedVerdict.FASTER
    assert stats.verdict((0.90, 0.93), threshold=0.10) is SpeedVerdict.CANNOT_TELL


def test_the_relative_half_width_is_a_share_of_the_centre():
    assert stats.relative_half_width((3.0, 5.0), 4.0) == (5.0 - 3.0) / 2 / 4.0
    assert stats.relative_half_width(None, 4.0) is None
    assert stats.relative_half_width((0.0, 0.0), 0.0) is None


def test_times_settle_when_two_windows_agree():
    falling = [8.0, 4.0, 2.0]
    assert not stats.settled([*falling, 1.0, 1.0])
    assert not stats.settled([*falling, 1.0, 1.0, 1.0])
    assert stats.settled([*falling, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])


def test_times_on_the_tolerance_have_settled_and_beyond_it_not():
    assert stats.settled([1.0] * 3 + [1.25] * 3, tolerance=0.25)
    assert not stats.settled([1.0] * 3 + [1.25] * 3, tolerance=0.24)


def test_one_outlier_a_window_does_not_keep_times_from_settling():
    assert stats.settled([1.0, 9.0, 1.0, 1.0, 1.0, 9.0])


# ---- between runs -------------------------------------------------------------------------------------------------


def test_between_runs_the_ratio_is_that_of_the_medians():
    estimate = stats.ratio_between_runs([2.0] * 12, [1.0] * 15)
    assert (estimate.median, estimate.ci95, estimate.rounds) == (0.5, (0.5, 0.5), 12)


def test_between_runs_both_medians_are_uncertain_and_within_a_run_what_they_share_cancels():
    wandering = [1 + index / 10 for index in range(20)]
    assert stats.ratio(wandering, wandering).ci95 == (1.0, 1.0)
    low, high = stats.ratio_between_runs(wandering, wandering).ci95
    only_one = stats.ratio_between_runs(wandering, [stats.median(wandering)] * 20).ci95
    assert low < only_one[0] < 1 < only_one[1] < high


@pytest.mark.parametrize(("base", "other"), [(9, 20), (20, 9)])
def test_between_runs_both_need_the_stated_number_of_times(base, other):
    assert stats.ratio_between_runs([1.0] * base, [1.0] * other).ci95 is None


def test_between_runs_times_of_nothing_are_refused():
    with pytest.raises(ValueError, match="above 0"):
        stats.ratio_between_runs([1.0], [0.0])


def test_the_interval_between_runs_of_one_network_holds_one_in_about_95_of_100_cases():
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        base, other = rng.normal(1.0, 0.1, size=(2, 40))
        low, high = stats.ratio_between_runs(list(base), list(other)).ci95
        held += low <= 1.0 <= high
    assert held >= 200 * 0.95 - 3 * (200 * 0.95 * 0.05) ** 0.5  # three standard errors
