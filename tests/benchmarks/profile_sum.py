"""Do the times of all operators, and the gap between them, add up to a forward pass without instruments?

Each network is profiled: plain and instrumented runs in interleaved rounds. Operators (the median over the instrumented
runs) and gap together must be the plain run's median, ± 10 %. The gap is what the operators leave of the plain run, but
at least 0 and at most what an instrumented run spends outside of its operators: a wrong sum shows that the
instrument made the operators slower, or missed some of them.

    python tests/benchmarks/profile_sum.py [--models NAME ...] [--device cpu|cuda] [--threads N] [--budget S] [-o FILE]
"""

import sys
from collections.abc import Sequence

from findings import finish, parser_of, within

import netcost
from netcost.text.tables import Column, from_records
from netcost.timing import stats

TOLERANCE = 0.10

NETWORKS = (
    "googlenet",
    "mobilenet_v1",
    "mobilenet_v2",
    "shufflenet_v1_g3_x1_0",
    "shufflenet_v2_x1_0",
    "torchvision:squeezenet1_1",
    "resnet50",
    "torchvision:vit_b_16",
    "torchvision:swin_t",
    "timm:convnext_atto",
)

COLUMNS = (
    Column("model", "Network"),
    Column("plain_s", "Plain run", "seconds"),
    Column("instrumented_s", "Instrumented", "seconds"),
    Column("operators_s", "Operators", "seconds"),
    Column("gap_s", "Gap", "seconds"),
    Column("total_s", "Sum", "seconds"),
    Column("deviation", "Off by", "percent"),
    Column("scale", "Scale", "ratio"),
    Column("rounds", "Rounds", "exact"),
)


def record(name: str, found: netcost.Profile) -> dict[str, object]:
    """Return the row of one network."""
    return {
        "model": name,
        "plain_s": found.median_s,
        "instrumented_s": stats.median(found.instrumented_s),
        "operators_s": found.operators_s,
        "gap_s": found.gap_s,
        "total_s": found.total_s,
        "deviation": found.deviation,
        "scale": found.scale,
        "rounds": len(found.plain_s),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile the networks, print the table; return 1 if a sum is off."""
    parser = parser_of(__doc__)
    parser.add_argument("--models", nargs="+", default=list(NETWORKS), metavar="NAME")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--budget", type=float, default=10.0, help="seconds per network")
    asked = parser.parse_args(arguments)
    records = []
    notes: list[str] = []
    for name in asked.models:
        found = netcost.profile(name, device=asked.device, threads=asked.threads, budget_s=asked.budget)
        records.append(record(name, found))
        notes += [f"{name}: {doubt}" for doubt in found.doubts]
        print(f"{name}: off by {found.deviation:+.1%}", file=sys.stderr)
    requirements = [
        within(f"{row['model']}: operators + gap, by the plain run", row["total_s"] / row["plain_s"], TOLERANCE)
        for row in records
    ]
    table = from_records(COLUMNS, records, "Where the time goes adds up to the time", notes)
    return finish("Operators and gap against the plain run", [table], requirements, asked.output)


if __name__ == "__main__":
    sys.exit(main())
