"""`netcost baseline update` and `netcost baseline show`: the file that `netcost check` compares with."""

from __future__ import annotations

import typer

from netcost.cli import options, output

app = typer.Typer(help="Write or show the baseline: the committed file of figures that `netcost check` compares with.")


@app.command("update")
@output.for_results
def update(
    models: options.Models = None,
    config: options.ConfigFile = None,
    inputs: options.Inputs = None,
    code: options.InputsCode = None,
    arguments: options.Arguments = None,
    quiet: options.Quiet = False,
    timeout: options.TimeLimit = None,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Count the targets of [tool.netcost], all or those named, and write their figures to the baseline.

    Examples: netcost baseline update; netcost baseline update net.py:Net
    """
    parsed = options.parse_arguments(arguments)
    from netcost.checking import config as settings

    loaded = settings.load(config)
    from netcost.checking import baseline
    from netcost.checking import update as run
    from netcost.checking.formats import update as summary
    from netcost.timing.workers import PATIENCE_S

    with output.progress_bar(quiet) as progress:
        new = run(
            loaded,
            models or (),
            inputs=options.all_inputs(inputs, code),
            arguments=parsed,
            patience_s=PATIENCE_S if timeout is None else timeout,
            progress=progress,
        )
    output.emit(baseline.render(new.baseline), str(new.path))
    if not quiet:
        output.emit(summary.render(new.report, new.dropped, new.remarks), None)
    return 0


@app.command("show")
@output.for_results
def show(
    models: options.Models = None,
    config: options.ConfigFile = None,
    format_name: options.Format = None,
    out: options.Output = None,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Show the recorded figures, without counting anything.

    Examples: netcost baseline show; netcost baseline show 'resnet*' --format csv
    """
    format_name = output.check_request(format_name, out)
    from netcost.checking import baseline
    from netcost.checking import config as settings

    recorded = baseline.read(settings.load(config).baseline)
    output.show_result(baseline.table(recorded, models or ("*",)), format_name, out)
    return 0
