"""`netcost evidence`: which count explains latency where, recomputed from public tables."""

from __future__ import annotations

from typing import Annotated

import typer

from netcost.cli import options, output
from netcost.text.formats import DRAWN


def evidence(
    table: Annotated[
        str | None,
        typer.Option(
            "--table", metavar="NAME", help="A device, a device with its setting, or a source, as shown [default: all]."
        ),
    ] = None,
    format_name: options.DrawnFormat = None,
    out: options.Output = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Show which count explains latency where: mult-adds or memory access, on each device of the public tables.

    Recomputes rank correlations and errors, with intervals, from times that others measured; nothing is timed here.

    Examples: netcost evidence; netcost evidence --table 'RTX 4090'; netcost evidence --table ncnn -f csv -o ncnn.csv
    """
    format_name = output.check_request(format_name, out, DRAWN)
    from netcost.prediction.evidence import evidence as recomputed

    output.show_result(recomputed(table), format_name, out, quiet=quiet)
    return 0
