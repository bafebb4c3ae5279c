"""Whole networks, with made-up times: statistics over them, the panels they run in, Table 8, and what a run says."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_bench import made_up_peaks
from fake_clock import Clock
from fake_trials import ROUNDS, FakeTimer, measurement, options_of
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from netcost.cli.app import run as run_command
from netcost.guidelines import profiled
from netcost.guidelines.findings import Findings
from netcost.guidelines.grid import Conditions
from netcost.guidelines.networks import panels
from netcost.guidelines.networks.decomposition import DECOMPOSED, decompose
from netcost.guidelines.networks.explaining import bootstrap_interval, explain, leave_one_family_out, ranks, spearman
from netcost.guidelines.networks.panels import REFERENCE, TABLE8, ZOO, Panel, counted, family, plan
from netcost.guidelines.networks.study import METRICS
from netcost.guidelines.networks.table8 import ROWS_PRINTED, TABLE_8
from netcost.guidelines.overview import sections
from netcost.guidelines.records import tables
from netcost.guidelines.running import run
from netcost.guidelines.saved import load
from netcost.guidelines.trial import Goal
from netcost.profiling.roofline import Peaks, bounds_s
from netcost.targets.naming import Target
from netcost.text.errors import MeasurementError, RequestError, TargetError
from netcost.text.formats.json_text import render
from netcost.zoo import ARCHITECTURES

really_built = panels.built


@pytest.fixture(scope="module", autouse=True)
def unbuilt() -> Iterator[None]:
    """Nothing is timed here, so nothing need be built; initialising the zoo takes a minute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(panels, "built", lambda _: (nn.Identity(), ((), {})))
        yield


# ---- statistics ---------------------------------------------------------------------------------------------------

VALUES = st.lists(st.integers(1, 50).map(float), min_size=3, max_size=30)


def test_equal_values_share_the_mean_of_their_places() -> None:
    assert ranks([30.0, 10.0, 20.0, 20.0]) == [4.0, 1.0, 2.5, 2.5]


def test_spearman_by_hand() -> None:
    # Ranks 1 2 3 4 5 beside 2 1 4 3 5: squared differences 1 + 1 + 1 + 1 = 4, so 1 - 6·4 / (5·24).
    assert spearman([1, 2, 3, 4, 5], [20, 10, 40, 30, 50]) == pytest.approx(1 - 6 * 4 / (5 * 24))
    # With a tie the ranks are 1 2.5 2.5 4 beside 1 2 3 4: Pearson of these is 4.5 / sqrt(4.5 · 5).
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)


def test_spearman_is_not_defined_for_two_or_for_equals() -> None:
    assert spearman([1, 2], [1, 2]) is None
    assert spearman([1, 1, 1], [1, 2, 3]) is None
    with pytest.raises(ValueError, match="pairs"):
        spearman([1, 2, 3], [1, 2])


@given(values=VALUES)
def test_a_rising_function_of_a_value_ranks_as_it_does(values: list[float]) -> None:
    rho = spearman(values, [value**3 + 1 for value in values])
    assert rho is None or rho == pytest.approx(1)
    fall = spearman(values, [-value for value in values])
    assert fall is None or fall == pytest.approx(-1)


@given(first=VALUES, second=VALUES)
def test_spearman_does_not_depend_on_which_side_is_which(first: list[float], second: list[float]) -> None:
    pairs = min(len(first), len(second))
    one, other = first[:pairs], second[:pairs]
    forth, back = spearman(one, other), spearman(other, one)
    assert forth == pytest.approx(back)
    assert forth is None or -1 <= forth <= 1


def test_a_family_is_predicted_from_the_others_alone() -> None:
    """Latency is 2 x the value in one family and 3 x in another: each is predicted with the other's constant."""
    predicted = leave_one_family_out([1.0, 2.0, 5.0], [2.0, 4.0, 15.0], ["a", "a", "b"])
    assert predicted == pytest.approx([3 / 2, 3 / 2, 2 / 3])


def test_one_family_predicts_nothing_and_a_value_of_zero_neither() -> None:
    assert leave_one_family_out([1.0, 2.0], [1.0, 2.0], ["a", "a"]) == []
    assert leave_one_family_out([0.0, 2.0], [1.0, 2.0], ["a", "b"]) == []
    told = explain("mult_adds", [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], ["a", "a", "a"])
    assert (told.rho, told.error, told.rho_ci95, told.error_ci95) == (1.0, None, None, None)


def test_a_metric_that_is_latency_explains_all_of_it() -> None:
    values = [float(value) for value in range(1, 21)]
    told = explain("kernels", values, [2 * value for value in values], ["a", "b"] * 10)
    assert (told.rho, told.error) == (1.0, 0.0)
    assert told.rho_ci95 == (1.0, 1.0)
    assert told.error_ci95 == (0.0, 0.0)


def test_an_interval_needs_ten_units_and_is_the_same_every_time() -> None:
    def mean(units) -> float:
        return sum(units) / len(units)

    assert bootstrap_interval(9, mean) is None
    low, high = bootstrap_interval(100, mean)
    assert low < 49.5 < high
    # The standard error of the mean of 0 to 99 is 28.9 / 10.
    assert (high - low) / 2 == pytest.approx(1.96 * 2.89, rel=0.1)
    assert bootstrap_interval(100, mean) == (low, high)
    assert bootstrap_interval(100, lambda _: None) is None


# ---- panels -------------------------------------------------------------------------------------------------------


def test_every_network_of_the_zoo_is_timed_once_beside_the_reference() -> None:
    found = [panel for panel in plan("cpu", [1, 2], quick=False) if panel.kind == ZOO]
    timed = [name for panel in found for name in panel.members[1:]]
    assert sorted([*timed, REFERENCE]) == sorted(ARCHITECTURES)
    assert {panel.members[0] for panel in found} == {REFERENCE}
    assert {(panel.threads, panel.batch) for panel in found} == {(2, 1)}
    work = [counted(name).mult_adds for name in timed]
    assert work == sorted(work)


def test_quick_has_at_least_25_networks_of_most_families() -> None:
    names = {name for panel in plan("cpu", [2], quick=True) if panel.kind == ZOO for name in panel.members}
    assert 25 <= len(names) < 40
    assert len({family(name) for name in names}) >= 15


def test_table_8_runs_as_on_arm_and_as_on_the_gpu() -> None:
    found = [panel for panel in plan("cpu", [1, 2], quick=False) if panel.kind == TABLE8]
    assert [(panel.threads, panel.batch) for panel in found] == [(1, 1), (2, 8)]
    assert found[0].members == tuple(row.name for row in TABLE_8)
    assert [target.inputs[0].shape for target in found[1].targets()][2] == (8, 3, 160, 160)
    assert [panel.batch for panel in plan("cuda", [4], quick=False) if panel.kind == TABLE8] == [1, 8]


def test_networks_that_are_named_are_the_only_ones() -> None:
    names = ("lenet5", REFERENCE, TABLE_8[3].name)
    found = plan("cuda", [4], quick=True, networks=names)
    assert [panel.members for panel in found] == [(REFERENCE, "lenet5"), (TABLE_8[3].name,)]
    assert [panel.kind for panel in plan("cuda", [4], quick=True, networks=["lenet5"])] == [ZOO]


def test_a_family_is_a_file_of_the_zoo() -> None:
    assert family("shufflenet_v1_g3_x1_0") == "shufflenet_v1"
    assert family("resnet50") == "resnet"


def test_a_network_that_cannot_be_built_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(target: Target):
        if target.name == "lenet5":
            raise TargetError("no room for it")
        return nn.Identity(), ((), {})

    monkeypatch.setattr(panels, "built", refuse)
    panel, timer = Panel(ZOO, "cpu", 1, 1, (REFERENCE, "lenet5", "nin")), FakeTimer()
    times = panels.measure_panel(panel, 1.0, goal=Goal(1.0, 0.02), options=options_of(time_all=timer))
    assert [series.error for series in times.series] == [None, "no room for it", None]
    assert timer.calls[0][0] == (REFERENCE, "nin")


def test_a_panel_is_really_built_and_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panels, "built", really_built)
    panel = Panel(ZOO, "cpu", 1, 2, ("lenet5", "lenet5_1998"))
    times = panels.measure_panel(panel, 0.05, goal=Goal(0.05, 0.02), options=options_of())
    assert all(min(series.times_s) > 0 for series in times.series)
    assert all(series.error is None for series in times.series)


# ---- Table 8 ------------------------------------------------------------------------------------------------------


def test_table_8_is_as_printed() -> None:
    with (Path(__file__).parents[1] / "reference/shufflenetv2_table8.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == ROWS_PRINTED
    printed = {row["model"].replace(" (re-implemented)", "").replace(", re-implemented", ""): row for row in rows}
    assert len(rows) - len(printed) == 2  # MobileNet v2 1.0 and 1.4, as published and re-implemented
    for row in TABLE_8:
        theirs = printed[row.name]
        assert row.mflops == float(theirs["complexity_mflops"])
        assert (row.gpu, row.arm) == (float(theirs["gpu_batches_per_s"]), float(theirs["arm_images_per_s"]))
        assert row.side == int(theirs["image_size"])


# The authors re-implemented MobileNet v2, and how they round channels at small widths is not printed.
ROUNDED = {"0.4 MobileNet v2", "0.15 MobileNet v2", "0.75 MobileNet v2", "0.6 MobileNet v2"}


@pytest.mark.parametrize("row", TABLE_8, ids=lambda row: row.name)
def test_our_mult_adds_are_the_published_ones_but_for_rounded_widths(row) -> None:
    difference = abs(row.mult_adds / (row.mflops * 1e6) - 1)
    assert (difference > 0.02) == (row.name in ROUNDED)
    assert difference < 0.22


# ---- decomposition ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", DECOMPOSED)
def test_the_shares_of_all_kinds_add_up_to_one(network: str) -> None:
    parts = decompose(network)
    assert sum(part.mult_adds for part in parts) == pytest.approx(1)
    assert sum(part.memory_access for part in parts) == pytest.approx(1)
    assert {part.time for part in parts} == {None}


def test_a_profile_adds_shares_of_time() -> None:
    parts = decompose("mobilenet_v2", {"1x1 convolution": 3.0, "element-wise": 1.0})
    assert {part.kind: part.time for part in parts if part.time} == {"1x1 convolution": 0.75, "element-wise": 0.25}


# ---- the study ----------------------------------------------------------------------------------------------------

MULT_ADDS_A_SECOND = 1e10


def seconds(name: str) -> list[float]:
    """Latency that is mult-adds and nothing else."""
    rows = {row.name: row.mult_adds for row in TABLE_8}
    work = rows[name] if name in rows else counted(name).mult_adds
    return [work / MULT_ADDS_A_SECOND] * ROUNDS


def studied(*, saved=None, keep=None, progress=None, **options) -> Findings:
    how = {"threads": 1, "quick": True, "budget_s": 60.0, "time_all": FakeTimer(seconds), **options}
    return run(["networks"], options_of(**how), saved=saved, keep=keep, progress=progress)


@pytest.fixture(scope="module")
def found() -> Findings:
    return studied()


def test_latencies_that_are_mult_adds_are_explained_by_them(found: Findings) -> None:
    told = {explanation.metric: explanation for explanation in found.networks.explanations}
    assert list(told) == list(METRICS)
    assert told["mult_adds"].rho == pytest.approx(1)
    assert told["mult_adds"].error == pytest.approx(0)
    assert told["mult_adds"].networks >= 25
    assert told["params"].rho < 0.95
    assert told["params"].error > 0.1
    low, high = told["params"].rho_ci95
    assert low < told["params"].rho < high
    [section] = sections(found)[1:]
    assert section.paragraphs[-1].endswith("no other count has a smaller one.")


def test_another_count_is_named_where_it_misses_by_less() -> None:
    def by_access(name: str) -> list[float]:
        work = counted(name).memory_access if name in ARCHITECTURES else 1e7
        return [work / 1e9] * ROUNDS

    [section] = sections(studied(time_all=FakeTimer(by_access)))[1:]
    assert section.paragraphs[-1].endswith("by Memory access (MAC) (rho 1.00).")


def test_a_machine_that_slows_down_does_not_move_the_latencies() -> None:
    """Each panel runs at half the speed of the one before, and the ratios to the reference stay."""
    slow = {"times": 1.0}

    def drifting(name: str) -> list[float]:
        return [slow["times"] * time_s for time_s in seconds(name)]

    def slower(_: float) -> None:
        slow["times"] *= 2

    study = studied(time_all=FakeTimer(drifting, slower)).networks
    told = {explanation.metric: explanation for explanation in study.explanations}
    assert told["mult_adds"].error == pytest.approx(0)
    assert max(study.reference_s) / min(study.reference_s) == pytest.approx(2 ** (len(study.reference_s) - 1))


def test_orders_of_table_8_are_compared_with_the_papers(found: Findings) -> None:
    here = {(agreement.order, agreement.platform): agreement for agreement in found.networks.agreements}
    by_work, by_speed = here["fewest mult-adds", "ARM"], here["table 8, batch 1, 1 thread", "ARM"]
    assert by_speed.rho == pytest.approx(by_work.rho)  # these times are nothing but mult-adds
    assert by_work.networks == len(TABLE_8)
    assert 0.9 < by_work.rho < 1  # ShuffleNet V2's point: not quite
    assert here["fewest mult-adds", "GPU"].rho < by_work.rho


def test_peaks_add_a_roofline() -> None:
    peaks = made_up_peaks(threads=1)
    study = studied(peaks=peaks).networks
    assert [explanation.metric for explanation in study.explanations] == [*METRICS, "roofline_s"]
    bounds = bounds_s(counted("lenet5").count, peaks)
    assert study.metric("roofline_s", "lenet5") == sum(bounds) > counted("lenet5").flops / 2**36


def test_a_roofline_says_whose_it_is_and_in_what_it_is_not_of_this_run() -> None:
    peaks = made_up_peaks(threads=1)
    own, other = (sections(studied(peaks=given))[-1].tables[0].notes for given in (peaks, replace(peaks, threads=7)))
    assert own[0].startswith("Roofline of ")
    assert not any("threads, times of" in note for note in own)
    assert any("peaks of 7 threads, times of 1" in note for note in other)


def test_peaks_of_another_kind_of_device_are_refused_before_anything_runs() -> None:
    timer = FakeTimer()
    with pytest.raises(RequestError, match="--peaks measure"):
        studied(peaks=replace(made_up_peaks(threads=1), device="cuda"), time_all=timer)
    assert timer.calls == []


def test_a_profile_of_the_two_networks_reaches_the_table() -> None:
    asked: list[str] = []

    def profile(name: str, *_) -> dict[str, float]:
        asked.append(name)
        return {"1x1 convolution": 1.0}

    study = studied(time_by_kind=profile).networks
    assert asked == list(DECOMPOSED)
    assert {part.time for part in study.parts if part.kind == "1x1 convolution"} == {1.0}


def test_networks_are_profiled_after_the_timing() -> None:
    done: list[str] = []
    studied(
        time_all=FakeTimer(seconds, spend=lambda _: done.append("timed")),
        time_by_kind=lambda name, device, threads: done.append(f"{name} on {device}, {threads}"),
    )
    assert done[-3:] == ["timed", *(f"{name} on cpu, 1" for name in DECOMPOSED)]


def test_a_profile_gives_seconds_by_kind_and_the_share_of_element_wise_time(monkeypatch: pytest.MonkeyPatch) -> None:
    analysis = counted("lenet5")  # the times are 1 s an operator
    made = SimpleNamespace(analysis=analysis, times_s=(1.0,) * len(analysis.count.kinds))
    monkeypatch.setattr(profiled, "profile", lambda *_, **__: made)
    seconds_by_kind = profiled.time_by_kind("lenet5", "cpu", 1)
    assert sum(seconds_by_kind.values()) == len(analysis.graph.ops)
    share = profiled.elementwise_share(nn.Identity(), ((), {}), Conditions("cpu", 1, 1, "paper", 1))
    assert share == seconds_by_kind["element-wise"] / len(analysis.graph.ops)


def test_what_cannot_be_profiled_has_no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_, **__) -> None:
        raise MeasurementError("out of memory")

    monkeypatch.setattr(profiled, "profile", failing)
    assert profiled.time_by_kind("lenet5", "cpu", 1) is None
    assert profiled.elementwise_share(nn.Identity(), ((), {}), Conditions("cpu", 1, 1, "paper", 1)) is None


def test_what_was_saved_reads_back_as_it_was_and_is_not_measured_again(found: Findings, tmp_path: Path) -> None:
    path = tmp_path / "networks.json"
    with_peaks = studied(peaks=made_up_peaks(threads=1), time_by_kind=lambda *_: {"linear": 1.0})
    path.write_text(render(with_peaks.to_dict()))
    timer = FakeTimer()
    again = studied(saved=load(str(path)), time_all=timer)
    assert timer.calls == []
    assert again.to_dict()["networks"] == with_peaks.to_dict()["networks"]
    shown = run([], options_of(device="none"), saved=load(str(path)))
    assert [section.title for section in sections(shown)] == [section.title for section in sections(found)]


def test_a_quick_study_is_kept_beside_a_full_one(found: Findings, tmp_path: Path) -> None:
    path = tmp_path / "networks.json"
    path.write_text(render(found.to_dict()))
    timer = FakeTimer(seconds)
    both = studied(saved=load(str(path)), time_all=timer, quick=False)
    assert set(both.networks.latencies) == set(ARCHITECTURES)
    path.write_text(render(both.to_dict()))
    again = studied(saved=load(str(path)), time_all=timer)
    assert len(again.networks.times) == len(both.networks.times) == again.networks.planned


def test_times_of_another_number_of_threads_are_not_mixed_in(found: Findings, tmp_path: Path) -> None:
    path = tmp_path / "networks.json"
    path.write_text(render(found.to_dict()))
    with pytest.raises(RequestError, match=r"networks\.json' were timed with .* --threads 1 .* --threads 2 "):
        studied(saved=load(str(path)), threads=2, time_all=FakeTimer(seconds, spend=pytest.fail))


def test_an_interruption_keeps_the_panels_that_were_finished() -> None:
    kept: list[int] = []
    timer = FakeTimer(seconds)

    def interrupt(_: float) -> None:
        if len(timer.calls) == 3:
            raise KeyboardInterrupt

    timer._spend = interrupt
    with pytest.raises(KeyboardInterrupt):
        studied(time_all=timer, keep=lambda found: kept.append(len(found.networks.times)))
    assert kept == [1, 2]


def test_the_budget_is_shared_by_the_panels() -> None:
    clock = Clock()
    timer = FakeTimer(seconds, spend=lambda granted: clock.spend(granted))
    count = len(plan("cpu", [1], quick=True))
    studied(time_all=timer, clock=clock, budget_s=float(count))
    assert [granted for _, _, granted in timer.calls] == [pytest.approx(1.0)] * count


def test_progress_of_guidelines_and_networks_is_one() -> None:
    told: list[float] = []
    how = options_of(threads=1, quick=True, budget_s=1.0, time_all=FakeTimer())
    run(["g4", "networks"], how, progress=lambda share, _: told.append(share))
    assert told == sorted(told)
    assert told[0] == 0.5
    assert told[-1] == 1.0


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("panels.0.kind", "park"),
        ("panels.0.members", ["mobilenet_v2"]),
        ("panels.0.threads", 7),
        ("panels.0.series.0.name", "no such network"),
        ("panels.0.series", []),
        ("panels", 3),
        ("peaks", {"flops_per_s": "many"}),
        ("peaks", 3),
        ("seconds_by_kind", {"mobilenet_v2": {"linear": "long"}}),
    ],
)
def test_a_damaged_study_is_refused(where: str, value, found: Findings, tmp_path: Path) -> None:
    plain = json.loads(render(found.to_dict()))
    *path, last = where.split(".")
    inside = plain["networks"]
    for key in path:
        inside = inside[int(key)] if key.isdecimal() else inside[key]
    inside[last] = value
    file = tmp_path / "odd.json"
    file.write_text(json.dumps(plain))
    with pytest.raises(RequestError, match=r"odd\.json"):
        load(str(file))


def test_a_network_that_failed_is_an_error_and_the_others_count() -> None:
    def failing(models, *_):
        return [
            MeasurementError("out of memory") if name == "nin" else measurement(seconds(name)) for name, _, _ in models
        ]

    found = studied(time_all=failing)
    assert [error.rpartition(": ")[2] for error in found.errors] == ["out of memory"]
    assert "nin" not in found.networks.latencies
    assert found.networks.explanations[0].rho == pytest.approx(1)


def test_nothing_timed_still_counts_table_8_and_figure_2() -> None:
    found = run(["networks"], options_of(device="none"))
    [section] = sections(found)[1:]
    assert section.paragraphs[-1] == "Nothing was timed."
    assert [table.title.partition(":")[0] for table in section.tables] == ["Table 8", "Table 8", "Figure 2"]
    assert json.loads(render(found.to_dict()))["networks"]["explanations"] == []


def test_a_row_a_network_for_programs(found: Findings) -> None:
    [table] = tables(found)
    rows = [dict(zip(table.names, row, strict=True)) for row in table.rows]
    assert len(rows) >= 25
    googlenet = next(row for row in rows if row["network"] == "googlenet")
    assert googlenet["latency_s"] == pytest.approx(googlenet["mult_adds"] / MULT_ADDS_A_SECOND)
    assert googlenet["roofline_s"] is None


def test_the_command_adds_a_roofline_to_a_saved_study(
    found: Findings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, study, peaks = made_up_peaks(threads=1), tmp_path / "networks.json", tmp_path / "peaks.json"
    study.write_text(render(found.to_dict()))
    peaks.write_text(render(made.to_dict()))
    command = ["guidelines", "--from", str(study), "--device", "none", "--peaks", str(peaks), "--format", "json"]
    assert run_command(command) == 0
    networks = json.loads(capsys.readouterr().out)["networks"]
    assert networks["explanations"][-1]["metric"] == "roofline_s"
    assert Peaks.from_dict(networks["peaks"]) == made


def test_peaks_without_networks_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    peaks = tmp_path / "peaks.json"
    peaks.write_text(render(made_up_peaks(threads=1).to_dict()))
    assert run_command(["guidelines", "g1", "--device", "none", "--peaks", str(peaks)]) == 2
    assert "netcost guidelines networks --peaks" in capsys.readouterr().err


def test_the_command_shows_a_saved_study_in_80_columns(
    found: Findings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "networks.json"
    path.write_text(render(found.to_dict()))
    assert run_command(["guidelines", "--from", str(path), "--device", "none"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "Spearman's" in out
    assert "G1" not in out
    assert out.count("0.25 MobileNet v1") == 2
