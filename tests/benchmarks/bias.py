"""Do netcost's medians agree with torch.utils.benchmark?

Each of ten networks is timed by both in one run, on the same module: blocks of `netcost.measure` and of
`torch.utils.benchmark.Timer.blocked_autorange`, in random order, each as long as the other. Both medians are taken over
all calls of all blocks. Their deviation is the median over the blocks of the ratio of the two, so that a machine with
drifting speed does not separate them. It must be within ± 2 %.

Timer runs under the same conditions: inference mode, denormals flushed, the same threads. netcost moves the weights in
memory before each sample (see `netcost.timing.placement`); each block of Timer's has them in another place too.

    python tests/benchmarks/bias.py [--models TARGET ...] [--blocks N] [--block-seconds S] [--threads N] [-o FILE]
"""

import random
import sys
from collections.abc import Sequence
from typing import Any

import torch
from findings import Requirement, finish, parser_of
from torch import nn
from torch.utils.benchmark import Timer

import netcost
from netcost.text.tables import Column, from_records
from netcost.timing import stats
from netcost.timing.environment import flushed_denormals
from netcost.timing.placement import placed

MODELS = (
    "torchvision:resnet18",
    "torchvision:resnet50",
    "torchvision:mobilenet_v2",
    "torchvision:mobilenet_v3_large",
    "torchvision:squeezenet1_1",
    "torchvision:shufflenet_v2_x1_0",
    "torchvision:densenet121",
    "torchvision:efficientnet_b0",
    "torchvision:alexnet",
    "googlenet",
)
TOLERANCE = 0.02


def by_netcost(model: nn.Module, x: torch.Tensor, threads: int, seconds: float) -> list[float]:
    """Return seconds per call, measured by netcost."""
    return list(netcost.measure(model, x, threads=threads, budget_s=seconds, precision=0.0).times_s)


def by_timer(model: nn.Module, x: torch.Tensor, threads: int, seconds: float) -> list[float]:
    """Return seconds per call, measured by torch's Timer."""
    timer = Timer("model(x)", globals={"model": model, "x": x}, num_threads=threads)
    with torch.inference_mode(), flushed_denormals(), placed(model) as placement:
        placement.move()
        measured = timer.blocked_autorange(min_run_time=seconds)
    return list(measured.times)  # seconds a call already, one a block of its own


WAYS = {"netcost": by_netcost, "timer": by_timer}


def record(name: str, blocks: int, seconds: float, threads: int) -> dict[str, Any]:
    """Return the row of one network."""
    target = netcost.resolve(name)
    model = target.build().eval()
    x = torch.randn(target.required_inputs()[0].shape, generator=torch.Generator().manual_seed(0))
    order = random.Random(0)
    taken: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for _ in range(blocks):
        for way in order.sample(list(WAYS), len(WAYS)):
            taken[way].append(WAYS[way](model, x, threads, seconds))
    ratios = [stats.median(a) / stats.median(b) for a, b in zip(taken["netcost"], taken["timer"], strict=True)]
    interval = stats.ci95(ratios)
    return {
        "model": name,
        **{f"{way}_s": stats.median(every(times)) for way, times in taken.items()},
        **{f"{way}_interval": interval_text(stats.ci95(every(times))) for way, times in taken.items()},
        "deviation": stats.median(ratios) - 1,
        "from": None if interval is None else interval[0] - 1,
        "to": None if interval is None else interval[1] - 1,
        "calls": len(every(taken["netcost"])) + len(every(taken["timer"])),
    }


def every(blocks: Sequence[Sequence[float]]) -> list[float]:
    """Return the times of all blocks."""
    return [deviation for block in blocks for deviation in block]


def interval_text(interval: stats.Interval | None) -> str | None:
    """Return both ends in milliseconds."""
    return None if interval is None else " – ".join(f"{1000 * end:.3f} ms" for end in interval)


COLUMNS = (
    Column("model", "Model"),
    Column("netcost_s", "netcost", "seconds"),
    Column("netcost_interval", "95 % interval"),
    Column("timer_s", "Timer", "seconds"),
    Column("timer_interval", "95 % interval"),
    Column("deviation", "Deviation", "percent"),
    Column("from", "95 % from", "percent"),
    Column("to", "to", "percent"),
    Column("calls", "Calls", "exact"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Time the networks, print the table; return 1 if the medians differ."""
    parser = parser_of(__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="TARGET")
    parser.add_argument("--blocks", type=int, default=24)
    parser.add_argument("--block-seconds", type=float, default=1.5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="two short blocks of two networks, to see that it runs")
    asked = parser.parse_args(arguments)
    if asked.quick:
        asked.models, asked.blocks, asked.block_seconds = ["lenet5", "torchvision:squeezenet1_1"], 2, 0.05
    records = [record(name, asked.blocks, asked.block_seconds, asked.threads) for name in asked.models]
    requirements = [
        Requirement(f"{record['model']}: deviation", abs(record["deviation"]), high=TOLERANCE, unit="percent")
        for record in records
    ]
    title = f"Median seconds a call, {asked.threads} thread(s), {asked.blocks} blocks of each, interleaved"
    heading = "No bias: netcost and torch.utils.benchmark"
    return finish(heading, [from_records(COLUMNS, records, title)], requirements, asked.output)


if __name__ == "__main__":
    sys.exit(main())
