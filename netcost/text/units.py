"""Units: the only place where a number becomes text, and text a number."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import floor, isfinite, log10

from netcost.text.errors import RequestError

MISSING = "–"

_SI = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


@dataclass(frozen=True, slots=True, order=True)
class AtLeast:
    """A total without the work that could not be counted: shown as `≥ value`."""

    value: float


Quantity = int | float | AtLeast | None


def _rounded(value: float, digits: int = 3) -> float:
    """Round to significant digits."""
    return float(f"{value:.{digits - 1}e}")


def significant(value: float, digits: int = 3) -> str:
    """Write a number with significant digits and no exponent: 1.58, 12.3, 854."""
    if value == 0:
        return "0"
    if not isfinite(value):
        return str(float(value))
    # Round first: 9.996 has three digits as 10.0, one decimal fewer than its own magnitude asks for.
    rounded = _rounded(value, digits)
    decimals = max(0, digits - 1 - floor(log10(abs(rounded))))
    return f"{rounded:.{decimals}f}"


def _in_units(value: float, units: Sequence[tuple[float, str]]) -> str:
    """Write a number in the largest of the units (in falling order) in which it is at least 1, or in the smallest."""
    if not isfinite(value):
        return significant(value)
    # Round before choosing: 999,950 is "1.00 M" and 0.9996 s is "1.00 s", not a thousand of the unit below.
    rounded = _rounded(value)
    scale, suffix = next((unit for unit in units if abs(rounded) >= unit[0]), units[-1])
    return f"{significant(rounded / scale)} {suffix}"


def count(value: float) -> str:
    """Write a count in units of k, M, G, T or P (powers of 1000): `1.58 G`. A whole number below 1000 stays as it is."""
    return _in_units(value, _SI).rstrip() if abs(value) >= 1000 or value % 1 else str(int(value))


def data_size(value: float) -> str:
    """Write bytes in decimal units: `6.68 MB` is 6,680,000 bytes."""
    return _with_unit(count(value), "B")


def seconds(value: float) -> str:
    """Write a duration: `12.3 ms`."""
    return "0 s" if value == 0 else _in_units(value, _TIMES)


def flop_rate(value: float) -> str:
    """Write floating-point operations per second: `47.3 GFLOP/s`."""
    return _with_unit(count(value), "FLOP/s")


def data_rate(value: float) -> str:
    """Write bytes per second in decimal units: `29.3 GB/s`."""
    return f"{data_size(value)}/s"


def _with_unit(text: str, unit: str) -> str:
    """Add a unit, which takes the prefix: `47.3 G` becomes `47.3 GFLOP/s`."""
    return f"{text}{unit}" if " " in text else f"{text} {unit}"


def ratio(value: float) -> str:
    """Write a plain ratio with three digits: `1.34`."""
    return significant(value)


def times(value: float) -> str:
    """Write a ratio to a base: `0.42 x`."""
    return f"{significant(value)} x"


def percent(value: float) -> str:
    """Write a share of one as percent: `12.9 %`."""
    return f"{significant(100 * value)} %"


def exact(value: float) -> str:
    """Write every digit, with thousands separators and no exponent: `1,582,671,872`."""
    return f"{_decimal(value):,f}"


def signed(value: float) -> str:
    """Write a difference with every digit: `+1,280`, `-5`; no sign before 0."""
    return f"{'+' if value > 0 else ''}{exact(value)}"


def signed_percent(value: float) -> str:
    """Write a difference as percent of the old value: `+12.9 %`."""
    return f"{'+' if value > 0 else ''}{percent(value)}"


def _decimal(value: float) -> Decimal:
    """Convert to the digits that Python prints; a whole number has no decimals."""
    whole = isfinite(value) and value == int(value)
    return Decimal(int(value)) if whole else Decimal(str(value))


_WRITERS: dict[str, Callable[[float], str]] = {
    "count": count,
    "elements": count,
    "bytes": data_size,
    "seconds": seconds,
    "ratio": ratio,
    "times": times,
    "percent": percent,
    "exact": exact,
    "signed": signed,
    "signed_percent": signed_percent,
    "flop_per_s": flop_rate,
    "byte_per_s": data_rate,
    "per_second": lambda value: f"{count(value)}/s",
    "text": lambda value: f"{_decimal(value):f}",  # a year in a column of words: no separators
}


def text(value: Quantity, unit: str) -> str:
    """Write a value as people read it; a missing value is a dash, an incomplete total starts with `≥`."""
    if value is None:
        return MISSING
    if isinstance(value, AtLeast):
        return f"≥ {_WRITERS[unit](value.value)}"
    return _WRITERS[unit](value)


# A comma separates thousands and nothing else: in "1,5M" it would be a decimal point to half of the world.
_QUANTITY = re.compile(
    r"\s*((?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+(?:_[0-9]+)*)(?:\.[0-9]+)?(?:e\+?[0-9]{1,2})?)\s*([kMGTP]?)(B?)\s*",
    re.ASCII,
)


def parse_quantity(written: str) -> float:
    """Read `5M`, `1.5 G`, `64MB` or `600000` as a number: an int if it is whole.

    Raises:
        RequestError: it is none of these.
    """
    match = _QUANTITY.fullmatch(written)
    if match is None:
        raise RequestError(
            f"{written!r} is not a quantity; write a number with an optional k, M, G, T or P, like 5M or 1.5G"
        )
    number, suffix, _ = match.groups()
    scale = next(int(factor) for factor, short in _SI if short == suffix)
    # Decimal, because 4.35 x 100 is not 435 in binary.
    value = Decimal(number.replace(",", "").replace("_", "")) * scale
    return int(value) if value == value.to_integral_value() else float(value)
