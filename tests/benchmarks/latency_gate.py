"""Does the latency gate pass equal networks and stop slower ones?

A repository with a small network is made in a temporary folder. `netcost check --base HEAD --latency` runs in
it again and again: with the network unchanged it must pass every time, and with the network doubled (twice the links of
a chain) it must fail every time. Only the verdict on latency is looked at: doubling changes the counts too.

    python tests/benchmarks/latency_gate.py [--times N] [--budget S] [--limit SHARE] [--threads N] [-o FILE]
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

from findings import Requirement, finish, parser_of

from netcost.cli.app import run
from netcost.text.tables import Column, Table, from_records

LINKS = 8
NET = """
from torch import nn


def net(links={links}):
    return nn.Sequential(*(nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU()) for _ in range(links)))
"""
SETTINGS = '[[targets]]\nname = "chain"\nmodel = "net.py:net"\ninput = "1x32x28x28"\n'
SIDES = {"the same": (LINKS, "pass"), "doubled": (2 * LINKS, "fail")}
COLUMNS = (
    Column("network", "Network"),
    Column("check", "Check", "exact"),
    Column("ratio", "Ratio", "times"),
    Column("low", "From", "ratio"),
    Column("high", "To", "ratio"),
    Column("samplings", "Samplings", "exact"),
    Column("verdict", "Verdict"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks, print the tables; return 1 if a check ended otherwise than it must."""
    asked = _parsed(arguments)
    records = []
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder)
        _make(repository)
        for network, (links, _) in SIDES.items():
            (repository / "net.py").write_text(NET.format(links=links), encoding="utf-8")
            for check in range(1, asked.times + 1):
                records.append({"network": network, "check": check, **_checked(repository, asked)})
                print(f"{network}, check {check} of {asked.times}: {records[-1]['verdict']}", file=sys.stderr)
    requirements = [_requirement(network, records, asked.times) for network in SIDES]
    heading = "The latency gate on networks that are the same, and doubled"
    return finish(
        heading, [_summary(records), from_records(COLUMNS, records, "Every check")], requirements, asked.output
    )


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument("--times", type=int, default=20, help="checks of each of the two networks")
    parser.add_argument("--budget", type=float, default=10.0, help="seconds per sampling")
    parser.add_argument("--limit", default="5%", help="slowdown that still passes")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    return parser.parse_args(arguments)


def _make(repository: Path) -> None:
    """Make a repository whose last commit has the plain network."""
    (repository / "net.py").write_text(NET.format(links=LINKS), encoding="utf-8")
    (repository / "netcost.toml").write_text(SETTINGS, encoding="utf-8")
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    for order in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "as it is")):
        subprocess.run(["git", *identity, *order], cwd=repository, check=True)


def _checked(repository: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Return the command's result on latency in one run."""
    command = ["check", "--config", "netcost.toml", "--base", "HEAD", "--latency", "--latency-limit", asked.limit]
    command += ["--budget", str(asked.budget), "--threads", str(asked.threads), "-q", "-f", "json"]
    with chdir(repository), redirect_stdout(io.StringIO()) as printed:
        code = run(command)
    if not printed.getvalue():
        raise SystemExit(f"netcost check ended with {code}")
    [target] = json.loads(printed.getvalue())["targets"]
    [rule] = target["latency"]
    ratio = rule["samplings"][-1]["ratio"] or {"median": None, "ci95": None}
    low, high = ratio["ci95"] or (None, None)
    return {
        "ratio": ratio["median"],
        "low": low,
        "high": high,
        "samplings": len(rule["samplings"]),
        "verdict": rule["verdict"],
    }


def _summary(records: Sequence[dict[str, Any]]) -> Table:
    """Count each verdict."""
    counts = Counter((record["network"], record["verdict"]) for record in records)
    columns = (Column("network", "Network"), Column("verdict", "Verdict"), Column("checks", "Checks", "exact"))
    rows = [{"network": network, "verdict": said, "checks": times} for (network, said), times in counts.items()]
    return from_records(columns, rows, "Verdicts on latency")


def _requirement(network: str, records: Sequence[dict[str, Any]], times: int) -> Requirement:
    failed = sum(record["network"] == network and record["verdict"] == "FAILS" for record in records)
    ending = SIDES[network][1]
    hits = failed if ending == "fail" else times - failed
    return Requirement(f"{network}: checks of {times} that {ending}", hits, low=times, unit="exact")


if __name__ == "__main__":
    raise SystemExit(main())
