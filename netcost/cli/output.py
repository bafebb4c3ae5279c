"""Writes results to standard output or a file, and progress to a terminal on standard error."""

from __future__ import annotations

import codecs
import errno
import io
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, TextIO

import typer

from netcost.text.errors import OutputError, RequestError, VerdictError
from netcost.text.formats import FORMATS, PICTURES, SUFFIXES, Result, require, result_text, without_notes
from netcost.text.notices import Notice
from netcost.text.registry import suggestion, without_folders

Progress = Callable[[float, str], None]

ARGUMENTS: ContextVar[tuple[str, ...]] = ContextVar("arguments", default=())
"""The arguments of the running command line."""

STDOUT: ContextVar[TextIO | None] = ContextVar("stdout", default=None)
"""Standard output while a command runs, for results alone; None outside of a command."""

LINE_EVERY_S = 10.0
"""Seconds between two lines of progress without a terminal."""

UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""Errors of a place that takes no more, and not of netcost."""

PLAIN = {"─": "-", "–": "-", "×": "x", "·": "*", "≥": ">=", "±": "+/-", "µ": "u", "…": "...", "²": "2"}
"""Our own signs for an encoding that lacks them; others become a question mark."""

_ENDS_IN_OUTPUT = re.compile(r"-[hq]*o")
"""Flags in one word, of which the last is `-o`: its file is the next word."""


def prepare_streams() -> None:
    """Let both streams take any text in any encoding; one that is closed takes it to nowhere."""
    codecs.register_error("netcost", _plain)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  # for as long as we run
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="netcost")


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


def check_request(format_name: str | None, output: str | None, formats: Sequence[str] = FORMATS) -> str:
    """Return the format, given or by the suffix of the file, "table" without both; refuse before any work is done.

    Raises:
        RequestError: the format is unknown, or the suffix is that of another.
        OutputError: the file cannot be written.
    """
    suffix = Path(output or "").suffix.lower()
    by_suffix = SUFFIXES.get(suffix, ())
    chosen = format_name or (by_suffix[0] if by_suffix else "table")
    if chosen not in formats:
        came = f"format {chosen!r}" if format_name else f"format of {output!r} for this command"
        near = suggestion(chosen, formats)
        raise RequestError(f"unknown {came}; expected one of {', '.join(formats)}{near}")
    if by_suffix and chosen not in by_suffix:
        raise RequestError(
            f"--format {chosen} does not go into {output!r}, whose suffix says {by_suffix[0]}; leave --format out, or "
            "give the file another suffix"
        )
    require(chosen)
    check_file(output)
    return chosen


def check_file(output: str | None) -> None:
    """Refuse a file that cannot be written (OutputError)."""
    if output is not None:
        folder = Path(output).parent
        if not folder.is_dir():
            raise OutputError(f"cannot write {output!r}: there is no folder {str(folder)!r}; create it first")
        if Path(output).is_dir():
            raise OutputError(f"cannot write {output!r}: it is a folder; name a file")


def show_result(
    result: Result,
    format_name: str,
    output: str | None,
    *,
    quiet: bool = False,
    write: Callable[..., str] = result_text,
) -> None:
    """Write a result in any format; a terminal gets its width, and colour unless it is switched off.

    Args:
        quiet: leave out the notes.
        write: turns the result into text, for results with formats of their own.
    """
    if format_name in PICTURES:
        from netcost.reports import pictures
        from netcost.reports.pages import page_of

        return emit(pictures.drawn(page_of(result), format_name), output)
    if format_name == "html":
        from netcost.reports import html
        from netcost.reports.pages import page_of

        page = replace(page_of(result), made_by=command())
        text = html.render(replace(page, sections=tuple(without_notes(page.sections))) if quiet else page)
    else:
        in_terminal = format_name == "table" and output is None and (STDOUT.get() or sys.stdout).isatty()
        text = write(result, format_name, quiet=quiet, **(_terminal_style() if in_terminal else {}))
    return emit(text, output)


def _terminal_style() -> dict[str, Any]:
    color = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return {"width": shutil.get_terminal_size().columns, "color": color}


def emit(text: str | bytes, output: str | None) -> None:
    """Write to a file or standard output; a file that cannot be written (OutputError) is unchanged.

    Where the reader of standard output has ended (head, a pager), the command goes on, and has its own exit code.
    """
    if output is not None:
        from netcost.text.writing import write_bytes, write_text

        return write_text(output, text) if isinstance(text, str) else write_bytes(output, text)
    try:
        return typer.echo(text, file=STDOUT.get(), nl=False)
    except OSError as error:
        end_output()
        if isinstance(error, BrokenPipeError):
            return None
        raise OutputError(f"cannot write to standard output: {error.strerror}; choose a file with --output") from error


def end_output() -> None:
    """Drop what is left to write to standard output; Python would fail again while it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), (STDOUT.get() or sys.stdout).fileno())


def for_results(command: Callable[..., int]) -> Callable[..., int]:
    """Keep standard output for the results of a command: what a network's own code prints goes to standard error."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> int:
        token = STDOUT.set(sys.stdout)
        try:
            with redirect_stdout(sys.stderr):
                return command(*args, **kwargs)
        finally:
            STDOUT.reset(token)

    return run


def command() -> str:
    """Return the command line for other readers: without the output file, and without folders."""
    words, given = ["netcost"], iter(ARGUMENTS.get())
    for word in given:
        if word == "--output" or _ENDS_IN_OUTPUT.fullmatch(word):
            next(given, None)
            words += [word[:-1]] if len(word) > len("-o") and not word.startswith("--") else []
        elif not word.startswith(("-o", "--output=")):
            words.append(without_folders(word))
    return shlex.join(words)


def refuse_unknown(unknown: dict[str, int], strict: bool) -> None:
    """Under `--strict`, fail (VerdictError) if there are operators without a counting rule."""
    if strict and unknown:
        listed = ", ".join(f"{name} ({times})" for name, times in unknown.items())
        raise VerdictError(f"no rule counts {listed}; register one with @netcost.rule, or leave out --strict")


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Progress | None]:
    """Show a bar on standard error, or without a terminal a line every `LINE_EVERY_S`; yield None under `--quiet`."""
    if quiet:
        yield None
        return
    if not sys.stderr.isatty():
        yield progress_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=1.0)

        def show(share: float, text: str) -> None:
            if isinstance(text, Notice):
                bar.console.print(f"netcost: {text}", markup=False, highlight=False)
            bar.update(task, completed=share, description=text)

        yield show


def progress_lines(clock: Callable[[], float] = time.monotonic) -> Progress:
    """Make a progress that writes a line to standard error every `LINE_EVERY_S`, and every notice at once."""
    begun = told = clock()

    def show(share: float, text: str) -> None:
        nonlocal told
        now = clock()
        if isinstance(text, Notice):
            typer.echo(f"netcost: {text}", err=True)
        elif now - told >= LINE_EVERY_S:
            told = now
            typer.echo(f"netcost: {100 * share:.0f} % after {now - begun:.0f} s, {text}", err=True)

    return show
