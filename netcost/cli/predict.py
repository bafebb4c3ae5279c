"""`netcost predict` and `netcost calibrate`: latency on a device that is not here."""

from __future__ import annotations

from typing import Annotated

import typer

from netcost.cli import options, output

Mode = Annotated[str | None, typer.Option(help="eager, or compiled by torch.compile [default: as measured].")]
MeasuredFormat = Annotated[str, typer.Option(help="Layout of images and weights: contiguous or channels_last.")]


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
    memory_format: MeasuredFormat = "contiguous",
    batch: Annotated[
        int | None, typer.Option(min=1, help="Batch size [default: 256, or the nearest that was measured].")
    ] = None,
    inputs: options.Inputs = None,
    code: options.InputsCode = None,
    arguments: options.Arguments = None,
    format_name: options.Format = "table",
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
    output.check_request(format_name, out)
    from netcost.prediction import predict as predicted

    targets = [options.target(model, arguments, options.all_inputs(inputs, code), None) for model in models]
    result = predicted(targets, on, batch=batch, mode=mode, memory_format=memory_format)
    output.show_result(result, format_name, out, quiet=quiet)
    return 0


def calibrate(
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="FILE.csv",
            help="Measured times: columns target (or name), batch and ms, and optionally input (1x3x224x224); or a "
            "table of timm's benchmark.",
        ),
    ],
    out: Annotated[str, typer.Option("--output", "-o", help="File of coefficients to write, for `predict --on`.")],
    mode: Annotated[str, typer.Option(help="How they were measured: eager or compiled.")] = "eager",
    precision: Annotated[
        str, typer.Option(help="Types: amp (autocast to half precision), half, or traced (those of the weights).")
    ] = "amp",
    memory_format: MeasuredFormat = "contiguous",
    like: Annotated[
        str | None,
        typer.Option(metavar="DEVICE", help="Device to start from [default: the most alike with coefficients]."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the device [default: that of the file].")] = None,
    format_name: options.Format = "table",
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Fit the coefficients of a device to times that were measured on it. Nothing is timed here.

    Prints the error on families of networks that the fit did not see, and keeps it in the file.

    Examples: netcost calibrate --from timings.csv -o phone.json --precision traced; netcost predict resnet50 --on
    phone.json
    """
    output.check_request(format_name, out)
    from netcost.prediction.calibrating import calibrate as calibrated
    from netcost.prediction.rows import Running
    from netcost.text.writing import write_text

    with output.progress_bar(quiet) as progress:
        result = calibrated(source, Running(mode, precision, memory_format), like=like, name=name, progress=progress)
    write_text(out, result.coefficients.to_text())
    output.show_result(result, format_name, None, quiet=quiet)
    return 0
