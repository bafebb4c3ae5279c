"""Weights are moved in memory while they are timed, and nobody notices."""

import pytest
import torch
from fake_clock import Clock
from torch import nn

from netcost.timing import measuring as timing
from netcost.timing import placement
from netcost.timing.placement import Placement, UntimedSetup, placed


def network():
    """A network with a tied weight, a buffer that is a part of a weight, and one of whole numbers."""
    model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.Linear(64, 64, bias=False)).eval()
    model[2].weight = model[0].weight
    model.register_buffer("row", model[0].weight.data[3])
    return model


def tensors(model):
    return [*model.parameters(), *model.buffers()]


def addresses(model):
    return [tensor.data_ptr() for tensor in tensors(model)]


def test_moving_changes_every_address_and_no_value():
    model, x = network(), torch.randn(2, 64)
    before, values, identities = addresses(model), model(x), [id(tensor) for tensor in tensors(model)]
    kept = [tensor.detach().clone() for tensor in tensors(model)]
    with torch.inference_mode(), placed(model) as where:
        for _ in range(3):
            last = addresses(model)
            where.move()
            assert not set(addresses(model)) & set(last)
            assert all(torch.equal(new, old) for new, old in zip(tensors(model), kept, strict=True))
            assert torch.equal(model(x), values)
            assert [id(tensor) for tensor in tensors(model)] == identities
    assert addresses(model) == before


def test_what_shares_memory_shares_it_where_it_is_moved_to():
    model = network()
    with placed(model) as where:
        where.move()
        assert model.row.untyped_storage().data_ptr() == model[0].weight.untyped_storage().data_ptr()
        assert model.row.data_ptr() - model[0].weight.data_ptr() == 3 * 64 * 4  # the third row of 64 floats
        assert model[2].weight is model[0].weight


def test_moved_weights_lie_on_cache_lines_as_torch_lays_them():
    model = network()
    with placed(model) as where:
        where.move()
        assert all(weight.data_ptr() % placement.LINE == 0 for weight in model.parameters())


def test_a_moved_model_can_be_trained_afterwards():
    model = network()
    with torch.inference_mode(), placed(model) as where:
        where.move()
    assert not any(tensor.is_inference() for tensor in tensors(model))
    model(torch.randn(2, 64)).sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_weights_are_put_back_after_an_interruption_too():
    model = network()
    before = addresses(model)
    with pytest.raises(KeyboardInterrupt), placed(model) as where:
        where.move()
        raise KeyboardInterrupt
    assert addresses(model) == before


def test_two_placements_of_one_module_put_it_back_where_it_was():
    model = network()
    before = addresses(model)
    with placed(model) as one, placed(model) as other:
        one.move()
        other.move()
        one.move()
    assert addresses(model) == before


def test_weights_too_large_to_move_stay(monkeypatch):
    monkeypatch.setattr(placement, "LARGEST_BYTES", 1000)
    model = network()
    before = addresses(model)
    with placed(model) as where:
        where.move()
        assert addresses(model) == before


def test_a_model_without_weights_or_with_odd_ones_is_left_alone():
    sparse = nn.Module()
    sparse.register_buffer("edges", torch.eye(4).to_sparse())
    sparse.register_buffer("empty", torch.empty(0))
    for model in (nn.ReLU(), sparse, nn.Linear(2, 2, device="meta")):
        with placed(model) as where:
            where.move()


class Slow(Placement):
    """A placement that takes so many seconds of a made-up clock."""

    def __init__(self, clock, seconds):
        self.clock, self.seconds, self.moves = clock, seconds, 0

    def move(self):
        self.clock.spend(self.seconds)
        self.moves += 1


@pytest.mark.parametrize(
    ("call_s", "untimed"),
    [
        (2.0**-10, 10 * placement.WARMING_CALLS),
        (2.0**-5, 10 * 2),  # 31 ms, and 62 ms are enough
        (2.0**-3, 1),  # which tells that a call is long
    ],
)
def test_short_calls_are_preceded_by_some_that_are_not_timed(call_s, untimed):
    clock, calls = Clock(), []
    untimed_setup = UntimedSetup(Slow(clock, 0.0), lambda: (calls.append(1), clock.spend(call_s)), clock)
    for _ in range(10):
        untimed_setup()
    assert len(calls) == untimed


def test_moving_takes_half_of_the_time_at_most_but_for_the_first_rounds():
    clock, call_s, move_s = Clock(), 0.25, 1.0
    where = Slow(clock, move_s)
    untimed_setup = UntimedSetup(where, lambda: None, clock)
    for _ in range(placement.ALWAYS_MOVED):
        untimed_setup()
        clock.spend(call_s)
    assert where.moves == placement.ALWAYS_MOVED
    for _ in range(1000):
        untimed_setup()
        clock.spend(call_s)
    assert where.moves * move_s == pytest.approx(placement.MOVING_SHARE * clock.now, rel=0.01)


def test_a_measured_model_ran_in_many_places_and_is_where_it_was():
    seen = set()

    class Watched(nn.Linear):
        def forward(self, x):
            seen.add(self.weight.data_ptr())
            return super().forward(x)

    model = Watched(64, 64)
    before = addresses(model)
    result = timing.measure(model, (2, 64), budget_s=0.0)
    assert len(seen) == 1 + result.samples  # where it was, for warm-up, and then another place for each sample
    assert addresses(model) == before
