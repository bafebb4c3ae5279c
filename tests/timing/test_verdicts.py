"""Verdicts are honest on machines that are not: driven through warm-up, rounds, stopping and interval, on a made-up
clock. `tests/benchmarks/verdicts.py` asks the same of a real one.
"""

import pytest
from noise import MACHINES, Bursts, Heating, Machine, Noisy, Placed, TwoModes, compared, verdict

from netcost.timing.sampling import Stop
from netcost.timing.stats import SpeedVerdict

COMPARISONS = 100
"""Of each kind; the figures in the docstrings of `stats` and `sampling` are from 1,000 (`python tests/noise.py`)."""


def verdicts(kind, ratio, **options):
    return [verdict(compared(kind, seed, ratio, **options)) for seed in range(COMPARISONS)]


@pytest.mark.parametrize("kind", MACHINES)
def test_a_network_against_itself_ends_in_a_verdict_in_at_most_five_percent(kind):
    told = [verdict for verdict in verdicts(kind, 1.0) if verdict is not SpeedVerdict.CANNOT_TELL]
    assert len(told) <= 0.05 * COMPARISONS


@pytest.mark.parametrize("kind", MACHINES)
def test_ten_percent_more_work_is_called_slower_in_at_least_95_percent(kind):
    assert verdicts(kind, 1.1).count(SpeedVerdict.SLOWER) >= 0.95 * COMPARISONS


@pytest.mark.parametrize("kind", MACHINES)
def test_intervals_cover_the_truth_though_sampling_stops_at_the_first_narrow_one(kind):
    intervals = [compared(kind, seed, 1.1).ratios[1].ci95 for seed in range(COMPARISONS)]
    covered = sum(low <= 1.1 <= high for low, high in intervals)
    assert covered >= 0.90 * COMPARISONS  # 95 % but for three standard errors of 100 comparisons, and optional stopping


def test_weights_that_are_never_moved_make_winners_of_equals():
    told = [verdict for verdict in verdicts(Placed, 1.0, moved=False) if verdict is not SpeedVerdict.CANNOT_TELL]
    assert len(told) > 0.5 * COMPARISONS


@pytest.mark.parametrize("kind", [Machine, Noisy, Bursts, Heating, TwoModes, Placed])
def test_two_networks_of_twenty_milliseconds_are_compared_within_two_percent_in_ten_seconds(kind):
    assert {compared(kind, seed, 1.0, call_s=0.02).stopped for seed in range(20)} == {Stop.PRECISE}
