"""Peak memory: lifetimes by hand, and against what is alive when the same networks run for real."""

from __future__ import annotations

import subprocess
import sys
import weakref
from collections.abc import Iterable
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import netcost
from netcost.graph.graph import Graph, Op, Storage
from netcost.graph.liveness import activation_bytes, peak_activation_bytes, peak_memory_bytes


def lived(operators: int, *storages: tuple[int, int, int], weight_bytes: int = 0) -> Graph:
    """A graph of which only the lifetimes matter: (bytes, born, died) of each storage."""
    return Graph(
        (Op("aten.relu"),) * operators,
        storages=tuple(Storage(*storage) for storage in storages),
        weight_bytes=weight_bytes,
    )


def test_a_chain_holds_its_input_and_what_each_operator_reads_and_writes():
    chain = lived(3, (100, -1, 2), (10, 0, 1), (20, 1, 2), (30, 2, 2))
    assert activation_bytes(chain) == [100 + 10, 100 + 10 + 20, 100 + 20 + 30]
    assert peak_activation_bytes(chain) == 150


def test_a_shortcut_is_held_until_it_is_added():
    residual = lived(4, (8, -1, 3), (50, 0, 3), (50, 1, 2), (50, 2, 3), (50, 3, 3))
    assert peak_activation_bytes(residual) == 8 + 50 + 50 + 50


def test_the_peak_need_not_be_at_the_end():
    assert peak_activation_bytes(lived(3, (1, -1, 2), (900, 0, 1), (900, 1, 1), (5, 2, 2))) == 1 + 900 + 900


@pytest.mark.parametrize(
    ("graph", "alive"),
    [
        (lived(3, (10, 0, 2), (7, 1, 1)), [10, 10 + 7, 10]),
        (lived(2, (10, 1, 0)), [0, 10]),
        (lived(2, (10, -1, -1)), [10, 0]),
    ],
    ids=["scratch", "died before it was used", "died before the first operator"],
)
def test_memory_counts_while_the_operator_that_made_it_runs(graph, alive):
    assert activation_bytes(graph) == alive


def test_peak_memory_adds_the_weights_once():
    assert peak_memory_bytes(lived(2, (10, 0, 1), (20, 1, 1), weight_bytes=1000)) == 1000 + 10 + 20


def test_a_network_that_does_nothing_still_has_its_weights():
    assert peak_activation_bytes(Graph(())) == 0
    assert peak_memory_bytes(lived(0, (10, -1, -1), weight_bytes=1000)) == 1000


class StorageMeter(TorchDispatchMode):
    """Bytes of the tensor storages that are alive, seen from outside: each is watched until it is freed.

    Args:
        held: tensors whose memory is not the forward pass's own: parameters and buffers.
    """

    def __init__(self, held: Iterable[Tensor]) -> None:
        super().__init__()
        self._held = {tensor.untyped_storage()._cdata for tensor in held}
        self._alive: dict[int, int] = {}
        self.peak = 0

    def watch(self, tensor: Tensor) -> None:
        """Count the memory under `tensor` from now on, until it is freed."""
        storage = tensor.untyped_storage()
        address = storage._cdata
        if address not in self._held and address not in self._alive:
            self._alive[address] = storage.nbytes()
            weakref.finalize(storage, self._alive.pop, address)
        self.peak = max(self.peak, sum(self._alive.values()))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves((args, kwargs, result)):
            if isinstance(leaf, Tensor):
                self.watch(leaf)
        return result


def measured_peak(model: nn.Module, x: Tensor) -> int:
    """The largest sum of live tensor storages while `model` runs on real CPU tensors, `x` included."""
    # Without inference mode, composite operators reach the meter in their parts, as they allocate.
    with torch.no_grad(), StorageMeter([*model.parameters(), *model.buffers()]) as meter:
        meter.watch(x)
        model(x)
    return meter.peak


def test_the_meter_sees_memory_come_and_go():
    x = torch.zeros(1000)
    # While the second runs, the caller holds x; Sequential holds the first's result until it has the second's.
    assert measured_peak(nn.Sequential(nn.ReLU(), nn.ReLU(), nn.ReLU()), x) == 3 * 4 * 1000
    assert measured_peak(nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(0)), x) == 4 * 1000
    # The indices of max pooling are made too, of 8 bytes each.
    assert measured_peak(nn.MaxPool2d(2), torch.zeros(1, 1, 10, 10)) == 4 * 100 + (4 + 8) * 25
    assert measured_peak(nn.Linear(10, 20), torch.zeros(3, 10)) == 4 * 3 * (10 + 20)


def network(name: str) -> nn.Module:
    """One of torchvision's, or of the zoo."""
    if name.startswith("torchvision:"):
        return torchvision.models.get_model(name.removeprefix("torchvision:"), weights=None).eval()
    return netcost.build(name).eval()


def peaks(name: str) -> tuple[int, int]:
    """Peak of live activations, ours from shapes alone and the measured one."""
    model, x = network(name), torch.zeros(1, 3, 224, 224)
    return peak_activation_bytes(netcost.trace(model, x)), measured_peak(model, x)


@pytest.mark.parametrize(
    "name",
    [
        "torchvision:resnet18",
        "torchvision:alexnet",
        "googlenet",
        "torchvision:mobilenet_v2",
        "torchvision:densenet121",
        "torchvision:shufflenet_v2_x1_0",
    ],
)
def test_the_peak_from_shapes_is_that_of_live_storages_in_a_real_run(name):
    ours, measured = peaks(name)
    assert ours == measured


def test_the_peak_of_a_transformer_is_near_that_of_a_real_run():
    """Attention is one operator here, and what the CPU's kernel for it allocates is its own affair."""
    ours, measured = peaks("torchvision:vit_b_16")
    assert ours == pytest.approx(measured, rel=0.1)


def test_the_first_peak_of_a_process_is_that_of_the_second():
    # Torch's kernel for `roll` imports on first use, which keeps frames, and the tensors in them, alive.
    script = """if True:
        import netcost
        from torch import Tensor, nn

        class Rolling(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                y = (x + 1).roll(1, 0)
                return y.relu().roll(1, 1).exp()

        print(*(netcost.analyze(Rolling(), (64, 64)).peak_memory_bytes for _ in range(2)))
    """
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    first, second = map(int, result.stdout.split())
    assert first == second == 4 * 64 * 64 * 4  # the input, y, and what an operator reads and writes
