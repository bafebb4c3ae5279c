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


def significant(value: float) -> str:
    """Write a number with three significant digits and no exponent: 1.58, 12.3, 854."""
    if value == 0:
        return "0"
    if not isfinite(value):
        return str(float(value))
    # Round first: 9.996 has three digits as 10.0, one decimal fewer than its own magnitude asks for.
    rounded = float(f"{value:.2e}")
    decimals = max(0, 2 - floor(log10(abs(rounded))))
    return f"{rounded:.{decimals}f}"


def _in_units(value: float, units: Sequence[tuple[float, str]]) -> str:
    """Write a number in the largest of the units (in falling order) in which it is at least 1, or in the smallest."""
    if not isfinite(value):
        return significant(value)
    # Round before choosing: 999,950 is "1.00 M" and 0.9996 s is "1.00 s", not a thousand of the unit below.
    rounded = float(f"{value:.2e}")
    scale, suffix = next((unit for unit in units if abs(rounded) >= unit[0]), units[-1])
    return f"{significant(rounded / scale)} {suffix}"


def count(value: float) -> str:
    """Write a count in units of k, M, G, T or P (powers of 1000): `1.58 G`; below 1000 a whole number as it is."""
    return _in_units(value, _SI).rstrip() if abs(value) >= 1000 or value % 1 else str(int(value))


def data_size(value: float) -> str:
    """Write bytes in decimal units: `6.68 MB` is 6,680,000 bytes."""
    return _count_of(value, "B")


def seconds(value: float) -> str:
    """Write a duration: `12.3 ms`."""
    return "0 s" if value == 0 else _in_units(value, _TIMES)


def flop_rate(value: float) -> str:
    """Write floating-point operations per second: `47.3 GFLOP/s`."""
    return _count_of(value, "FLOP/s")


def data_rate(value: float) -> str:
    """Write bytes per second in decimal units: `29.3 GB/s`."""
    return _count_of(value, "B/s")


def _count_of(value: float, unit: str) -> str:
    """Write a count with its unit, which takes the prefix: `47.3 GFLOP/s`."""
    written = count(value)
    return f"{written}{unit}" if " " in written else f"{written} {unit}"


ratio = significant
"""Write a plain ratio: `1.34`."""


def times(value: float) -> str:
    """Write a ratio to a base: `0.42 x`."""
    return f"{significant(value)} x"


def percent(value: float) -> str:
    """Write a share of one as percent: `12.9 %`."""
    return f"{significant(100 * value)} %"


def exact(value: float) -> str:
    """Write every digit, with thousands separators and no exponent: `1,582,671,872`."""
    return f"{_decimal(value):,f}"


def _plus(difference: float) -> str:
    """Return the sign of an increase; a decrease has its own, and 0 has none."""
    return "+" if difference > 0 else ""


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
    "signed": lambda difference: _plus(difference) + exact(difference),  # +1,280
    "signed_percent": lambda difference: _plus(difference) + percent(difference),  # +12.9 %, of the old value
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


_DURATION = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?(?:e-?[0-9]{1,2})?)\s*(s|ms|us|µs|ns)\s*", re.ASCII)


def parse_seconds(written: str) -> float:
    """Read `20 ms`, `1.5s` or `300us` as seconds.

    Raises:
        RequestError: it has no unit, or is no number above 0.
    """
    match = _DURATION.fullmatch(written)
    value = 0.0 if match is None else float(match[1]) * {"us": 1e-6, **{unit: by for by, unit in _TIMES}}[match[2]]
    if value <= 0:
        raise RequestError(f"{written!r} is not a time; write a number above 0 with s, ms, µs or ns, like 20 ms")
    return value
