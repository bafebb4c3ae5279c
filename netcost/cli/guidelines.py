"""`netcost guidelines`: the four guidelines of ShuffleNet V2, tried and judged on this device."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from netcost.cli import options, output

if TYPE_CHECKING:
    from netcost.guidelines.findings import Findings


def guidelines(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[g1 g2 g3 g4 networks]", help="Which of them; g1 to g4 unless told.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, or none to time nothing.")] = "cpu",
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; both one and torch's own number unless given.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Widths x1, batch 1 and all threads only: under two minutes on two cores.")
    ] = False,
    budget: Annotated[
        float | None,
        typer.Option(min=0.0, help="Seconds for all settings together; 900 unless told, --quick 80; networks 600, 75."),
    ] = None,
    precision: Annotated[
        float | None,
        typer.Option(min=0.0, help="Stop a setting when every ratio is within ± this share; 0.005, networks 0.02."),
    ] = None,
    peaks: options.Peaks = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Then profile, too: G4's element-wise time, and networks by kind.")
    ] = False,
    saved: Annotated[
        str | None, typer.Option("--from", help="Go on with a run saved as JSON; with --device none, show it.")
    ] = None,
    format_name: options.Format = "table",
    out: options.Output = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Repeat the controlled experiments of ShuffleNet V2 and judge each guideline on this device.

    networks asks the same of whole networks: which count explains the latency of the zoo's?

    With -o, what there is so far is written after each setting. Examples: netcost guidelines g1 --quick;
    netcost guidelines --format json -o guidelines.json; netcost guidelines --from guidelines.json --device none
    """
    output.check_request(format_name, out)
    from netcost.guidelines import profiled
    from netcost.guidelines.options import Options
    from netcost.guidelines.overview import ShownFindings
    from netcost.guidelines.running import ALL, require, run
    from netcost.guidelines.saved import load
    from netcost.profiling.roofline import given_peaks

    kept: list[str] = []
    timing = options.timing(device, threads=threads, budget=budget, precision=precision)
    is_timed = timing.is_timed

    def show(found: Findings) -> None:
        shown = ShownFindings(_by_this_command(found, is_timed))
        output.show_result(shown, format_name, out, quiet=quiet)

    def keep(found: Findings) -> None:
        if out is not None:
            show(found)
            kept[:] = [out]

    earlier = None if saved is None else load(saved)
    asked = names or ([] if earlier is not None and not is_timed else ALL)
    how = Options(
        timing,
        quick=quick,
        elementwise_share=profiled.elementwise_share if profile else None,
        time_by_kind=profiled.time_by_kind if profile else None,
    )
    require(asked, how, earlier, with_peaks=peaks is not None)
    try:
        with output.progress_bar(quiet) as progress:
            if peaks is not None:
                how = replace(how, peaks=given_peaks(peaks, device, threads, progress))
            found = run(asked, how, saved=earlier, keep=keep, progress=progress)
    except KeyboardInterrupt:
        if kept and format_name == "json":
            typer.echo(f"netcost: settings that were finished are in {out!r}; --from goes on with them", err=True)
        raise
    show(found)
    for error in found.errors:
        typer.echo(f"netcost: {error}", err=True)
    return 3 if found.errors else 0


def _by_this_command(found: Findings, is_timed: bool) -> Findings:
    """The findings with the commands that timed them; what is only shown keeps those of its run."""
    own, before = output.command(), found.command
    both = before if before.endswith(own) else f"{before}; {own}" if before else own
    return replace(found, command=both) if is_timed else found
