"""`netcost check [MODEL …]`: compares targets with the baseline and their budgets."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcost.checking.formats import CHECK_FORMATS, check_text
from netcost.cli import options, output
from netcost.text.errors import OutputError, RequestError, VerdictError

if TYPE_CHECKING:
    from netcost.checking import LatencyGate

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The environment variable with the path of a GitHub job's summary."""

_FOR_GITHUB = re.compile(r" (?:--format[ =]|-q?f ?)github\b")

Format = Annotated[str | None, options.format_option(CHECK_FORMATS)]


def check(
    models: options.Models = None,
    exact: Annotated[bool, typer.Option("--exact", help="Fail on any difference, improvements included.")] = False,
    base: Annotated[
        str | None, typer.Option(metavar="REVISION", help="Compare with the code of a git revision instead.")
    ] = None,
    latency: Annotated[
        bool, typer.Option("--latency", help="Also time targets: against --base, and by their own latency rules.")
    ] = False,
    latency_limit: Annotated[
        str | None, typer.Option(metavar="SHARE", help="How much slower than at --base a target may be [default: 5%].")
    ] = None,
    device: Annotated[str | None, typer.Option(help="With --latency: cpu, cuda or cuda:1 [default: cpu].")] = None,
    threads: options.Threads = None,
    budget: Annotated[
        float | None, typer.Option(min=0.0, help="With --latency: time budget in seconds per target [default: 10].")
    ] = None,
    config: options.ConfigFile = None,
    inputs: options.Inputs = None,
    code: options.InputsCode = None,
    arguments: options.Arguments = None,
    format_name: Format = None,
    out: options.Output = None,
    quiet: options.Quiet = False,
    strict: options.Strict = False,
    timeout: options.TimeLimit = None,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Count the targets of [tool.netcost] again; exit 1 if one costs more than its baseline or its budget allows.

    Examples: netcost check; netcost check net.py:Net --exact; netcost check --base origin/main --format github;
    netcost check --base origin/main --latency --latency-limit 10%
    """
    format_name = output.check_request(format_name, out, CHECK_FORMATS)
    parsed = options.parse_arguments(arguments)
    gate = _gate(latency, base, latency_limit, device=device, threads=threads, budget=budget)
    from netcost.checking import check as run
    from netcost.checking.config import load
    from netcost.timing.workers import PATIENCE_S

    with output.progress_bar(quiet) as progress:
        report = run(
            load(config),
            models or (),
            inputs=options.all_inputs(inputs, code),
            arguments=parsed,
            exact=exact,
            base=base,
            gate=gate,
            progress=progress,
            patience_s=PATIENCE_S if timeout is None else timeout,
        )
    # The notes say why a check fails, so they stay under --quiet.
    output.show_result(report, format_name, out, write=check_text)
    if format_name == "github":
        _add_to_summary(check_text(report, "markdown"))
    if report.exit_code > 1:
        return report.exit_code
    output.refuse_unknown(report.unknown_ops, strict)
    if strict and report.warnings:
        raise VerdictError("; ".join(report.warnings))
    return report.exit_code


def _gate(latency: bool, base: str | None, limit: str | None, **asked: Any) -> LatencyGate | None:
    """Return the conditions of the latency check; refuse options that need --latency or --base and lack it."""
    if not latency:
        for name, value in {"latency-limit": limit, **asked}.items():
            if value is not None:
                raise RequestError(f"--{name} is for timing; add --latency")
        return None
    if limit is not None and base is None:
        raise RequestError("--latency-limit is relative to a revision; add --base REVISION, like origin/main")
    from netcost.checking import LIMIT, LatencyGate

    share = LIMIT if limit is None else options.parse_share("--latency-limit", limit)
    return LatencyGate(options.timing(**asked), share)


def tell_github(arguments: Sequence[str], message: str) -> None:
    """Tell GitHub why the whole check was stopped, if its command line asks for that format."""
    if _FOR_GITHUB.search(" ".join(arguments)):
        from netcost.checking.formats import comment, workflow

        output.emit(workflow.render_error(message), None)
        with suppress(OutputError):  # the error itself is said, and its code is the check's
            _add_to_summary(comment.render_error(message))


def _add_to_summary(text: str) -> None:
    """Append text to the summary of the GitHub job, if there is one."""
    if path := os.environ.get(SUMMARY):
        from netcost.text.writing import append_text

        append_text(path, text)
