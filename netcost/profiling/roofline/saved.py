"""Peaks from where somebody names them: a file that `netcost device` wrote, or this device, now."""

from __future__ import annotations

from pathlib import Path

from netcost.profiling.roofline.peaks import Peaks
from netcost.profiling.roofline.probing import measure_peaks
from netcost.text.errors import RequestError
from netcost.text.reading import parsed_json
from netcost.timing.sampling import Progress
from netcost.timing.setting import NO_DEVICE

LARGEST_BYTES = 10_000_000
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
    try:
        with Path(path).open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RequestError(f"cannot read the peaks in {path!r}: {reason}; write them with {_COMMAND}") from error
    except ValueError as error:  # a name with a zero byte in it
        raise RequestError(f"{path!r} is no name of a file; write peaks with {_COMMAND}") from error
    if len(content) > LARGEST_BYTES:
        raise RequestError(f"{path!r} is too large for a file of peaks; write one with {_COMMAND}")
    try:
        plain = parsed_json(content)
    except ValueError as error:
        raise RequestError(f"{path!r} is not JSON ({error}); write peaks with {_COMMAND}") from error
    try:
        return Peaks.from_dict(plain)
    except RequestError as error:
        raise RequestError(f"{path!r} holds no peaks: {error}") from error


_COMMAND = "`netcost device --format json -o FILE`"
