"""MobileNet v1 against v2 on a processor: who is faster, and why?

v2 has half of v1's mult-adds. An article says that it is 40 % slower on a CPU all the same; published runs say anything
from 0.66 x to 1.32 x. Both are timed here side by side, batch 1, on one thread and on two, and their work is told apart
by kind of operator: what v2 saves in arithmetic it adds in memory access and in kernels.

    python tests/benchmarks/mobilenets.py [--threads N ...] [--budget SECONDS] [-o FILE]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from findings import add_output, finish

import netcost
from netcost import breakdown
from netcost.comparison import Comparison
from netcost.tables import Table, with_total

MODELS = ("mobilenet_v1", "mobilenet_v2")


def timed(threads: int, inputs: str | None, budget_s: float) -> tuple[Comparison, Table]:
    """Both networks, timed on so many threads, and the table of it."""
    targets = [netcost.resolve(name, inputs=() if inputs is None else (inputs,)) for name in MODELS]
    result = netcost.compare(targets, threads=threads, budget_s=budget_s, precision=0.01)
    return result, replace(result.table(), title=f"Batch 1, {threads} thread{'s' if threads > 1 else ''}")


def explained(comparison: Comparison, threads: int) -> list[Table]:  # a profile is of so many threads
    """Why: where the work of each network lies.

    A profile says it in time, operator by operator: this is the place to call `netcost.profile(name, threads=threads)`
    and return its table by kind. Until then, the count by kind says where the work lies, without its time.
    """
    counted = [entry for entry in comparison.entries if entry.analysis is not None]
    return [
        replace(with_total(entry.analysis.table("kind"), breakdown.ADDITIVE), title=f"{entry.model}, by kind")
        for entry in counted
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Time both, print the tables; there is no figure to reach."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--budget", type=float, default=60.0, metavar="SECONDS", help="of each comparison")
    parser.add_argument("--quick", action="store_true", help="on small images and for a moment, to see that it runs")
    add_output(parser)
    asked = parser.parse_args(arguments)
    inputs, budget_s = ("1x3x64x64", 0.3) if asked.quick else (None, asked.budget)
    tables: list[Table] = []
    comparisons: list[Comparison] = []
    for threads in asked.threads:
        comparison, table = timed(threads, inputs, budget_s)
        comparisons.append(comparison)
        tables.append(table)
    tables += explained(comparisons[-1], asked.threads[-1])
    return finish("MobileNet v1 against v2 on a processor", tables, [], asked.output)


if __name__ == "__main__":
    sys.exit(main())
