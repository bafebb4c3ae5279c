"""Reads peaks from a file that `netcost device` wrote, or measures those of this device."""

from __future__ import annotations

from netcost.profiling.roofline.datasheets import DATASHEETS, datasheet_peaks
from netcost.profiling.roofline.peaks import REMEDY, Peaks
from netcost.profiling.roofline.probing import measure_peaks
from netcost.text.documents import Source
from netcost.text.reading import Node
from netcost.timing.sampling import Progress
from netcost.timing.setting import NO_DEVICE

LARGEST_BYTES = 10 * 2**20
"""A file of peaks has some ten kilobytes; a larger one is something else."""


def given_peaks(
    written: str, device: str = "cpu", threads: int | None = None, progress: Progress | None = None
) -> Peaks:
    """Return the peaks that `written` names: a file, "measure", or a device of `DATASHEETS`.

    Args:
        device, threads, progress: for measuring; device "none" has the peaks of the CPU.

    Raises:
        RequestError: the file cannot be read, or holds no peaks.
        MeasurementError: there is no such device.
    """
    if written.lower() in DATASHEETS:
        return datasheet_peaks(written.lower())
    if written != "measure":
        return read_peaks(written)
    return measure_peaks("cpu" if device == NO_DEVICE else device, threads, progress=progress)


def read_peaks(path: str) -> Peaks:
    """Read peaks from a file, or raise a RequestError of one line."""
    return Peaks.from_node(Node.of_file(path, Source(repr(path), REMEDY), LARGEST_BYTES))
