"""Does netcost predict the peak activation memory of a real run?

Three figures for each model, of one forward pass in evaluation mode on a batch of one, weights left out:

- netcost: from the lifetimes that its trace observed, on shapes alone;
- live storages: the model runs on real CPU tensors without gradients, and a dispatch mode of this file's own adds up,
  after every operator, the storages that are alive (weak references tell) and are neither weights nor buffers;
- profiler: the largest running sum of what `torch.profiler` reports as allocated and freed (`profile_memory=True`),
  plus the input, which was allocated before.

The first two must agree exactly; the vision transformer is given 10 %, because its attention layers take a fused path
in a real run, which netcost switches off to see the operators. The profiler sees more, because it also sees what
kernels allocate inside: oneDNN copies weights and activations into layouts of its own (nothing on GoogLeNet, half as
much again on VGG-16). That part depends on the processor and on the build of torch, and netcost does not predict it.

    python tests/benchmarks/peak_memory.py [--models TARGET ...] [-o FILE]
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from findings import Requirement, finish, parser_of
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

import netcost
from netcost.graph import liveness
from netcost.text.tables import Column, from_records

MODELS = (
    "torchvision:resnet18",
    "torchvision:resnet50",
    "torchvision:vgg16",
    "torchvision:alexnet",
    "googlenet",
    "torchvision:mobilenet_v2",
    "torchvision:densenet121",
    "torchvision:vit_b_16",
)
TOLERANCES = {"torchvision:vit_b_16": 0.1}


class LiveStorages(TorchDispatchMode):
    """Records the largest sum of live tensor storages while it is open (bytes).

    Args:
        held: tensors that existed before and count, such as the input.
        ignored: tensors that do not count, such as weights.
    """

    def __init__(self, held: Sequence[Tensor], ignored: Sequence[Tensor]) -> None:
        super().__init__()
        self.peak_bytes = 0
        self._ignored = {tensor.untyped_storage()._cdata for tensor in ignored}
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self._look_at(held)

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        # What has died until now is gone; what dies during the operator is alive while it runs.
        self._alive = {key: held for key, held in self._alive.items() if not held[0].expired()}
        result = func(*args, **(kwargs or {}))
        self._look_at([leaf for leaf in tree_flatten(result)[0] if isinstance(leaf, Tensor)])
        return result

    def _look_at(self, tensors: Sequence[Tensor]) -> None:
        for tensor in tensors:
            storage = tensor.untyped_storage()
            # The key is the storage's own address: it stays taken as long as the weak reference is held.
            if storage._cdata not in self._ignored:
                self._alive.setdefault(storage._cdata, (StorageWeakRef(storage), storage.nbytes()))
        self.peak_bytes = max(self.peak_bytes, sum(size for _, size in self._alive.values()))


def peak_of_live_storages(model: nn.Module, x: Tensor) -> int:
    """Return the peak of the activations in a real run, the input among them (bytes)."""
    with torch.no_grad(), LiveStorages([x], [*model.parameters(), *model.buffers()]) as meter:
        model(x)
    return meter.peak_bytes


def peak_seen_by_profiler(model: nn.Module, x: Tensor) -> int:
    """Return the peak of allocations in a real run, plus the input (bytes)."""
    with torch.no_grad():
        model(x)  # oneDNN and the thread pool allocate for good in a first run
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
            model(x)
    events = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = peak = x.untyped_storage().nbytes()
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    return peak


def record(name: str) -> dict[str, Any]:
    """Return the row of one model."""
    target = netcost.resolve(name)
    predicted = liveness.peak_activation_bytes(netcost.analyze(target).graph)
    model = target.build().eval()
    x = torch.randn(target.required_inputs()[0].shape, generator=torch.Generator().manual_seed(0))
    live, profiled = peak_of_live_storages(model, x), peak_seen_by_profiler(model, x)
    return {
        "model": name,
        "netcost": predicted,
        "live": live,
        "netcost_by_live": predicted / live,
        "profiler": profiled,
        "profiler_by_live": profiled / live,
    }


COLUMNS = (
    Column("model", "Model"),
    Column("netcost", "netcost", "exact"),
    Column("live", "Live storages", "exact"),
    Column("netcost_by_live", "netcost / live", "times"),
    Column("profiler", "Profiler", "exact"),
    Column("profiler_by_live", "profiler / live", "times"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the models, print the tables; return 1 if prediction and real run differ."""
    parser = parser_of(__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="TARGET")
    asked = parser.parse_args(arguments)
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler's library would report each start and stop
    records = [record(name) for name in asked.models]
    requirements = [
        Requirement(
            f"{record['model']}: bytes between netcost and live storages",
            abs(record["netcost"] - record["live"]),
            high=TOLERANCES.get(record["model"], 0.0) * record["live"],
            unit="exact",
        )
        for record in records
    ]
    table = from_records(COLUMNS, records, "Peak of activation memory, bytes")
    return finish("Peak memory, predicted and observed", [table], requirements, asked.output)


if __name__ == "__main__":
    sys.exit(main())
