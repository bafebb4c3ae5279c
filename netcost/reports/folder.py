"""A folder of reports: its measurements are found, everything is made, and only then is anything written."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from netcost.reports import index
from netcost.reports.document import Report
from netcost.reports.kinds import MEASURED, claims_report, zoo_report
from netcost.text.errors import OutputError, RequestError
from netcost.text.writing import renew_text
from netcost.timing.sampling import Progress

_HEADING = re.compile(r"^# +(\S.*)$", re.MULTILINE)


def require(folder: Path) -> None:
    """Refuse a folder that cannot be written, or whose README.md somebody else wrote, before any work is done.

    Raises:
        OutputError: it is one; the message says what to do.
    """
    shown = str(folder)
    try:
        is_file = not stat.S_ISDIR(folder.stat().st_mode)
    except FileNotFoundError:
        is_file = False
    except OSError as error:
        raise OutputError(f"cannot write into {shown!r}: {error.strerror or error}; name another folder") from error
    if is_file:
        raise OutputError(f"cannot write into {shown!r}: it is a file; name a folder")
    existing = folder if _is_folder(folder) else folder.parent
    if not _is_folder(existing):
        raise OutputError(f"cannot make {shown!r}: there is no folder {str(existing)!r}; create it first")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise OutputError(
            f"cannot write into {str(existing)!r}: permission denied; choose a place that you may write to"
        )
    there = folder / index.NAME
    if os.path.lexists(there) and not _text(there).startswith(index.BEGINNING):
        raise OutputError(
            f"{str(there)!r} was not written by netcost report, which would replace it; name another folder"
        )


def made(folder: Path, measurements: Path | None, progress: Progress | None = None) -> dict[str, str]:
    """The text of every file that belongs in the folder, by its path within it.

    A measurement that lies in the folder itself is not among them, but one that lies elsewhere is.

    Args:
        folder: to be written; it need not be there.
        measurements: the folder in which saved measurements lie; None where there are none.
        progress: told the share done and what is being done.

    Raises:
        RequestError: there is no such folder, a measurement in it is damaged, or the extra is not installed.
    """
    if measurements is not None and not _is_folder(measurements):
        raise RequestError(f"there is no folder {str(measurements)!r}; name that of the saved measurements")
    say = progress or (lambda _share, _text: None)
    found = [(make, path) for pattern, make in MEASURED.items() for path in _measurements(measurements, pattern)]
    reports: list[Report] = []
    for at, (make, path) in enumerate(found):
        say(0.1 * at / len(found), f"reading {path.name}")
        reports.append(make(path))
    reports.append(zoo_report(lambda share, text: say(0.1 + 0.3 * share, text)))
    say(0.4, "recomputing claims")
    reports += [claims_report("claims"), claims_report("errata", errata=True)]
    files: dict[str, str] = {}
    for at, report in enumerate(reports):
        say(0.6 + 0.4 * at / len(reports), f"drawing {report.name}")
        files |= report.written()
    if measurements is not None and not _is_same(folder, measurements):
        files |= {path.name: _text(path) for _, path in found}
    return files | {index.NAME: index.index(reports, _others(folder, files))}


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Put the files into the folder, which is made where it is missing; a file that is as it should be stays as it is.

    Raises:
        OutputError: one cannot be written; it is then as it was, and so are those after it.
    """
    for parent in {(folder / name).parent for name in files}:
        try:
            parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {str(parent)!r}: {error.strerror or error}") from error
    for name, text in files.items():
        renew_text(folder / name, text)


def _measurements(folder: Path | None, pattern: str) -> list[Path]:
    """Those of the folder that have such a name, in order."""
    return [] if folder is None else sorted(folder.glob(pattern))


def _is_folder(path: Path) -> bool:
    """Whether it is one that we may look at."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return False


def _is_same(folder: Path, other: Path) -> bool:
    return _is_folder(folder) and folder.samefile(other)


def _others(folder: Path, files: Mapping[str, str]) -> dict[str, str]:
    """Title of each file of Markdown in the folder that is none of ours, nor of a measurement that is gone."""
    paths = sorted(folder.glob("*.md")) if _is_folder(folder) else []
    gone = [path.with_suffix(".md").name for path in paths if any(map(path.with_suffix(".json").match, MEASURED))]
    other = [path for path in paths if path.is_file() and path.name not in {index.NAME, *files, *gone}]
    titles = {path.name: _HEADING.search(_text(path)) for path in other}
    return {name: title[1] if title else name for name, title in titles.items()}


def _text(path: Path) -> str:
    """What a file holds, its line ends too.

    Raises:
        RequestError: it cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise RequestError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
