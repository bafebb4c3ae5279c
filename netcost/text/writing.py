"""Writing, the one place that writes files: a file is written whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from netcost.text.errors import OutputError


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` in UTF-8 to `path`, through a temporary file beside it.

    An existing file keeps its permissions, and stays as it was if anything fails. A link is followed. A pipe or a
    terminal is written to as it stands.

    Raises:
        OutputError: it could not be written; the message says why.
    """
    write_bytes(path, _encoded(text))


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` to `path` as `write_text` does."""
    written = os.fspath(path)
    try:
        _write(Path(path), content, names_directory=written.endswith(os.sep))
    except OSError as error:
        raise OutputError(f"cannot write {written!r}: {_reason(Path(path), error)}") from error


def renew_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` in UTF-8 to `path`, unless the file holds exactly that already.

    Raises:
        OutputError: it could not be written; the message says why.
    """
    with suppress(OSError):  # nothing there, or nothing that can be read: writing says whether that matters
        if Path(path).read_bytes() == _encoded(text):
            return
    write_text(path, text)


def append_text(path: str | os.PathLike[str], text: str) -> None:
    """Append `text` in UTF-8 to the file at `path`, or create it.

    Raises:
        OutputError: it could not be read or written; the message says why.
    """
    try:
        before = Path(path).read_text(encoding="utf-8") if Path(path).is_file() else ""
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot add to {os.fspath(path)!r}: {error}; name a file of text") from error
    write_text(path, before + text)


def _encoded(text: str) -> bytes:
    """Encode in UTF-8; half a surrogate, which a file name can hold, has no code there and is spelled out."""
    return text.encode("utf-8", errors="backslashreplace")


def _write(path: Path, content: bytes, names_directory: bool) -> None:
    """Write `content` to `path`: a new file in place of a regular one, or into a pipe or terminal."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    if names_directory or (mode is not None and stat.S_ISDIR(mode)):
        raise IsADirectoryError
    if mode is not None and not stat.S_ISREG(mode):
        path.write_bytes(content)
        return
    # Replacing a file needs write access to its directory only; a read-only file must be respected all the same.
    if mode is not None and not os.access(path, os.W_OK):
        raise PermissionError
    _replace(path.resolve(), content, mode)


def _replace(target: Path, content: bytes, mode: int | None) -> None:
    """Put a new file in the place of `target` in one step; a `mode` gives its permissions."""
    temporary = target.with_name(f".netcost-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            if mode is not None:
                temporary.chmod(stat.S_IMODE(mode))  # before the content, which may be private
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:  # an interrupt too must not leave half a file behind
        temporary.unlink(missing_ok=True)
        raise


def _reason(path: Path, error: OSError) -> str:
    """Say in half a sentence why writing failed and what to do."""
    match error:
        case PermissionError():
            return "permission denied; choose a place that you may write to"
        case IsADirectoryError():
            return f"it is a directory; name a file in it, like {str(path / 'netcost.json')!r}"
        case FileNotFoundError():
            return f"there is no directory {str(path.parent)!r}; create it first"
        case NotADirectoryError():
            return f"{str(path.parent)!r} is not a directory; choose another place"
        case _:
            return f"{error.strerror or error}; choose another place"
