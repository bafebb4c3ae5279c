"""Budgets and tolerances: what their text means."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcost.checking.limits import FIGURES, NO_TOLERANCE, Limits, parse_budget, parse_tolerance
from netcost.text.errors import RequestError
from netcost.text.metrics import METRICS, TRAIN_METRICS

whole = st.integers(0, 10**15)


@pytest.mark.parametrize(
    ("figure", "written", "passes", "fails"),
    [
        ("params", "<= 5M", 5_000_000, 5_000_001),
        ("params", "<5M", 4_999_999, 5_000_000),
        ("mult_adds", "<= 1.5 G", 1_500_000_000, 1_500_000_001),
        ("peak_memory_bytes", "<= 64MB", 64_000_000, 64_000_001),
        ("unknown_ops", "== 0", 0, 1),
        ("depth", " >= 3 ", 3, 2),
        ("kernels", "> 1,000", 1001, 1000),
    ],
)
def test_a_budget_holds_up_to_its_bound(figure: str, written: str, passes: int, fails: int) -> None:
    budget = parse_budget(figure, written)
    assert budget.holds(passes)
    assert not budget.holds(fails)
    assert budget.written == written.strip()


@pytest.mark.parametrize(
    ("written", "old", "allowed"),
    [
        ("1%", 1000, 1010),
        ("1 %", 199, 200),  # 1.99 units are one whole unit
        ("0.5%", 199, 199),
        ("0%", 7, 7),
        ("10k", 7, 10_007),
        ("3", 7, 10),
    ],
)
def test_a_tolerance_is_a_share_or_an_amount(written: str, old: int, allowed: int) -> None:
    assert parse_tolerance("params", written).allowed(old) == allowed


def test_a_share_is_exact() -> None:
    # 0.07 has no binary fraction: as a float, 7 % of 100 would be 7.000000000000001.
    assert parse_tolerance("params", "7%").share == Fraction(7, 100)
    assert parse_tolerance("params", "7%").allowed(10**17) == 107 * 10**15


def test_a_share_of_memory_access_holds_for_its_bytes_and_an_amount_of_elements_does_not() -> None:
    share, amount = parse_tolerance("memory_access", "1%"), parse_tolerance("memory_access", "10")
    assert Limits(tolerance={"memory_access": share}).tolerance_of("memory_access_bytes") == share
    assert Limits(tolerance={"memory_access": amount}).tolerance_of("memory_access_bytes") is None
    own = {"memory_access": share, "memory_access_bytes": NO_TOLERANCE}
    assert Limits(tolerance=own).tolerance_of("memory_access_bytes") == NO_TOLERANCE
    assert Limits(tolerance={"memory_access": share}).tolerance_of("memory_access_fused") is None


@given(whole)
def test_no_tolerance_allows_not_one_more(old: int) -> None:
    assert NO_TOLERANCE.allowed(old) == old


@given(whole, st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_tolerance_allows_no_less(old: int, some: int, more: int) -> None:
    less, greater = sorted((some, more))
    assert parse_tolerance("params", f"{less}%").allowed(old) <= parse_tolerance("params", f"{greater}%").allowed(old)
    assert parse_tolerance("params", f"{less}").allowed(old) <= parse_tolerance("params", f"{greater}").allowed(old)


@pytest.mark.parametrize(
    ("parse", "figure", "written", "said"),
    [
        (parse_budget, "parms", "<= 5M", "unknown metric 'parms'; did you mean params"),
        (parse_budget, "zzz", "<= 5M", "expected one of params"),
        (parse_budget, "intensity", ">= 5", "a ratio"),
        (parse_budget, "params", "5M", "expected text like '<= 5M'"),
        (parse_budget, "params", 5_000_000, "expected text like '<= 5M'"),
        (parse_budget, "params", True, "expected text like '<= 5M'"),
        (parse_budget, "params", "=< 5M", "expected text like '<= 5M'"),
        (parse_budget, "params", "<= lots", "'lots' is not a quantity"),
        (parse_budget, "params", "<= -5", "'-5' is not a quantity"),
        (parse_budget, "params", "<= 5MB", "'5MB' is in bytes, but params is not"),
        (parse_budget, "params", "<= 64MiB", "not a quantity"),
        (parse_tolerance, "parms", "1%", "did you mean params"),
        (parse_tolerance, "params", 0.01, "a share like '1%'"),
        (parse_tolerance, "params", "0.01", "a share like '1%'"),
        (parse_tolerance, "params", "-1%", "not a quantity"),
        (parse_tolerance, "params", "1%%", "not a quantity"),
        (parse_tolerance, "params", "nan%", "not a quantity"),
        (parse_tolerance, "params", f"{'9' * 5000}%", "not a quantity"),
    ],
)
def test_what_is_no_limit_is_refused_in_one_line(parse, figure, written, said) -> None:
    with pytest.raises(RequestError) as caught:
        parse(figure, written)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_metric_that_is_a_whole_number_can_be_limited() -> None:
    assert set(METRICS) - set(FIGURES) == {"parallelism", "intensity"}
    assert set(FIGURES) - set(METRICS) == {*TRAIN_METRICS, "unknown_ops"}
