"""`netcost evidence`: which count explains latency where, by arithmetic in sight and from the shipped facts."""

import csv
import io
import json
import math
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from commands import refused

import netcost
from netcost.cli.app import run
from netcost.guidelines.networks.explaining import spearman
from netcost.prediction import model
from netcost.prediction.evidence import Evidence
from netcost.prediction.evidence import statistics as stats
from netcost.prediction.evidence.facts import FOLDER, measured_settings, sources
from netcost.prediction.evidence.statistics import Draws, Estimate


@cache
def titan() -> Evidence:
    """One GPU in half, float and double, inference and training."""
    return netcost.evidence("TITAN RTX")


@pytest.mark.parametrize("times", [[1, 1, 1, 1, 1], [2, 0, 1, 3, 1], [0, 0, 4, 0, 1]])
def test_a_weight_stands_for_as_many_copies(times: list[int]) -> None:
    values, others = np.array([3.0, 1.0, 4.0, 1.0, 5.0]), np.array([9.0, 2.0, 6.0, 5.0, 3.0])
    weights, copied = np.array([times], dtype=np.float32), np.repeat(values, times)
    assert stats.weighted_median(values, weights)[0] == np.median(copied)
    ranks = [stats.weighted_ranks(some, weights) for some in (values, others)]
    rho = spearman(copied.tolist(), np.repeat(others, times).tolist())
    assert stats.weighted_rho(*ranks, weights)[0] == pytest.approx(rho)


def test_a_constant_is_the_median_of_the_other_families() -> None:
    counts, seconds, part = np.array([1.0, 2.0, 1.0, 4.0]), np.array([2.0, 8.0, 10.0, 20.0]), np.array([0, 0, 1, 1])
    # seconds per count: 2 and 4 in the first family, 10 and 5 in the second
    assert stats.by_one_constant(counts, seconds, part).tolist() == [7.5, 15.0, 3.0, 12.0]


@pytest.mark.parametrize("table", ["ncnn 1", "TITAN RTX double inference"])
def test_three_coefficients_are_those_of_the_model(table: str) -> None:
    [one] = [some for some in measured_settings() if some.setting.table == table]
    part, start = stats.parts_of(one.families), 1 / np.median(one.three, axis=0)
    wanted = model.held_out(one.three, one.seconds, start, part, model.HELD_BY_FEW)
    assert stats.by_three(one.three, one.seconds, part) == pytest.approx(wanted, rel=0.003)


def test_pairs_are_alike_in_one_count_and_apart_in_time() -> None:
    counts = {"mult_adds": np.array([100.0, 110.0, 115.0, 200.0]), "memory_access": np.array([5.0, 4.0, 5.0, 1.0])}
    seconds = np.array([3.0, 2.0, 2.1, 1.0])  # the 2nd and the 3rd are within 10 %, the 4th is alike to none
    found = stats.pairs("mult_adds", ("mult_adds", "memory_access"), counts, seconds, Draws.of(["a", "b", "c", "d"]))
    assert found.number == 2
    assert {name: share.value for name, share in found.picked.items()} == {"mult_adds": 0.0, "memory_access": 0.75}


def test_few_families_get_no_interval() -> None:
    drawn = np.linspace(1, 2, stats.DRAWS)
    assert Draws.of(["a", "b", "c", "d"]).estimate(1.5, drawn) == Estimate(1.5, None)
    low, high = Draws.of([*"abcde"]).estimate(1.5, drawn).ci95
    assert (low, high) == pytest.approx((1.025, 1.975))


def test_reversals_and_confirmations_are_named_alike() -> None:
    won = {name: {entry.measured.precision for entry in titan().won(name)} for name in ("mult-adds", "memory access")}
    assert won == {"mult-adds": {"double"}, "memory access": {"half", "float"}}
    by_double, by_half = (titan().won(name)[0] for name in won)
    assert titan().settings[0] is by_double and titan().settings[-1] is by_half  # sorted from one to the other
    _, first, second = titan().answer()
    assert by_double.measured.group in first and by_half.measured.group in second
    assert by_double.ratio.ci95[1] < 1 < by_half.ratio.ci95[0]


def test_what_was_not_counted_is_missing() -> None:
    rows = list(csv.DictReader(io.StringIO(netcost_csv(titan()))))
    missing = {row["setting"] for row in rows if not row["memory_access_fused_error"]}
    assert missing == {f"{precision}, training" for precision in ("half", "float", "double")}
    assert all(row["mult_adds_error_low"] < row["mult_adds_error"] < row["mult_adds_error_high"] for row in rows)


def netcost_csv(result: Evidence) -> str:
    from netcost.text.formats import result_text

    return result_text(result, "csv")


def test_the_public_tables_are_all_there_with_their_sources() -> None:
    tables = list(measured_settings())
    number = {name: sum(one.setting.source == name for one in tables) for name in sources()}
    assert (number["timm"], number["ryujaehun"]) == (15, 24 + 2)
    assert number["ncnn"] > 200
    assert all(len(one.networks) >= 10 and np.isfinite(one.three).all() and (one.three > 0).all() for one in tables)
    assert all(source.repository and source.licence and source.commit for source in sources().values())
    assert sum(len(file.read_bytes()) for file in FOLDER.iterdir()) <= 130_000


def test_graphics_cards_show_what_the_trial_had_shown() -> None:
    [one] = netcost.evidence("RTX 4090, eager, torch 2.9.1").settings
    errors = {name: fit.error.value for name, fit in one.fits.items()}
    assert errors["three"] < errors["memory_access"] < 0.2 < 0.4 < errors["mult_adds"]
    assert one.networks > 1500 and one.noise is not None and 0.005 < one.noise < 0.1
    assert math.isclose(errors["memory_access"], errors["memory_access_eager"])


@pytest.mark.parametrize("name", ["TITAN RTY", "timmm", ""])
def test_an_unknown_device_gets_near_names(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no measurements of" in refused(capsys, ["evidence", "--table", name])


def test_the_command_builds_no_network(tmp_path) -> None:
    script = (
        "import sys; from netcost.cli.app import run\n"
        "code = run(['evidence', '--table', 'A100', '-f', 'json', '-o', 'a100.json'])\n"
        "print(code, sorted({'timm', 'torchvision'} & {*sys.modules}))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert result.stdout.splitlines()[-1] == "0 []"
    document = json.loads((tmp_path / "a100.json").read_text())
    assert {entry["device"] for entry in document["settings"]} == {"A100"}
    assert [source["name"] for source in document["sources"]] == ["ryujaehun"]


def test_the_terminal_shows_the_answer_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evidence", "--table", "A100"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "memory access predicts time better in" in " ".join(shown[2:5])
    assert all(len(line) <= 80 for line in shown)
