"""`netcost list [PATTERN]`: lists the zoo with its counts."""

from __future__ import annotations

from typing import Annotated

import typer

from netcost.cli import options, output


def list_models(
    pattern: Annotated[str, typer.Argument(help="Quoted shell pattern, like 'shufflenet*'.")] = "*",
    check: Annotated[
        bool, typer.Option("--check", help="Count all again; exit 1 on an unexplained difference.")
    ] = False,
    why: Annotated[
        bool, typer.Option("--why", help="Add published figures, their source, and why layers differ.")
    ] = False,
    format_name: options.Format = None,
    out: options.Output = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """List the architectures of the zoo by what one chooses by: year, params, mult-adds and memory access."""
    format_name = output.check_request(format_name, out)
    if not check:
        from netcost.search.listed import listed

        output.show_result(listed(pattern, why), format_name, out, quiet=quiet)
        return 0
    from netcost.counting.recount import RecountStatus, recount, recount_table

    with output.progress_bar(quiet) as progress:
        recounts = recount(pattern, progress)
    output.show_result(recount_table(recounts, why), format_name, out, quiet=quiet)
    return int(any(entry.agreement is RecountStatus.DISAGREES for entry in recounts))
