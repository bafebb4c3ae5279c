"""A training step as it is timed: it does what a training loop does, and is compared like a forward pass."""

from __future__ import annotations

import copy
import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import netcost
from netcost.text.errors import RequestError
from netcost.timing.training import TrainingStep
from netcost.tracing import TrainStep


@pytest.mark.parametrize("amp", [None, "bf16"])
def test_a_call_does_what_a_training_loop_does(amp):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 5))
    x = torch.randn(2, 3, 8, 8)
    other = copy.deepcopy(model).train()
    step = TrainingStep(model, TrainStep("momentum", amp=amp, device="cpu", passes=2)).eval()
    with torch.inference_mode():  # in which networks are timed
        losses = [step(x).item() for _ in range(3)]
    optimizer, expected = torch.optim.SGD(other.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4), []
    for _ in range(3):
        optimizer.zero_grad()
        for _ in range(2):
            with torch.autocast("cpu", torch.bfloat16, enabled=amp is not None):
                loss = F.cross_entropy(other(x), torch.zeros(2, dtype=torch.long))
            loss.backward()
        optimizer.step()
        expected.append(loss.item())
    assert losses == expected
    assert all(torch.equal(own, theirs) for own, theirs in zip(model.parameters(), other.parameters(), strict=True))
    assert all(own.grad is None for own in model.parameters())


def test_a_comparison_times_steps_and_saves_what_they_cost(tmp_path):
    step = TrainStep("adam")
    result = netcost.compare(["lenet5", "lenet5_1998"], batch=2, step=step, budget_s=0.2)
    entry = result.entries[0]
    assert entry.measurement is not None
    assert any("training step" in note and "kernels of cpu" in note for note in entry.figures.count_notes)
    counted = netcost.analyze("lenet5", (2, 1, 32, 32), step=step).training
    assert entry.figures.values["train_mult_adds"] == counted.total.mult_adds
    (tmp_path / "saved.json").write_text(json.dumps(result.to_dict()))
    read = netcost.load_comparison(str(tmp_path / "saved.json"))
    assert read.entries[0].figures.to_dict() == entry.figures.to_dict()
    assert "Training step, peak memory" in [row[0] for row in read.table().rows]


@pytest.mark.parametrize("options", [{"isolate": True}, {"backend": "compile"}])
def test_a_step_is_timed_eagerly_and_here(options):
    with pytest.raises(RequestError, match="eagerly"):
        netcost.compare(["lenet5"], step=TrainStep(), **options)
