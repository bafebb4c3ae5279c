"""Does the analysis of a large network take little memory? It should, because no weights are allocated.

Each figure is the peak resident memory of a fresh process: one that analyses torchvision's AlexNet and nothing else
(Python, torch and torchvision are in it), and others that analyse a large network after it. The difference is what the
large network adds. Median over a few processes of each kind, in random order.

On Linux the peak is the process's own high-water mark (VmHWM) if the system has one: `ru_maxrss` is kept across `exec`,
so that a child would report at least its parent's memory at that moment.

    python tests/benchmarks/memory.py [--models TARGET ...] [--rounds N] [-o FILE]
"""

import argparse
import json
import random
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from findings import Requirement, finish, parser_of
from torch import Tensor, nn

import netcost
from netcost.text.tables import Column, from_records
from netcost.timing import stats

BASE = "torchvision:alexnet"
TRANSFORMER = "memory.py:Transformer"
SUBJECTS = ("torchvision:regnet_y_128gf", TRANSFORMER)
INPUTS = {TRANSFORMER: ("1x512:int64",)}

LIMIT_BYTES = 200e6
TRANSFORMER_PARAMS = 10e9


class Block(nn.Module):
    """A transformer layer, norm first: attention and a feed-forward part of four times the width, 12·d² weights."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, L, D) to the same shape."""
        y = self.attention_norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.feed_forward(self.feed_forward_norm(x))


class Transformer(nn.Module):
    """A language model of ten billion parameters: 32 layers of 12·5120², one table to read and to write tokens."""

    def __init__(self, layers: int = 32, width: int = 5120, heads: int = 40, vocabulary: int = 32_000) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.layers = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: Tensor) -> Tensor:
        """Map ids (N, L) to (N, L, V)."""
        return self.norm(self.layers(self.tokens(ids))) @ self.tokens.weight.T


def peak_bytes() -> int:
    """Return the peak memory of this process (bytes)."""
    status = Path("/proc/self/status")
    if status.exists():
        kilobytes = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        if kilobytes:
            return 1024 * int(kilobytes[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def analyse(targets: Sequence[str]) -> dict[str, int]:
    """Analyse the targets in this process; return its peak memory and the parameters of the last target."""
    for target in targets:
        place = str(Path(__file__).parent / target) if target == TRANSFORMER else target
        analysis = netcost.analyze(netcost.resolve(place, inputs=INPUTS.get(target, ())))
        analysis.metrics()
    return {"peak_bytes": peak_bytes(), "params": analysis.params}


def in_fresh_process(targets: Sequence[str]) -> dict[str, int]:
    """Analyse the targets in a fresh process."""
    command = [sys.executable, __file__, "--child", *targets]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the processes, print the tables; return 1 if a network adds too much."""
    parser = parser_of(__doc__)
    parser.add_argument("--models", nargs="+", default=list(SUBJECTS), metavar="TARGET")
    parser.add_argument("--rounds", type=int, default=3, help="number of processes of each kind")
    parser.add_argument("--child", nargs="+", metavar="TARGET", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.child:
        print(json.dumps(analyse(asked.child)))
        return 0
    sequences = {BASE: [BASE], **{name: [BASE, name] for name in asked.models}}
    order = random.Random(0)
    found: dict[str, list[dict[str, int]]] = {name: [] for name in sequences}
    for _ in range(asked.rounds):
        for name in order.sample(list(sequences), len(sequences)):
            found[name].append(in_fresh_process(sequences[name]))
    peaks = {name: stats.median([run["peak_bytes"] for run in runs]) for name, runs in found.items()}
    params = {name: runs[0]["params"] for name, runs in found.items()}
    records = [
        {
            "model": BASE if name == BASE else f"{BASE}, then {name}",
            "params": params[name],
            "weights": 4 * params[name],
            "peak": peak,
            "added": None if name == BASE else peak - peaks[BASE],
        }
        for name, peak in peaks.items()
    ]
    columns = (
        Column("model", "Analysed in one process"),
        Column("params", "Params", "count"),
        Column("weights", "Its weights would take", "bytes"),
        Column("peak", "Peak memory of the process", "bytes"),
        Column("added", "Added", "bytes"),
    )
    requirements = [
        Requirement(f"{name}: memory added", peaks[name] - peaks[BASE], high=LIMIT_BYTES, unit="bytes")
        for name in asked.models
    ]
    if TRANSFORMER in params:
        requirements.append(
            Requirement("Parameters of the transformer", params[TRANSFORMER], low=TRANSFORMER_PARAMS, unit="count")
        )
    table = from_records(columns, records, f"Peak resident memory, median of {asked.rounds} processes")
    return finish("Memory that an analysis takes", [table], requirements, asked.output)


if __name__ == "__main__":
    sys.exit(main())
