"""Settings, budgets, saving and going on: the run of the guidelines, with made-up times."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from commands import refused
from fake_clock import Clock
from fake_trials import ROUNDS, FakeTimer, measurement, options_of

from netcost.cli.app import run as run_command
from netcost.guidelines import options as cli_options
from netcost.guidelines import running
from netcost.guidelines.findings import Findings
from netcost.guidelines.grid import grid
from netcost.guidelines.guideline import GUIDELINES
from netcost.guidelines.options import Options
from netcost.guidelines.overview import sections
from netcost.guidelines.records import records
from netcost.guidelines.running import ALL, run
from netcost.guidelines.saved import load
from netcost.text.errors import MeasurementError, RequestError
from netcost.text.formats.json_text import render
from netcost.timing.doubts import Throttled, TooFewRounds
from netcost.timing.sampling import Stop

NOTHING = options_of(device="none")


def tried(names=("g1",), *, saved=None, keep=None, progress=None, **options) -> Findings:
    """A quick run on one thread, of three seconds that nobody takes."""
    how = {"threads": 1, "quick": True, "budget_s": 3.0, "time_all": FakeTimer(), **options}
    return run(names, options_of(**how), saved=saved, keep=keep, progress=progress)


G1, G4 = GUIDELINES.get("g1"), GUIDELINES.get("g4")


# ---- the grid -----------------------------------------------------------------------------------------------------


def conditions(tasks) -> set[tuple[int, int, int]]:
    return {(task.setting.batch, task.setting.scale, task.setting.threads) for task in tasks}


def test_a_cpu_does_the_long_settings_with_all_threads_only() -> None:
    tasks = grid([G1], "cpu", [1, 2])
    assert conditions(tasks) == {(1, 1, 1), (1, 1, 2), (1, 2, 1), (1, 2, 2), (1, 4, 2), (8, 1, 2)}
    assert len(tasks) == 6 * 3  # of each set of widths
    for task in tasks:
        is_long = task.setting.scale == 4 or task.setting.batch == 8
        assert len(task.variants) == (2 if is_long else len(G1.variants(task.setting.widths, 1)))


def test_all_four_guidelines_on_two_cores_are_sixty_settings() -> None:
    assert len(grid([GUIDELINES.get(name) for name in ALL], "cpu", [1, 2])) == 3 * 18 + 6


def test_a_gpu_does_all_of_it() -> None:
    tasks = grid([G4], "cuda:1", [8])
    assert conditions(tasks) == {(batch, scale, 8) for batch in (1, 64) for scale in (1, 2, 4)}
    assert {len(task.variants) for task in tasks} == {4}


def test_quick_is_x1_at_batch_1_with_all_threads() -> None:
    tasks = grid([G1, G4], "cpu", [1, 2], quick=True)
    assert conditions(tasks) == {(1, 1, 2)}
    assert [task.setting.widths for task in tasks] == ["GPU", "ARM", "aligned", "paper"]


# ---- budgets ------------------------------------------------------------------------------------------------------


def test_each_setting_gets_its_share_and_what_others_left_over() -> None:
    clock = Clock()
    spent = iter([1.0, 7.0, 2.0])
    timer = FakeTimer(spend=lambda _: clock.spend(next(spent)))
    found = tried(["g1"], budget_s=12.0, time_all=timer, clock=clock)
    assert [granted for _, _, granted in timer.calls] == [12 / 3, (12 - 1) / 2, 12 - 1 - 7]
    assert {trial.goal.budget_s for trial in found.trials} == {4.0}
    assert found.planned == 3


def test_a_setting_that_overspends_leaves_the_others_no_debt() -> None:
    clock = Clock()
    timer = FakeTimer(spend=lambda _: clock.spend(100.0))
    tried(["g1"], budget_s=12.0, time_all=timer, clock=clock)
    assert [granted for _, _, granted in timer.calls] == [4.0, 0.0, 0.0]


def test_threads_are_one_and_all_or_the_number_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    original = running.read_environment
    monkeypatch.setattr(
        running, "read_environment", lambda device, threads: replace(original(device, threads), threads=threads or 3)
    )
    timer = FakeTimer()
    tried(["g4"], threads=None, quick=False, time_all=timer)
    assert {threads for _, threads, _ in timer.calls} == {1, 3}
    timer = FakeTimer()
    tried(["g4"], threads=2, quick=False, time_all=timer)
    assert {threads for _, threads, _ in timer.calls} == {2}


def test_progress_names_the_setting_and_ends_at_one() -> None:
    told: list[tuple[float, str]] = []
    tried(["g1"], progress=lambda *step: told.append(step))
    assert told[0] == (pytest.approx(1 / 3), "1 of 3: G1, GPU widths x1, batch 1, 1 thread: done")
    assert told[-1][0] == 1.0


# ---- saving and going on ------------------------------------------------------------------------------------------


def saved(found: Findings, folder: Path) -> str:
    path = folder / "saved.json"
    path.write_text(render(found.to_dict()))
    return str(path)


def test_what_was_saved_reads_back_as_it_was(tmp_path: Path) -> None:
    found = tried(ALL)
    again = run(ALL, NOTHING, saved=load(saved(found, tmp_path)))
    assert again.to_dict() == found.to_dict()
    assert [section.title for section in sections(again)] == [section.title for section in sections(found)]


def test_a_finished_setting_is_not_measured_again(tmp_path: Path) -> None:
    path = saved(tried(), tmp_path)
    timer = FakeTimer()
    again = tried(saved=load(path), time_all=timer)
    assert timer.calls == []
    assert len(again.trials) == 3
    full = tried(quick=False, time_all=timer, saved=load(path))
    assert len(timer.calls) == 4 * 3 - 3  # x1, x2, x4 and the filled batch, of which x1 is there
    assert len(full.trials) == 4 * 3
    quick = tried(saved=load(saved(full, tmp_path)), time_all=timer)
    assert any("12 of 12 settings" in paragraph for paragraph in sections(quick)[0].paragraphs)


def test_settings_of_other_guidelines_stay_in(tmp_path: Path) -> None:
    path = saved(tried(["g2"]), tmp_path)
    found = tried(["g4"], saved=load(path))
    assert [guideline.name for guideline in found.guidelines] == ["g2", "g4"]
    assert [trial.task.guideline.name for trial in found.trials] == ["g2", "g2", "g2", "g4"]


def test_a_setting_with_less_time_than_now_is_measured_again_unless_it_was_precise(tmp_path: Path) -> None:
    hasty = FakeTimer()
    stopped = FakeTimer.__call__

    def on_budget(*arguments):
        return [
            replace(measurement, effort=replace(measurement.effort, stopped=Stop.BUDGET))
            for measurement in stopped(hasty, *arguments)
        ]

    path = saved(tried(time_all=on_budget, budget_s=3.0), tmp_path)
    timer = FakeTimer()
    tried(saved=load(path), time_all=timer, budget_s=3.0)
    assert timer.calls == []
    tried(saved=load(path), time_all=timer, budget_s=30.0)
    assert len(timer.calls) == 3
    path = saved(tried(budget_s=3.0), tmp_path)
    again = FakeTimer()
    tried(saved=load(path), time_all=again, budget_s=30.0)
    assert again.calls == []
    tried(saved=load(path), time_all=again, budget_s=30.0, precision=0.001)
    assert len(again.calls) == 3


def test_a_setting_that_failed_is_measured_again(tmp_path: Path) -> None:
    def failing(models, *_):
        return [MeasurementError(f"{name} failed") for name, _, _ in models]

    found = tried(["g4"], time_all=failing)
    assert found.errors == [
        f"G4, paper widths x1, batch 1, 1 thread: {variant.name} failed" for variant in G4.variants("paper", 1)
    ]
    timer = FakeTimer()
    assert tried(["g4"], saved=load(saved(found, tmp_path)), time_all=timer).errors == []
    assert len(timer.calls) == 1


def test_an_interruption_keeps_what_was_finished_and_the_rest_is_done_later(tmp_path: Path) -> None:
    path = tmp_path / "saved.json"
    kept: list[int] = []

    def keep(found: Findings) -> None:
        kept.append(len(found.trials))
        path.write_text(render(found.to_dict()))

    def interrupted(_: float) -> None:
        if len(kept) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tried(time_all=FakeTimer(spend=interrupted), keep=keep)
    assert kept == [1, 2]
    timer = FakeTimer()
    found = tried(saved=load(str(path)), time_all=timer, keep=keep)
    assert len(timer.calls) == 1
    assert kept == [1, 2, 3]
    assert [trial.task.setting.widths for trial in found.trials] == ["GPU", "ARM", "aligned"]


def test_a_profile_that_is_missing_is_taken_when_a_run_goes_on(tmp_path: Path) -> None:
    plain = load(saved(tried(["g4"]), tmp_path))
    timer = FakeTimer()
    profiled = tried(["g4"], saved=plain, time_all=timer, elementwise_share=lambda *_: 0.25)
    assert len(timer.calls) == len(profiled.trials)
    assert all(series.elementwise_time_share == 0.25 for trial in profiled.trials for series in trial.series)
    again = FakeTimer()
    tried(["g4"], saved=load(saved(profiled, tmp_path)), time_all=again, elementwise_share=lambda *_: 0.25)
    assert again.calls == []


def test_times_of_another_machine_are_not_added_to(tmp_path: Path) -> None:
    plain = tried().to_dict()
    plain["environment"]["cpu"] = "another"
    path = tmp_path / "other.json"
    path.write_text(json.dumps(plain))
    with pytest.raises(RequestError, match=r"cpu 'another', here .*--device none"):
        tried(saved=load(str(path)))
    assert len(run(["g1"], NOTHING, saved=load(str(path))).trials) == 3


def test_a_busier_minute_is_no_other_machine(tmp_path: Path) -> None:
    plain = tried().to_dict()
    plain["environment"]["load_per_core"] = 7.5
    path = tmp_path / "busy.json"
    path.write_text(json.dumps(plain))
    assert len(tried(saved=load(str(path))).trials) == 3


def test_another_number_of_threads_is_another_setting_on_the_same_machine(tmp_path: Path) -> None:
    path = saved(tried(threads=1), tmp_path)
    found = tried(threads=2, saved=load(path))
    assert [trial.task.setting.threads for trial in found.trials] == [1, 1, 1, 2, 2, 2]


def changed(plain, where: str, value) -> None:
    *path, last = where.split(".")
    for key in path:
        plain = plain[int(key)] if key.isdecimal() else plain[key]
    plain[int(last) if last.isdecimal() else last] = value


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("schema", 99),
        ("trials", None),
        ("trials", 7),
        ("trials.0", 7),
        ("environment", 7),
        ("planned", -1),
        ("goal", "much"),
        ("trials.0.guideline", "g7"),
        ("trials.0.stopped", "somehow"),
        ("trials.0.precision", None),
        ("trials.0.setting", None),
        ("trials.0.setting.threads", 0),
        ("trials.0.setting.threads", True),
        ("trials.0.setting.scale", 3),
        ("trials.0.setting.widths", "odd"),
        ("trials.0.series", []),
        ("trials.0.series.0.name", "1:7"),
        ("trials.0.series.0.times_s", [1.0, "2"]),
        ("trials.0.series.0.times_s", [1.0, -1.0]),
        ("trials.0.series.0.times_s", 1.0),
        ("trials.0.series.0.doubts", [3]),
        ("trials.0.series.0.error", 3),
        ("trials.0.series.0.first_call_s", -1),
    ],
)
def test_a_file_that_netcost_did_not_write_is_refused(where: str, value, tmp_path: Path) -> None:
    plain = json.loads(render(tried().to_dict()))
    changed(plain, where, value)
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(plain))
    with pytest.raises(RequestError) as refused:
        load(str(path))
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": NaN}'])
def test_a_file_that_is_no_json_object_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(RequestError, match=r"odd\.json"):
        load(str(path))


# ---- what it says -------------------------------------------------------------------------------------------------


def rising(name: str) -> list[float]:
    """Times with which G1 holds: the wider of the two widths decides."""
    ratio = int(name.partition(":")[2])
    return [1 + 0.05 * ratio] * ROUNDS


def test_the_json_holds_raw_times_and_what_follows_from_them() -> None:
    plain = tried(time_all=FakeTimer(rising)).to_dict()
    assert json.loads(render(plain)) == plain
    aligned = plain["trials"][2]
    assert aligned["setting"] == {"device": "cpu", "threads": 1, "batch": 1, "widths": "aligned", "scale": 1}
    last = aligned["series"][2]
    assert last["name"] == "1:16"
    assert last["times_s"] == [1.8] * ROUNDS
    assert last["slow_down"] == {
        "median": pytest.approx(1.8 / 1.05),
        "ci95": [pytest.approx(1.8 / 1.05)] * 2,
        "rounds": 20,
    }
    assert last["predicted"] == pytest.approx((3136 * 544 + 128**2) / (3136 * 256 + 128**2))
    assert aligned["findings"][0]["verdict"] == "holds"
    assert plain["guidelines"][0]["verdicts"] == {"g1": {"holds": 3, "does not hold": 0, "cannot tell": 0}}


def test_device_none_counts_and_judges_nothing() -> None:
    found = run(ALL, NOTHING)
    assert found.trials == ()
    plain = found.to_dict()
    assert plain["environment"] is None
    assert plain["guidelines"][3]["verdicts"] == {"g4": {"holds": 0, "does not hold": 0, "cannot tell": 0}}
    rows = plain["guidelines"][0]["variants"]
    assert (rows[0]["widths"], rows[0]["variant"], rows[0]["channels"]) == ("GPU", "1:1", "128·128")
    assert (rows[0]["mult_adds"], rows[0]["kernels"]) == (20 * 3136 * 128 * 128, 20)
    assert rows[0]["memory_access"] == 20 * (3136 * 256 + 128 * 128)
    assert [len(section.tables) for section in sections(found)] == [0, 1, 1, 1, 1]


def test_the_report_has_a_verdict_for_each_setting_and_its_sentence() -> None:
    first, one = sections(tried(time_all=FakeTimer(rising)))
    assert "holds in 3 of 3" in first.paragraphs[-1]
    assert [row[2:5] for row in first.tables[0].rows] == [(1, 0, 0)] * 3
    variants, settings, *details = one.tables
    assert len(variants.rows) == 4 + 4 + 3
    assert [row[-1] for row in settings.rows] == ["holds"] * 3
    assert all(table.notes[0].startswith("holds: ") for table in details)


def test_what_speaks_against_several_variants_is_said_once_under_the_table() -> None:
    few, hot = TooFewRounds(5, 10), Throttled(("temperature",))

    def doubted(models, *_):
        own = {"1:1": (few,)}
        return [replace(measurement([1.0] * 5), doubts=(*own.get(name, ()), hot)) for name, _, _ in models]

    _, one = sections(tried(time_all=doubted))
    sentence, *warnings, more = one.tables[-1].notes
    assert "5 rounds" in sentence
    assert warnings == [f"1:1: {few}", f"all: {hot}"]
    assert "netcost explain" in more


def test_a_row_a_variant_for_programs() -> None:
    table = records(tried(time_all=FakeTimer(rising)))
    rows = [dict(zip(table.names, row, strict=True)) for row in table.rows]
    assert len(rows) == 4 + 4 + 3
    assert {row["verdict"] for row in rows} == {"holds"}
    assert rows[3]["variant"] == "1:12"
    assert rows[3]["slow_down"] == pytest.approx(1.6 / 1.05 * 128**2 / (36 * 432))
    assert rows[3]["paper_gpu"] == pytest.approx(1480 / 748 * 128**2 / (36 * 432))


def test_a_profile_adds_the_share_of_element_wise_time() -> None:
    asked: list[int] = []

    def share(_model, _call, setting) -> float:
        asked.append(setting.threads)
        return 0.25

    found = tried(["g4"], elementwise_share=share)
    assert asked == [1] * 4
    assert [series.elementwise_time_share for series in found.trials[0].series] == [0.25] * 4
    assert "Element-wise time" in [column.heading for column in sections(found)[1].tables[-1].columns]


# ---- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def timer(monkeypatch: pytest.MonkeyPatch) -> FakeTimer:
    """Made-up times in place of the machine's."""
    made = FakeTimer()
    monkeypatch.setattr(cli_options, "Options", partial(Options, time_all=made))
    return made


def test_the_command_prints_tables_of_80_columns(timer: FakeTimer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["guidelines", "--quick", "--threads", "1"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for name in ALL:
        assert name.upper() in out
    assert "does not hold" in out
    assert len(timer.calls) == 10


def test_the_command_saves_as_it_goes_and_goes_on(
    timer: FakeTimer, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "run.json")
    arguments = ["guidelines", "g1", "--quick", "--threads", "1", "--format", "json", "-o", path]

    def interrupt(_: float) -> None:
        if len(timer.calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(timer, "_spend", interrupt)
    assert run_command(arguments) == 130
    said = capsys.readouterr().err
    assert "--from" in said
    assert said.endswith("netcost: interrupted\n")
    assert len(json.loads(Path(path).read_text())["trials"]) == 2
    assert run_command([*arguments, "--from", path]) == 0
    assert len(timer.calls) == 4
    assert len(json.loads(Path(path).read_text())["trials"]) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_variant_that_failed_sets_the_exit_code(
    timer: FakeTimer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self, models, *_):
        return [MeasurementError(f"{name} ran out of memory") for name, _, _ in models]

    monkeypatch.setattr(FakeTimer, "__call__", failing)
    assert run_command(["guidelines", "g4", "--quick", "--threads", "1"]) == 3
    out, err = capsys.readouterr()
    assert "cannot tell" in out
    assert "both ran out of memory" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["g7"], "unknown guideline 'g7'"),
        (["--from", "nowhere.json"], "nowhere.json"),
        (["--device", "tpu"], "tpu"),
        (["--threads", "0"], "--threads"),
    ],
)
def test_a_wrong_request_is_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in refused(capsys, ["guidelines", *arguments])


def test_a_real_run_is_judged() -> None:
    """Whatever this machine says; that it is one of three verdicts, with times behind it."""
    found = run(["g4"], options_of(threads=1, quick=True, budget_s=0.1))
    [trial] = found.trials
    assert all(min(series.times_s) > 0 for series in trial.series)
    assert str(found.findings[0].verdict) in ("holds", "does not hold", "cannot tell")


# ---- other settings -------------------------------------------------------------------------------------------------


def test_another_element_type_and_batch_reach_the_timer_and_are_said() -> None:
    asked = []

    def timed(models, timing, progress=None):
        asked.append((timing.dtype, timing.memory_format, models[0][2][0][0].shape[0]))
        return FakeTimer(rising)(models, timing, progress)

    found = tried(time_all=timed, dtype="bf16", memory_format="channels_last", batch=4)
    assert set(asked) == {("bf16", "channels_last", 4)}
    assert found.to_dict()["setting"]["memory_format"] == "channels_last"
    assert "bf16, channels_last, eager" in " ".join(sections(found)[0].paragraphs)


def test_a_run_goes_on_in_its_own_setting_only(tmp_path: Path) -> None:
    path = saved(tried(time_all=FakeTimer(rising), dtype="bf16"), tmp_path)
    assert load(path).findings.setting.dtype == "bf16"
    with pytest.raises(RequestError, match="another setting"):
        tried(saved=load(path))


def test_a_profile_knows_no_other_setting() -> None:
    with pytest.raises(RequestError, match="--dtype bf16"):
        tried(["g4"], dtype="bf16", elementwise_share=lambda *_: 0.25)
