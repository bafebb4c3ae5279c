"""A folder of reports: its measurements are found, everything is made, and only then is anything written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from netcost.errors import OutputError, RequestError
from netcost.formats.writing import write_text
from netcost.report import compare, guidelines, index
from netcost.report.claims import claims_report
from netcost.report.document import Report
from netcost.report.zoo import zoo_report

MEASURED = {guidelines.PATTERN: guidelines.guidelines_report, compare.PATTERN: compare.compare_report}
"""What makes a report of a measurement, by the names of their files."""

_HEADING = re.compile(r"^# +(\S.*)$", re.MULTILINE)

Progress = Callable[[float, str], None]


def made(measurements: Path | None, progress: Progress | None = None) -> dict[str, str]:
    """The text of every file of the folder, by its path within it.

    Args:
        measurements: the folder in which saved measurements lie; None where there are none.
        progress: told the share done and what is being done.

    Raises:
        RequestError: there is no such folder, a measurement in it is damaged, or the extra is not installed.
    """
    if measurements is not None and not measurements.is_dir():
        raise RequestError(f"there is no folder {str(measurements)!r}; name that of the saved measurements")
    say = progress or (lambda _share, _text: None)
    found = [(make, path) for pattern, make in MEASURED.items() for path in _files(measurements, pattern)]
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
    return files | {index.NAME: index.index(reports, _others(measurements, files))}


def _files(folder: Path | None, pattern: str) -> list[Path]:
    """Those of the folder that have such a name, in order; what describes a CSV file is no measurement."""
    found = [] if folder is None else sorted(folder.glob(pattern))
    return [path for path in found if not path.name.endswith(".csv-metadata.json")]


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Put the files into the folder, which is made where it is missing; what is there already stays untouched.

    Raises:
        OutputError: one cannot be written; it is then as it was.
    """
    for parent in {(folder / name).parent for name in files}:
        try:
            parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {str(parent)!r}: {error.strerror or error}") from error
    for name, text in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != text.encode("utf-8", errors="backslashreplace"):
            write_text(path, text)


def _others(folder: Path | None, files: Mapping[str, str]) -> dict[str, str]:
    """Title of each file of Markdown that lies in the folder and is not ours."""
    texts = {
        path.name: path.read_text(encoding="utf-8", errors="replace")
        for path in _files(folder, "*.md")
        if path.name not in {index.NAME, *files}
    }
    titles = {name: _HEADING.search(text) for name, text in texts.items()}
    return {name: title[1] if title else name for name, title in titles.items()}
