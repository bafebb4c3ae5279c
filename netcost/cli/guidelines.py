"""`netcost guidelines`: tests the four guidelines of ShuffleNet V2 on this device."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from netcost.cli import options, output
from netcost.text.formats import DRAWN

if TYPE_CHECKING:
    from netcost.guidelines.findings import Findings


def guidelines(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[g1 g2 g3 g4 networks]", help="Experiments [default: g1 to g4].")
    ] = None,
    device: options.DeviceOrNone = "cpu",
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads [default: both 1 and torch's own number].")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only widths x1, batch 1 and all threads: under 2 minutes on 2 cores.")
    ] = False,
    batch: options.Batch = None,
    dtype: options.Dtype = None,
    memory_format: options.MemoryFormat = None,
    backend: options.Backend = "eager",
    cold_cache: options.ColdCache = False,
    budget: Annotated[
        float | None,
        typer.Option(min=0.0, help="Time budget in seconds [default: 900, --quick 80; networks 600, --quick 75]."),
    ] = None,
    precision: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="Stop early at this half-width of the 95 % interval [default: 0.005; networks 0.02]."
        ),
    ] = None,
    peaks: options.Peaks = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Also profile: G4's element-wise time, and networks by kind.")
    ] = False,
    saved: Annotated[
        str | None, typer.Option("--from", help="Continue a run saved as JSON; with --device none, show it.")
    ] = None,
    format_name: options.DrawnFormat = None,
    out: options.Output = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Repeat the controlled experiments of ShuffleNet V2, with a verdict per guideline on this device.

    networks asks which count best explains the latency of the zoo's networks.

    With -o, the results so far are written after each setting. Examples: netcost guidelines g1 --quick;
    netcost guidelines --format json -o guidelines.json; netcost guidelines --from guidelines.json --device none
    """
    format_name = output.check_request(format_name, out, DRAWN)
    from netcost.guidelines import profiled
    from netcost.guidelines.options import Options
    from netcost.guidelines.overview import ShownFindings
    from netcost.guidelines.running import ALL, require, run
    from netcost.guidelines.saved import load
    from netcost.profiling.roofline import given_peaks

    timing = options.timing(
        device,
        threads=threads,
        dtype=dtype,
        memory_format=memory_format,
        backend=backend,
        cold_cache=cold_cache,
        budget=budget,
        precision=precision,
    )
    finished: list[Findings] = []

    def show(findings: Findings) -> None:
        shown = ShownFindings(_with_command(findings) if timing.is_timed else findings)
        output.show_result(shown, format_name, out, quiet=quiet)

    def save(findings: Findings) -> None:
        if out is not None:
            show(findings)
            finished.append(findings)

    earlier = None if saved is None else load(saved)
    asked = names or ([] if earlier is not None and not timing.is_timed else ALL)
    experiment = Options(
        timing,
        batch,
        quick=quick,
        elementwise_share=profiled.elementwise_share if profile else None,
        time_by_kind=profiled.time_by_kind if profile else None,
    )
    require(asked, experiment, earlier, with_peaks=peaks is not None)
    try:
        with output.progress_bar(quiet) as progress:
            if peaks is not None:
                experiment = replace(experiment, peaks=given_peaks(peaks, device, threads, progress))
            findings = run(asked, experiment, saved=earlier, keep=save, progress=progress)
    except KeyboardInterrupt:
        if finished and format_name == "json":
            typer.echo(f"netcost: the finished settings are in {out!r}; continue with --from {out}", err=True)
        raise
    show(findings)
    for error in findings.errors:
        typer.echo(f"netcost: {error}", err=True)
    return 3 if findings.errors else 0


def _with_command(findings: Findings) -> Findings:
    """Append this command to those that timed the findings before."""
    own, before = output.command(), findings.command
    return replace(findings, command=before if before.endswith(own) else f"{before}; {own}" if before else own)
