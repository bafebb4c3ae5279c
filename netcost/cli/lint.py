"""`netcost lint MODEL`: what costs more than it must in one network."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from netcost.cli import options, output
from netcost.linting.formats import LINT_FORMATS, lint_text
from netcost.text.errors import RequestError, VerdictError

Codes = Annotated[
    str | None, typer.Option(metavar="CODE[,CODE...]", help="Codes, or how they begin: NC1,NC501 [default: all].")
]


def lint(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="One network.")],
    against: Annotated[str | None, typer.Option(metavar="MODEL", help="Compare with another network first.")] = None,
    select: Codes = None,
    ignore: Annotated[
        str | None, typer.Option(metavar="CODE[,CODE...]", help="Codes, or how they begin, to leave out.")
    ] = None,
    min_share: Annotated[
        str | None,
        typer.Option(help="Least share of memory access, kernels or parameters that a finding saves [default: 1%]."),
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Time each finding's operators beside their replacement, here.")
    ] = False,
    apply_all: Annotated[
        bool,
        typer.Option("--apply-all", help="Apply each change that keeps the outputs to a copy, and time both networks."),
    ] = False,
    device: options.Device = "cpu",
    threads: options.Threads = None,
    dtype: options.Dtype = None,
    memory_format: options.MemoryFormat = None,
    backend: options.Backend = "eager",
    cold_cache: options.ColdCache = False,
    budget: Annotated[float | None, typer.Option(min=0.0, help="Seconds per finding under --measure.")] = None,
    peaks: options.Peaks = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="DEVICE|FILE", help="Estimate seconds on rtx4090, say, or by a file of netcost calibrate."
        ),
    ] = None,
    config: options.ConfigFile = None,
    inputs: options.Inputs = None,
    code: options.InputsCode = None,
    batch: options.Batch = None,
    arguments: options.Arguments = None,
    train: options.Train = False,
    concrete: options.Concrete = False,
    format_name: Annotated[str | None, options.format_option(LINT_FORMATS)] = None,
    out: options.Output = None,
    quiet: options.Quiet = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 1 if there is a finding.")] = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Find what costs more than it must: at which line, by which guideline, and what to do instead. Only
    --measure and --apply-all time anything.

    A comment `# netcost: ignore[NC201]` at the line switches a finding off. `netcost explain NC201` says more of it.

    Examples: netcost lint net.py:Net --input 1x3x224x224; netcost lint mobilenet_v2 --against googlenet
    --select NC1,NC5
    """
    format_name = output.check_request(format_name, out, LINT_FORMATS)
    from netcost.linting.comparing import compared
    from netcost.linting.running import lint as linted
    from netcost.linting.settings import lint_settings

    known = lint_settings(config)
    given = {name: parse_codes(text) for name, text in (("select", select), ("ignore", ignore)) if text is not None}
    share = known.min_share if min_share is None else options.parse_share("--min-share", min_share)
    if share > 1:
        raise RequestError(f"--min-share {min_share!r} is more than the whole; expected a share like 5% or 0.05")
    mode = "train" if train else "eval"
    timing = options.timing(
        device,
        threads=threads,
        dtype=dtype,
        memory_format=memory_format,
        backend=backend,
        cold_cache=cold_cache,
        budget=budget,
    )
    target = options.target(model, arguments, options.all_inputs(inputs, code), batch)
    other = None if against is None else options.target(against, None, None, None)
    if other is not None and other.inputs is None:
        other = replace(other, inputs=target.required_inputs())
    elif other is not None and batch is not None:
        other = other.with_batch(batch)
    roof = None
    if peaks is not None:
        from netcost.profiling.roofline import given_peaks

        with output.progress_bar(quiet) as progress:
            roof = given_peaks(peaks, progress=progress)
    chosen = {"select": known.select, "ignore": known.ignore, **given}
    report = linted(target, **chosen, min_share=share, peaks=roof, mode=mode, concrete=concrete)
    if on is not None:
        from netcost.linting.estimating import rates_on

        report = replace(report, rates=rates_on(report.network, report.model, on))
    if measure:
        from netcost.linting.measuring import measured

        with output.progress_bar(quiet) as progress:
            report = measured(report, timing, progress=progress)
    if apply_all:
        from netcost.linting.applying import applied

        done = applied(report, target.build(), target.required_inputs(), timing)
        report = replace(report, applied=done.sentence)
    if other is not None:
        report = compared(report, other, mode=mode)
    output.show_result(report, format_name, out, quiet=quiet, write=lint_text)
    if strict and report.rows:
        raise VerdictError(f"{target.name}: {len(report.rows)} findings; mend them, or switch them off by a comment")
    return 0


def parse_codes(written: str) -> tuple[str, ...]:
    """Read `NC1,NC501`."""
    return tuple(code.strip() for code in written.split(",") if code.strip())
