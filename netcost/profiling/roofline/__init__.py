"""What this device can do at best, and how much of it a network uses."""

from netcost.profiling.roofline.bound import (
    ROOFLINE_COLUMNS,
    Roofline,
    bounds_s,
    operator_bound_s,
    under_roof,
    with_bounds,
    with_roofline,
)
from netcost.profiling.roofline.peaks import Bandwidth, Peaks, Product, Rate
from netcost.profiling.roofline.probing import measure_peaks
from netcost.profiling.roofline.saved import given_peaks, read_peaks

__all__ = [
    "ROOFLINE_COLUMNS",
    "Bandwidth",
    "Peaks",
    "Product",
    "Rate",
    "Roofline",
    "bounds_s",
    "given_peaks",
    "measure_peaks",
    "operator_bound_s",
    "read_peaks",
    "under_roof",
    "with_bounds",
    "with_roofline",
]
