"""Verdicts follow from times: a guideline that they support holds, one that they contradict does not."""

import dataclasses

import pytest
from fake_trials import ROUNDS, trial

from netcost.guidelines.grid import Conditions, Task
from netcost.guidelines.guideline import GUIDELINES, Order
from netcost.guidelines.judging import GuidelineFinding, GuidelineVerdict, StepOutcome, judge
from netcost.guidelines.running import ALL
from netcost.guidelines.trial import Trial

CASES = [(name, widths) for name in ALL for widths in GUIDELINES.get(name).width_sets]


def work(name: str, widths: str) -> dict[str, int]:
    return {variant.name: variant.closed_form.mult_adds for variant in GUIDELINES.get(name).variants(widths, 1)}


def places(name: str, widths: str) -> dict[str, int]:
    """How far along its guideline's orders a variant stands."""
    found = {}
    for order in GUIDELINES.get(name).orders:
        for chain in order.chains:
            present = [variant for variant in chain if variant in work(name, widths)]
            found |= {variant: index for index, variant in enumerate(present)}
    return found


def times(name: str, widths: str, seconds_a_place) -> dict[str, list[float]]:
    """Times at a second for the base's mult-adds, times what a variant's place in the order makes of it, by round."""
    done = work(name, widths)
    base = done[next(iter(done))]
    return {
        variant: [seconds_a_place(index, turn) * done[variant] / base for turn in range(ROUNDS)]
        for variant, index in places(name, widths).items()
    }


def verdicts(found: Trial) -> list[GuidelineVerdict]:
    return [finding.verdict for finding in judge(found)]


@pytest.mark.parametrize(("name", "widths"), CASES)
def test_times_that_rise_along_the_order_support_a_guideline(name: str, widths: str) -> None:
    found = trial(name, times(name, widths, lambda place, _: 1 + 0.1 * place), widths)
    assert set(verdicts(found)) == {GuidelineVerdict.HOLDS}
    for finding in judge(found):
        most = max(places(name, widths)[step.slow] for step in finding.steps)
        assert finding.extent.ratio.median == pytest.approx(1 + 0.1 * most)
        assert "holds: " in finding.sentence


@pytest.mark.parametrize(("name", "widths"), CASES)
def test_times_that_fall_along_the_order_contradict_it(name: str, widths: str) -> None:
    found = trial(name, times(name, widths, lambda place, _: 1 - 0.1 * place), widths)
    assert set(verdicts(found)) == {GuidelineVerdict.DOES_NOT_HOLD}


@pytest.mark.parametrize(("name", "widths"), CASES)
def test_equal_times_contradict_it_too(name: str, widths: str) -> None:
    """The times are equal for equal work: in the paper's uneven rows the plain times are not."""
    found = trial(name, times(name, widths, lambda *_: 1.0), widths)
    assert set(verdicts(found)) == {GuidelineVerdict.DOES_NOT_HOLD}
    assert all(step.ratio.median == pytest.approx(1) for finding in judge(found) for step in finding.steps)


@pytest.mark.parametrize(("name", "widths"), CASES)
def test_blurred_times_leave_it_open(name: str, widths: str) -> None:
    """Every other round says that each variant is slower than the one before, and the rest that it is faster."""
    found = trial(name, times(name, widths, lambda place, turn: (1.3 if turn % 2 else 1 / 1.3) ** place), widths)
    assert set(verdicts(found)) == {GuidelineVerdict.CANNOT_TELL}
    assert all(finding.sentence.count("cannot tell") == 1 for finding in judge(found))


@pytest.mark.parametrize(("name", "widths"), CASES)
def test_one_step_the_wrong_way_is_enough_to_contradict(name: str, widths: str) -> None:
    for order in GUIDELINES.get(name).orders:
        told = times(name, widths, lambda place, _: 1 + 0.5 * place)
        fast, slow = order.steps(tuple(told))[-1]
        done = work(name, widths)
        told[slow] = [0.99 * time_s * done[slow] / done[fast] for time_s in told[fast]]
        found = {finding.order: finding for finding in judge(trial(name, told, widths))}
        assert found[order].verdict is GuidelineVerdict.DOES_NOT_HOLD
        if len(found[order].steps) > 1:
            assert f"{slow} is not slower than {fast} (0.990 x, 95 % interval 0.990 x to 0.990 x)" in (
                found[order].sentence
            )


def g1(**seconds: float) -> GuidelineFinding:
    """G1 at aligned widths with the same time in every round: those of 1:1, 1:4 and 1:16."""
    named = {name.replace("to", "1:"): [value] * ROUNDS for name, value in seconds.items()}
    [finding] = judge(trial("g1", named, "aligned"))
    return finding


def test_the_sentence_says_by_how_much() -> None:
    assert g1(to1=1.0, to4=1.25, to16=1.5).sentence == (
        "holds: 1:16 against 1:1: 1.50 x, 95 % interval 1.50 x to 1.50 x; every step of 1:1 < 1:4 < 1:16 is slower."
    )
    assert g1(to1=1.0, to4=1.0, to16=1.5).sentence == (
        "does not hold: 1:16 against 1:1: 1.50 x, 95 % interval 1.50 x to 1.50 x; "
        "1:4 is not slower than 1:1 (1.00 x, 95 % interval 1.00 x to 1.00 x)."
    )


def test_a_slow_down_of_less_than_one_percent_is_none() -> None:
    assert g1(to1=1.0, to4=1.009, to16=1.2).verdict is GuidelineVerdict.DOES_NOT_HOLD
    assert g1(to1=1.0, to4=1.011, to16=1.2).verdict is GuidelineVerdict.HOLDS


def test_too_few_rounds_tell_nothing() -> None:
    few = trial("g1", {"1:1": [1.0] * 9, "1:4": [2.0] * 9, "1:16": [3.0] * 9}, "aligned")
    [finding] = judge(few)
    assert finding.verdict is GuidelineVerdict.CANNOT_TELL
    assert "3.00 x in 9 rounds" in finding.sentence


def test_a_variant_that_failed_leaves_its_steps_open() -> None:
    [finding] = judge(trial("g1", {"1:1": [1.0] * ROUNDS, "1:4": [2.0] * ROUNDS}, "aligned"))
    assert [step.outcome for step in finding.steps] == [StepOutcome.SLOWER, StepOutcome.OPEN]
    assert finding.verdict is GuidelineVerdict.CANNOT_TELL
    assert "1:16 against 1:1: not measured" in finding.sentence


def test_a_failure_does_not_hide_a_contradiction() -> None:
    [finding] = judge(trial("g1", {"1:1": [1.0] * ROUNDS, "1:4": [0.5] * ROUNDS}, "aligned"))
    assert finding.verdict is GuidelineVerdict.DOES_NOT_HOLD


def test_a_clock_too_coarse_for_a_call_tells_nothing() -> None:
    assert g1(to1=0.0, to4=1.0, to16=2.0).verdict is GuidelineVerdict.CANNOT_TELL


def test_series_and_parallel_forms_are_judged_apart() -> None:
    told = {"1 fragment": 1.0, "2 in series": 1.2, "4 in series": 1.4, "2 in parallel": 0.8, "4 in parallel": 0.6}
    found = judge(trial("g3", {name: [value] * ROUNDS for name, value in told.items()}))
    assert {agreement.order.label: agreement.verdict for agreement in found} == {
        "in series": GuidelineVerdict.HOLDS,
        "in parallel": GuidelineVerdict.DOES_NOT_HOLD,
    }


def test_relu_and_shortcut_are_not_compared_with_each_other() -> None:
    steps = GUIDELINES.get("g4").orders[0].steps(("neither", "shortcut", "ReLU", "both"))
    assert set(steps) == {("neither", "ReLU"), ("neither", "shortcut"), ("ReLU", "both"), ("shortcut", "both")}


def test_with_the_ends_alone_an_order_has_one_step() -> None:
    order = Order("", (("a", "b", "d"), ("a", "c", "d")))
    assert order.steps(("a", "d")) == (("a", "d"),)
    assert order.ends(("a", "b", "c", "d")) == ("a", "d")


@pytest.mark.parametrize("name", ALL)
def test_long_settings_have_the_ends_of_each_order_only(name: str) -> None:
    guideline = GUIDELINES.get(name)
    long = Task(guideline, Conditions("cpu", 2, 1, guideline.width_sets[0], 4))
    assert long.setting.is_long
    assert len(long.variants) == 1 + len(guideline.orders)
    everything = Task(guideline, dataclasses.replace(long.setting, device="cuda"))
    assert len(everything.variants) == len(guideline.variants(guideline.width_sets[0], 4))
