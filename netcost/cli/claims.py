"""`netcost claims [ID | PATTERN]`: recomputes published arithmetic."""

from __future__ import annotations

from typing import Annotated

import typer

from netcost.cli import options, output
from netcost.text.formats import DRAWN


def claims(
    pattern: Annotated[
        str, typer.Argument(metavar="[ID|PATTERN]", help="One claim with its arithmetic, or a quoted shell pattern.")
    ] = "*",
    errata: Annotated[bool, typer.Option("--errata", help="Show errors in the papers' own figures instead.")] = False,
    sums: Annotated[bool, typer.Option("--sums", help="Show the arithmetic of each claim, term by term.")] = False,
    device: Annotated[
        str | None, typer.Option(help="Also time the claims about speed, on cpu, cuda or cuda:1.")
    ] = None,
    threads: options.Threads = None,
    budget: Annotated[float, typer.Option(min=0.0, help="Time budget in seconds per claim about speed.")] = 10.0,
    format_name: options.DrawnFormat = None,
    out: options.Output = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Recompute published claims about cost; exit 1 if a verdict differs from the recorded one.

    Examples: netcost claims inception-854-358; netcost claims 'A0*'; netcost claims --format markdown -o claims.md
    """
    format_name = output.check_request(format_name, out, DRAWN)
    from netcost.claims import Bench, review
    from netcost.claims.sections import ShownReview
    from netcost.timing.devices import require_device

    bench = None
    if device is not None:
        bench = Bench(options.timing(require_device(device), threads=threads, budget=budget))
    with output.progress_bar(quiet) as progress:
        result = review(pattern, bench, errata=errata, progress=progress)
    output.show_result(ShownReview(result, sums, output.command()), format_name, out, quiet=quiet)
    return int(bool(result.changed))
