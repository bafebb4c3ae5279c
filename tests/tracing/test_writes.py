"""Writes in place into small tensors: the pass sees what a real one would, or says that it lost it; nothing stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netcost.graph import Graph, Op
from netcost.text.errors import DataDependentError
from netcost.tracing import trace

pytestmark = pytest.mark.filterwarnings("ignore:.*out tensor")
BASE = torch.zeros(4, dtype=torch.int64)
COUNTER = torch.zeros(1, dtype=torch.int64)
KEPT: dict[str, Tensor] = {}


class Counter(nn.Module):
    """A layer that takes as many rows as `rows` reads in its buffers: a position, and views of one memory."""

    def __init__(self, rows: Callable[..., Any]) -> None:
        super().__init__()
        self.rows, self.layer = rows, nn.Linear(4, 4)
        self.register_buffer("position", torch.zeros(3, dtype=torch.int64))
        self.register_buffer("scale", torch.ones(3))
        self.head, self.tail = BASE[:3], BASE[1:]

    def forward(self, x: Tensor, *given: Tensor) -> Tensor:
        return self.layer(x[: int(self.rows(self, x, *given))])


def only(graph: Graph, name: str) -> Op:
    (found,) = [op for op in graph.ops if op.name == f"aten.{name}"]
    return found


def ids() -> Tensor:
    return torch.zeros(3, dtype=torch.int64)


WRITES: dict[str, tuple[Callable[..., Any], int]] = {
    "add": (lambda m, _: m.position.add_(2)[0], 2),
    "fill": (lambda m, _: m.position.fill_(2)[0], 2),
    "copy of a length": (lambda m, x: m.position.copy_(torch.tensor(x.shape[0] - 1))[0], 4),
    "item": (lambda m, _: m.position.__setitem__(1, 3) or m.position[1], 3),
    "mask": (lambda m, _: m.position.__setitem__(m.position == 0, 3) or m.position[1], 3),
    "masked_fill": (lambda m, _: m.position.masked_fill_(m.position == 0, 4)[0], 4),
    "index_put": (lambda m, _: m.position.index_put_((torch.tensor([2]),), torch.tensor(3)).sum(), 3),
    "scatter": (lambda m, _: m.position.scatter_(0, torch.tensor([1]), 3).sum(), 3),
    "view": (lambda m, _: m.position.view(3, 1)[1:].add_(2) is None or m.position.sum(), 4),
    "tolist": (lambda m, _: m.position.add_(2).tolist()[0], 2),
    "numpy": (lambda m, _: m.position.add_(2).numpy()[0], 2),
    "written by numpy": (lambda m, _: m.position.numpy().fill(2) or m.position[0], 2),
    "data": (lambda m, _: m.position.data.add_(2) is None or m.position[0], 2),
    "set data": (lambda m, _: setattr(m.position, "data", torch.full((2,), 3)) or m.position[1], 3),
    "out": (lambda m, _: torch.add(ids(), 2, out=m.position)[0], 2),
    "out of another size": (lambda m, _: torch.arange(2, out=m.position).shape[0], 2),
    "resize": (lambda m, _: m.position.resize_(2).shape[0], 2),
    "unsqueeze": (lambda m, _: m.position.unsqueeze_(0).shape[1], 3),
    "several": (lambda m, _: [torch._foreach_add_([m.position, m.head], 1), m.position[0] + m.head[0]][1], 2),
    "floats": (lambda m, _: m.scale.mul_(3)[0], 3),
    "seen in another view": (lambda m, _: m.head.add_(2) is None or m.tail[0], 2),
    "global": (lambda *_: COUNTER.add_(2), 2),
    "input": (lambda _m, _x, given: given.add_(2)[0], 2),
    "slice of an input": (lambda _m, _x, given: given[1:].fill_(2) is None or given.sum(), 4),
    "input as out": (lambda _m, _x, given: torch.add(given, 2, out=given)[0], 2),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_small_tensor_that_is_written_has_the_values_of_a_real_pass(write: str) -> None:
    rows, want = WRITES[write]
    model = Counter(rows)
    x, given = torch.randn(5, 4), [ids()] if "input" in write else []
    before = {name: (value.clone(), value.data_ptr()) for name, value in model.state_dict().items()}
    for concrete in (False, True):
        assert only(trace(model, x, *given, concrete=concrete), "linear").outputs[0].shape == (want, 4)
        assert all(torch.equal(value, before[name][0]) for name, value in model.state_dict().items())
        assert all(value.data_ptr() == before[name][1] for name, value in model.state_dict().items())
        assert not any(tensor.any() for tensor in (BASE, COUNTER, *given))


@pytest.mark.parametrize(
    "read",
    [
        lambda m, x: m.position.add_(x.sum().long())[0],
        lambda m, x: m.position.add_(x.sum().long()).tolist()[0],
        lambda m, x: m.position.add_(x.sum().long()) is None or m.position.numpy()[0],
        lambda m, x: m.position[:2].add_(x.sum().long()) is None or m.position.data.numpy()[0],
        lambda m, x: m.head.add_(x.sum().long()) is None or m.tail[0],
        lambda m, _: m.layer.bias.data.fill_(2)[0],
    ],
)
def test_values_that_met_a_shape_are_lost_and_never_stale(read: Callable[..., Any]) -> None:
    with pytest.raises(DataDependentError):
        trace(Counter(read), torch.randn(5, 4))


def test_a_tensor_that_took_a_shape_is_not_left_in_a_cache() -> None:
    def keep(x: Tensor) -> Tensor:
        KEPT["rows"] = torch.zeros(2, 4)
        return KEPT["rows"].copy_(x)

    assert trace(keep, torch.randn(2, 4)).leftovers == (f"{__name__}.KEPT",)
    assert not KEPT


def test_a_weight_that_is_replaced_in_the_pass_is_put_back() -> None:
    class Constrained(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            self.weight.data = torch.renorm(self.weight.data, p=2, dim=0, maxnorm=0.1)
            return super().forward(x)

    layer = Constrained(4, 3)
    before, place = layer.weight.clone(), layer.weight.data_ptr()
    graph = trace(layer, torch.randn(2, 4))
    assert only(graph, "renorm").parameters == ("weight",)
    assert graph.ops[only(graph, "linear").sources[1]].name == "aten.renorm"  # the product waits for it
    assert torch.equal(layer.weight, before) and layer.weight.data_ptr() == place


VIEWS: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
    "itself": (lambda x: x, 12),  # rows: 4 elements, each 1 + 2
    "slice": (lambda x: x[1:], 9),
    "another shape": (lambda x: x.view(2, 2), 12),
    "every second": (lambda x: x[::2], 6),
    "another type": (lambda x: x.view(torch.int32), 12),  # little-endian, or as many zeros before as behind
    "of its own memory": (lambda x: x.clone(), 4),
}


@pytest.mark.parametrize("concrete", [False, True])
@pytest.mark.parametrize("view", VIEWS)
def test_a_write_into_an_input_is_seen_in_another_over_its_memory(view: str, concrete: bool) -> None:
    def body(x: Tensor, other: Tensor) -> Tensor:
        x.add_(2)
        return torch.zeros(int(other.sum()), 2)

    make, rows = VIEWS[view]
    x = torch.ones(4, dtype=torch.int64)
    graph = trace(body, x, make(x), concrete=concrete)
    assert graph.outputs[0].shape == (rows, 2)
    assert x.tolist() == [1, 1, 1, 1]
    held = sum(storage.size_bytes for storage in graph.storages if storage.born < 0)
    assert held == (2 if view == "of its own memory" else 1) * 4 * 8  # elements of 8 bytes


@pytest.mark.parametrize(("first", "second"), [(slice(0, 2), slice(2, 4)), (slice(0, 3), slice(1, 4))])
def test_inputs_over_one_memory_count_it_once_and_wait_for_each_other(first: slice, second: slice) -> None:
    whole = torch.randn(4, 8)
    graph = trace(lambda a, b: (a.mul_(2), b + 1), whole[first], whole[second])
    assert [storage.size_bytes for storage in graph.storages if storage.born < 0] == [4 * 8 * 4]
    assert only(graph, "add").sources == (0,)  # the product


def test_a_value_that_a_shape_wrote_over_in_another_input_is_lost() -> None:
    whole = torch.randn(4, 8)
    with pytest.raises(DataDependentError):
        trace(lambda x, row: (x.mul_(2), float(row[0])), whole, whole[0])
