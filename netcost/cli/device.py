"""`netcost device`: this machine's measured peaks."""

from __future__ import annotations

from typing import Annotated

import typer

from netcost.cli import options, output


def device(
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")] = "cpu",
    threads: options.Threads = None,
    budget: Annotated[float, typer.Option(min=0.0, help="Seconds for all measurements together.")] = 10.0,
    format_name: options.Format = "table",
    out: options.Output = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Measure what this device can do at best: matrix products, streaming, launches, and the roofline's ridge.

    Examples: netcost device --threads 1; netcost device --device cuda --format json -o peaks.json
    """
    output.check_request(format_name, out)
    from netcost.profiling.roofline import measure_peaks

    with output.progress_bar(quiet) as progress:
        peaks = measure_peaks(device, threads, budget_s=budget, progress=progress)
    output.show_result(peaks, format_name, out, quiet=quiet)
    return 0
