"""Numbers as text, and back: the laws hold for every number, the tables say what it looks like."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcost.text import units
from netcost.text.errors import RequestError
from netcost.text.units import AtLeast

SCALES = {"P": 10**15, "T": 10**12, "G": 10**9, "M": 10**6, "k": 10**3, "": 1} | {
    "s": 1,
    "ms": Fraction(1, 10**3),
    "µs": Fraction(1, 10**6),
    "ns": Fraction(1, 10**9),
}
WRITERS = [units.count, units.data_size, units.seconds, units.ratio, units.times, units.percent]

floats = st.floats(-1e19, 1e19, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-12)
numbers = st.one_of(st.integers(-(10**19), 10**19), floats)
sizes = numbers.map(abs)


def value_of(written: str) -> Fraction:
    """The number that a text in units of k, M … or s, ms … shows."""
    number, _, unit = written.partition(" ")
    return Fraction(number) * SCALES[unit]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (7, "7"),
        (7.0, "7"),
        (999, "999"),
        (-999, "-999"),
        (0.5, "0.500"),
        (9.996, "10.0"),
        (999.4, "999"),
        (999.6, "1.00 k"),
        (-999.6, "-1.00 k"),
        (1000, "1.00 k"),
        (9_996, "10.0 k"),
        (999_499, "999 k"),
        (999_950, "1.00 M"),
        (-999_950, "-1.00 M"),
        (1_582_671_872, "1.58 G"),
        (854e6, "854 M"),
        (999_999_999_999, "1.00 T"),
        (1e15, "1.00 P"),
        (2.5e18, "2500 P"),
        (1e-12, "0.00000000000100"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_a_count_is_written_in_the_unit_that_its_three_digits_ask_for(value, written):
    assert units.count(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (6_680_000, "6.68 MB"),
        (999_950, "1.00 MB"),
        (-1500, "-1.50 kB"),
        (0.5, "0.500 B"),
    ],
)
def test_a_data_size_is_written_in_decimal_units_of_bytes(value, written):
    assert units.data_size(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0 s"),
        (-0.0, "0 s"),
        (0.0123, "12.3 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (0.001, "1.00 ms"),
        (0.00099996, "1.00 ms"),
        (0.000001, "1.00 µs"),
        (150e-9, "150 ns"),
        (1e-12, "0.00100 ns"),
        (-0.002, "-2.00 ms"),
        (90, "90.0 s"),
        (123_456.0, "123000 s"),
    ],
)
def test_a_duration_is_written_in_the_unit_that_its_three_digits_ask_for(value, written):
    assert units.seconds(value) == written


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (1.3399, "ratio", "1.34"),
        (0.42, "times", "0.420 x"),
        (0.1294, "percent", "12.9 %"),
        (0.9999, "percent", "100 %"),
        (47.3e9, "flop_per_s", "47.3 GFLOP/s"),
        (12, "flop_per_s", "12 FLOP/s"),
        (29.3e9, "byte_per_s", "29.3 GB/s"),
        (512, "byte_per_s", "512 B/s"),
        (-0.032, "percent", "-3.20 %"),
        (1280, "signed", "+1,280"),
        (-5, "signed", "-5"),
        (0, "signed", "0"),
        (0.1294, "signed_percent", "+12.9 %"),
        (-0.032, "signed_percent", "-3.20 %"),
        (1_582_671_872, "exact", "1,582,671,872"),
        (1_582_671_872.0, "exact", "1,582,671,872"),
        (2**53 + 1, "exact", "9,007,199,254,740,993"),
        (1e22, "exact", "10,000,000,000,000,000,000,000"),
        (1e-12, "exact", "0.000000000001"),
        (1234.5, "exact", "1,234.5"),
        (-0.0, "exact", "0"),
        (12_300.0, "per_second", "12.3 k/s"),
        (2018, "text", "2018"),
        (1e-7, "text", "0.0000001"),
        (12_345, "elements", "12.3 k"),
        (64, "bytes", "64 B"),
    ],
)
def test_each_unit_has_its_way_of_writing(value, unit, written):
    assert units.text(value, unit) == written


@pytest.mark.parametrize("unit", [*units._WRITERS])
def test_a_missing_value_is_a_dash_and_zero_is_not(unit):
    assert units.text(None, unit) == "–"
    assert units.text(0, unit).startswith("0")


def test_an_incomplete_total_says_that_it_is_one():
    assert units.text(AtLeast(4_100_000), "count") == "≥ 4.10 M"
    assert units.text(AtLeast(0), "bytes") == "≥ 0 B"


@given(numbers)
def test_no_writer_uses_an_exponent_or_more_than_three_digits(value):
    for write in WRITERS:
        number = re.match(r"-?([0-9]+)(?:\.([0-9]+))?(?: |$)", write(value))
        assert number is not None, write(value)
        whole, decimals = number.groups(default="")
        digits = f"{whole}{decimals}".lstrip("0")
        assert len(digits if decimals else digits.rstrip("0")) <= 3


@given(numbers, numbers)
def test_a_greater_number_is_never_written_as_a_smaller_one(one, other):
    smaller, greater = sorted((one, other))
    for write in (units.count, units.seconds, units.ratio):
        assert value_of(write(smaller)) <= value_of(write(greater))


@given(numbers)
def test_what_is_written_lies_within_half_a_percent(value):
    for write in (units.count, units.seconds, units.ratio):
        assert abs(value_of(write(value)) - Fraction(value)) <= abs(Fraction(value)) * Fraction(501, 100_000)


@given(numbers)
def test_below_zero_is_written_as_above_it_with_a_sign(value):
    for write in WRITERS:
        assert write(-abs(value)).removeprefix("-") == write(abs(value))


@given(st.integers(-(10**18), 10**18))
def test_every_digit_of_an_exact_number_is_written(value):
    assert int(units.exact(value).replace(",", "")) == value


@given(sizes)
def test_a_written_count_reads_back_as_the_same_number(value):
    assert units.parse_quantity(units.count(value)) == pytest.approx(value, rel=0.005)
    assert units.parse_quantity(units.data_size(value)) == pytest.approx(value, rel=0.005)


@given(st.integers(0, 10**18))
def test_an_exact_number_reads_back_exactly(value):
    for written in (str(value), units.exact(value), f"{value:_}"):
        assert units.parse_quantity(written) == value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("5M", 5_000_000),
        ("1.5 G", 1_500_000_000),
        ("64MB", 64_000_000),
        ("600000", 600_000),
        ("600_000", 600_000),
        ("1,582,671,872", 1_582_671_872),
        (" 12 kB ", 12_000),
        ("1e6", 1_000_000),
        ("4.35e2", 435),
        ("1.001G", 1_001_000_000),
        ("2P", 2 * 10**15),
        ("0", 0),
    ],
)
def test_a_whole_quantity_is_an_exact_int(written, value):
    quantity = units.parse_quantity(written)
    assert quantity == value
    assert isinstance(quantity, int)


def test_a_quantity_may_be_a_fraction():
    assert units.parse_quantity("0.5") == 0.5


@pytest.mark.parametrize(
    "written",
    ["", "M", "five", "5 X", "-5M", "1,5M", "12,34,567", "1__0", "5_", "1.", "nan", "inf", "1e999", "٣M", "5MM"],
)
def test_what_is_no_quantity_is_refused_with_an_example(written):
    with pytest.raises(RequestError) as refused:
        units.parse_quantity(written)
    assert repr(written) in str(refused.value)
    assert "5M" in str(refused.value)


@given(st.floats(1e-9, 1e4))
def test_a_written_time_reads_back_as_the_same_number(seconds):
    assert units.parse_seconds(units.seconds(seconds)) == pytest.approx(seconds, rel=0.005)


@pytest.mark.parametrize("written", ["", "20", "ms", "20 mss", "0 ms", "-1 s", "nan s", "1e999 s", "20 min"])
def test_what_is_no_time_is_refused_with_an_example(written):
    with pytest.raises(RequestError, match="like 20 ms"):
        units.parse_seconds(written)
