"""The model of latency: its columns, its fit, its intervals; and the shipped coefficients, fitted anew."""

import csv
import gzip
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netcost
from netcost.prediction import model
from netcost.prediction.coefficients import DEVICES, every_shipped, shipped
from netcost.prediction.columns import COLUMNS, Situation, column, few_columns, matrix
from netcost.prediction.rows import Running, rows_of

RECORDED = Path(__file__).parent / "i9-10940x.csv.gz"


def made_up(networks: int, columns: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts, coefficients and the seconds that follow exactly."""
    generator = np.random.default_rng(seed)
    counts = generator.lognormal(0, 1, (networks, columns))
    coefficients = generator.lognormal(0, 1, columns)
    return counts, coefficients, counts @ coefficients


def test_a_fit_finds_the_coefficients_that_made_the_times() -> None:
    counts, coefficients, seconds = made_up(400, 5)
    assert model.fit(counts, seconds, np.ones(5)) == pytest.approx(coefficients, rel=0.02)


@settings(max_examples=10, deadline=None)
@given(st.floats(1e-6, 1e6), st.integers(0, 9))
def test_a_device_that_is_slower_by_one_factor_has_coefficients_greater_by_it(factor: float, seed: int) -> None:
    counts, _, seconds = made_up(30, 4, seed)
    noisy = seconds * np.random.default_rng(seed).lognormal(0, 0.2, 30)
    once, scaled = (model.fit(counts, noisy * by, np.ones(4)) for by in (1, factor))
    assert scaled == pytest.approx(once * factor, rel=1e-3)


def test_families_are_held_out_whole() -> None:
    families = [f"family{index % 17}" for index in range(200)]
    part = model.folds(families)
    assert {len({*part[np.array(families) == family]}) for family in families} == {1}
    assert min(np.bincount(part)) >= 200 / 5 - 17


def test_the_interval_leaves_a_twentieth_of_the_ratios_at_each_end() -> None:
    ratios = np.arange(1, 40)  # n = 39: rank (39 + 1) / 20 = 2 from either end
    assert model.interval(np.ones(39), ratios) == (2, 38)


def test_the_interval_of_few_networks_is_twice_as_wide_as_their_largest_error() -> None:
    assert model.interval(np.ones(10), np.linspace(0.8, 1.1, 10)) == pytest.approx((0.8**2, 0.8**-2))


@pytest.mark.parametrize("mode", ["eager", "compiled"])
def test_every_multiply_add_is_in_one_column(mode: str) -> None:
    analysis = netcost.analyze(netcost.resolve("shufflenet_v2_x1_0").with_batch(4))
    running = Running(mode, "traced")
    rows = rows_of(analysis.count, running)
    columns = matrix(rows, Situation(running, DEVICES["i9-10940x"][1], 4))
    work = [values[0] for name, values in columns.items() if name.startswith("mult-adds of") and "," not in name]
    assert sum(work) == pytest.approx(analysis.mult_adds / 4)
    assert columns["kernels"][0] == rows["count"].sum() / 4


def test_a_compiled_network_moves_less_and_launches_less() -> None:
    count = netcost.analyze(netcost.resolve("mobilenet_v2").with_batch(4)).count
    eager, compiled = (rows_of(count, Running(mode, "traced")) for mode in ("eager", "compiled"))
    assert compiled["count"].sum() < eager["count"].sum()
    moved = [(rows["sample_bytes"] * rows["count"]).sum() for rows in (eager, compiled)]
    assert moved[1] < moved[0]


@pytest.mark.parametrize(
    ("mode", "device", "told_apart"),
    [("eager", "i9-10940x", True), ("compiled", "i9-10940x", False), ("eager", "rtx4090", False)],
)
def test_pooling_is_told_apart_where_a_processor_runs_it_alone(mode: str, device: str, told_apart: bool) -> None:
    running = Running(mode, "traced")
    rows = rows_of(netcost.analyze("googlenet").count, running)
    few = few_columns(rows, Situation(running, DEVICES[device][1], 1))
    assert [*few][:3] == ["mult-adds", "bytes", "kernels"]
    pooling = few.get("bytes of pooling", np.zeros(1))
    assert bool(pooling.any()) == told_apart
    assert (pooling * rows["count"]).sum() < (few["bytes"] * rows["count"]).sum()


def test_two_columns_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="twice"):
        column("kernels", "launches")(lambda rows, _: rows["count"])


def test_the_shipped_coefficients_are_what_a_fit_to_the_recorded_counts_gives() -> None:
    lines = list(csv.reader(io.StringIO(gzip.decompress(RECORDED.read_bytes()).decode())))
    names = lines[0][3:]
    seconds, *counts = np.array([line[2:] for line in lines[1:]], dtype=float).T
    known = shipped("i9-10940x")
    start = [COLUMNS.get(name).slower * known.sheet.seconds_per(COLUMNS.get(name).unit) for name in names]
    counts = np.stack(counts, axis=1)
    again = model.fit(counts, seconds, np.array(start))
    assert names == [*known.seconds]
    assert len(seconds) == known.source.networks
    assert again == pytest.approx([*known.seconds.values()], rel=0.01)
    part = model.folds([line[1] for line in lines[1:]])
    one = part == 0
    unseen = counts[one] @ model.fit(counts[~one], seconds[~one], np.array(start))
    assert model.median_error(unseen, seconds[one]) < 2 * known.error


def test_the_shipped_files_are_small_and_say_where_they_come_from() -> None:
    known = every_shipped()
    assert {(entry.device, entry.mode, entry.memory_format) for entry in known} >= {
        ("rtx4090", "eager", "contiguous"),
        ("rtx5090", "compiled", "contiguous"),
        ("rtx3090", "eager", "channels_last"),
    }
    assert sum(len(entry.to_text()) for entry in known) < 100_000
    for entry in known:
        assert entry.source.licence == "Apache-2.0"
        assert entry.source.table.startswith("benchmark-infer-")
        assert entry.interval[0] < 1 < entry.interval[1]
        assert entry.sheet == DEVICES[entry.device][1]
        assert entry == replace(entry, few_columns=False)
