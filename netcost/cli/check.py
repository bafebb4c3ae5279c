"""`netcost check [MODEL …]`: targets against the baseline and their budgets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from netcost.cli import options, output
from netcost.formats.check import CHECK_FORMATS, check_renderer

if TYPE_CHECKING:
    from netcost.regression import Report

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file of a GitHub job's summary."""

Format = Annotated[str, typer.Option("--format", "-f", help=f"How to write the result: {', '.join(CHECK_FORMATS)}.")]


def check(
    models: options.Models = None,
    exact: Annotated[bool, typer.Option("--exact", help="Fail on any difference, for the better too.")] = False,
    base: Annotated[
        str | None, typer.Option(metavar="REVISION", help="Compare with the code of a git revision, not with a file.")
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

    Examples: netcost check; netcost check net.py:Net --exact; netcost check --base origin/main --format github
    """
    output.check_request(format_name, out, CHECK_FORMATS)
    given = options.parse_arguments(arguments)
    from netcost import config as settings

    loaded = settings.load(config)
    from netcost.checking import check as run

    with output.progress_bar(quiet) as progress:
        report = run(
            loaded, models or (), inputs=inputs or (), arguments=given, exact=exact, base=base, progress=progress
        )
    output.emit(_rendered(report, format_name, out), out)
    if format_name == "github":
        _add_to_summary(report)
    if strict:
        output.refuse_unknown(report.unknown_ops)
    return int(report.fails)


def _rendered(report: Report, format_name: str, out: str | None) -> str:
    """The report; in a terminal as wide as it is."""
    if output.is_terminal(format_name, out):
        from netcost.formats.check import text

        return text.render(report, **output.terminal_style())
    return check_renderer(format_name)(report)


def _add_to_summary(report: Report) -> None:
    """Write the report to the job's summary, where the job has one."""
    path = os.environ.get(SUMMARY)
    if path:
        from netcost.formats.check import comment
        from netcost.formats.writing import append_text

        append_text(path, comment.render(report))
