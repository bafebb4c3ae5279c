"""`netcost check [MODEL …]`: targets against the baseline and their budgets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcost.checking.formats import CHECK_FORMATS, check_text
from netcost.cli import options, output
from netcost.text.errors import RequestError

if TYPE_CHECKING:
    from netcost.checking import LatencyGate
    from netcost.checking.regression import CheckReport

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file of a GitHub job's summary."""

Format = Annotated[str, typer.Option("--format", "-f", help=f"How to write the result: {', '.join(CHECK_FORMATS)}.")]


def check(
    models: options.Models = None,
    exact: Annotated[bool, typer.Option("--exact", help="Fail on any difference, for the better too.")] = False,
    base: Annotated[
        str | None, typer.Option(metavar="REVISION", help="Compare with the code of a git revision, not with a file.")
    ] = None,
    latency: Annotated[
        bool, typer.Option("--latency", help="Time targets too: against --base, and by the latency rules they have.")
    ] = False,
    latency_limit: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="How much slower than at --base a target may be; 5% unless given."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="With --latency: cpu, cuda or cuda:1; cpu unless given.")] = None,
    threads: options.Threads = None,
    budget: Annotated[
        float | None, typer.Option(min=0.0, help="With --latency: seconds to time each target; 10 unless given.")
    ] = None,
    config: options.ConfigFile = None,
    inputs: options.Inputs = None,
    arguments: options.Arguments = None,
    format_name: Format = "table",
    out: options.Output = None,
    quiet: options.Quiet = False,
    strict: options.Strict = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Count the targets of [tool.netcost] again; fail (1) where one costs more than its baseline or its budget allows.

    Examples: netcost check; netcost check net.py:Net --exact; netcost check --base origin/main --format github;
    netcost check --base origin/main --latency --latency-limit 10%
    """
    output.check_request(format_name, out, CHECK_FORMATS)
    given = options.parse_arguments(arguments)
    gate = _gate(latency, base, latency_limit, device=device, threads=threads, budget=budget)
    from netcost.checking import config as settings

    loaded = settings.load(config)
    from netcost.checking import check as run

    with output.progress_bar(quiet) as progress:
        report = run(
            loaded,
            models or (),
            inputs=inputs or (),
            arguments=given,
            exact=exact,
            base=base,
            gate=gate,
            progress=progress,
        )
    # Notes of a check say why it fails: they are what was asked for, and stay.
    output.show_result(report, format_name, out, write=check_text)
    if format_name == "github":
        _add_to_summary(report)
    if strict:
        output.refuse_unknown(report.unknown_ops)
    return int(report.fails)


def _gate(latency: bool, base: str | None, limit: str | None, **asked: Any) -> LatencyGate | None:
    """How latency is to be held, if it is.

    Raises:
        RequestError: an option has no meaning without --latency or --base, or is no share.
    """
    given = {"latency-limit": limit, **asked}
    if not latency:
        for name, value in given.items():
            if value is not None:
                raise RequestError(f"--{name} is for timing; add --latency")
        return None
    if limit is not None and base is None:
        raise RequestError("--latency-limit is for a base revision; add --base REVISION, like origin/main")
    from netcost.checking import LIMIT, LatencyGate

    share = LIMIT if limit is None else options.parse_share("--latency-limit", limit)
    return LatencyGate(options.timing(**asked), share)


def _add_to_summary(report: CheckReport) -> None:
    """Write the report to the job's summary, where the job has one."""
    path = os.environ.get(SUMMARY)
    if path:
        from netcost.text.writing import append_text

        append_text(path, check_text(report, "markdown"))
