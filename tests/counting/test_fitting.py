"""A training step in the memory of a device: sizes, verdicts, and the search for a batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import netcost
from netcost.cli.app import run
from netcost.counting.fitting import CONTEXT_BYTES, OVERHEAD, Fit, FitVerdict, capacity, largest_batch
from netcost.counting.training import StepCount
from netcost.text.errors import RequestError
from netcost.tracing import TrainStep, trace_step


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("24GB", 24 * 10**9),
        ("24 GiB", 24 * 2**30),
        ("1.5gb", 1500 * 10**6),
        ("rtx3090", 24 * 2**30),
        ("512MB", 512 * 10**6),
    ],
)
def test_a_size_or_a_device_is_so_many_bytes(written, size):
    assert capacity(written) == size


@pytest.mark.parametrize("written", ["", "24", "GB", "-1GB", "rtx309", "0GB", "nanGB"])
def test_other_sizes_are_refused(written):
    with pytest.raises(RequestError, match="24GB"):
        capacity(written)


def test_between_what_fits_and_what_does_not_nobody_can_tell():
    room = 10**10
    least = int((room - CONTEXT_BYTES) / (1 + OVERHEAD)) - 1
    assert Fit(room, least).verdict is FitVerdict.FITS
    assert Fit(room, least + 10).verdict is FitVerdict.CANNOT_TELL
    assert Fit(room, room).verdict is FitVerdict.CANNOT_TELL
    assert Fit(room, room + 1).verdict is FitVerdict.DOES_NOT_FIT


@given(per_sample=st.integers(10**6, 10**9), fixed=st.integers(0, 10**10), gigabytes=st.integers(1, 40))
def test_the_largest_batch_is_the_last_that_fits(per_sample, fixed, gigabytes):
    class Affine:
        def __init__(self, batch):
            self.peak = type("Peak", (), {"total": fixed + batch * per_sample})

    found = largest_batch(Affine, f"{gigabytes}GB")

    def verdict(batch):
        return Fit(gigabytes * 10**9, fixed + batch * per_sample).verdict

    for largest, good in ((found.fits, {FitVerdict.FITS}), (found.may_fit, {FitVerdict.FITS, FitVerdict.CANNOT_TELL})):
        assert largest is None or verdict(largest) in good
        assert verdict((largest or 0) + 1) not in good


def test_the_command_line_says_if_a_step_fits(capsys):
    words = ["show", "mobilenet_v2", "--batch", "2", "--step", "train", "--format", "json"]
    assert run([*words, "--fits", "rtx3090"]) == 0
    written = capsys.readouterr().out
    assert '"verdict": "fits"' in written
    counted = netcost.analyze("mobilenet_v2", (2, 3, 224, 224), step=TrainStep()).training
    assert f'"peak_memory_bytes": {counted.peak.total}' in written


def test_a_larger_batch_takes_more_of_activations_alone():
    def peak(batch):
        step = TrainStep("adam")
        model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        return StepCount.of(trace_step(model, (torch.empty(batch, 64),), {}, step), step).peak.contents

    small, large = peak(64), peak(128)
    assert small["weights"] == large["weights"] == 4 * (64 * 64 + 64 + 64 * 10 + 10)
    assert small["optimizer"] == large["optimizer"] == 2 * small["weights"] + 4 * 4
    assert large["inputs"] == 2 * small["inputs"]
