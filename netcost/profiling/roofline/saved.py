"""Peaks from where somebody names them: a file that `netcost device` wrote, or this device, now."""

from __future__ import annotations

from netcost.profiling.roofline.peaks import REMEDY, Peaks
from netcost.profiling.roofline.probing import measure_peaks
from netcost.text.documents import Source
from netcost.text.reading import Node
from netcost.timing.sampling import Progress
from netcost.timing.setting import NO_DEVICE

LARGEST_BYTES = 10 * 2**20
"""A file of peaks has some ten kilobytes; one that is larger than this is something else."""

MEASURE = "measure"


def given_peaks(
    written: str, device: str = "cpu", threads: int | None = None, progress: Progress | None = None
) -> Peaks:
    """The peaks that `written` stands for.

    Args:
        written: "measure", or the name of a file.
        device, threads, progress: of measuring; device "none" has the peaks of the CPU.

    Raises:
        RequestError: the file cannot be read, or is none of peaks.
        MeasurementError: there is no such device.
    """
    if written != MEASURE:
        return read_peaks(written)
    return measure_peaks("cpu" if device == NO_DEVICE else device, threads, progress=progress)


def read_peaks(path: str) -> Peaks:
    """The peaks in a file.

    Raises:
        RequestError: it cannot be read, or holds something else; one line says what.
    """
    return Peaks.from_node(Node.of_file(path, Source(repr(path), REMEDY), LARGEST_BYTES))
