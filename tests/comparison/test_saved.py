"""Comparisons saved as JSON and read back."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import DOUBTS, comparison, figures, machine, measurement

import netcost
from netcost.comparison import saved
from netcost.comparison.batches import Sweep
from netcost.comparison.entry import Entry, Run
from netcost.comparison.result import Comparison
from netcost.comparison.running import compare
from netcost.comparison.saved import load_comparison
from netcost.text.errors import MeasurementError, RequestError
from netcost.text.formats import result_text
from netcost.text.formats.json_text import render
from netcost.timing.gpu import Gpu
from netcost.timing.setting import EffectiveSetting

GPU = Gpu("Quick GPU", "9.0", "580.1", 1410, 1980, ("power cap",), 92400, False, False, True)


def save(folder, name, result):
    path = folder / f"{name}.json"
    path.write_text(render(result if isinstance(result, dict) else result.to_dict()))
    return path


def shown(result):
    return result_text(result.table(), "table")


def survived(folder, result):
    """What is read of a saved result: the same in values and in words."""
    loaded = load_comparison(save(folder, "a", result))
    assert loaded.to_dict() == result.to_dict()
    assert shown(loaded) == shown(result)
    return loaded


@pytest.mark.parametrize(
    "made",
    [
        lambda: comparison(measurement(2.0), measurement(1.0)),
        lambda: comparison(measurement()),
        lambda: compare(["lenet5", "lenet5"], "cpu", threads=1, budget_s=0.3),
        lambda: compare(["lenet5", "alexnet"], "none"),
        lambda: compare(["resnet18", "lenet5"], "none", batch=256, on=["rtx4090"]),
    ],
    ids=["two", "one", "really timed", "counted", "predicted"],
)
def test_what_was_saved_is_the_same_when_it_is_read(tmp_path, made):
    survived(tmp_path, made())


def test_everything_that_a_measurement_says_survives(tmp_path):
    full = measurement(
        batch=None,
        setting=EffectiveSetting("bf16", "channels_last", "compile", cold_cache=True),
        compile_s=12.5,
        device="cuda:1",
        device_times_s=(0.5,) * 12,
        doubts=DOUBTS,
    )
    assert {type(doubt).__name__ for doubt in DOUBTS} == set(saved.DOUBTS)
    result = comparison(full, environment=machine(gpu=GPU, variables={"OMP_NUM_THREADS": "2"}))
    loaded = survived(tmp_path, result)
    assert loaded.entries[0].measurement == full
    assert loaded.environment == result.environment


def test_models_that_failed_and_operators_that_are_unknown_survive(tmp_path):
    unknown = figures("b")
    entries = (
        Entry("a", error=MeasurementError("a failed in round 7: RuntimeError: no")),
        Entry("b", type(unknown)(unknown.model, unknown.inputs, unknown.values, {"mine::op": 3}), error=None),
        Entry("c", type(unknown)("c", ((1, 5), (1, 5, 16)), unknown.values, {}), measurement=measurement()),
    )
    result = Comparison(entries, (Run(machine()),))
    loaded = survived(tmp_path, result)
    assert loaded.unknown_ops == {"mine::op": 3}
    assert "≥" in shown(loaded)


def test_a_sweep_survives_with_its_knees(tmp_path):
    entries = tuple(
        Entry(name, figures(name, batch), measurement=measurement(scale * (1 + batch / 8), batch=batch))
        for name, scale in (("a", 1.0), ("b", 0.5))
        for batch in (1, 2, 4)
    )
    result = Sweep(Comparison(entries, (Run(machine()),)).with_ratios([0, 1, 2, 0, 1, 2]), (1, 2, 4))
    assert isinstance(survived(tmp_path, result), Sweep)


# ---- several files ------------------------------------------------------------------------------------------------


def test_networks_of_one_file_are_compared_round_by_round_and_those_of_two_by_their_medians(tmp_path):
    before = save(tmp_path, "before", comparison(measurement(2.0), measurement(1.0)))
    after = save(tmp_path, "after", comparison(measurement(1.0), measurement(2.0)))
    result = load_comparison(before, after)
    assert [result.label(entry) for entry in result.entries] == ["a (before)", "b (before)", "a (after)", "b (after)"]
    assert [entry.ratio and entry.ratio.same_rounds for entry in result.entries] == [None, True, False, False]
    assert [entry.verdict for entry in result.entries] == [None, "faster", "faster", "cannot tell"]
    assert any("independent bootstraps" in note for note in result.notes())


def test_between_environments_nobody_wins_and_the_notes_say_what_differs(tmp_path):
    here = save(tmp_path, "here", comparison(measurement(2.0)))
    there = save(
        tmp_path, "there", comparison(measurement(0.5, threads=4), environment=machine(cpu="Other", threads=4))
    )
    result = load_comparison(here, there)
    assert result.entries[1].verdict == "cannot tell"
    assert any("cpu: Quick CPU and Other; threads: 2 and 4" in note for note in result.notes())


def test_files_of_one_name_are_told_apart(tmp_path):
    paths = []
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        paths.append(save(tmp_path / folder, "run", comparison(measurement())))
    result = load_comparison(*paths)
    assert [run.name for run in result.runs] == ["run", "run_2"]
    assert str(tmp_path) not in render(result.to_dict())


def test_runs_side_by_side_can_be_saved_and_read_again(tmp_path):
    paths = [save(tmp_path, name, comparison(measurement(), measurement(2.0))) for name in ("x", "y")]
    result = load_comparison(*paths)
    plain = result.to_dict()
    assert plain["environment"] is None
    assert [run["name"] for run in plain["runs"]] == ["x", "y"]
    assert [model["run"] for model in plain["models"]] == [0, 0, 1, 1]
    again = load_comparison(save(tmp_path, "both", result))
    assert (again.to_dict(), shown(again)) == (plain, shown(result))
    assert [run.name for run in load_comparison(tmp_path / "both.json", paths[0]).runs] == ["x", "y", "x_2"]


def test_nothing_to_load_is_refused():
    with pytest.raises(RequestError, match="nothing to load"):
        netcost.load_comparison()


# ---- damage -------------------------------------------------------------------------------------------------------


def document():
    """A document to be damaged."""
    return comparison(measurement(2.0, doubts=DOUBTS[:2]), measurement(1.0)).to_dict()


def damaged(tmp_path, change):
    plain = document()
    change(plain)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(plain))
    with pytest.raises(RequestError) as caught:
        load_comparison(path)
    said = str(caught.value)
    assert "\n" not in said
    assert "a.json" in said
    return said


def latency(plain):
    return plain["models"][1]["latency"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda plain: plain.update(schema=2),
            "$.schema: expected 1, found 2; use the newer netcost that wrote it",
        ),
        (lambda plain: plain.update(schema="1"), "schema: expected a whole number"),
        (lambda plain: plain.pop("models"), "$.models: expected a list, found nothing"),
        (lambda plain: plain.update(models=[]), "models: expected one model or more"),
        (lambda plain: plain.update(models=[7]), "models[0]: expected an object"),
        (lambda plain: plain["models"][0].pop("params"), "$.models[0].params: expected a number, found nothing"),
        (lambda plain: plain["models"][0].update(flops="many"), "models[0].flops: expected a number"),
        (lambda plain: plain["models"][0].update(flops=10**40), "models[0].flops: expected a whole number of at most"),
        (lambda plain: plain["models"][0].update(input=[1, -3]), "models[0].input: expected sizes of 0 or more"),
        (lambda plain: plain["models"][0].update(model=None), "models[0].model: expected text, found null"),
        (lambda plain: plain.update(environment=None), "null where there is no environment"),
        (lambda plain: plain["environment"].pop("torch"), "environment.torch: expected text, found nothing"),
        (lambda plain: plain["environment"].update(threads="2"), "environment.threads: expected a whole number"),
        (lambda plain: plain["environment"].update(gpu={}), "environment.gpu.name: expected text, found nothing"),
        (lambda plain: latency(plain).update(times_s=[]), "latency.times_s: expected one time or more"),
        (lambda plain: latency(plain)["times_s"].pop(), "latency.samples: expected the number of times, 11, found 12"),
        (lambda plain: latency(plain)["times_s"].__setitem__(3, "1.0"), "latency.times_s[3]: expected a number"),
        (
            lambda plain: latency(plain)["times_s"].__setitem__(3, -1.0),
            "times_s[3]: expected a number of 0 or more, found -1.0",
        ),
        (lambda plain: latency(plain).update(median_s=0.5), "latency.median_s: expected the median of the times, 1.0"),
        (lambda plain: latency(plain).update(threads=0), "latency.threads: expected a whole number of 1 or more"),
        (lambda plain: latency(plain).update(batch=0), "latency.batch: expected a whole number of 1 or more"),
        (lambda plain: latency(plain).update(stopped="bored"), "latency.stopped: expected one of precise, budget"),
        (lambda plain: latency(plain).update(device_times_s=[1.0]), "latency.device_times_s: expected 12 times"),
        (lambda plain: latency(plain).update(device_times_s=[]), "latency.device_times_s: expected 12 times"),
        (lambda plain: latency(plain).update(doubts=[{"doubt": "Weather"}]), "doubts[0].doubt: expected one of"),
        (
            lambda plain: latency(plain).update(doubts=[{"doubt": "Drift"}]),
            "doubts[0].first_s: expected a number, found nothing",
        ),
        (
            lambda plain: latency(plain).update(doubts=[{"doubt": "WideSpread", "median_s": 0, "iqr_s": 1}]),
            "doubts[0]: expected numbers that can be compared",
        ),
        (lambda plain: plain.update(sweep={"batches": [1, 2, 4]}), "sweep.batches: expected rising batch sizes"),
        (lambda plain: plain.update(sweep={"batches": [2, 1]}), "sweep.batches: expected rising batch sizes"),
        (lambda plain: plain.update(runs=[]), "models[0]"),
        (lambda plain: plain.update(netcost=None), "netcost: expected text"),
    ],
)
def test_damage_is_one_line_that_names_the_place(tmp_path, change, said):
    assert said in damaged(tmp_path, change)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share):
    text = render(document())
    path = tmp_path / "a.json"
    path.write_text(text[: int(share * (len(text) - 2))])
    with pytest.raises(RequestError, match="damaged or not JSON"):
        load_comparison(path)


def places(value, way=()):
    """The ways to all values in a document."""
    yield way
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*way, key))


@settings(max_examples=100)
@given(st.data())
def test_any_value_replaced_by_any_other_is_read_or_refused_and_never_a_crash(tmp_path_factory, data):
    plain = copy.deepcopy(document())
    way = data.draw(st.sampled_from([way for way in places(plain) if way]))
    other = data.draw(st.sampled_from([None, True, -1, 0, 1e308, 10**50, "", "x", [], {}, [[]], {"a": 1}]))
    inner = plain
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = other
    path = tmp_path_factory.mktemp("any") / "a.json"
    path.write_text(json.dumps(plain))
    try:
        loaded = load_comparison(path)
    except RequestError as error:
        assert "\n" not in str(error)
    else:
        assert shown(loaded)
        assert render(loaded.to_dict())
