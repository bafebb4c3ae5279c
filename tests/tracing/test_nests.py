"""Tensors in nests of any kind are found and changed, and the nest that was given stays as it is."""

from collections import UserDict, namedtuple
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.nn.utils.rnn import pack_sequence

from netcost.text.errors import RequestError
from netcost.tracing.nests import brief, copied_module, tensors_in, with_tensors

Pair = namedtuple("Pair", "first second")


class Slotted:
    __slots__ = ("held",)

    def __init__(self, held: Tensor) -> None:
        self.held = held


def nests(x: Tensor) -> list[Any]:
    held = [x, [x], {"x": (x,)}, Pair(x, None), UserDict(x=x), SimpleNamespace(x=[x]), Slotted(x)]
    circle = SimpleNamespace(x=x)
    circle.self = circle
    return [*held, circle]


@pytest.mark.parametrize("kind", range(8))
def test_a_copy_has_the_changed_tensors_and_the_original_its_own(kind: int) -> None:
    x = torch.ones(3)
    nest = nests(x)[kind]
    changed = with_tensors([nest, x], lambda tensor: tensor + 1)
    [twice] = tensors_in(changed)  # one tensor in two places stays one
    assert torch.equal(twice, torch.full((3,), 2.0))
    assert type(changed[0]) is type(nest)
    assert tensors_in([nest])[0] is x and x.sum() == 3


def test_packed_sequences_keep_their_sizes_on_the_cpu() -> None:
    packed = with_tensors(pack_sequence([torch.ones(3, 2), torch.ones(1, 2)]), lambda tensor: tensor.to("meta"))
    assert packed.data.is_meta
    assert packed.batch_sizes.tolist() == [2, 1, 1]


def test_what_cannot_be_copied_is_refused_in_one_line() -> None:
    with pytest.raises(RequestError, match="cannot be copied: TypeError"):
        with_tensors(SimpleNamespace(lines=(line for line in ())), lambda tensor: tensor)


def test_a_pruned_network_can_be_copied() -> None:
    layer = prune.l1_unstructured(nn.Linear(4, 2), "weight", 0.5)
    layer(torch.ones(1, 4))
    copied = copied_module(layer)
    assert torch.equal(copied(torch.ones(1, 4)), layer(torch.ones(1, 4)))
    assert copied.weight is not layer.weight


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.ones(2, 3), "a Tensor (2, 3) of float32"),
        ((None, 2), "(None, 2)"),
        ([torch.ones(9)] * 3, "a list of 3"),
        (Slotted(torch.ones(1)), "a Slotted"),
    ],
)
def test_a_message_never_has_the_values_of_a_tensor(value: Any, said: str) -> None:
    assert brief(value) == said
    assert len(brief("x" * 1000)) < 100
