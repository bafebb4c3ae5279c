"""Measured peaks of this device, and the share of them that a network uses."""

from netcost.profiling.roofline.bound import ROOFLINE_COLUMNS, Roofline, bounds_s, under_roof
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
    "read_peaks",
    "under_roof",
]
