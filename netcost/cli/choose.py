"""`netcost choose`: the pretrained network that should run on a device."""

from __future__ import annotations

from typing import Annotated

import typer

from netcost.cli import options, output
from netcost.text.errors import RequestError
from netcost.text.formats import DRAWN


def choose(
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="DEVICE|FILE",
            help="rtx3090, rtx4090, rtx5090, i9-10940x, or a file of `netcost calibrate`.",
        ),
    ] = None,
    latency: Annotated[
        str | None, typer.Option(metavar="'<= 20 ms'", help="Most predicted latency of a pass, with its unit.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Batch size [default: 256, or the nearest that was measured].")
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="eager, or compiled by torch.compile [default: as measured].")
    ] = None,
    min_accuracy: Annotated[
        float | None, typer.Option(metavar="PERCENT", help="Least published top-1 accuracy on ImageNet.")
    ] = None,
    max_params: Annotated[str | None, typer.Option(metavar="NUMBER", help="Most parameters, like 30M.")] = None,
    families: Annotated[
        list[str] | None,
        typer.Option("--family", metavar="NAME", help="Source file of timm, like resnet; may be repeated."),
    ] = None,
    image_size: Annotated[int | None, typer.Option(min=1, help="Pixels of a side of the images, like 224.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Most networks in the table.")] = 20,
    measure: Annotated[
        int, typer.Option(min=0, help="Time this many of the front here, the most accurate ones; needs --device.")
    ] = 0,
    device: Annotated[
        str | None, typer.Option(help="Device for --measure: cpu, cuda or cuda:1; --on describes it.")
    ] = None,
    threads: options.Threads = None,
    budget: Annotated[
        float | None, typer.Option(min=0.0, help="Time budget of --measure in seconds [default: 10].")
    ] = None,
    format_name: options.DrawnFormat = None,
    out: options.Output = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Choose among timm's pretrained networks: published accuracy against predicted latency.

    Prints the Pareto front of the networks within the limits: those than which no other is both as fast and more
    accurate. Nothing is built or timed without --measure, and nothing is downloaded.

    Examples: netcost choose --on rtx4090 --latency '<= 60 ms' --max-params 30M; netcost choose --on my.json --latency
    '<= 20 ms' --measure 8 --device cpu
    """
    format_name = output.check_request(format_name, out, DRAWN)
    if on is None:
        raise RequestError(
            "--on is missing: name a device like rtx4090, or calibrate this one first: netcost calibrate -o my.json, "
            "then --on my.json"
        )
    if measure and device is None:
        raise RequestError("--measure times networks here; say where: --device cpu")
    if not measure and (threads, budget) != (None, None):
        raise RequestError("--threads and --budget are for --measure; add --measure 8, or leave them out")
    from netcost.search import choose as chosen

    timing = options.timing(device, threads=threads, budget=budget)
    with output.progress_bar(quiet) as progress:
        result = chosen(
            on,
            latency,
            batch=batch,
            mode=mode,
            min_accuracy=min_accuracy,
            max_params=max_params,
            families=families or (),
            image_size=image_size,
            top=top,
            measure=measure,
            timing=timing,
            progress=progress,
        )
    output.show_result(result, format_name, out, quiet=quiet)
    return 0
