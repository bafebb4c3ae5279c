"""`netcost show MODEL`: one network, counted, and where its cost sits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcost.cli import options, output

if TYPE_CHECKING:
    from netcost.analysis import Analysis
    from netcost.tables import Table
    from netcost.targets import Target

SHOWN = """
module type calls output kind ops block fragments width index op
params mult_adds memory_access memory_access_fused kernels
""".split()
"""The columns that people see; CSV and JSON have them all."""


def show(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="One network.")],
    by: Annotated[str | None, typer.Option(help="Where the cost sits, by: module, kind, block or op.")] = None,
    depth: Annotated[int | None, typer.Option(min=0, help="Levels of modules to tell apart.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Count with fvcore and torch too, and explain.")] = False,
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
    """Count one network and show where its cost sits. Nothing is timed.

    Examples: netcost show googlenet --by module --depth 1; netcost show mobilenet_v2 --arg width=0.35
    --input 1x3x160x160
    """
    output.check_request(format_name, out)
    from netcost.analysis import analyze
    from netcost.targets import resolve

    target = resolve(model, options.parse_arguments(arguments), inputs or ())
    if batch is not None:
        target = target.with_batch(batch)
    analysis = analyze(target, mode="train" if train else "eval", concrete=concrete)
    depth = 1 if depth is None else depth
    if format_name == "json":
        from netcost.formats.json_text import render

        output.emit(render(_document(analysis, by or "module", depth, target if verify else None)), out)
    elif format_name == "html" and by is None and not verify:
        from netcost.pages import show_page

        output.emit_page(show_page(analysis), out)
    else:
        tables = _tables(analysis, by, depth, format_name == "csv")
        if verify:
            from netcost.crosscheck import crosscheck

            tables.append(crosscheck(target).table())
        output.emit_tables([replace(each, notes=()) if quiet else each for each in tables], format_name, out)
    if strict:
        output.refuse_unknown(analysis.unknown_ops)
    return 0


def _tables(analysis: Analysis, by: str | None, depth: int, bare: bool) -> list[Table]:
    """What to show: the totals and the modules, or where the cost sits by what was asked for."""
    from netcost.breakdown import ADDITIVE
    from netcost.tables import selected, with_total

    found = analysis.table(by or "module", depth)
    if bare:
        return [found]
    found = selected(with_total(found, ADDITIVE), SHOWN)
    if by is not None:
        return [found]
    # The summary says what must be said already.
    return [
        analysis.summary(),
        replace(found, notes=tuple(note for note in found.notes if note not in analysis.notes())),
    ]


def _document(analysis: Analysis, by: str, depth: int, verified: Target | None) -> dict[str, Any]:
    """The JSON of one network: its totals, and its rows by what was asked for."""
    from netcost._version import __version__
    from netcost.formats.json_text import document

    rows = document(analysis.table(by, depth))["rows"]
    plain = {"schema": 1, "netcost": __version__, **analysis.to_dict(), "by": by, "rows": rows}
    if verified is not None:
        from netcost.crosscheck import crosscheck

        plain["verify"] = document(crosscheck(verified).table())["rows"]
    return plain
