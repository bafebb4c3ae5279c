"""Does the time of an analysis grow only linearly with the number of operators?

Chains of 1,000 and of 10,000 operators (small ones: a graph's cost is in its operators, not in their sizes) are built
without weights and analysed in interleaved rounds, every metric computed. The median over the rounds of their ratio
must be that of their lengths, ± 30 %. The time excludes building the module, which is torch's own work.

    python tests/benchmarks/linearity.py [--models CHAIN ...] [--lengths SHORT LONG] [--rounds N] [-o FILE]
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from findings import finish, parser_of, within
from rounds import Series, interleave
from torch import Tensor, nn

import netcost
from netcost.text.tables import Column, from_records
from netcost.timing import stats

TOLERANCE = 0.3


@dataclass(frozen=True, slots=True)
class Chain:
    """A network of any length.

    Args:
        link: makes one link of it.
        operators: operators that one link runs.
        shape: shape of the input.
    """

    link: Callable[[], nn.Module]
    operators: int
    shape: tuple[int, ...]

    def build(self, operators: int) -> nn.Module:
        """Return the chain with about that many operators, without weights."""
        with netcost.weightless():
            return nn.Sequential(*(self.link() for _ in range(operators // self.operators)))


class Residual(nn.Module):
    """3x3 convolution, batch norm, addition of the input, ReLU: an edge around each link."""

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.norm(self.conv(x)) + x)


CHAINS = {
    "linear + relu": Chain(lambda: nn.Sequential(nn.Linear(8, 8), nn.ReLU()), 2, (1, 8)),
    "conv + relu": Chain(lambda: nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()), 2, (1, 4, 8, 8)),
    "residual": Chain(Residual, 4, (1, 4, 8, 8)),
}


def analyse(chain: Chain, model: nn.Module) -> int:
    """Count everything; return the number of operators."""
    analysis = netcost.analyze(model, chain.shape)
    analysis.metrics()
    return len(analysis.graph.ops)


def record(name: str, short: Series, long: Series) -> dict[str, object]:
    """Return the row of one chain."""
    ratio = stats.ratio(short.times_s, long.times_s)
    return {
        "chain": name,
        "short_ops": short.result,
        "short_s": short.median_s,
        "short_per_op_s": short.median_s / short.result,
        "long_ops": long.result,
        "long_s": long.median_s,
        "long_per_op_s": long.median_s / long.result,
        "ratio": ratio.median,
        "per_length": ratio.median / (long.result / short.result),
    }


COLUMNS = (
    Column("chain", "Chain"),
    Column("short_ops", "Operators", "exact"),
    Column("short_s", "Time", "seconds"),
    Column("short_per_op_s", "An operator", "seconds"),
    Column("long_ops", "Operators", "exact"),
    Column("long_s", "Time", "seconds"),
    Column("long_per_op_s", "An operator", "seconds"),
    Column("ratio", "Ratio of times", "times"),
    Column("per_length", "By ratio of lengths", "ratio"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Time the chains, print the tables; return 1 if a ratio is out of bounds."""
    parser = parser_of(__doc__)
    parser.add_argument("--models", nargs="+", choices=list(CHAINS), default=list(CHAINS), metavar="CHAIN")
    parser.add_argument("--lengths", nargs=2, type=int, default=(1_000, 10_000), metavar=("SHORT", "LONG"))
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args(arguments)
    runs = {
        (name, length): partial(analyse, CHAINS[name], CHAINS[name].build(length))
        for name in asked.models
        for length in asked.lengths
    }
    found = interleave(runs, asked.rounds)
    for (name, length), series in found.items():
        if series.failure:
            raise SystemExit(f"{name}, {length} operators: {series.failure}")
    short, long = asked.lengths
    records = [record(name, found[name, short], found[name, long]) for name in asked.models]
    requirements = [
        within(f"{row['chain']}: ratio of times by ratio of lengths", row["per_length"], TOLERANCE) for row in records
    ]
    table = from_records(COLUMNS, records, f"Time to analyse a chain, median of {asked.rounds} rounds")
    return finish("Analysis time against the number of operators", [table], requirements, asked.output)


if __name__ == "__main__":
    sys.exit(main())
