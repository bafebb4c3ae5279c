"""A folder of reports: finds its measurements, makes every file, and writes only when all are made."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from netcost.reports import index
from netcost.reports.document import Report
from netcost.reports.kinds import claims_report, evidence_report, zoo_report
from netcost.reports.written import MADE_ANEW, MEASURED, maker_of
from netcost.text.errors import OutputError, RequestError
from netcost.text.writing import renew_text
from netcost.timing.sampling import Progress

_HEADING = re.compile(r"^# +(\S.*)$", re.MULTILINE)


def require(folder: Path) -> None:
    """Check before any work that the folder can be written, and that its README.md was not written by somebody else.

    Raises:
        OutputError: it cannot, or was; the message says what to do.
    """
    shown, readme = str(folder), folder / index.NAME
    try:
        is_file = folder.exists() and not folder.is_dir()
    except OSError as error:
        raise OutputError(f"cannot write into {shown!r}: {error.strerror or error}; name another folder") from error
    if is_file:
        raise OutputError(f"cannot write into {shown!r}: it is a file; name a folder")
    existing = folder if _is_folder(folder) else folder.parent
    if not _is_folder(existing):
        raise OutputError(f"cannot make {shown!r}: there is no folder {str(existing)!r}; create it first")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write into {str(existing)!r}: permission denied; choose a folder you may write to")
    if os.path.lexists(readme) and not _text(readme).startswith(index.BEGINNING):
        raise OutputError(f"netcost report would replace {str(readme)!r}, which it did not write; name another folder")


def made(folder: Path, measurements: Path | None, progress: Progress | None = None) -> dict[str, str]:
    """Return the text of every file of the folder, by its path within it; of measurements only those from elsewhere.

    Args:
        folder: to be written; it may be missing.
        measurements: the folder of saved measurements, if any.
        progress: called with the share done and the present step.

    Raises:
        RequestError: there is no such folder, a measurement in it is damaged, or the extra is not installed.
    """
    if measurements is not None and not _is_folder(measurements):
        raise RequestError(f"there is no folder {str(measurements)!r}; name that of the saved measurements")
    say = progress or (lambda _share, _text: None)
    makers = [] if measurements is None else [(maker_of(path), path) for path in _candidates(measurements)]
    saved = [(make, path) for make, path in makers if not isinstance(make, str)]
    saved.sort(key=lambda entry: [*MEASURED.values(), entry[0]].index(entry[0]))  # guidelines first, then comparisons
    reports: list[Report] = []
    for number, (make, path) in enumerate(saved):
        say(0.1 * number / len(saved), f"reading {path.name}")
        reports.append(make(path))
    reports.append(zoo_report(lambda share, text: say(0.1 + 0.3 * share, text)))
    say(0.4, "recomputing evidence")
    reports.append(evidence_report())
    say(0.5, "recomputing claims")
    reports += [claims_report("claims"), claims_report("errata", errata=True)]
    files: dict[str, str] = {}
    for number, report in enumerate(reports):
        say(0.6 + 0.4 * number / len(reports), f"drawing {report.name}")
        files |= report.written()
    if measurements is not None and not (_is_folder(folder) and folder.samefile(measurements)):
        files |= {path.name: _text(path) for _, path in saved}
    return files | {index.NAME: index.index(reports, _others(folder, files))}


def left_out(measurements: Path) -> dict[str, str]:
    """Return the reason for each JSON file of a folder that gets no report, by its name."""
    reasons = {path.name: maker_of(path) for path in _candidates(measurements)}
    return {name: reason for name, reason in reasons.items() if isinstance(reason, str)}


def _candidates(measurements: Path) -> list[Path]:
    return [path for path in sorted(measurements.glob("*.json")) if path.stem not in MADE_ANEW]


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files that are new or changed, and make the folder where it is missing.

    Raises:
        OutputError: a file cannot be written; it is unchanged then, and so are those after it.
    """
    for parent in {(folder / name).parent for name in files}:
        try:
            parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {str(parent)!r}: {error.strerror or error}") from error
    for name, text in files.items():
        renew_text(folder / name, text)


def _is_folder(path: Path) -> bool:
    """True for a folder that we may look at."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _others(folder: Path, files: Mapping[str, str]) -> dict[str, str]:
    """Return the title of each Markdown file in the folder that is not ours, nor of a measurement that is gone."""
    paths = sorted(folder.glob("*.md"))
    gone = [path.with_suffix(".md").name for path in paths if any(map(path.with_suffix(".json").match, MEASURED))]
    other = [path for path in paths if path.is_file() and path.name not in {index.NAME, *files, *gone}]
    titles = {path.name: _HEADING.search(_text(path)) for path in other}
    return {name: title[1] if title else name for name, title in titles.items()}


def _text(path: Path) -> str:
    """Read a file with its line ends, or raise a RequestError."""
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise RequestError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
