"""MobileNet v1 against v2 on a processor: which one is faster, and why?

v2 has half of v1's mult-adds. An article says that it is 40 % slower on a CPU all the same; published runs range
from 0.66 x to 1.32 x. Both are timed here side by side, batch 1, on one thread and on two, and then each is profiled:
a table compares their kinds of operator, in mult-adds, in memory access and in time.

    python tests/benchmarks/mobilenets.py [--threads N ...] [--budget SECONDS] [-o FILE]
"""

import sys
from collections.abc import Sequence
from dataclasses import replace

from findings import finish, parser_of

import netcost
from netcost.text import units
from netcost.text.tables import Column, Table, from_records

V1, V2 = "mobilenet_v1", "mobilenet_v2"

FIGURES = {"mult_adds": "count", "memory_access": "elements", "time_s": "seconds"}
"""Metrics that are compared per kind, with their units."""

HEADINGS = {"mult_adds": "Mult-adds", "memory_access": "Memory access", "time_s": "Time"}


def timed(threads: int, inputs: Sequence[str], budget_s: float) -> Table:
    """Time both networks side by side on that number of threads."""
    targets = [netcost.resolve(name, inputs=inputs) for name in (V1, V2)]
    result = netcost.compare(targets, threads=threads, budget_s=budget_s, precision=0.01)
    return replace(result.table(), title=f"Batch 1, {_threads(threads)}")


def explained(threads: int, inputs: Sequence[str], budget_s: float) -> Table:
    """Compare each kind of operator in both networks; the kind whose time grows most comes first."""
    targets = {name: netcost.resolve(name, inputs=inputs) for name in (V1, V2)}
    found = {name: netcost.profile(target, threads=threads, budget_s=budget_s) for name, target in targets.items()}
    kinds = {name: {str(row["kind"]): row for row in _records(profile)} for name, profile in found.items()}
    records = []
    for kind in dict.fromkeys([*kinds[V1], *kinds[V2]]):
        both = {name: kinds[name].get(kind, {}) for name in (V1, V2)}
        cells = {f"{figure}_{name}": row.get(figure) for figure in FIGURES for name, row in both.items()}
        more = (both[V2].get("time_s") or 0.0) - (both[V1].get("time_s") or 0.0)
        records.append({"kind": kind, **cells, "more_s": more})
    records.sort(key=lambda record: -record["more_s"])
    columns = [
        Column("kind", "Kind"),
        *(
            Column(f"{figure}_{name}", f"{HEADINGS[figure]}, {name.removeprefix('mobilenet_')}", unit)
            for figure, unit in FIGURES.items()
            for name in (V1, V2)
        ),
        Column("more_s", "Time, v2 - v1", "seconds"),
    ]
    notes = [_summary(found), *(f"{name}: {doubt}" for name, profile in found.items() for doubt in profile.doubts)]
    return from_records(columns, records, f"Where the time goes, {_threads(threads)}", notes)


def _records(profile: netcost.Profile) -> list[dict[str, object]]:
    table = profile.table("kind")
    return [dict(zip(table.names, row, strict=True)) for row in table.rows]


def _summary(found: dict[str, netcost.Profile]) -> str:
    """Compare each network's time with the sum of its operators and the gap."""
    told = [
        f"{name}: {units.seconds(profile.median_s)}, of which {units.seconds(profile.gap_s)} between operators "
        f"(the sum is off by {units.percent(profile.deviation)})"
        for name, profile in found.items()
    ]
    return "; ".join(told) + "."


def _threads(threads: int) -> str:
    return f"{threads} thread{'s' if threads > 1 else ''}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Time both, profile both, print the tables; no figure is required."""
    parser = parser_of(__doc__)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--budget", type=float, default=60.0, metavar="SECONDS", help="time budget of each comparison")
    parser.add_argument("--quick", action="store_true", help="on small images and for a moment, to see that it runs")
    asked = parser.parse_args(arguments)
    inputs, budget_s = (("1x3x64x64",), 0.3) if asked.quick else ((), asked.budget)
    tables = [timed(threads, inputs, budget_s) for threads in asked.threads]
    tables += [explained(threads, inputs, budget_s / 3) for threads in asked.threads]
    return finish("MobileNet v1 against v2 on a processor", tables, [], asked.output)


if __name__ == "__main__":
    sys.exit(main())
