"""The list of the zoo: its saved counts are those of the zoo, and no torch is imported for it."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import refused

from netcost.cli.app import run
from netcost.search import listed
from netcost.zoo import list_models
from netcost.zoo.catalogue import entry

SAVED = Path(listed.__file__).parent / "data" / "zoo.csv"
BASELINE = Path(__file__).parents[2] / "reports" / "zoo-baseline.json"


def of_the_zoo() -> str:
    counted = json.loads(BASELINE.read_text())["targets"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in (*listed.COLUMNS, *listed.PROVENANCE)])
    for name in list_models():
        found, totals = entry(name), counted[name]["totals"]
        shape, printed = "x".join(map(str, found.input_shape)), found.published
        counts = (totals[key] for key in ("params", "mult_adds", "memory_access"))
        published = (printed.params, printed.mult_adds, printed.source or found.paper, printed.why)
        writer.writerow([name, found.year, shape, *counts, *published])
    return text.getvalue()


def test_the_saved_list_is_that_of_the_zoo_and_its_baseline() -> None:
    if os.environ.get("NETCOST_RENEW_GOLDEN") == "1":
        SAVED.write_text(of_the_zoo(), encoding="utf-8")
    assert SAVED.read_text(encoding="utf-8") == of_the_zoo()


def test_what_one_chooses_by_is_listed_without_torch_and_the_other_commands() -> None:
    ran = "from netcost.cli.app import run\nrun(['list', 'googlenet', '-f', 'csv'])\n"
    heavy = ("torch", "pandas", "numpy", "netcost.cli.compare")
    script = f"import sys\n{ran}print([name for name in {heavy} if name in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    *rows, imported = printed.splitlines()
    [row] = csv.DictReader(rows)
    assert row == {
        "name": "googlenet",
        "year": "2014",
        "input": "1x3x224x224",
        "params": "6998552",
        "mult_adds": "1582671872",
        "memory_access": "41052288",
    }
    assert imported == "[]"


def test_where_figures_come_from_is_shown_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "googlenet", "--why", "-f", "csv"]) == 0
    [row] = csv.DictReader(capsys.readouterr().out.splitlines())
    assert row["source"] and row["published_mult_adds"]
    assert "did you mean googlenet" in refused(capsys, ["list", "googlnet"])
