"""Inputs of timed calls: each call gets what was given, and the caller's own objects stay as they are."""

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

import netcost
from netcost.timing import measure
from netcost.timing.arguments import Arguments
from netcost.timing.measuring import batch_of


@dataclass
class Cache:
    """Grows with every call, as key-value caches do."""

    keys: list[Tensor] = field(default_factory=lambda: [torch.ones(1, 10, 8)])
    calls: int = 0


class Decoder(nn.Linear):
    def __init__(self) -> None:
        super().__init__(8, 8)
        self.seen: set[tuple[int, int]] = set()

    def forward(self, x: Tensor, cache: Cache) -> Tensor:
        self.seen.add((cache.keys[0].shape[1], cache.calls))
        cache.calls += 1
        cache.keys[0] = torch.cat([cache.keys[0], super().forward(x)], 1)
        return cache.keys[0].sum()


@pytest.mark.parametrize("clock", ["measure", "compare", "profile"])
def test_a_cache_that_grows_is_given_to_each_call_as_it_was(clock: str) -> None:
    model, cache = Decoder(), Cache()
    inputs = (torch.ones(1, 1, 8), cache)
    if clock == "compare":
        result = netcost.compare([model], inputs=inputs, budget_s=0.1, threads=1)
        assert result.to_dict()["models"][0]["input"] == [[1, 1, 8], "Cache"]
        assert sum("Cache" in note for note in result.notes()) == 1
    else:
        (measure if clock == "measure" else netcost.profile)(model, inputs, budget_s=0.1, threads=1)
    assert model.seen <= {(10, 0)}  # a copy of the model is timed by compare
    assert (cache.calls, cache.keys[0].shape) == (0, (1, 10, 8))


def test_a_call_that_changes_nothing_is_not_slowed_down() -> None:
    kept = Arguments((([torch.ones(2)],), {}))
    kept.bound(lambda tensors: tensors[0] + 1)
    grown = Arguments((([torch.ones(2)],), {}))
    grown.bound(lambda tensors: tensors.append(1))
    assert (kept.renewing, grown.renewing is None) == (None, False)


def test_a_tensor_that_a_call_writes_to_has_its_values_back() -> None:
    mine = torch.zeros(2)
    arguments = Arguments((({"cache": mine},), {}))
    run = arguments.bound(lambda caches: float(caches["cache"].add_(1)[0]))
    assert [run(), run()] == [1.0, 1.0]
    assert arguments.renewing is not None
    assert not mine.any()


def test_the_batch_is_that_of_the_first_tensor_wherever_it_is() -> None:
    packed = pack_sequence([torch.ones(3, 8), torch.ones(2, 8)])
    assert [batch_of(((given,), {})) for given in (packed, {"x": torch.ones(4, 2)}, torch.ones(0, 2), 7)] == [
        *(2, 4, None, None)
    ]
