import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_up import comparison, figures, machine, measurement
from torch import nn

import netcost
from netcost.comparison.batches import KNEE, Knee, Share, Sweep, sweep
from netcost.comparison.entry import Entry, Run
from netcost.comparison.result import Comparison
from netcost.text.errors import MeasurementError, RequestError

BATCHES = (1, 2, 4, 8)


def known(*intervals, batches=BATCHES):
    """A knee of throughput shares with these intervals; a number stands for one without width."""
    ends = [
        interval if isinstance(interval, tuple) or interval is None else (interval, interval) for interval in intervals
    ]
    return Knee("net", tuple(Share(*share) for share in zip(batches, (None,) * len(ends), ends, strict=False)))


def swept(*latencies, environment=None):
    """A network with these latencies (seconds) at 1, 2, 4, 8 …"""
    entries = [
        Entry("net", figures("net", batch), measurement=None if latency is None else measurement(latency, batch=batch))
        for batch, latency in zip(BATCHES, latencies, strict=False)
    ]
    return Sweep(Comparison(tuple(entries), (Run(environment or machine()),)), BATCHES[: len(latencies)])


@pytest.mark.parametrize(
    ("shares", "batches", "verdict"),
    [
        ((0.5, 0.8, 0.95, 1.0), (4,), "knee at batch 4"),
        ((0.9, 0.95, 0.99, 1.0), (1,), "knee at batch 1"),
        ((0.95, 1.0, 0.8, 0.7), (1,), "knee at batch 1"),
        ((0.3, 0.5, 0.8, 1.0), (8,), "no knee within the sweep: throughput still grows at batch 8"),
        ((0.5, (0.85, 0.95), 0.95, 1.0), (2, 4), "knee at batch 2 or 4"),
        (((0.85, 0.95), 0.8, 0.95, 1.0), (1, 4), "knee at batch 1 or 4"),
        ((0.5, 0.8, (0.88, 0.92), 1.0), (4, 8), "knee at batch 4 or 8, or beyond the sweep"),
        ((0.5, None, 0.95, 1.0), (), "cannot tell the knee: not every batch has an interval"),
    ],
)
def test_the_knee_is_the_smallest_batch_that_surely_reaches_ninety_percent(shares, batches, verdict):
    knee = known(*shares)
    assert (knee.batches, knee.verdict) == (batches, verdict)


@given(st.lists(st.tuples(st.integers(50, 100), st.integers(0, 20)), min_size=1, max_size=6))
def test_the_last_candidate_surely_reaches_the_share_and_no_smaller_one_does(percents):
    intervals = [*(((middle - half) / 100, (middle + half) / 100) for middle, half in percents), 1.0]
    knee = known(*intervals, batches=[2**index for index in range(len(intervals))])
    found = {share.batch: share for share in knee.shares}
    *unclear, last = knee.batches
    assert found[last].ci95[0] >= KNEE
    assert all(found[batch].reaches is None for batch in unclear)
    assert not any(share.reaches for share in knee.shares if share.batch < last)


def test_shares_are_those_of_the_best_throughput_round_by_round():
    latencies = (1.0, 1.25, 2.0, 4.0)  # throughput 1, 1.6, 2, 2
    [knee] = swept(*latencies).knees
    assert [share.median for share in knee.shares] == [1 / 2, 2 / 1.25 / 2, 1.0, 1.0]
    assert [share.ci95 for share in knee.shares] == [(share.median, share.median) for share in knee.shares]
    assert knee.verdict == "knee at batch 4"


def test_a_throughput_that_falls_has_its_knee_before():
    [knee] = swept(1.0, 1.5, 8.0, 32.0).knees
    assert knee.batches == (2,)


def test_with_too_few_rounds_there_is_no_verdict():
    short = [measurement(1.0, batch=batch, times_s=(1.0,) * 3) for batch in (1, 2)]
    entries = [Entry("net", measurement=measured) for measured in short]
    [knee] = Sweep(Comparison(tuple(entries), (Run(machine()),)), (1, 2)).knees
    assert knee.batches == ()
    assert "cannot tell" in knee.verdict


def test_a_batch_that_was_not_measured_leaves_the_knee_open():
    [knee] = swept(1.0, 1.5, 2.5, None).knees
    assert [share.median is None for share in knee.shares] == [False, False, False, True]
    assert knee.batches == ()


# ---- for real -----------------------------------------------------------------------------------------------------


class Noting(nn.Module):
    """Notes who runs with which batch."""

    seen = []  # noqa: RUF012  # shared by all copies

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x):
        if not x.is_meta and not self.linear.weight.is_meta:
            self.seen.append((id(self), len(x)))
        return self.linear(x)


def test_all_batches_of_all_networks_are_timed_in_the_same_rounds():
    Noting.seen.clear()
    result = sweep([Noting(), Noting()], (4, 1), inputs=(1, 4), threads=1, budget_s=0.5)
    assert result.batches == (1, 4)
    assert [entry.batch for entry in result.entries] == [1, 4, 1, 4]
    assert len({entry.measurement.samples for entry in result.entries}) == 1
    assert len({instance for instance, _ in Noting.seen}) == 2  # one a network, whatever the batch
    assert len(set(Noting.seen)) == 4
    last = {point: index for index, point in enumerate(Noting.seen)}
    assert max(last.values()) - min(last.values()) < len(Noting.seen) / 2  # none was done while others went on


def test_ratios_are_to_the_first_network_at_the_same_batch():
    result = sweep(["lenet5", "lenet5"], (1, 2), threads=1, budget_s=0.3)
    first, second = result.entries[:2], result.entries[2:]
    assert [entry.ratio for entry in first] == [None, None]
    assert [entry.ratio.to for entry in second] == ["lenet5, batch 1", "lenet5, batch 2"]
    assert all(entry.ratio.against == () for entry in second)


def test_a_batch_that_fails_is_its_own_error():
    class Small(nn.Module):
        def forward(self, x):
            if len(x) > 2 and not x.is_meta:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return x.relu()

    result = sweep([Small()], (1, 2, 4), inputs=(1, 8), threads=1, budget_s=0.3)
    assert [entry.measurement is None for entry in result.entries] == [False, False, True]
    [error] = result.errors
    assert isinstance(error, MeasurementError)
    assert any("batch 4" in note and "out of memory" in note for note in result.notes())


def test_without_a_device_every_batch_is_counted_and_nothing_timed():
    result = netcost.sweep(["lenet5"], (1, 8), "none")
    one, eight = result.to_dict()["models"]
    assert eight["mult_adds"] == 8 * one["mult_adds"]
    assert (result.knees, one["latency"]) == ((), None)
    assert [column.heading for column in result.table().columns[1:]] == ["lenet5, batch 1", "lenet5, batch 8"]


@pytest.mark.parametrize("batches", [(), (4,), (0, 1), (2, 2)])
def test_sizes_that_are_no_sweep_are_refused(batches):
    with pytest.raises(RequestError, match="1,2,4,8"):
        sweep(["lenet5"], batches, "none")


def test_a_comparison_at_one_batch_is_labelled_by_the_network_alone():
    result = comparison(measurement(), measurement(2.0))
    assert [result.label(entry) for entry in result.entries] == ["a", "b"]
