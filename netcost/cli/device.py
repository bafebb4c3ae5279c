"""`netcost device`: measures the peaks of this machine."""

from __future__ import annotations

from netcost.cli import options, output


def device(
    device: options.Device = "cpu",
    threads: options.Threads = None,
    budget: options.Budget = 10.0,
    format_name: options.Format = None,
    out: options.Output = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Measure the peaks of this device: matrix products, memory streaming, launch overhead and the ridge point.

    Examples: netcost device --threads 1; netcost device --device cuda --format json -o peaks.json
    """
    format_name = output.check_request(format_name, out)
    from netcost.profiling.roofline import measure_peaks

    with output.progress_bar(quiet) as progress:
        peaks = measure_peaks(device, threads, budget_s=budget, progress=progress)
    output.show_result(peaks, format_name, out, quiet=quiet)
    return 0
