"""Then and now: laws for any two snapshots, and what is said of some."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snapshots import figures, module, modules, snapshot, snapshots

from netcost.checking.limits import FIGURES, Limits, parse_budget, parse_tolerance
from netcost.checking.regression import UPDATE, CheckReport, CheckVerdict, ModuleStatus, compare, diff
from netcost.checking.regression.verdicts import GUARDED
from netcost.checking.snapshot import Module
from netcost.counting.breakdown import ADDITIVE
from netcost.text.metrics import TRAIN_METRICS

OLD = snapshot(
    {
        "conv1": module(params=3 * 8 * 9, mult_adds=8 * 3 * 9 * 100),
        "conv2": module(params=8 * 16 * 9, mult_adds=16 * 8 * 9 * 100),
        "head": module("Linear", params=160, mult_adds=160),
    },
    operators={"aten.conv2d": 2, "aten.linear": 1, "aten.view": 1},
)


def with_module(path: str, changed: Module | None):
    parts = {**OLD.modules, path: changed}
    return snapshot({path: part for path, part in parts.items() if part is not None}, operators=OLD.operators)


def tolerances(written: str) -> Limits:
    return Limits(tolerance={figure: parse_tolerance(figure, written) for figure in FIGURES})


@given(snapshots, st.booleans())
def test_nothing_costs_more_than_itself(one, exact) -> None:
    result = compare("net", one, one, exact=exact)
    assert not result.fails
    assert not result.work_changed
    assert not result.modules
    assert not result.notes


@given(snapshots, st.sampled_from(sorted(set(ADDITIVE))), st.integers(1, 10**9))
def test_any_increase_fails(old, figure, more) -> None:
    new = replace(old, totals={**old.totals, figure: old.totals[figure] + more})
    result = compare("net", old, new)
    assert [change.figure for change in result.failures] == [figure]
    assert result.failures[0].delta == more


@given(snapshots, snapshots)
def test_it_passes_exactly_when_nothing_guarded_grew(old, new) -> None:
    counted = GUARDED - set(TRAIN_METRICS)  # no step is counted here
    grew = any(new.figure(figure) > old.figure(figure) for figure in counted)
    assert compare("net", old, new).fails is grew


@given(snapshots, snapshots, st.integers(0, 500), st.integers(0, 500))
def test_what_passes_with_some_tolerance_passes_with_more(old, new, some, more) -> None:
    less, greater = sorted((some, more))
    if not compare("net", old, new, tolerances(f"{less}%")).fails:
        assert not compare("net", old, new, tolerances(f"{greater}%")).fails


@given(snapshots, snapshots)
def test_exact_passes_only_what_is_the_same(old, new) -> None:
    result = compare("net", old, new, tolerances("1000%"), exact=True)
    assert result.fails is (result.work_changed or bool(result.modules))


@given(modules, modules)
def test_changes_of_modules_add_up_to_the_change_of_the_whole(old, new) -> None:
    changes = diff(old, new).changes
    for figure in ADDITIVE:
        whole = [sum(part.figures[figure] for part in side.values()) for side in (old, new)]
        assert sum(change.delta(figure) for change in changes) == whole[1] - whole[0]


@given(modules)
def test_other_names_alone_are_no_change(parts) -> None:
    renamed = {f"stem.{path}": part for path, part in parts.items()}
    found = diff(parts, renamed)
    assert found.changes == ()
    assert set(found.renamed) <= set(parts)
    assert not compare("net", snapshot(parts), snapshot(renamed), exact=True).fails


@given(modules, st.randoms())
def test_the_order_of_modules_does_not_matter(parts, random) -> None:
    shuffled = list(parts.items())
    random.shuffle(shuffled)
    assert diff(parts, dict(shuffled)) == diff(parts, parts)


@given(modules, st.text("xyz", min_size=1, max_size=3), figures)
def test_a_new_module_is_named(parts, path, costs) -> None:
    costs = {**costs, "params": costs["params"] + 1}
    changes = diff(parts, {**parts, path: Module("New", costs)}).changes
    assert [(change.path, change.status) for change in changes] == [(path, ModuleStatus.ADDED)]


def test_the_module_that_changed_most_comes_first() -> None:
    wider = with_module("conv2", module(params=8 * 24 * 9, mult_adds=24 * 8 * 9 * 100))
    parts = {**wider.modules, "head": module("Linear", params=240, mult_adds=240)}
    result = compare("net", OLD, snapshot(parts))
    assert [(change.path, change.delta("mult_adds")) for change in result.modules] == [
        ("conv2", 8 * 8 * 9 * 100),
        ("head", 80),
    ]
    assert {change.figure for change in result.failures} == {"params", "mult_adds"}


def test_a_layer_put_between_others_renames_those_behind_it() -> None:
    conv, relu, last = module(params=9), module("ReLU", kernels=1), module("Linear", params=5)
    norm = module("BatchNorm2d", params=2, kernels=1)
    found = diff({"0": conv, "1": relu, "2": last}, {"0": conv, "1": norm, "2": relu, "3": last})
    assert [(change.path, change.type, change.status) for change in found.changes] == [
        ("1", "BatchNorm2d", ModuleStatus.ADDED)
    ]
    assert found.renamed == {"1": "2", "2": "3"}


def test_a_class_of_another_name_is_no_change() -> None:
    assert diff({"a": module("Conv", params=9)}, {"a": module("ConvBlock", params=9)}) == ((), {})


def test_a_rename_passes_with_a_note() -> None:
    parts = {("stem" if path == "conv1" else path): part for path, part in OLD.modules.items()}
    result = compare("net", OLD, snapshot(parts, operators=OLD.operators))
    assert not result.fails
    assert "conv1 → stem" in result.notes[0]


def test_other_operators_for_the_same_work_pass_with_a_note() -> None:
    result = compare("net", OLD, replace(OLD, operators={"aten.conv2d": 2, "aten.linear": 1, "aten.reshape": 1}))
    assert not result.fails
    [note] = result.notes
    assert "aten.reshape 0 → 1" in note


def test_work_that_moved_is_said_and_fails_where_nothing_may_differ() -> None:
    moved = with_module("conv1", module(params=3 * 8 * 9 + 160, mult_adds=8 * 3 * 9 * 100 + 160))
    moved = snapshot({path: part for path, part in moved.modules.items() if path != "head"}, operators=OLD.operators)
    assert "moved" in compare("net", OLD, moved).notes[0]
    assert not compare("net", OLD, moved).fails
    assert compare("net", OLD, moved, exact=True).fails


def test_an_improvement_passes_unless_nothing_may_differ() -> None:
    narrower = with_module("conv2", module(params=8 * 8 * 9, mult_adds=8 * 8 * 9 * 100))
    result = compare("net", OLD, narrower)
    assert result.improves
    assert not result.fails
    assert compare("net", OLD, narrower, exact=True).fails
    report = CheckReport((result,), "baseline 'b.json'", baseline="b.json")
    assert "1 cost less" in report.headline
    assert report.acceptance(result)[0].endswith("netcost baseline update net")


def test_an_operator_that_no_rule_counts_any_more_is_no_improvement() -> None:
    less = with_module("conv2", module(params=8 * 16 * 9, mult_adds=None))
    result = compare("net", OLD, replace(less, unknown_ops={"my.op": 1}))
    assert [change.figure for change in result.failures] == ["unknown_ops"]
    table = CheckReport((result,)).figures_table(result)
    assert "≥" in table.text(next(row for row in range(9) if table.rows[row][1] == "Mult-adds"), 3)


def test_costs_on_two_inputs_are_not_compared() -> None:
    result = compare("net", OLD, replace(OLD, inputs=("1x3x4x4",)))
    assert "1x3x4x4" in result.problems[0] and "1x3x8x8" in result.problems[0]
    assert result.fails


@pytest.mark.parametrize(
    ("old", "new", "fails"), [(None, None, False), (None, 3, True), (3, None, True), (3, 3, False)]
)
def test_a_figure_that_is_missing_is_neither_more_nor_less(old, new, fails) -> None:
    sides = [replace(OLD, totals={**OLD.totals, "max_fragments": value}) for value in (old, new)]
    assert compare("net", *sides, tolerances("1%")).fails is fails
    assert not compare("net", *sides).fails


def test_depth_and_peak_memory_are_said_and_fail_only_with_a_tolerance() -> None:
    new = replace(OLD, totals={**OLD.totals, "peak_memory_bytes": 3})
    [change] = [change for change in compare("net", OLD, new).changes if change.delta]
    assert change.verdict is CheckVerdict.UNGUARDED
    limits = Limits(tolerance={"peak_memory_bytes": parse_tolerance("peak_memory_bytes", "100%")})
    assert [change.figure for change in compare("net", OLD, new, limits).failures] == ["peak_memory_bytes"]


def test_a_budget_needs_no_past() -> None:
    params = OLD.figure("params")
    for bound, fails in ((params, False), (params - 1, True)):
        limits = Limits(budget={"params": parse_budget("params", f"<= {bound}")})
        result = compare("net", None, OLD, limits)
        assert result.fails is fails
        report = CheckReport((result,), settings="pyproject.toml")
        told = "budget.params of 'net' in 'pyproject.toml'"
        assert [told in line for line in report.acceptance(result)] == [True] * fails


def test_what_would_accept_a_change_can_be_pasted() -> None:
    report = CheckReport((), baseline="b.json", updating=(*UPDATE, "--config", "my settings.toml"))
    assert report.command("net.py:Net") == "netcost baseline update --config 'my settings.toml' net.py:Net"
    assert report.command("--exact") == "netcost baseline update --config 'my settings.toml' -- --exact"


def test_stale_names_are_said_and_fail_where_nothing_may_differ() -> None:
    report = CheckReport((compare("net", OLD, OLD),), "baseline 'b.json'", baseline="b.json", stale=("gone",))
    assert "gone" in report.notes[0] and report.notes[0].endswith("netcost baseline update")
    assert not report.fails
    assert replace(report, exact=True).fails
