"""`netcost show MODEL`: one network, counted, and where its cost sits."""

from __future__ import annotations

from typing import Annotated

import typer

from netcost.cli import options, output


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
    from netcost.profiling.shown import ShownAnalysis
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
    checked = None
    if verify:
        from netcost.counting.crosscheck import crosscheck

        checked = crosscheck(target)
    shown = ShownAnalysis(analysis, by, 1 if depth is None else depth, found, checked)
    output.show_result(shown, format_name, out, quiet=quiet)
    if strict:
        output.refuse_unknown(analysis.unknown_ops)
    return 0
