"""`netcost compare MODEL …`: counted and timed side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from netcost.cli import options, output


def compare(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="One network or more; the first is the base.")
    ],
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, or none to time nothing.")] = "cpu",
    inputs: options.Inputs = None,
    batch: options.Batch = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; torch's own number unless given.")] = None,
    budget: Annotated[float, typer.Option(min=0.0, help="Seconds for timing all networks together.")] = 10.0,
    precision: Annotated[
        float, typer.Option(min=0.0, help="Stop when the ratio's 95 % interval is within ± this share.")
    ] = 0.02,
    isolate: Annotated[bool, typer.Option("--isolate", help="Time each network in a process of its own.")] = False,
    arguments: options.Arguments = None,
    train: options.Train = False,
    concrete: options.Concrete = False,
    format_name: options.Format = "table",
    out: options.Output = None,
    quiet: options.Quiet = False,
    strict: options.Strict = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Count and time networks side by side.

    Examples: netcost compare googlenet mobilenet_v2; netcost compare torchvision:resnet50 timm:convnext_tiny
    --device none --format markdown -o cost.md
    """
    output.check_request(format_name, out)
    given = options.parse_arguments(arguments)
    from netcost.comparison import compare as run
    from netcost.targets import resolve

    targets = [resolve(model, given, inputs or ()) for model in models]
    with output.progress_bar(quiet) as progress:
        result = run(
            targets,
            device,
            threads=threads,
            batch=batch,
            mode="train" if train else "eval",
            concrete=concrete,
            isolate=isolate,
            budget_s=budget,
            precision=precision,
            progress=progress,
        )
    if len(result.errors) == len(models):
        raise result.errors[0]
    if format_name == "json":
        from netcost.formats.json_text import render

        text = render(result.to_dict())
    else:
        table = result.records() if format_name == "csv" else result.table()
        text = output.render([replace(table, notes=()) if quiet else table], format_name, out)
    output.emit(text, out)
    for error in result.errors:
        typer.echo(f"netcost: {error}", err=True)
    if strict:
        output.refuse_unknown(result.unknown_ops)
    return max((error.exit_code for error in result.errors), default=0)
