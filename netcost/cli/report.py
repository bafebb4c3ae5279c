"""`netcost report -o DIR`: writes a folder of reports from saved measurements and fresh counts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netcost.cli import options, output
from netcost.text import formats
from netcost.text.errors import RequestError


def report(
    out: Annotated[str, typer.Option("--output", "-o", metavar="DIR", help="Folder to write; created if missing.")],
    saved: Annotated[
        str | None, typer.Option("--from", metavar="DIR", help="Folder of saved measurements [default: that of -o].")
    ] = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Write a folder of reports: the zoo and the published claims counted again, saved measurements, and an index.

    Measurements are all files that netcost wrote with --format json, whatever their names; what is left out, and why,
    is said. Nothing is timed again. Examples: netcost report -o reports; netcost report --from runs -o site
    """
    formats.require("html")
    if not out:
        raise RequestError("--output is empty; name the folder to write")
    from netcost.reports import left_out, made, require, write

    folder = Path(out)
    require(folder)
    measurements = Path(saved) if saved is not None else folder if folder.is_dir() else None
    with output.progress_bar(quiet) as progress:
        files = made(folder, measurements, progress)
    write(folder, files)
    plural = "s" if len(files) > 1 else ""
    if measurements is not None and not quiet:
        for name, reason in left_out(measurements).items():
            typer.echo(f"netcost: left out {name}: {reason}", err=True)
    output.emit(f"wrote {len(files)} file{plural} to {out}; begin with {folder / 'README.md'}\n", None)
    return 0
