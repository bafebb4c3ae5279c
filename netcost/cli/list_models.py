"""`netcost list [PATTERN]`: the zoo with its published figures."""

from __future__ import annotations

from typing import Annotated

import typer

from netcost.cli import options, output


def list_models(
    pattern: Annotated[str, typer.Argument(help="Shell pattern, like 'shufflenet*'; quote it.")] = "*",
    check: Annotated[
        bool, typer.Option("--check", help="Count all again; fail (1) on an unexplained difference.")
    ] = False,
    why: Annotated[bool, typer.Option("--why", help="Say why a printed figure is not what the layers give.")] = False,
    format_name: options.Format = "table",
    out: options.Output = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """List the architectures of the zoo and what their papers publish."""
    output.check_request(format_name, out)
    if not check:
        from netcost.zoo.catalogue import catalogue_table

        output.show_result(catalogue_table(pattern, why), format_name, out, quiet=quiet)
        return 0
    from netcost.counting.recount import RecountStatus, recount, recount_table

    with output.progress_bar(quiet) as progress:
        found = recount(pattern, progress)
    output.show_result(recount_table(found, why), format_name, out, quiet=quiet)
    return int(any(each.agreement is RecountStatus.DISAGREES for each in found))
