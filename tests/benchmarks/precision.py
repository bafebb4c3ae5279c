"""Does netcost know a ratio to ± 2 % within 10 seconds?

Two chains of links (see `chains.py`), each wide enough to take 20 ms here, are compared until the 95 % interval
of their ratio is within ± 2 %: the same chain twice, and chains of two kinds. The time is that of the whole
`netcost.compare`, counting, building and warm-up included, and must be at most 10 s on a quiet machine.

    python tests/benchmarks/precision.py [--repeats N] [--threads N] [-o FILE]
"""

import sys
import time
from collections.abc import Sequence
from typing import Any

from chains import KINDS, calibrated
from findings import Requirement, finish, parser_of

import netcost
from netcost.targets.naming import Target
from netcost.text.tables import Column, from_records
from netcost.timing import stats
from netcost.tracing import InputSpec

CALL_S = 20e-3
PRECISION = 0.02
PAIRS = (("3x3 convolutions", "3x3 convolutions"), ("3x3 convolutions", "separable"), ("linear", "linear"))


def compared(pair: tuple[str, str], widths: dict[str, int], threads: int, budget_s: float) -> dict[str, Any]:
    """Return the row of one comparison."""
    begun = time.perf_counter()
    targets = [
        Target(kind, lambda kind=kind: KINDS[kind].build(widths[kind]), (InputSpec(KINDS[kind].shape(widths[kind])),))
        for kind in pair
    ]
    base, other = netcost.compare(targets, threads=threads, budget_s=budget_s, precision=PRECISION).to_dict()["models"]
    ratio, interval = other["ratio"]["median"], other["ratio"]["ci95"]
    return {
        "pair": " and ".join(pair),
        "base_s": base["latency"]["median_s"],
        "other_s": other["latency"]["median_s"],
        "ratio": ratio,
        "width": stats.relative_half_width(None if interval is None else (interval[0], interval[1]), ratio),
        "rounds": other["latency"]["samples"],
        "seconds": time.perf_counter() - begun,
        "doubts": ", ".join(doubt["doubt"] for doubt in other["latency"]["doubts"]) or None,
    }


COLUMNS = (
    Column("pair", "Networks"),
    Column("base_s", "First", "seconds"),
    Column("other_s", "Second", "seconds"),
    Column("ratio", "Ratio", "times"),
    Column("width", "Half width", "percent"),
    Column("rounds", "Rounds", "exact"),
    Column("seconds", "Time", "seconds"),
    Column("doubts", "Doubts"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print the table; return 1 if it takes too long."""
    parser = parser_of(__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="once, on networks of 1 ms, to see that it runs")
    asked = parser.parse_args(arguments)
    repeats, call_s, budget_s = (1, 1e-3, 0.3) if asked.quick else (asked.repeats, CALL_S, 30.0)
    kinds = dict.fromkeys(kind for pair in PAIRS for kind in pair)
    widths = {kind: calibrated(KINDS[kind], call_s, asked.threads)[0] for kind in kinds}
    records = [compared(pair, widths, asked.threads, budget_s) for pair in PAIRS for _ in range(repeats)]
    requirements = []
    for pair in map(" and ".join, PAIRS):
        rows = [record for record in records if record["pair"] == pair]
        known = [row["width"] for row in rows if row["width"] is not None]
        width = max(known) if len(known) == len(rows) else None
        requirements += [
            Requirement(f"{pair}: longest time", max(row["seconds"] for row in rows), high=10.0, unit="seconds"),
            Requirement(f"{pair}: widest half width", width, high=PRECISION, unit="percent"),
        ]
    title = f"Two networks until their ratio is known to ± 2 %, {asked.threads} thread(s)"
    return finish("Time to a ratio", [from_records(COLUMNS, records, title)], requirements, asked.output)


if __name__ == "__main__":
    sys.exit(main())
