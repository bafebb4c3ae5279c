"""`netcost show MODEL`: one network, counted, and where its cost sits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcost.cli import options, output

if TYPE_CHECKING:
    from netcost.counting.analysis import Analysis
    from netcost.profiling.roofline import Peaks
    from netcost.targets.naming import Target
    from netcost.text.tables import Table

SHOWN = """
module type calls output kind ops block fragments width index op
params mult_adds memory_access memory_access_fused kernels roofline_bound_s
""".split()
"""The columns that people see; CSV and JSON have them all."""


def show(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="One network.")],
    by: Annotated[str | None, typer.Option(help="Where the cost sits, by: module, kind, block or op.")] = None,
    depth: Annotated[int | None, typer.Option(min=0, help="Levels of modules to tell apart.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Count with fvcore and torch too, and explain.")] = False,
    peaks: options.Peaks = None,
    inputs: options.Inputs = None,
    batch: options.Batch = None,
    arguments: options.Arguments = None,
    train: options.Train = False,
    concrete: options.Concrete = False,
    format_name: options.Format = "table",
    out: options.Output = None,
    quiet: options.Quiet = False,
    strict: options.Strict = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Count one network and show where its cost sits; with peaks, what it takes at least. It is not timed.

    Examples: netcost show googlenet --by module --depth 1; netcost show mobilenet_v2 --arg width=0.35
    --input 1x3x160x160
    """
    output.check_request(format_name, out)
    from netcost.counting.analysis import analyze
    from netcost.counting.breakdown import require_grouping
    from netcost.targets.naming import resolve

    if by is not None:
        require_grouping(by)
    target = resolve(model, options.parse_arguments(arguments), inputs or ())
    if batch is not None:
        target = target.with_batch(batch)
    analysis = analyze(target, mode="train" if train else "eval", concrete=concrete)
    found = None
    if peaks is not None:
        from netcost.profiling.roofline import given_peaks

        with output.progress_bar(quiet) as progress:
            found = given_peaks(peaks, progress=progress)
    depth = 1 if depth is None else depth
    if format_name == "json":
        from netcost.text.formats.json_text import render

        output.emit(render(_document(analysis, by or "module", depth, target if verify else None, found)), out)
    elif format_name == "html" and by is None and not verify:
        from netcost.reports.pages import show_page

        output.emit_page(show_page(analysis), out)
    else:
        tables = _tables(analysis, by, depth, format_name == "csv", found)
        if verify:
            from netcost.counting.crosscheck import crosscheck

            tables.append(crosscheck(target).table())
        output.emit_tables([replace(each, notes=()) if quiet else each for each in tables], format_name, out)
    if strict:
        output.refuse_unknown(analysis.unknown_ops)
    return 0


def _tables(analysis: Analysis, by: str | None, depth: int, bare: bool, peaks: Peaks | None) -> list[Table]:
    """What to show: the totals and the modules, or where the cost sits by what was asked for."""
    from netcost.counting.breakdown import ADDITIVE
    from netcost.text.tables import selected, with_total

    found = _rows(analysis, by or "module", depth, peaks)
    if bare:
        return [found]
    found = selected(with_total(found, (*ADDITIVE, "roofline_bound_s")), SHOWN)
    if by is not None:
        return [found]
    summary = analysis.summary()
    if peaks is not None:
        from netcost.profiling.roofline import under_roof, with_roofline

        roofline = under_roof(analysis.count, analysis.peak_memory_bytes, peaks)
        summary = with_roofline(summary, roofline, peaks)
    # The summary says what must be said already.
    return [
        summary,
        replace(found, notes=tuple(note for note in found.notes if note not in analysis.notes())),
    ]


def _rows(analysis: Analysis, by: str, depth: int, peaks: Peaks | None) -> Table:
    """Where the cost sits, with the bound of each row where there are peaks."""
    found = analysis.table(by, depth)
    if peaks is None:
        return found
    from netcost.profiling.roofline import with_bounds

    return with_bounds(found, analysis.count, by, depth, peaks)


def _document(analysis: Analysis, by: str, depth: int, verified: Target | None, peaks: Peaks | None) -> dict[str, Any]:
    """The JSON of one network: its totals, and its rows by what was asked for."""
    from netcost.profiling.roofline import under_roof
    from netcost.text.formats.json_text import document
    from netcost.text.version import __version__

    roofline = None if peaks is None else under_roof(analysis.count, analysis.peak_memory_bytes, peaks).to_dict()
    totals = {**analysis.to_dict(), "roofline": roofline}
    rows = document(_rows(analysis, by, depth, peaks))["rows"]
    plain = {"schema": 1, "netcost": __version__, **totals, "by": by, "rows": rows}
    if verified is not None:
        from netcost.counting.crosscheck import crosscheck

        plain["verify"] = document(crosscheck(verified).table())["rows"]
    return plain
