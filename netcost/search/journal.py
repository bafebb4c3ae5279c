"""The file of a search: a line of JSON on the space, then one per candidate, written as soon as it is counted.

A run that was killed goes on from what the file holds. At the end its lines are put into the order of the candidates,
so that the file of a run that was resumed is the file of one that was not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from netcost.search.spaces import SearchCandidate, Space
from netcost.text.documents import shown
from netcost.text.errors import OutputError, RequestError
from netcost.text.version import __version__
from netcost.text.writing import write_text

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class SearchRow:
    """A candidate of a search with its figures, or its error.

    Args:
        candidate: as plain values.
        figures: every metric by its identifier; a missing one is None, and there is none at all after an error.
        unknown_ops: operators without a counting rule, and the runs of each.
        notes: sentences on what the count hangs on.
        predicted: by device, as `PredictedLatency` writes it.
        compare: words for `netcost compare` that name the same network and input.
        error: the reason why it could not be counted.
    """

    candidate: SearchCandidate
    figures: Mapping[str, Any] = field(default_factory=dict)
    unknown_ops: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    predicted: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    compare: str = ""
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        counted = {"figures": dict(self.figures), "unknown_ops": dict(self.unknown_ops), "notes": list(self.notes)}
        predicted = {"predicted": dict(self.predicted)} if self.predicted else {}
        found = counted | predicted | {"compare": self.compare} if self.error is None else {"error": self.error}
        return {"candidate": self.candidate.to_dict(), **found}

    @classmethod
    def of_dict(cls, plain: Mapping[str, Any]) -> SearchRow:
        """Return the row of such plain values."""
        candidate = SearchCandidate.of_dict(plain["candidate"])
        given = {
            name: plain[name] for name in ("figures", "unknown_ops", "predicted", "compare", "error") if name in plain
        }
        return cls(candidate, notes=tuple(plain.get("notes", ())), **given)


class Journal:
    """The rows of a search, in memory and in a file.

    Args:
        path: of the file; None keeps the rows in memory alone.
        space: of the candidates.
        on: devices whose latency is predicted.

    Raises:
        RequestError: the file is no file of a search, or one of another space.
        OutputError: it cannot be read or written.
    """

    def __init__(self, path: Path | None, space: Space, on: Iterable[str] = ()) -> None:
        self.path = path
        self.rows: dict[SearchCandidate, SearchRow] = {}
        head = {"schema": SCHEMA, "netcost": __version__, "torch": version("torch"), **space.to_dict(), "on": list(on)}
        self._head = json.dumps(head)
        self._file: IO[str] | None = None
        if path is None:
            return
        kept = self._read(path)
        try:
            self._file = path.open("a", encoding="utf-8")
            self._file.truncate(kept)
            if not kept:
                self._write(self._head)
        except OSError as error:
            raise OutputError(f"cannot write {shown(path)!r}: {error.strerror}; choose another file") from error

    def add(self, row: SearchRow) -> None:
        """Keep a row, in the file before anything else is counted."""
        self.rows[row.candidate] = row
        if self._file is not None:
            self._write(_line(row))

    def close(self) -> None:
        """Close the file as it is."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def end(self, candidates: Iterable[SearchCandidate]) -> None:
        """Close the file and put its lines into the order of the candidates; rows of others stay behind them."""
        self.close()
        if self.path is None:
            return
        order = dict.fromkeys([*candidates, *self.rows])
        lines = [self._head, *(_line(self.rows[candidate]) for candidate in order if candidate in self.rows)]
        text = "".join(f"{line}\n" for line in lines)
        if self.path.read_text(encoding="utf-8") != text:
            write_text(self.path, text)

    def _write(self, line: str) -> None:
        assert self._file is not None
        self._file.write(f"{line}\n")
        self._file.flush()

    def _read(self, path: Path) -> int:
        """Read the rows of the file; return the bytes up to the end of its last whole line."""
        try:
            written = path.read_bytes()
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise OutputError(f"cannot read {shown(path)!r}: {error.strerror}; choose another file") from error
        whole = written[: written.rfind(b"\n") + 1]  # a run that was killed may have cut its last line
        lines = whole.decode(errors="replace").splitlines()
        if written and (not lines or lines[0] != self._head):
            raise RequestError(f"{shown(path)!r} {_difference(lines, self._head)}; name another file with --results")
        kept = len(lines[0].encode()) + 1 if lines else 0
        for line in lines[1:]:
            with suppress(ValueError, KeyError, TypeError, AttributeError):
                row = SearchRow.of_dict(json.loads(line))
                self.rows[row.candidate] = row
                kept += len(line.encode()) + 1
                continue
            raise RequestError(
                f"{shown(path)!r} has a line that is no row of a search: {line[:60]!r}; mend or remove it"
            )
        return kept


def _line(row: SearchRow) -> str:
    return json.dumps(row.to_dict(), ensure_ascii=False)


def _difference(lines: list[str], expected: str) -> str:
    """Say why a file is not that of a search."""
    try:
        found, asked = json.loads(lines[0]), json.loads(expected)
        differing = [name for name in asked if found[name] != asked[name]]
    except (ValueError, KeyError, TypeError, IndexError):
        return "is not a file of netcost search"
    words = {"digest": "choices or code", "candidates": "choices or code"}
    names = dict.fromkeys(words.get(name, name) for name in differing)
    return f"is of a search with other {', '.join(names)}"
