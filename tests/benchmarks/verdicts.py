"""Are netcost's verdicts honest on this machine?

Comparisons of a network with itself (two fresh instances) may end in "faster" or "slower" in at most 5 % of the cases;
those with a network of 10 % more layers must end in "slower" in at least 95 %. The networks are chains of equal links,
20 and 22 of them, of three kinds, each wide enough to take 2 to 5 ms here. Every comparison is one
`netcost.compare` on its own, with a budget of 10 s, that stops when it is precise, as a user's does.

`--load` does the same with another process that is busy for 50 ms of every 100 ms. Every comparison is written to the
file of `--results` as soon as it is done, with its networks and its raw figures. An interrupted run continues from
there, and the report covers all comparisons in the file, quiet and loaded.

    python tests/benchmarks/verdicts.py [--results FILE] [--load] [--threads N] [--backend B] [--minutes M]
"""

import argparse
import itertools
import json
import math
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from chains import KINDS, LINKS, calibrated
from findings import Requirement, finish, machine, parser_of

import netcost
from netcost.text.tables import Column, Table, from_records
from netcost.timing import stats
from netcost.timing.stats import SpeedVerdict

CALL_S = 3.2e-3
"""Target time per call: between 2 and 5 ms, in ratio."""

EQUAL, LONGER = "equal", "10 % longer"
LINKS_OF_OTHER = {EQUAL: LINKS, LONGER: LINKS * 11 // 10}

LOAD = """
import os, sys, time
while os.getppid() == int(sys.argv[1]):
    until = time.perf_counter() + 0.05
    while time.perf_counter() < until:
        pass
    time.sleep(0.05)
"""


@contextmanager
def another_process() -> Iterator[None]:
    """Keep one core busy half of the time by another process, which ends with this one in every case."""
    process = subprocess.Popen([sys.executable, "-c", LOAD, str(os.getpid())])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def comparison(kind: str, width: int, truth: str, condition: Mapping[str, Any], budget_s: float) -> dict[str, Any]:
    """Compare fresh instances; return the result as plain values."""
    chain, begun = KINDS[kind], time.perf_counter()
    models = [chain.build(width), chain.build(width, LINKS_OF_OTHER[truth])]
    setting = {"threads": condition["threads"], "backend": condition["backend"], "budget_s": budget_s}
    result = netcost.compare(models, inputs=chain.shape(width), **setting).to_dict()
    base, other = result["models"]
    if base.get("error") or other.get("error"):
        raise SystemExit(f"{kind}: {base.get('error') or other.get('error')}")
    return {
        "verdict": other["ratio"]["verdict"],
        "median": other["ratio"]["median"],
        "ci95": other["ratio"]["ci95"],
        "rounds": other["latency"]["samples"],
        "base_s": base["latency"]["median_s"],
        "seconds": time.perf_counter() - begun,
        "doubts": [doubt["doubt"] for doubt in other["latency"]["doubts"]],
    }


class Results:
    """The file of results: a JSON object per line, appended to. It also holds the widths of the networks."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path is not None and path.exists() else []
        self.rows: list[dict[str, Any]] = [{"backend": "eager", **json.loads(line)} for line in lines]

    def add(self, row: Mapping[str, Any]) -> None:
        """Append one comparison."""
        self.rows.append(dict(row))
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def comparisons(self) -> list[dict[str, Any]]:
        """Return all comparisons."""
        return [row for row in self.rows if "verdict" in row]

    def width(self, kind: str, threads: int) -> int:
        """Return the width of this kind in this file; calibrate it on first use."""
        key = {"kind": kind, "threads": threads}
        known = (row["width"] for row in self.rows if "call_s" in row and key.items() <= row.items())
        width = next(known, None)
        if width is None:
            width, call_s = calibrated(KINDS[kind], CALL_S, threads)
            self.add({**key, "width": width, "call_s": call_s})
        return width


def run(results: Results, asked: argparse.Namespace) -> None:
    """Make the comparisons that are missing, until the time is up."""
    condition = {"load": asked.load, "threads": asked.threads, "backend": asked.backend}
    done = Counter(row["truth"] for row in results.comparisons() if condition.items() <= row.items())
    wanted = [truth for truth, number in ((EQUAL, asked.equal), (LONGER, asked.longer)) for _ in range(number)]
    left = list((Counter(wanted) - done).elements())
    widths = {kind: results.width(kind, asked.threads) for kind in KINDS}
    until = time.monotonic() + asked.minutes * 60
    kinds = itertools.cycle(KINDS)
    with another_process() if asked.load and left else nullcontext():
        for index, truth in enumerate(left):
            if time.monotonic() > until:
                return
            kind = next(kinds)
            found = comparison(kind, widths[kind], truth, condition, asked.budget)
            results.add({**condition, "kind": kind, "truth": truth, **found})
            print(f"{index + 1} of {len(left)}: {kind}, {truth}: {found['verdict']}", file=sys.stderr)


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, after Wilson, which is sensible at 0 and at 1 too."""
    z, share = 1.96, hits / of
    centre, spread = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def is_right(row: Mapping[str, Any]) -> bool:
    """True if a comparison ended as it should: equals without a winner."""
    expected = SpeedVerdict.CANNOT_TELL if row["truth"] == EQUAL else SpeedVerdict.SLOWER
    return bool(row["verdict"] == expected)


def record(name: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one row of the report."""
    verdicts = Counter(row["verdict"] for row in rows)
    wrong = sum(not is_right(row) for row in rows)
    low, high = wilson(wrong, len(rows))
    widths = [(row["ci95"][1] - row["ci95"][0]) / 2 / row["median"] for row in rows if row["ci95"]]
    return {
        **name,
        "comparisons": len(rows),
        **{str(verdict).replace(" ", "_"): verdicts[str(verdict)] for verdict in SpeedVerdict},
        "wrong": wrong / len(rows),
        "wrong_low": low,
        "wrong_high": high,
        "rounds": quantiles([row["rounds"] for row in rows], "{:.0f}"),
        "width": quantiles([100 * share for share in widths], "{:.2f} %"),
        "seconds": sum(row["seconds"] for row in rows),
    }


def quantiles(values: Sequence[float], written: str) -> str:
    """Return the smallest, the median, the 90th percentile and the largest."""
    if not values:
        return ""
    return " · ".join(written.format(stats.quantile(values, share)) for share in (0.0, 0.5, 0.9, 1.0))


COLUMNS = (
    Column("condition", "Machine"),
    Column("kind", "Networks"),
    Column("truth", "Truth"),
    Column("comparisons", "Comparisons", "exact"),
    Column("faster", "Faster", "exact"),
    Column("slower", "Slower", "exact"),
    Column("cannot_tell", "Cannot tell", "exact"),
    Column("wrong", "Not as it should", "percent"),
    Column("wrong_low", "95 % from", "percent"),
    Column("wrong_high", "to", "percent"),
    Column("rounds", "Rounds: least · median · p90 · most"),
    Column("width", "Half width: least · median · p90 · most"),
    Column("seconds", "Time spent", "seconds"),
)


def condition_of(row: Mapping[str, Any]) -> str:
    """Return the condition: quiet or loaded, the threads, and the runtime where it is not eager."""
    state = "one core loaded half of the time" if row["load"] else "no load of ours"
    runtime = "" if row["backend"] == "eager" else f", {row['backend']}"
    return f"{state}, {row['threads']} thread{'s' if row['threads'] > 1 else ''}{runtime}"


def tables(results: Results) -> list[Table]:
    """Return the results by condition and truth, and by network too."""
    rows = results.comparisons()
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: (row["backend"], row["load"], row["threads"], row["truth"] != EQUAL)):
        for kind in ("all", row["kind"]):
            groups.setdefault((condition_of(row), kind, row["truth"]), []).append(row)
    records = [
        record({"condition": condition, "kind": kind, "truth": truth}, group)
        for (condition, kind, truth), group in groups.items()
    ]
    widths = "; ".join(
        f"{row['kind']}: width {row['width']}, {1000 * row['call_s']:.2f} ms a call on {row['threads']} thread(s)"
        for row in results.rows
        if "call_s" in row
    )
    return [
        from_records(COLUMNS, [record for record in records if record["kind"] == "all"], "Verdicts", notes=[widths]),
        from_records(
            COLUMNS, [record for record in records if record["kind"] != "all"], "By network", notes=[machine([])]
        ),
    ]


def requirements(results: Results) -> list[Requirement]:
    """Require at most 5 % of equals with a winner, and at least 95 % of longer networks found slower."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in results.comparisons():
        groups.setdefault((condition_of(row), row["truth"]), []).append(row)
    found = []
    for (condition, truth), rows in sorted(groups.items()):
        share = sum(map(is_right, rows)) / len(rows)
        if truth == EQUAL:
            found.append(Requirement(f"equals with a winner; {condition}", 1 - share, high=0.05, unit="percent"))
        else:
            found.append(Requirement(f"10 % called slower; {condition}", share, low=0.95, unit="percent"))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print the tables; return 1 if verdicts are not honest."""
    parser = parser_of(__doc__)
    parser.add_argument("--results", type=Path, metavar="FILE", help="file of all comparisons, to continue from")
    parser.add_argument("--load", action="store_true", help="with another process that is busy half of the time")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--backend", default="eager", help="runtime of both networks, such as onnxruntime")
    parser.add_argument("--equal", type=int, default=200, metavar="N", help="comparisons of a network with itself")
    parser.add_argument("--longer", type=int, default=100, metavar="N", help="comparisons with 10 %% more layers")
    parser.add_argument("--budget", type=float, default=10.0, metavar="SECONDS", help="time budget of one comparison")
    parser.add_argument("--minutes", type=float, default=math.inf, metavar="M", help="stop after this many minutes")
    parser.add_argument("--quick", action="store_true", help="three comparisons of each, to see that it runs")
    asked = parser.parse_args(arguments)
    if asked.quick:
        asked.equal, asked.longer, asked.budget = 3, 3, 0.3
    results = Results(asked.results)
    run(results, asked)
    if not results.comparisons():
        raise SystemExit("there is nothing to report yet; give it more --minutes")
    return finish("Honest verdicts", tables(results), requirements(results), asked.output)


if __name__ == "__main__":
    sys.exit(main())
