"""`netcost predict` and `netcost calibrate`: latency on a device that is not here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netcost.cli import options, output
from netcost.text.errors import MeasurementError, RequestError

Mode = Annotated[str | None, typer.Option(help="eager, or compiled by torch.compile [default: as measured].")]
MeasuredFormat = Annotated[
    str | None, typer.Option(help="Layout of images and weights: contiguous or channels_last [default: as measured].")
]


def predict(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Networks.")],
    on: Annotated[
        list[str],
        typer.Option(
            "--on",
            metavar="DEVICE|FILE",
            help="rtx3090, rtx4090, rtx5090, i9-10940x, or a file of `netcost calibrate`; may be repeated.",
        ),
    ],
    mode: Mode = None,
    memory_format: MeasuredFormat = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Batch size [default: 256, or the nearest that was measured].")
    ] = None,
    inputs: options.Inputs = None,
    code: options.InputsCode = None,
    arguments: options.Arguments = None,
    format_name: options.Format = None,
    out: options.Output = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Predict the latency of networks on devices that are not here, with a 90 % interval. Nothing is timed.

    The model was fitted to public tables of measured networks. A network unlike those gets "cannot tell", and the
    reason.

    Examples: netcost predict resnet50 mobilenet_v2 --on rtx4090; netcost predict resnet50 --on rtx4090 --on rtx5090
    --mode compiled
    """
    format_name = output.check_request(format_name, out)
    from netcost.prediction import predict as predicted

    targets = [options.target(model, arguments, options.all_inputs(inputs, code), None) for model in models]
    result = predicted(targets, on, batch=batch, mode=mode, memory_format=memory_format)
    output.show_result(result, format_name, out, quiet=quiet)
    return 0


def calibrate(
    context: typer.Context,
    out: Annotated[str, typer.Option("--output", "-o", help="File of coefficients to write, for `predict --on`.")],
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE.csv",
            help="Times measured elsewhere: columns target (or name), batch and ms, and optionally input "
            "(1x3x224x224); or a table of timm's benchmark [default: time 20 networks of the zoo here].",
        ),
    ] = None,
    device: options.Device = "cpu",
    threads: options.Threads = None,
    dtype: options.Dtype = None,
    memory_format: options.MemoryFormat = None,
    backend: options.Backend = "eager",
    batch: Annotated[
        str | None,
        typer.Option("--batch", metavar="N[,N...]", help="Batch sizes to time [default: 1 on a CPU, 256 on a GPU]."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(min=0.0, help="Time budget in seconds for all networks [default: 120].")
    ] = None,
    mode: Annotated[str, typer.Option(help="With --from, how they were measured: eager or compiled.")] = "eager",
    precision: Annotated[
        str,
        typer.Option(help="With --from: amp (autocast to half precision), half, or traced (types of the weights)."),
    ] = "amp",
    like: Annotated[
        str | None,
        typer.Option(metavar="DEVICE", help="Device to start from [default: the most alike with coefficients]."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the device [default: that of the file].")] = None,
    format_name: options.Format = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Fit the coefficients of this device, or of another to times that were measured on it.

    Prints the error on families of networks that the fit did not see, and keeps it in the file. Timing takes about
    three minutes; the times so far are in a file beside the output, from which the same command goes on.

    Examples: netcost calibrate -o my.json; netcost calibrate --from timings.csv -o phone.json --precision traced;
    netcost predict resnet50 --on phone.json
    """
    output.check_file(out)
    format_name = output.check_request(format_name, None)
    _refuse_others(context, is_timed=source is None)
    from netcost.text.writing import write_text

    kept = Path(f"{out}.times.csv")
    with output.progress_bar(quiet) as progress:
        if source is not None:
            from netcost.prediction.calibrating import calibrate as calibrated
            from netcost.prediction.rows import Running

            running = Running(mode, precision, memory_format or "contiguous")
            result = calibrated(source, running, like=like, name=name, progress=progress)
        else:
            from netcost.prediction.own_device import calibrate_here

            given = {"threads": threads, "dtype": dtype, "memory_format": memory_format, "backend": backend}
            timing, sizes = options.timing(device, **given, budget=budget), options.parse_batches(batch)
            try:
                named = name or Path(out).stem
                result = calibrate_here(timing, kept, named, batches=sizes, like=like, progress=progress)
            except (KeyboardInterrupt, MeasurementError):
                if kept.exists():
                    typer.echo(f"netcost: the times so far are in {str(kept)!r}; the same command goes on", err=True)
                raise
    write_text(out, result.coefficients.to_text())
    if source is None:
        kept.unlink(missing_ok=True)
    output.show_result(result, format_name, None, quiet=quiet)
    return 0


OF_FILE = ("mode", "precision")
OF_TIMING = ("device", "threads", "dtype", "backend", "batch", "budget")


def _refuse_others(context: typer.Context, is_timed: bool) -> None:
    """Refuse the options of the other way to calibrate."""
    for name in OF_FILE if is_timed else OF_TIMING:
        if (given := context.get_parameter_source(name)) is not None and given.name == "COMMANDLINE":
            words = (
                "for times of a file; add --from, or leave it out" if is_timed else "for timing here, not for --from"
            )
            raise RequestError(f"--{name} is {words}")
